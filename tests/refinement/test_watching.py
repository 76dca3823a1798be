"""Watching: trials move on by themselves, promotions are taken back when people turn, nothing stops the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from collab import aliases
from collab.identity import Visitor
from collab.refinement.trying import promotion, trials, watching
from collab.store.trial_queries import open_trials, watched_trials
from collab.studies.decisions import set_status
from collab.types import PromptVersion, Study, Trial
from collab.workspace import Workspace
from tests.refinement.trying import FEW, at_once, likes, prompt_with, said, vote, vote_alone, won


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    watching._seen.clear()
    yield
    watching._seen.clear()


def promoted(ws: Workspace, owner: Visitor) -> tuple[Trial, PromptVersion, PromptVersion]:
    """A trial on which its leader was promoted, with champion and leader."""
    root, one = prompt_with(ws, owner, "say hello nicely")
    trial = won(ws, owner, root, one)
    promotion.promote(ws, owner, aliases.of_prompt(root.prompt_id), one.id)
    return ws.store.get(Trial, trial.id), root, one


def serving(ws: Workspace, version: PromptVersion) -> str:
    return aliases.serving_version(ws, version.prompt_id).id


def test_a_trial_is_decided_by_looking(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "say hello one", "say hello two")
    trial = trials.start(ws, owner, root.prompt_id, [one.id, two.id], **FEW)
    watching.look(ws)
    assert ws.store.get(Trial, trial.id).stage == "screening"
    vote(ws, trial.screening_id, likes(ws, trial.screening_id, two, one), number=4)
    watching.look(ws)
    trial = ws.store.get(Trial, trial.id)
    assert trial.stage == "confirming"
    vote(ws, trial.confirming_id, likes(ws, trial.confirming_id, two))
    watching.look(ws)
    assert ws.store.get(Trial, trial.id).verdict == "better"


def test_people_who_turn_against_a_promotion_take_it_back(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    trial, root, one = promoted(ws, owner)
    watching.look(ws)
    assert serving(ws, root) == one.id
    vote_alone(ws, owner, trial.watch_id, likes(ws, trial.watch_id, root))
    at_once(3, lambda: watching.look(ws))
    assert serving(ws, root) == root.id
    moves = aliases.history(ws, aliases.of_prompt(root.prompt_id))
    assert [move.move for move in moves] == ["promote", "rollback"]
    assert moves[-1].reason.startswith("since the promotion version 2 lost to version 1: 0 % of 8 votes from the")
    assert moves[-1].evidence["verdict"] == "worse" and ws.store.get(Study, str(trial.watch_id)).status == "closed"
    assert len(said(ws, root.prompt_id, "rollback")) == 1 and watched_trials(ws.store) == []


def test_a_promotion_that_people_still_prefer_stays(ws: Workspace, owner: Visitor):
    trial, root, one = promoted(ws, owner)
    vote_alone(ws, owner, trial.watch_id, likes(ws, trial.watch_id, one))
    watching.look(ws)
    assert serving(ws, root) == one.id and ws.store.get(Study, str(trial.watch_id)).status == "open"


def test_a_watch_of_what_no_longer_serves_is_closed(ws: Workspace, owner: Visitor):
    trial, root, _ = promoted(ws, owner)
    name = aliases.of_prompt(root.prompt_id)
    aliases.move(ws, owner, name, root.id, "rollback")  # not through promotion, which closes it itself
    watching.look(ws)
    assert ws.store.get(Study, str(trial.watch_id)).status == "closed"
    assert len(aliases.history(ws, name)) == 2


def test_a_watch_ends_when_its_votes_run_out(ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("collab.refinement.trying.trial_plan.WATCH_ITEMS", 5)
    trial, root, one = promoted(ws, owner)
    vote_alone(ws, owner, trial.watch_id, likes(ws, trial.watch_id, one))
    at_once(3, lambda: watching.look(ws))
    assert ws.store.get(Study, str(trial.watch_id)).status == "closed" and serving(ws, root) == one.id
    ended = said(ws, root.prompt_id, "watch")[1:]
    assert len(ended) == 1 and ended[0].startswith("The watch has ended and version 2 still serves")


def test_one_trial_in_trouble_stops_no_other(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    root, one = prompt_with(ws, owner, "say hello one")
    other, two = prompt_with(ws, owner, "say good-bye kindly", text="say good-bye")
    broken = trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    sound = trials.start(ws, owner, other.prompt_id, [two.id], **FEW)
    set_status(ws, owner, ws.store.get(Study, str(sound.confirming_id)), "closed")
    advance = trials.advance

    def troubled(ws: Workspace, trial_id: str) -> Trial:
        if trial_id == broken.id:
            raise ValueError("something nobody thought of")
        return advance(ws, trial_id)

    monkeypatch.setattr(watching.trials, "advance", troubled)
    with caplog.at_level(logging.ERROR):
        watching.look(ws)
    assert ws.store.get(Trial, sound.id).stage == "decided" and "nobody thought of" in caplog.text


def test_an_idle_look_is_two_queries_that_use_their_indexes(ws: Workspace):
    asked: list[str] = []
    sa.event.listen(ws.store.engine, "before_cursor_execute", lambda c, cur, sql, *rest: asked.append(sql))
    watching.look(ws)
    selects = [sql for sql in asked if sql.startswith("SELECT")]
    assert len(selects) == 2
    with ws.store.reading() as connection:
        for sql, index in zip(selects, ("ix_trials_open", "ix_trials_watched"), strict=True):
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("open",) * sql.count("?")).all()
            assert any(index in str(step) for step in plan), plan


def test_what_has_not_changed_is_left_alone(ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch):
    root, one = prompt_with(ws, owner, "say hello one")
    trials.start(ws, owner, root.prompt_id, [one.id], **FEW)
    looked: list[str] = []
    monkeypatch.setattr(watching.trials, "advance", lambda ws, trial_id: looked.append(trial_id))
    for _ in range(3):
        watching.look(ws)
    assert len(open_trials(ws.store)) == len(looked) == 1
    monkeypatch.setattr(watching, "AGAIN_S", 0.0)
    watching.look(ws)
    assert len(looked) == 2
