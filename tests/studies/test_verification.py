"""A store whose studies add up is sound; whatever is changed behind its back is found."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sqlalchemy as sa

from collab.identity import Visitor
from collab.store import schema
from collab.store.study_schema import outcome_of
from collab.studies.answering import answer_task, skip_task, undo_answer
from collab.studies.verification import study_problems
from collab.types import Answer, StudyItem, Task
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, given, people, prefers
from tests.studies.test_answering import RATE, THREE


@pytest.mark.each_database
def test_what_people_do_leaves_every_count_right(ws: Workspace, owner: Visitor, ann: Visitor):
    gold = [{"prompt": "p", "outputs": ["good", "bad"], "expected": {"winner": "a"}}]
    study = filled_study(ws, owner, gold=gold, gold_share=0.3, repeat_share=0.2, overlap=4)
    for person in people(2):
        answers_all(ws, person, study, prefers(0))
    task, _ = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "tie"})
    undo_answer(ws, ann, task.token)
    skip_task(ws, ann, task.token, "no")
    given(ws, ann, study)  # held, not answered
    answers_all(ws, people(1)[0], filled_study(ws, owner, task="rank", arms=THREE),
                lambda task, item: {"groups": [["A", "C"], ["B"]]})  # fmt: skip
    answers_all(ws, ann, filled_study(ws, owner, RATE), lambda task, item: {"values": {"quality": 3}})
    assert list(study_problems(ws.store)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.study_items.update().values(room=7), "has room for 7 more"),
        (lambda s: s.study_items.update().values(answered=9), "is said to have 9 answers"),
        (lambda s: s.studies.update().values(answered=1000), "is said to have 1000 answers"),
        (lambda s: s.tasks.update().values(answer_id=None), "has no answer"),
        (lambda s: s.votes.update().values(winner=4), "are not what it says"),
        (lambda s: s.votes.delete(), "are not what it says"),
        (lambda s: s.vote_counts.update().values(votes=7), "do not add up to what is counted"),
        (lambda s: s.vote_counts.update().values(weight=0.5), "do not add up to what is counted"),
        (lambda s: s.vote_counts.delete(), "do not add up to what is counted"),
        (lambda s: s.study_items.update().values(outputs=["gone"]), "outputs names gone"),
    ],
)
@pytest.mark.each_database
def test_what_no_longer_adds_up_is_told(ws: Workspace, owner: Visitor, ann: Visitor, change: Any, said: str):
    study = filled_study(ws, owner)
    answers_all(ws, ann, study, prefers(1))
    with ws.store.writing() as connection:
        connection.execute(change(schema))
    assert any(said in problem for problem in study_problems(ws.store))


@pytest.mark.each_database
def test_an_answer_that_was_taken_back_must_not_count(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, item = given(ws, ann, study)
    act = answer_task(ws, ann, task.token, {"winner": "a"})
    undo_answer(ws, ann, task.token)
    ws.store.update(Task, task.id, {"status": "answered", "answer_id": act.id})
    said = " ".join(study_problems(ws.store))
    assert "taken back" in said and ws.store.find(Answer, id=act.id) and ws.store.get(StudyItem, item.id)


@pytest.mark.each_database
def test_the_number_of_an_outcome_says_what_the_task_says(ws: Workspace, owner: Visitor, ann: Visitor):
    task, _ = given(ws, ann, filled_study(ws, owner))
    statuses, purposes = ("leased", "answered", "skipped", "expired"), ("item", "gold", "repeat", "adjudication")
    looked = [(None, None), (0, 0), (499, 0), (500, 1), (299_999, 599), (300_000, 600), (10**9, 600)]
    for status, purpose, matched in itertools.product(statuses, purposes, (None, False, True)):
        for dwell_ms, step in looked:
            with ws.store.writing() as connection:
                connection.execute(schema.tasks.update().where(schema.tasks.c.id == task.id).values(
                    status=status, purpose=purpose, matched=matched, dwell_ms=dwell_ms
                ))  # fmt: skip
                number = connection.execute(sa.select(schema.tasks.c.outcome)).scalar_one()
            assert outcome_of(number) == (status, purpose, matched, step)
