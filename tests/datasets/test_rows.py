"""What each act says as a training row: what is imitated, preferred, called good; and what says nothing of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collab.datasets.rows import KINDS, Kind, LeftOut, Row, rows_of
from collab.datasets.sources import Source, Told
from collab.types import Act, Edit, Preference, Ranking, Rating

ASKED = (("user", "Write a line about tea."),)
TEN = "one two three four five six seven eight nine ten"


def source(name: str, text: str = "", *, messages: Any = ASKED, cut_off: bool = False) -> Source:
    return Source(output_id=name, messages=messages, text=text or f"the text of {name}", cut_off=cut_off, seed=1,
                  settings={}, prompt_version_id="v", model_revision="r")  # fmt: skip


def act(kind: type[Act], who: str = "ann", **about: Any) -> Act:
    return kind(annotator_id=who, subject="s", generation_id="g", **about)


def made(kind: Kind, sources: Sequence[Source], *acts: Act) -> tuple[list[Row], list[str]]:
    """The rows, and why the others are none."""
    said = list(rows_of(kind, Told(acts, {source.output_id: source for source in sources}, {})))
    return [s for s in said if isinstance(s, Row)], [str(s) for s in said if isinstance(s, LeftOut)]


def test_a_vote_a_ranking_and_an_edit_each_give_pairs():
    a, b, c = source("a"), source("b"), source("c", TEN)
    acts = (
        act(Preference, output_a_id="a", output_b_id="b", winner="b", blind=True),
        act(Ranking, groups=(("a",), ("b", "c"))),
        act(Edit, output_id="c", text=TEN.replace("ten", "eleven")),
    )
    for kind in ("dpo", "reward"):
        rows, left_out = made(kind, [a, b, c], *acts)
        assert [(row.answer, row.rejected) for row in rows] == [
            (b.text, a.text), (a.text, b.text), (a.text, c.text), (TEN.replace("ten", "eleven"), TEN),
        ]  # fmt: skip
        assert [row.blind for row in rows] == [True, False, False, False] and not left_out
        assert [row.event_ids for row in rows] == [(acts[at].id,) for at in (0, 1, 1, 2)]


def test_ties_prefer_nothing():
    acts = [act(Preference, output_a_id="a", output_b_id="b", winner=winner) for winner in ("tie", "both_bad")]
    rows, left_out = made("dpo", [source("a"), source("b")], *acts)
    assert not rows and left_out == ["a tie, which prefers nothing"] * 2
    assert made("dpo", [source("a"), source("b")], act(Ranking, groups=(("a", "b"),))) == ([], [])


def test_a_pair_answers_one_prompt_with_two_texts():
    vote = act(Preference, output_a_id="a", output_b_id="b", winner="a")
    other = source("b", messages=(("user", "Write a line about rope."),))
    assert made("dpo", [source("a"), other], vote)[1] == ["a pair whose two texts answer different prompts"]
    assert made("dpo", [source("a", "Tea"), source("b", "Tea ")], vote)[1] == ["a pair of two equal texts"]
    assert made("dpo", [source("a")], vote) == ([], [])  # the other is a picture, or was erased


def test_stars_and_thumbs_are_labels_but_three_stars_are_none():
    acts = [act(Rating, who=f"p{n}", output_id="a", **said) for n, said in enumerate(
        ({"score": 5}, {"score": 4}, {"score": 3}, {"score": 2}, {"thumb": -1}, {"comment": "so so"}))]  # fmt: skip
    rows, left_out = made("kto", [source("a")], *acts)
    assert [row.good for row in rows] == [True, True, False, False]
    assert left_out == ["three stars, neither good nor bad"]


def test_what_is_imitated_is_liked_on_balance_or_made_right():
    liked, mixed, fixed = source("liked"), source("mixed"), source("fixed", TEN)
    acts = [
        act(Rating, output_id="liked", score=4), act(Rating, who="bob", output_id="liked", score=5),
        act(Rating, output_id="mixed", score=5), act(Rating, who="bob", output_id="mixed", score=1),
        act(Rating, output_id="fixed", score=5), act(Edit, who="bob", output_id="fixed", text=f"{TEN} eleven"),
    ]  # fmt: skip
    rows, left_out = made("sft", [liked, mixed, fixed], *acts)
    assert [(row.answer, row.people) for row in rows] == [(f"{TEN} eleven", ("bob",)), (liked.text, ("ann", "bob"))]
    assert not left_out


def test_a_text_that_was_cut_off_is_not_imitated_but_may_be_called_bad():
    cut = source("cut", cut_off=True)
    for kind in ("sft", "kto"):
        rows, left_out = made(kind, [cut], act(Rating, output_id="cut", thumb=1))
        assert not rows and left_out == ["liked, but cut off at the length limit: a model would learn to stop there"]
    rows, _ = made("kto", [cut], act(Rating, output_id="cut", thumb=-1))
    assert [row.good for row in rows] == [False]


def test_very_small_and_very_large_edits_are_left_out():
    long = " ".join(str(n) for n in range(100))
    for text, said in (
        (f"{long} more", "less than 2%"), (long, "less than 2%"), ("quite another text", "more than 80%"),
        (" ", "nothing"),
    ):  # fmt: skip
        for kind in ("sft", "dpo"):
            rows, left_out = made(kind, [source("a", long)], act(Edit, output_id="a", text=text))
            assert not rows and len(left_out) == 1 and said in left_out[0], text
    assert len(made("sft", [source("a", long)], act(Edit, output_id="a", text=f"{long} and two more"))[0]) == 1


def test_an_edit_of_a_picture_counts_by_the_distance_that_was_kept_with_it():
    for distance, said in ((None, ""), (9, "less than 0.1%"), (10, ""), (8000, ""), (8001, "more than 80%")):
        painted = act(Edit, output_id="a", blob_sha256="after", edit_distance=distance)
        rows, left_out = made("image-dpo", [source("a", "before")], painted)
        assert [(row.answer, row.rejected) for row in rows] == ([] if said else [("after", "before")]), distance
        assert [said in why for why in left_out] == ([True] if said else [])


def test_a_word_is_a_character_where_no_spaces_are_written():
    before, after = "今日は天気がとても良いので散歩に行きました。", "今日は天気がとても良いので公園に散歩に行きました。"
    (row,), left_out = made("dpo", [source("a", before)], act(Edit, output_id="a", text=after))
    assert (row.answer, row.rejected, left_out) == (after, before, [])


def test_an_edit_of_spaces_alone_is_a_slip():
    for kind in ("sft", "dpo"):
        assert made(kind, [source("a", TEN)], act(Edit, output_id="a", text=f"{TEN} \n"))[0] == []


def test_an_edit_that_leaves_a_cut_off_end_is_left_out():
    cut = source("a", TEN, cut_off=True)
    for text, kept in ((TEN.replace("one", "first"), 0), (f"{TEN} and the end.", 1)):
        assert len(made("sft", [cut], act(Edit, output_id="a", text=text))[0]) == kept


def test_equal_answers_to_the_same_are_one_text():
    twins = [source("a", "Tea"), source("b", "Tea ")]
    acts = [act(Rating, output_id="a", score=5), act(Rating, who="bob", output_id="b", score=1)]
    assert made("sft", twins, *acts) == ([], [])
    edited = act(Edit, who="eve", output_id="b", text="Tea is fine")
    assert [row.answer for row in made("sft", twins, acts[0], edited)[0]] == ["Tea is fine"]


def test_an_empty_text_is_never_good():
    empty, full = source("a", " "), source("b")
    for kind in ("sft", "kto"):
        assert made(kind, [empty], act(Rating, output_id="a", score=5)) == ([], ["an empty text"])
    vote = act(Preference, output_a_id="a", output_b_id="b", winner="a")
    assert made("dpo", [empty, full], vote) == ([], ["an empty text"])
    assert [row.good for row in made("kto", [empty], act(Rating, output_id="a", score=1))[0]] == [False]


def test_a_long_ranking_gives_some_pairs_from_its_best_to_its_worst():
    sources = [source(f"{n:02}") for n in range(64)]
    rows, left_out = made("dpo", sources, act(Ranking, groups=tuple((s.output_id,) for s in sources)))
    assert len(rows) <= 50 and len(rows) + len(left_out) == 64 * 63 // 2
    assert rows[0].answer == sources[0].text and len({row.answer for row in rows}) > 25


def test_acts_on_what_is_no_text_give_nothing():
    acts = [
        act(Rating, output_id="x", score=5), act(Ranking, groups=(("x",), ("y",))), act(Edit, output_id="x", text="t"),
    ]  # fmt: skip
    assert all(made(kind, [], *acts) == ([], []) for kind in KINDS)
