"""What is merged, settled and left out of training rows, with counts; and what is held out."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collab.datasets.rows import LeftOut, Row
from collab.datasets.sifting import sift
from collab.datasets.splitting import HELD_OUT_MOST, held_out, split_groups, to_check_on
from tests.datasets.test_rows import ASKED, source

_numbers = itertools.count()


def row(who: str, answer: str = "tea", **more: Any) -> Row:
    event = f"e{next(_numbers):04}"
    return Row(**{"messages": ASKED, "source": source("a"), **more}, answer=answer, people=(who,), event_ids=(event,))


def test_rows_that_say_the_same_are_one_that_names_all_acts():
    first, again = row("ann", rejected="rope", blind=True), row("bob", "tea ", rejected="rope")
    found = sift([first, again])
    (one,) = found.rows
    assert one.people == ("ann", "bob") and one.event_ids == first.event_ids + again.event_ids
    assert not one.blind  # not all of them were
    assert found.counts == {"merged: rows that say the same": 1}


def test_the_majority_stands_and_a_draw_says_nothing():
    def winners(*said: Row) -> list[tuple[str, bool | None]]:
        return [(one.answer, one.good) for one in sift(said).rows]

    one, other = ({"answer": a, "rejected": b} for a, b in (("tea", "rope"), ("rope", "tea")))
    assert winners(row("ann", **one), row("bob", **other)) == []
    assert winners(row("ann", **one), row("bob", **other), row("eve", **other)) == [("rope", None)]
    assert winners(row("ann", **one), row("ann", **one), row("bob", **other)) == []  # twice by one person is once
    assert winners(row("ann", good=True), row("bob", good=False), row("eve", good=True)) == [("tea", True)]
    assert winners(row("ann"), row("bob")) == [("tea", None)]  # a text to imitate has no opposite


def test_nobody_is_heard_too_much():
    rows = [row("ann", f"text {n}") for n in range(6)] + [row("bob", "text 0"), row("bob", "other")]
    found = sift(rows, per_annotator=3)
    assert [one.answer for one in found.rows] == ["text 0", "text 4", "text 5", "other"]  # bob agrees on the first
    assert found.counts["left out: beyond 3 rows of one person"] == 3
    assert all(n <= 3 for n in Counter(who for one in found.rows for who in one.people).values())


def test_of_what_is_too_much_the_oldest_goes_whatever_it_was():
    rows = [row("ann", f"text {n}") for n in range(4)]
    found = sift([rows[3], rows[0], rows[1], rows[2]], per_annotator=2)  # the newest is told first
    assert [one.answer for one in found.rows] == ["text 2", "text 3"]


def test_reasons_are_counted():
    assert sift([LeftOut("a tie"), LeftOut("a tie")]).counts == {"left out: a tie": 2}


def test_a_group_shares_a_prompt_or_a_person():
    other = (("user", "Write a line about rope."),)
    rows = [row("ann"), row("bob"), row("bob", messages=other), row("eve", messages=(("user", "else"),))]
    assert split_groups(rows) == ["g1", "g1", "g1", "g2"]


@given(st.lists(st.integers(0, 30), max_size=300), st.integers(0, 99))
def test_what_is_held_out_is_whole_groups_and_never_much(numbers: list[int], seed: int):
    groups = [f"g{n}" for n in numbers]
    out = held_out(groups, seed)
    assert out <= set(groups) and out == held_out(list(reversed(groups)), seed)
    assert sum(group in out for group in groups) <= HELD_OUT_MOST * len(groups)


def test_a_tenth_is_held_out_where_groups_are_small_and_nothing_where_all_hang_together():
    groups = [f"g{n // 2}" for n in range(200)]
    assert sum(group in held_out(groups, 0) for group in groups) == 20
    assert held_out(groups, 0) != held_out(groups, 1)
    assert held_out(["g1"] * 50, 0) == frozenset()


def test_where_no_group_can_be_held_out_prompts_are_and_then_rows():
    rows = [{"prompt": [{"role": "user", "content": f"prompt {n % 10}"}], "n": n} for n in range(40)]
    assert to_check_on(rows[:30], rows[30:], 0) == (rows[:30], rows[30:], "other prompts and other people")
    learn, check, shares = to_check_on(rows, [], 0)
    assert shares == "other prompts of the same people" and 4 <= len(check) <= 8
    assert not {str(row["prompt"]) for row in learn} & {str(row["prompt"]) for row in check}
    assert to_check_on(rows, [], 0) == (learn, check, shares) and to_check_on(rows, [], 1)[1] != check
    one = [{**row, "prompt": []} for row in rows]
    learn, check, shares = to_check_on(one, [], 0)
    assert shares == "other answers to the same prompt" and len(check) == 4 and len(learn) == 36
