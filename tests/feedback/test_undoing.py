"""Taking back: the latest act first, each once, and what was said before it is in force again, in any order of acts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from collab.errors import InvalidFeedback
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.identity import Visitor
from collab.store import Store, open_store
from collab.store.queries import live_acts
from collab.store.verify import problems
from collab.types import Output
from collab.workspace import Workspace
from tests.conftest import counts
from tests.feedback.conftest import live
from tests.store.people import someone


def test_an_undo_brings_back_what_was_said_before(ws: Workspace, ann: Visitor, mine: Output):
    first, second = rate(ws, ann, mine.id, score=1), rate(ws, ann, mine.id, score=2)
    back = undo(ws, ann, second.id)
    assert (back.retracts_id, back.restores_id) == (second.id, first.id) and live(ws, ann, mine) == [first]
    gone = undo(ws, ann, first.id)
    assert gone.restores_id is None and live(ws, ann, mine) == []
    fresh = rate(ws, ann, mine.id, thumb=1)
    assert (fresh.score, fresh.thumb) == (None, 1)  # it does not build on what was taken back
    undo(ws, ann, fresh.id)
    assert live(ws, ann, mine) == []


def test_undoing_twice_is_undoing_once(ws: Workspace, ann: Visitor, mine: Output):
    act = rate(ws, ann, mine.id, score=1)
    assert undo(ws, ann, act.id) == undo(ws, ann, act.id)
    rate(ws, ann, mine.id, score=4)
    undo(ws, ann, act.id)
    assert live(ws, ann, mine)[0].score == 4


def test_a_later_act_is_undone_first(ws: Workspace, ann: Visitor, mine: Output):
    first = rate(ws, ann, mine.id, score=1)
    rate(ws, ann, mine.id, score=2)
    before = counts(ws.store)
    with pytest.raises(InvalidFeedback, match="undo your latest act on this first"):
        undo(ws, ann, first.id)
    assert counts(ws.store) == before


def test_an_undo_is_not_undone(ws: Workspace, ann: Visitor, mine: Output):
    gone = undo(ws, ann, rate(ws, ann, mine.id, score=1).id)
    with pytest.raises(InvalidFeedback, match="cannot be undone"):
        undo(ws, ann, gone.id)


def test_every_kind_of_act_can_be_undone(ws: Workspace, ann: Visitor, outputs: list[Output]):
    a, b, _ = (o.id for o in outputs)
    for act in (compare(ws, ann, a, b, "a"), rank(ws, ann, [[a], [b]]), edit_text(ws, ann, a, "other")):
        undo(ws, ann, act.id)
    assert live(ws, ann, outputs[0]) == []


# ---- any order of acts ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory):
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('model') / 'collab.db'}")
    raw = opened.engine.raw_connection()  # speed: this is about order, not about power cuts
    raw.cursor().execute("PRAGMA synchronous=OFF")
    raw.close()
    yield opened
    opened.close()


def test_any_sequence_of_acts_behaves_like_a_stack(shared_store: Store, tmp_path):
    """A person's chain, against the simplest thing it should be like: push an opinion, pop it by undoing."""
    from types import SimpleNamespace

    ws: Any = SimpleNamespace(store=shared_store)

    class Chain(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.person = someone(shared_store)
            self.visitor = Visitor(self.person.annotator.id, "anonymous")
            self.stack: list[tuple[str, dict[str, Any]]] = []
            self.undone: dict[str, str] = {}

        def top(self) -> dict[str, Any]:
            return self.stack[-1][1] if self.stack else {"score": None, "thumb": None, "aspects": {}, "tags": ()}

        def say(self, changes: dict[str, Any]) -> None:
            wanted = {**self.top(), **changes}
            if "aspects" in changes:
                wanted["aspects"] = {**self.top()["aspects"], **changes["aspects"]}
            wanted["tags"] = tuple(wanted["tags"])
            act = rate(ws, self.visitor, self.person.output.id, **changes)
            assert {name: getattr(act, name) for name in wanted} == wanted
            if self.stack and self.top() == wanted:
                assert act.id == self.stack[-1][0]
            else:
                assert act.id not in self.undone and act.id not in [i for i, _ in self.stack]
                self.stack.append((act.id, wanted))

        @rule(score=st.integers(1, 5))
        def stars(self, score: int) -> None:
            self.say({"score": score})

        @rule(thumb=st.sampled_from([1, -1]))
        def thumbs(self, thumb: int) -> None:
            self.say({"thumb": thumb})

        @rule(aspects=st.dictionaries(st.sampled_from(["helpful", "style"]), st.integers(1, 5), min_size=1))
        def rate_aspects(self, aspects: dict[str, int]) -> None:
            self.say({"aspects": aspects})

        @rule(tags=st.lists(st.sampled_from(["a", "b", "${x}"]), unique=True, max_size=2))
        def tag(self, tags: list[str]) -> None:
            self.say({"tags": tags})

        @precondition(lambda self: self.stack)
        @rule()
        def undo_latest(self) -> None:
            act_id, _ = self.stack.pop()
            undone = undo(ws, self.visitor, act_id)
            assert undone.restores_id == (self.stack[-1][0] if self.stack else None)
            self.undone[act_id] = undone.id

        @precondition(lambda self: len(self.stack) > 1)
        @rule()
        def undo_an_older_one(self) -> None:
            with pytest.raises(InvalidFeedback):
                undo(ws, self.visitor, self.stack[0][0])

        @precondition(lambda self: self.undone)
        @rule()
        def undo_again(self) -> None:
            act_id, retraction_id = next(iter(self.undone.items()))
            assert undo(ws, self.visitor, act_id).id == retraction_id

        @invariant()
        def what_is_in_force_is_the_top(self) -> None:
            found = live_acts(shared_store, self.visitor.annotator_id, [self.person.generation.id])
            assert [a.id for a in found] == ([self.stack[-1][0]] if self.stack else [])

    Chain.TestCase.settings = settings(
        max_examples=15, stateful_step_count=16, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    Chain.TestCase("runTest").runTest()
    from collab.store import Blobs

    assert list(problems(shared_store, Blobs(tmp_path))) == []
