"""Which items are disputed, and how the owner settles them."""

from __future__ import annotations

import csv
import io

import pytest

from collab.api import study as study_api
from collab.errors import InvalidFeedback, InvalidStudy
from collab.identity import Visitor
from collab.types import new_id
from collab.workspace import Workspace
from tests.studies.people import answers_all, consensus_rows, filled_study, people, prefers, ranks, results
from tests.studies.test_answering import RATE, THREE


def test_disputed_items_are_settled_by_the_owner_and_the_consensus_says_so(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2)
    for person, arm in zip(people(2), (0, 1), strict=True):
        answers_all(ws, person, study, prefers(arm))
    queue = results(ws, owner, study)["adjudication"]
    assert len(queue) == 6 and [len(item["answers"]) for item in queue] == [2] * 6
    assert {option["label"] for option in queue[0]["options"]} == {"A", "B"}
    with pytest.raises(InvalidFeedback, match="Winner"):
        study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"winner": "me"})
    with pytest.raises(InvalidStudy, match="no item"):
        study_api.adjudicate(ws, owner, study.id, new_id(), {"winner": "a"})
    study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"winner": "tie"})
    left = results(ws, owner, study)["adjudication"]
    assert [item["item_id"] for item in left] == [item["item_id"] for item in queue[1:]]
    rows = list(csv.DictReader(io.StringIO(study_api.table(ws, owner, study.id, "consensus")["csv"])))
    settled = {row["item_id"]: (row["consensus"], row["settled_by"]) for row in rows}
    assert settled[queue[0]["item_id"]] == ('{"winner": "tie"}', "owner")
    assert settled[queue[1]["item_id"]] == ("", "nobody")
    assert results(ws, owner, study)["counts"]["votes"] == 12  # a decision is no vote


def test_marks_that_must_be_made_can_be_decided_on_too(ws: Workspace, owner: Visitor):
    questions = [{"name": "quality", "title": "Quality", "kind": "stars"},
                 {"name": "places", "title": "Places", "kind": "span"}]  # fmt: skip
    study = filled_study(ws, owner, {**RATE, "questions": questions}, overlap=2)
    marks = [{"start": 0, "end": 2, "label": "bad"}]
    for person, stars in zip(people(2), (1, 5), strict=True):
        said = {"values": {"quality": stars, "places": marks}}
        answers_all(ws, person, study, lambda task, item, said=said: said)
    queue = results(ws, owner, study)["adjudication"]
    assert queue[0]["answers"][0]["said"]["values"]["places"] == marks and queue[0]["questions"][1]["kind"] == "span"
    with pytest.raises(InvalidFeedback, match="Places"):
        study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"values": {"quality": 2}})
    study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"values": {"quality": 2, "places": marks}})
    assert len(results(ws, owner, study)["adjudication"]) == len(queue) - 1


def test_the_order_of_a_disputed_items_outputs_does_not_tell_the_arms(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(12)]
    study = filled_study(ws, owner, overlap=2, cases=cases)
    for person, arm in zip(people(2), (0, 1), strict=True):
        answers_all(ws, person, study, prefers(arm))
    texts = {"first": 0, "second": 0}
    for item in results(ws, owner, study)["adjudication"]:
        texts["first" if "please" in item["options"][0]["text"] else "second"] += 1
    assert min(texts.values()) > 0


@pytest.mark.each_database
def test_whom_the_owner_leaves_out_disputes_nothing(ws: Workspace, owner: Visitor):
    compare = filled_study(ws, owner, overlap=2)
    rank = filled_study(ws, owner, task="rank", arms=THREE, overlap=2)
    for study, answers in ((compare, (prefers(0), prefers(1))),
                           (rank, (ranks([[0], [1], [2]]), ranks([[2], [1], [0]])))):  # fmt: skip
        a, b = people(2)
        for person, answer in zip((a, b), answers, strict=True):
            answers_all(ws, person, study, answer)
        assert len(results(ws, owner, study)["adjudication"]) == 6
        study_api.leave_out(ws, owner, study.id, [b.annotator_id], "guesses")
        assert results(ws, owner, study)["adjudication"] == []
        assert {row["answers"] for row in consensus_rows(ws, owner, study)} == {"1"}
