"""How far a study is: answers, people, complete items, skips and time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collab.api import study as study_api
from collab.identity import Visitor
from collab.studies.answering import answer_task, skip_task
from collab.studies.quality import median_s
from collab.types import Task
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, given, people, prefers, results


@pytest.mark.each_database
def test_answers_people_and_complete_items_are_counted_without_those_left_out(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2, repeat_share=0.3)
    a, b, c = people(3)
    answers_all(ws, a, study, prefers(0))
    answers_all(ws, b, study, prefers(1), at_most=3)
    answers_all(ws, c, study, prefers(1))
    everybody = results(ws, owner, study)["counts"]
    assert (everybody["answers"], everybody["annotators"], everybody["items_complete"]) == (12, 3, 6)
    assert (everybody["answers_left_out"], everybody["annotators_left_out"]) == (0, 0)
    theirs = len(ws.store.find(Task, study_id=study.id, annotator_id=b.annotator_id, purpose="item", status="answered"))
    study_api.leave_out(ws, owner, study.id, [b.annotator_id], "in a hurry")
    found = results(ws, owner, study)
    told = found["counts"]
    assert (told["answers"], told["answers_left_out"], told["votes"]) == (12 - theirs, theirs, 12 - theirs)
    assert (told["annotators"], told["annotators_left_out"], told["items_complete"]) == (2, 1, 6 - theirs)
    assert told["target_progress"] == 1.0 and "left out of these results count towards it" in told["target_sentence"]


def test_time_and_skips_are_told(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    for seconds in (2, 4, 60):
        task, _ = given(ws, ann, study)
        answer_task(ws, ann, task.token, {"winner": "a", "dwell_ms": seconds * 1000})
    task, _ = given(ws, ann, study)
    skip_task(ws, ann, task.token, "cannot judge")
    found = results(ws, owner, study)
    assert found["time"]["per_item_s"]["median"] == pytest.approx(4, abs=0.5)
    assert sum(bar["n"] for bar in found["time"]["per_item_s"]["histogram"]) == 3
    assert sum(stretch["n"] for stretch in found["time"]["votes"]) == 3 and found["counts"]["skipped"] == 1


@pytest.mark.each_database
def test_people_are_answering_while_their_page_renews_what_they_hold(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner)
    for person in people(2):
        first, _ = given(ws, person, study)
        given(ws, person, study, held=[first.token])  # fetched ahead
    assert results(ws, owner, study)["counts"]["answering"] == 2
    for task in ws.store.find(Task, study_id=study.id, annotator_id=person.annotator_id):
        ws.store.update(Task, task.id, {"lease_until": task.lease_until - timedelta(minutes=3)})
    assert results(ws, owner, study)["counts"]["answering"] == 1


@pytest.mark.parametrize(
    ("dwell", "share", "seconds"),
    [
        ({3: 2, 7: 2}, 0.5, 2.75),  # between the two in the middle, as on the desk
        ({3: 2, 5: 1, 7: 2}, 0.5, 2.75),
        ({3: 1, 4: 9}, 0.1, 2.0),
        ({4: 3}, 0.5, 2.25),
        ({4: 3}, 1.0, 2.25),
        ({}, 0.5, None),
    ],
)
def test_the_median_of_an_even_number_is_the_middle_of_two(dwell: dict[int, int], share: float, seconds: float | None):
    assert median_s(dwell, share) == seconds
