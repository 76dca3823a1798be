"""Comparisons and rankings: the last word on the same outputs holds, and an unknown one is never a tie."""

from __future__ import annotations

from typing import Any

import pytest

from collab.errors import InvalidFeedback
from collab.feedback import compare, rank
from collab.identity import Visitor
from collab.types import Output, Preference, new_id
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.feedback.conftest import live


def test_a_comparison_can_be_changed_whichever_way_round_it_is_said(ws: Workspace, ann: Visitor, outputs: list[Output]):
    a, b, _ = outputs
    compare(ws, ann, a.id, b.id, "a")
    last = compare(ws, ann, b.id, a.id, "tie", comment=" the same ")
    assert live(ws, ann, a) == [last]
    assert (last.winner, last.comment, last.blind) == ("tie", "the same", False)
    assert len(ws.store.find(Preference)) == 2


@pytest.mark.parametrize("winner", ["", "A", "left", "both-bad", None, 1, ["a"], {"a": 1}])
def test_an_unknown_winner_is_never_a_tie(ws: Workspace, ann: Visitor, outputs: list[Output], winner: Any):
    with pytest.raises(InvalidFeedback, match="choose a, b, tie or both_bad"):
        compare(ws, ann, outputs[0].id, outputs[1].id, winner)
    assert not ws.store.find(Preference)


def test_an_output_is_not_compared_with_itself(ws: Workspace, ann: Visitor, mine: Output):
    with pytest.raises(InvalidFeedback, match="cannot be compared with itself"):
        compare(ws, ann, mine.id, mine.id, "tie")


def test_a_ranking_of_one_generation_replaces_the_one_before(ws: Workspace, ann: Visitor, outputs: list[Output]):
    a, b, c = (o.id for o in outputs)
    rank(ws, ann, [[a], [b, c]])
    last = rank(ws, ann, [[c], [a], [b]])
    assert live(ws, ann, outputs[0]) == [last] and last.groups == ((c,), (a,), (b,))
    _, others = make(ws, ann, "something else", count=2)
    across = rank(ws, ann, [[others[0].id], [a]])
    assert set(x.id for x in live(ws, ann, outputs[0]) + live(ws, ann, others[0])) == {last.id, across.id}
    assert rank(ws, ann, [[a], [others[0].id]]).supersedes_id == across.id


def test_each_bad_ranking_gets_one_sentence_and_changes_nothing(ws: Workspace, ann: Visitor, outputs: list[Output]):
    a, b, _ = (o.id for o in outputs)
    before = counts(ws.store)
    for groups, sentence in [
        ([], "at least two"),
        ([[a]], "at least two"),
        ([[a], [a]], "each named once"),
        ([[a, a], [b]], "each named once"),
        ([[a], []], "list of groups"),
        ([a, b], "list of groups"),
        ([[a], b], "list of groups"),
        ([[a], [3]], "list of groups"),
        ([[a], [None]], "list of groups"),
        ([[a], [["b"]]], "list of groups"),
        ({"a": 1}, "list of groups"),
        ("ab", "list of groups"),
        (None, "list of groups"),
        (7, "list of groups"),
        ([[new_id()] for _ in range(65)], "at most 64"),
    ]:
        with pytest.raises(InvalidFeedback, match=sentence):
            rank(ws, ann, groups)
    assert counts(ws.store) == before
