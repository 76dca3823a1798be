"""Nobody judges another person's output, or learns that there is one; and every error is one of the product's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from collab import chain
from collab.errors import CollabError, InvalidFeedback, NotFound
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.identity import Visitor
from collab.types import Output, Ranking, new_id
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.feedback.conftest import live


def test_another_persons_output_is_told_like_an_unknown_one(
    ws: Workspace, ann: Visitor, bob: Visitor, outputs: list[Output]
):
    his = make(ws, bob)[1][0]
    act = rate(ws, ann, outputs[0].id, score=3)
    attempts: list[Callable[[Visitor, Any], Any]] = [
        lambda who, it: rate(ws, who, it, score=1),
        lambda who, it: edit_text(ws, who, it, "mine now"),
        lambda who, it: compare(ws, who, it, his.id, "a"),
        lambda who, it: compare(ws, who, his.id, it, "a"),
        lambda who, it: rank(ws, who, [[his.id], [it]]),
    ]
    before = counts(ws.store)
    for attempt in attempts:
        sentences = []
        for output_id in (outputs[0].id, new_id()):
            with pytest.raises(NotFound) as raised:
                attempt(bob, output_id)
            sentences.append(str(raised.value).replace(output_id, "ID"))
        assert sentences[0] == sentences[1]
    for feedback_id in (act.id, new_id(), "", "nonsense", None, 7, ["x"], {"a": 1}):
        with pytest.raises(NotFound, match="no act of yours"):
            undo(ws, bob, feedback_id)  # type: ignore[arg-type]
    assert counts(ws.store) == before and live(ws, ann, outputs[0]) == [act]


@pytest.mark.parametrize("output_id", ["", "x", None, 7, 1.5, [], ["x"], {"a": 1}, "a" * 10_000, "../../etc/passwd"])
def test_what_is_no_id_is_not_found(ws: Workspace, ann: Visitor, output_id: Any):
    with pytest.raises(NotFound, match="no output") as raised:
        rate(ws, ann, output_id, score=3)
    assert len(str(raised.value)) < 150


def test_every_error_of_feedback_is_one_of_the_family():
    assert issubclass(InvalidFeedback, CollabError) and issubclass(NotFound, CollabError)
    assert Ranking in chain._CONTENT_OF
