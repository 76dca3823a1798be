"""`python -m bench` runs every benchmark, one after the other."""

from bench import evidence, first_token, history, ranking, startup, steering, studies

startup.main()
first_token.main()
ranking.main()
evidence.main()
studies.main()
history.main()
steering.main()
