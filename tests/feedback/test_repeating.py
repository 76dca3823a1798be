"""The same act sent again, by one tab or by several at once, happens once; different acts at once are all kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from collab.errors import InvalidFeedback
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.identity import Visitor
from collab.types import Output, Rating, Retraction
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.feedback.conftest import live

# ---- again ----------------------------------------------------------------------------------------------------------


def test_saying_the_same_again_returns_the_first_act(ws: Workspace, ann: Visitor, outputs: list[Output]):
    a, b, c = (o.id for o in outputs)
    acts: list[Callable[[], Any]] = [
        lambda: rate(ws, ann, a, score=3, tags=["x", " x "], aspects={"style": 2}),
        lambda: compare(ws, ann, a, b, "a"),
        lambda: rank(ws, ann, [[a], [b, c]]),
        lambda: edit_text(ws, ann, a, "other words"),
    ]
    for act in acts:
        first, before = act(), counts(ws.store)
        assert act() == first
        assert counts(ws.store) == before


def test_a_request_id_makes_any_act_happen_once(ws: Workspace, ann: Visitor, bob: Visitor, outputs: list[Output]):
    a, b, _ = (o.id for o in outputs)
    first = rate(ws, ann, a, score=1, request_id="r1")
    rate(ws, ann, a, score=2)
    assert rate(ws, ann, a, score=1, request_id="r1") == first  # a late repeat changes nothing
    assert live(ws, ann, outputs[0])[0].score == 2
    assert compare(ws, ann, a, b, "a", request_id="r2") == compare(ws, ann, a, b, "b", request_id="r2")
    his = make(ws, bob)[1][0]
    assert rate(ws, bob, his.id, score=5, request_id="r1").score == 5  # everyone has keys of their own


def test_a_request_id_used_for_another_act_is_refused(ws: Workspace, ann: Visitor, outputs: list[Output]):
    a, b, _ = (o.id for o in outputs)
    act = rate(ws, ann, a, score=1, request_id="r")
    attempts: list[Callable[[], Any]] = [
        lambda: rate(ws, ann, b, score=1, request_id="r"),
        lambda: edit_text(ws, ann, a, "other", request_id="r"),
        lambda: compare(ws, ann, a, b, "a", request_id="r"),
        lambda: undo(ws, ann, act.id, request_id="r"),
    ]
    before = counts(ws.store)
    for attempt in attempts:
        with pytest.raises(InvalidFeedback, match="request id was used for another act"):
            attempt()
    assert counts(ws.store) == before


# ---- at once --------------------------------------------------------------------------------------------------------


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    barrier, results = threading.Barrier(times), [None] * times

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_request_repeated_by_threads_at_once_happens_once(ws: Workspace, ann: Visitor, mine: Output):
    results = at_once(lambda n: rate(ws, ann, mine.id, score=4, request_id="same"), 6)
    assert {r.id for r in results} == {results[0].id} and len(ws.store.find(Rating)) == 1


def test_different_fields_rated_by_tabs_at_once_are_all_kept(ws: Workspace, ann: Visitor, mine: Output):
    names = ["helpful", "correct", "style", "depth"]
    results = at_once(lambda n: rate(ws, ann, mine.id, aspects={names[n]: n + 1}), 4)
    assert not [r for r in results if isinstance(r, Exception)]
    assert live(ws, ann, mine)[0].aspects == {"helpful": 1, "correct": 2, "style": 3, "depth": 4}


def test_an_act_undone_by_tabs_at_once_is_undone_once(ws: Workspace, ann: Visitor, mine: Output):
    first, second = rate(ws, ann, mine.id, score=1), rate(ws, ann, mine.id, score=2)
    results = at_once(lambda n: undo(ws, ann, second.id), 5)
    assert len({r.id for r in results}) == 1 and live(ws, ann, mine) == [first]
    assert len(ws.store.find(Retraction)) == 1
