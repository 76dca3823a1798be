"""From candidates to what serves: blind trials, the level each is decided at, promotion, rollback, and the watch
afterwards."""
