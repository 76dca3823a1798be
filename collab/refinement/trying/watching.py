"""Looks at what is under way, again and again: moves trials on, and takes back promotions that people turn against.

`look` is called every few seconds by whoever serves. What has not changed since is not looked at again for a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from collab import aliases
from collab.errors import Unavailable
from collab.refinement.trying import promotion, trials
from collab.refinement.trying import trial_words as words
from collab.refinement.trying.trial_votes import bounded, evidence_of, may_get_more
from collab.store.study_queries import item_states
from collab.store.trial_queries import open_trials, watched_trials
from collab.types import Decision, Study, Trial, now
from collab.workspace import Workspace

log = logging.getLogger(__name__)
AGAIN_S = 60.0  # after which also what seems unchanged is looked at: leases run out, answers are replaced
_MOST = 1_000  # trials remembered

_seen: dict[str, tuple[Any, float]] = {}
_lock = threading.Lock()


def look(ws: Workspace) -> None:
    """Advance the trials that are under way, and roll back promotions that have turned out worse.

    What goes wrong with one is logged and keeps no other waiting. Raises what the database does when it is away.
    """
    for trial in open_trials(ws.store):
        study_id = trial.screening_id if trial.stage == "screening" else trial.confirming_id
        _attend(ws, trial, study_id, lambda ws, trial: trials.advance(ws, trial.id))
    for trial in watched_trials(ws.store):
        _attend(ws, trial, trial.watch_id, watch)


def watch(ws: Workspace, trial: Trial) -> None:
    """See whether people have turned against the trial's promotion; close a watch that has ended or lost its object."""
    name = aliases.of_prompt(trial.prompt_id)
    tip = aliases.current(ws, name)
    if tip is None or tip.move != "promote" or tip.trial_id != trial.id:
        trials.close_study(ws, trial, trial.watch_id)  # what serves now is something else
        return
    study = ws.store.get(Study, str(trial.watch_id))
    found = evidence_of(ws, study.id) if study.answered else None
    numbers = trials.numbers_of(ws, trial.prompt_id)
    if found and found["verdict"] == "worse":
        reason = words.turned(trial, found, numbers)
        try:
            promotion.rollback(ws, trials.owner_of(ws, trial), name, reason, evidence=bounded(found), after=tip.id)
        except Unavailable:  # somebody else moved the name at this moment: the next look sees what is left to do
            log.info("the promotion of trial %s was moved while it was being rolled back", trial.id)
    elif not may_get_more(ws, trial, study, now()):
        _end_watch(ws, trial, study, words.watched(trial, found, numbers))


def _end_watch(ws: Workspace, trial: Trial, study: Study, said: str) -> None:
    content = {"said": said, "trial_id": trial.id, "prompt_version_id": trial.leader_id}
    ended = Decision(prompt_id=trial.prompt_id, kind="watch", content=content, created_by=trial.created_by)
    with ws.store.writing() as connection:
        closed = {"status": "closed"}
        if ws.store.update(Study, study.id, closed, only_if={"status": "open"}, connection=connection):
            ws.store.add(ended, connection=connection)


def _attend(ws: Workspace, trial: Trial, study_id: str | None, act: Callable[[Workspace, Trial], Any]) -> None:
    try:
        if _is_news(ws, trial, study_id):
            act(ws, trial)
    except Exception:  # whatever it is, the other trials must not wait for it
        log.exception("trial %s could not be looked at", trial.id)


def _is_news(ws: Workspace, trial: Trial, study_id: str | None) -> bool:
    """Whether anything has changed since the last look, or that was long ago. Remembers this look."""
    state: Any = (trial.stage, study_id)
    if study_id:
        study = ws.store.get(Study, study_id)
        with ws.store.reading() as connection:
            items = tuple(sorted(item_states(connection, study_id).items()))
        state = (trial.stage, study_id, study.status, study.answered, items)
    with _lock:
        before, at = _seen.pop(trial.id, (None, 0.0))
        same = before == state and time.monotonic() - at < AGAIN_S
        _seen[trial.id] = (before, at) if same else (state, time.monotonic())
        if len(_seen) > _MOST:
            _seen.pop(next(iter(_seen)))
    return not same
