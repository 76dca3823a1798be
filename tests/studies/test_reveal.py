"""What is told of one task says nothing of another: no output comes twice to a person where a study reveals."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import sqlalchemy as sa

from collab.api import study as study_api
from collab.errors import InvalidStudy
from collab.identity import Visitor
from collab.store import schema
from collab.studies import assignment
from collab.studies.answering import answer_task, reveal_task, undo_answer
from collab.studies.assignment import Nothing, next_task, renew
from collab.types import Output, Study, StudyItem, Task, now
from collab.workspace import Workspace
from tests.conftest import make
from tests.studies.people import TWO_ARMS, filled_study, given, people

THREE = [{"name": name, "prompt": f"{name} {{thing}}"} for name in ("one", "two", "three")]


def all_given(ws: Workspace, visitor: Visitor, study: Study) -> list[StudyItem]:
    """Everything that somebody is given who holds as much as they may, answers all of it and has it revealed."""
    held: list[tuple[Task, StudyItem]] = []
    had = []
    while True:
        task = next_task(ws, visitor, study, held=[task.token for task, _ in held])
        if not isinstance(task, Nothing):
            held.append(task)
            had.append(task[1])
        elif not held:
            return had
        else:
            done = held.pop(0)[0]
            answer_task(ws, visitor, done.token, {"winner": "a"})
            reveal_task(ws, visitor, done.token)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.each_database
def test_no_output_comes_twice_where_a_study_reveals(ws: Workspace, owner: Visitor, ann: Visitor, adaptive: bool):
    study = filled_study(ws, owner, arms=THREE, reveal=True, adaptive=adaptive)
    shown = [output for item in all_given(ws, ann, study) for output in item.outputs]
    assert len(shown) == len(set(shown)) == 12  # one pair of each of the six cases
    assignment._pair_chances.forget()
    hidden = filled_study(ws, owner, arms=THREE, adaptive=adaptive)
    with pytest.raises(InvalidStudy, match="does not tell"):
        all_given(ws, ann, hidden)


def test_nobody_is_promised_pairs_that_never_come(ws: Workspace, owner: Visitor, ann: Visitor):
    for arms, left in ((THREE, None), (THREE[:2], 6)):
        study = filled_study(ws, owner, arms=arms, reveal=True)
        assert study_api.open_study(ws, ann, study.id, lambda *_: "")["progress"]["left"] == left


def test_everybody_else_is_given_the_other_pairs(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, arms=THREE, reveal=True, overlap=1)
    had = [item.id for person in people(6) for item in all_given(ws, person, study)]
    assert len(had) == len(set(had)) == 18


def test_an_output_in_several_groups_comes_once(ws: Workspace, owner: Visitor, ann: Visitor):
    made = [make(ws, owner, f"words of {n}")[1][0].id for n in range(4)]
    spec = {"title": "Mine", "task": "compare", "reveal": True, "outputs": list(itertools.combinations(made, 2))}
    study = filled_study(ws, owner, spec)
    assert len(all_given(ws, ann, study)) == 2


@pytest.mark.each_database
def test_the_same_words_of_another_sample_are_the_same_output(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, reveal=True, samples=3, cases=TWO_ARMS["cases"][:1])
    (first, second, third) = ws.store.find(StudyItem, study_id=study.id)
    words = ws.store.get(Output, first.outputs[0]).text
    ws.store.update(Output, second.outputs[0], {"text": words})
    had = {item.id for item in all_given(ws, ann, study)}
    assert third.id in had and len(had) == 2


def repeating(ws: Workspace, owner: Visitor) -> Study:
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(40)]
    return filled_study(ws, owner, reveal=True, repeat_share=0.3, cases=cases)


def test_what_was_revealed_is_never_asked_again(ws: Workspace, owner: Visitor, ann: Visitor):
    study = repeating(ws, owner)
    revealed, purposes = set(), set()
    for number in itertools.count():
        task = next_task(ws, ann, study)
        if isinstance(task, Nothing):
            break
        assert task[1].id not in revealed
        purposes.add(task[0].purpose)
        answer_task(ws, ann, task[0].token, {"winner": "a"})
        if number % 2:
            reveal_task(ws, ann, task[0].token)
            revealed.add(task[1].id)
    assert purposes == {"item", "repeat"} and len(revealed) > 15


def test_a_reveal_waits_for_the_repeat_and_locks_both_answers(ws: Workspace, owner: Visitor, ann: Visitor):
    study, first = repeating(ws, owner), {}
    while (task := given(ws, ann, study))[0].purpose != "repeat":
        first[task[1].id] = task[0]
        answer_task(ws, ann, task[0].token, {"winner": "a"})
    again, before = task[0], first[task[1].id]
    with pytest.raises(InvalidStudy, match="Answer first"):
        reveal_task(ws, ann, before.token)
    answer_task(ws, ann, again.token, {"winner": "a"})
    told = reveal_task(ws, ann, again.token)
    assert set(told.values()) == {"plain", "kind"}
    for each in (before, again):
        with pytest.raises(InvalidStudy, match="stays as it is"):
            undo_answer(ws, ann, each.token)


def test_a_repeat_that_ran_out_is_not_taken_up_after_the_reveal(ws: Workspace, owner: Visitor, ann: Visitor):
    study, first = repeating(ws, owner), {}
    while (task := given(ws, ann, study))[0].purpose != "repeat":
        first[task[1].id] = task[0]
        answer_task(ws, ann, task[0].token, {"winner": "a"})
    ws.store.update(Task, task[0].id, {"status": "expired", "lease_until": now()})
    reveal_task(ws, ann, first[task[1].id].token)
    with pytest.raises(InvalidStudy, match="seen which was which"):
        renew(ws, ann, ws.store.get(Task, task[0].id))


@pytest.mark.each_database
def test_an_older_study_with_gold_tells_nothing(ws: Workspace, owner: Visitor, ann: Visitor):
    gold: list[dict[str, Any]] = [{"prompt": "p", "outputs": ["good", "bad"], "expected": {"winner": "a"}}]
    study = filled_study(ws, owner, gold=gold, gold_share=0.5)
    with ws.store.writing() as connection:
        spec = {**study.spec, "reveal": True}
        connection.execute(sa.update(schema.studies).where(schema.studies.c.id == study.id).values(spec=spec))
    task, _ = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "a"})
    with pytest.raises(InvalidStudy, match="does not tell"):
        reveal_task(ws, ann, task.token)
