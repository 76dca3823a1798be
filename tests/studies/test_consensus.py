"""What people together say about an item: of rankings and of corrections."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collab.api import study as study_api
from collab.errors import InvalidFeedback
from collab.identity import Visitor
from collab.studies.consensus import borda
from collab.studies.decisions import queue_arrangement
from collab.types import StudyItem
from collab.workspace import Workspace
from tests.studies.people import answers_all, consensus_rows, filled_study, people, ranks, results
from tests.studies.test_answering import THREE


def corrects(*texts: str) -> Any:
    """Answers that make item 0, 1, … these texts (the last for all others)."""
    return lambda task, item: {"text": texts[min(item.position, len(texts) - 1)]}


@pytest.mark.each_database
def test_rankings_that_differ_are_disputed_the_farthest_first_and_settled_by_the_owner(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, task="rank", arms=THREE, overlap=2)
    a, b = people(2)
    answers_all(ws, a, study, ranks([[0], [1], [2]]))
    # from the first: one swap (1/3), all turned round (1), one pair tied (1/6), two swaps (2/3), the same
    answers_all(ws, b, study, ranks([[1], [0], [2]], [[2], [1], [0]], [[0, 1], [2]], [[1], [2], [0]], [[0], [1], [2]]))
    items = {item.position: item for item in ws.store.find(StudyItem, study_id=study.id)}
    queue = results(ws, owner, study)["adjudication"]
    assert [each["item_id"] for each in queue] == [items[1].id, items[3].id, items[0].id]
    shown = {label: items[1].outputs[at] for label, at in zip("ABC", queue_arrangement(items[1]), strict=True)}
    orders = [[shown[label] for (label,) in each["said"]["groups"]] for each in queue[0]["answers"]]
    assert len(orders) == 2 and orders[0] == orders[1][::-1]
    with pytest.raises(InvalidFeedback, match="name each of A, B, C"):
        study_api.adjudicate(ws, owner, study.id, items[1].id, {"groups": [["A"]]})
    best = next(label for label, output in shown.items() if output == items[1].outputs[2])
    rest = [label for label in "ABC" if label != best]
    study_api.adjudicate(ws, owner, study.id, items[1].id, {"groups": [[best], rest]})
    assert [each["item_id"] for each in results(ws, owner, study)["adjudication"]] == [items[3].id, items[0].id]
    told = consensus_rows(ws, owner, study)
    assert (told[1]["consensus"], told[1]["settled_by"]) == ('{"groups": [["C"], ["A", "B"]]}', "owner")
    by_borda = [row["consensus"] for row in told if row["settled_by"] == "Borda count"]
    orders = [json.loads(said)["groups"] for said in by_borda]
    # both rankings of a place added up: 0 and 1 swapped are tied; 1 before 0 before 2; 0, half a point before 1
    assert orders[:3] == [[["A", "B"], ["C"]], [["A"], ["B"], ["C"]], [["B"], ["A"], ["C"]]]


def test_corrections_that_differ_are_disputed_the_middle_one_first_and_settled_by_the_owner(
    ws: Workspace, owner: Visitor
):
    study = filled_study(ws, owner, task="edit", arms=[{"name": "only", "prompt": "say {thing}"}], overlap=3)
    for person, texts in zip(people(3), (("a long way off", "same"), ("a red fox", " same \n"), ("a red box", "other")),
                             strict=True):  # fmt: skip
        answers_all(ws, person, study, corrects(*texts))
    (disputed,) = results(ws, owner, study)["adjudication"]
    assert [each["said"] for each in disputed["answers"]] == [
        {"text": "a red fox"}, {"text": "a red box"}, {"text": "a long way off"},
    ]  # fmt: skip
    told = consensus_rows(ws, owner, study)
    assert [(row["consensus"], row["settled_by"]) for row in told[:2]] == [
        ("", "nobody"), ('{"text": "same"}', "majority"),
    ]  # fmt: skip
    with pytest.raises(InvalidFeedback, match="corrected text is empty"):
        study_api.adjudicate(ws, owner, study.id, disputed["item_id"], {"text": " "})
    study_api.adjudicate(ws, owner, study.id, disputed["item_id"], {"text": "a red fox"})
    assert results(ws, owner, study)["adjudication"] == []
    settled = consensus_rows(ws, owner, study)[0]
    assert (settled["consensus"], settled["settled_by"]) == ('{"text": "a red fox"}', "owner")


def test_the_borda_count_gives_the_published_order_and_shows_ties():
    """De Borda's own example (1781), 21 voters: plurality elects A, his count elects C with 26, then B 21, A 16."""
    votes = [("ABC", 1), ("ACB", 7), ("BCA", 7), ("CBA", 6)]
    rankings = [[[name] for name in order] for order, number in votes for _ in range(number)]
    assert borda(rankings) == [["C"], ["B"], ["A"]]
    assert borda([[["a"], ["b"], ["c"]], [["b"], ["a"], ["c"]]]) == [["a", "b"], ["c"]]
    assert borda([[["a", "b", "c"]]]) == [["a", "b", "c"]]
