"""What people say about outputs: merged, undone, idempotent, and never somebody else's."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from collab import chain, feedback
from collab.errors import CollabError, InvalidFeedback, NotFound
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.identity import Visitor
from collab.store import Store, open_store
from collab.store.queries import live_acts
from collab.store.verify import problems
from collab.types import Output, Preference, Ranking, Rating, Retraction, new_id
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.store.people import someone


@pytest.fixture
def outputs(ws: Workspace, ann: Visitor) -> list[Output]:
    """Three finished texts of Ann's."""
    return make(ws, ann, "one two three", count=3)[1]


@pytest.fixture
def mine(outputs: list[Output]) -> Output:
    return outputs[0]


@pytest.fixture
def picture(ws: Workspace, ann: Visitor) -> Output:
    return make(ws, ann, "a red square", modality="image")[1][0]


def live(ws: Workspace, who: Visitor, output: Output) -> list[Any]:
    return live_acts(ws.store, who.annotator_id, [output.generation_id])


# ---- rating ---------------------------------------------------------------------------------------------------------


def test_a_rating_adds_to_what_was_said_before(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, score=3)
    rate(ws, ann, mine.id, aspects={"helpful": 4})
    rate(ws, ann, mine.id, thumb=1, tags=["good"], aspects={"style": 2})
    rate(ws, ann, mine.id, comment="  nice  ", spans=[{"start": 0, "end": 3, "label": "good", "note": "here"}])
    said = rate(ws, ann, mine.id, score=5)
    assert (said.score, said.thumb, said.aspects, said.tags, said.comment, said.spans) == (
        5,
        1,
        {"helpful": 4, "style": 2},
        ("good",),
        "nice",
        ({"start": 0, "end": 3, "label": "good", "note": "here"},),
    )
    assert live(ws, ann, mine) == [said]
    assert len(ws.store.find(Rating)) == 5


def test_fields_of_a_rating_can_be_cleared(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, score=3, thumb=-1, aspects={"style": 1}, tags=["dull"], comment="hm")
    cleared = rate(ws, ann, mine.id, clear=["score", "aspects", "tags", "comment"])
    assert (cleared.score, cleared.thumb, cleared.aspects, cleared.tags, cleared.comment) == (None, -1, {}, (), "")
    assert rate(ws, ann, mine.id, thumb=0).thumb is None


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


def test_a_rating_takes_the_outputs_own_characters_for_spans(ws: Workspace, ann: Visitor):
    _, (output,) = make(ws, ann, "👩‍👩‍👧‍👦 北京")
    length = len(output.text or "")
    whole = rate(ws, ann, output.id, spans=[{"start": 0, "end": length, "label": "bad"}])
    assert whole.spans[0]["end"] == length
    with pytest.raises(InvalidFeedback, match=f"outside 1–{length}"):
        rate(ws, ann, output.id, spans=[{"start": 0, "end": length + 1, "label": "bad"}])


HOSTILE = [
    "<script>alert(1)</script>",
    "${alert(1)} `x`",
    "{{7*7}} {{{x}}}",
    "\u202eגמא\u202c 👩‍👩‍👧‍👦",
    "'; DROP TABLE edits; --",
    "a\tb\nc",
]
BAD_RATINGS: list[tuple[dict[str, Any], str]] = [
    ({}, "says nothing"),
    ({"score": 0}, "Score 0 is outside 1–5"),
    ({"score": 6}, "Score 6 is outside"),
    ({"score": 2.5}, "Score 2.5 is outside"),
    ({"score": "5"}, "Score is '5', not a number from 1 to 5"),
    ({"score": True}, "Score is True, not a number"),
    ({"score": float("nan")}, "Score nan is outside"),
    ({"score": float("inf")}, "Score inf is outside"),
    ({"score": [5]}, "Score"),
    ({"score": 10**400}, "Score"),
    ({"thumb": 2}, "Thumb 2 is outside"),
    ({"thumb": "up"}, "Thumb is 'up', not a number"),
    ({"aspects": {"style": 6}}, "Aspect “style” 6 is outside"),
    ({"aspects": {"style": None}}, "Aspect “style” None is outside"),
    ({"aspects": {"": 3}}, "aspect's name is empty"),
    ({"aspects": {7: 3}}, "aspect's name must be text"),
    ({"aspects": {"x" * 41: 3}}, "41 characters, 40 are possible"),
    ({"aspects": {str(n): 3 for n in range(13)}}, "at most 12"),
    ({"aspects": [["style", 3]]}, "Aspects must be an object"),
    ({"tags": "good"}, "Tags must be a list"),
    ({"tags": [""]}, "tag is empty"),
    ({"tags": [None]}, "tag is empty"),
    ({"tags": [3]}, "tag must be text"),
    ({"tags": ["x" * 41]}, "40 are possible"),
    ({"tags": list("abcdefghijklmnopqrstu")}, "at most 20"),
    ({"tags": {"a": 1}}, "Tags must be a list"),
    ({"comment": "x" * 5_001}, "5,000 are possible"),
    ({"comment": "a\x00b"}, "control character U+0000"),
    ({"comment": "a\x1b[31mb"}, "control character U+001B"),
    ({"comment": "\ud83d"}, "control character U+D83D"),
    ({"comment": ["x"]}, "comment must be text"),
    ({"spans": [{"start": 0, "end": 0, "label": "good"}]}, "Span end 0 is outside"),
    ({"spans": [{"start": -1, "end": 2, "label": "good"}]}, "Span start -1 is outside"),
    ({"spans": [{"start": 0, "end": 10_000, "label": "good"}]}, "Span end 10000 is outside"),
    ({"spans": [{"start": 0, "end": 2, "label": "great"}]}, "choose good or bad"),
    ({"spans": [{"start": 0, "end": 2, "label": ["good"]}]}, "choose good or bad"),
    ({"spans": [{"start": 0, "end": 2}]}, "exactly start, end and label"),
    ({"spans": [{"start": 0, "end": 2, "label": "good", "x": 1}]}, "exactly start, end and label"),
    ({"spans": [[0, 2, "good"]]}, "exactly start, end and label"),
    ({"spans": "0-2"}, "Spans must be a list"),
    ({"spans": [{"start": 0, "end": 2, "label": "good"}] * 201}, "at most 200"),
    ({"clear": ["output_id"]}, "nothing named “output_id”"),
    ({"clear": ["created_at"]}, "nothing named “created_at”"),
    ({"score": 3, "request_id": "x" * 81}, "80 are possible"),
    ({"score": 3, "request_id": "a\nb"}, "printable"),
    ({"score": 3, "request_id": 7}, "request id must be text"),
]


def test_each_bad_rating_gets_one_sentence_and_changes_nothing(ws: Workspace, ann: Visitor, mine: Output):
    before = counts(ws.store)
    for said, sentence in BAD_RATINGS:
        with pytest.raises(InvalidFeedback) as raised:
            rate(ws, ann, mine.id, **said)
        assert sentence in str(raised.value), said
        assert "\n" not in str(raised.value) and len(str(raised.value)) < 250
        assert counts(ws.store) == before


def test_aspects_cannot_be_piled_up_by_many_ratings(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, aspects={f"a{n}": 1 for n in range(12)})
    rate(ws, ann, mine.id, aspects={"a0": 5})
    with pytest.raises(InvalidFeedback, match="more than 12 aspects"):
        rate(ws, ann, mine.id, aspects={"one more": 1})


def test_a_picture_has_no_spans_and_no_text_to_edit(ws: Workspace, ann: Visitor, picture: Output):
    with pytest.raises(InvalidFeedback, match="that output is a picture"):
        rate(ws, ann, picture.id, spans=[{"start": 0, "end": 1, "label": "good"}])
    with pytest.raises(InvalidFeedback, match="edit it as a picture"):
        edit_text(ws, ann, picture.id, "words")
    assert rate(ws, ann, picture.id, score=4).score == 4


def test_what_failed_cannot_be_judged(ws: Workspace, ann: Visitor):
    _, (empty,) = make(ws, ann, "!fail")
    with pytest.raises(InvalidFeedback, match="nothing to judge"):
        rate(ws, ann, empty.id, score=1)


# ---- whose ----------------------------------------------------------------------------------------------------------


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


# ---- comparing, ranking, editing ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("original", "edited", "distance"),
    [
        ("the cat sat", "the cat sat down", 1),
        ("the cat sat", "a dog sat", 2),
        ("the cat sat", "sat", 2),
        ("the cat sat", "the  cat\nsat!", 1),  # spaces and line ends are no words
        ("a b c d", "d c b a", 4),
        ("kitten sitting", "kitten", 1),
    ],
)
def test_the_edit_distance_counts_words(store: Store, ws: Workspace, original: str, edited: str, distance: int):
    """Levenshtein 1965: the fewest insertions, deletions and substitutions, here of words."""
    person = someone(ws.store, text=original)
    act = edit_text(ws, Visitor(person.annotator.id, "anonymous"), person.output.id, edited)
    assert act.edit_distance == distance and act.text == edited


def test_each_bad_edit_gets_one_sentence_and_changes_nothing(ws: Workspace, ann: Visitor, mine: Output):
    before = counts(ws.store)
    bad = [("", "empty"), ("  \n", "empty"), (mine.text, "as the model wrote it"), (None, "empty"), (7, "must be text"),
           (["x"], "must be text"), ("x" * 200_001, "200,000 are possible"), ("a\x00", "U+0000")]  # fmt: skip
    for text, sentence in bad:
        with pytest.raises(InvalidFeedback, match=re.escape(sentence)):
            edit_text(ws, ann, mine.id, text)
    assert counts(ws.store) == before


def test_hostile_words_are_kept_as_they_are(ws: Workspace, ann: Visitor, mine: Output):
    for text in HOSTILE:
        assert edit_text(ws, ann, mine.id, text).text == text
        said = rate(ws, ann, mine.id, comment=text, tags=[text], aspects={text: 3})
        assert (said.comment, said.tags, said.aspects[text]) == (text, (text,), 3)


# ---- undo -----------------------------------------------------------------------------------------------------------


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


# ---- idempotency ----------------------------------------------------------------------------------------------------


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


def test_aspects_sent_whole_replace_those_there_were(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, aspects={"helpful": 3, "style": 2}, score=4)
    kept = rate(ws, ann, mine.id, aspects={"style": 5}, clear=["aspects"])
    assert kept.aspects == {"style": 5} and kept.score == 4


def test_clearing_what_was_never_rated_is_refused_in_words(ws: Workspace, ann: Visitor, mine: Output):
    with pytest.raises(InvalidFeedback, match="nothing to clear"):
        rate(ws, ann, mine.id, clear=["score"])
    assert ws.store.find(Rating) == []


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


def test_the_lists_that_the_page_offers_are_themselves_allowed(ws: Workspace, ann: Visitor, mine: Output):
    tags = [tag for offered in feedback.TAGS.values() for tag in offered]
    assert rate(ws, ann, mine.id, tags=tags).tags == tuple(tags)


def test_every_error_of_feedback_is_one_of_the_family():
    assert issubclass(InvalidFeedback, CollabError) and issubclass(NotFound, CollabError)
    assert Ranking in chain._CONTENT_OF
