"""Krippendorff's alpha against his own worked example and the reference package, and what it says when it cannot."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import InvalidFeedback
from collab.statistics.agreement import Level, alpha, count_patterns, majority

# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: 4 observers × 12 units, with gaps.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


@pytest.mark.parametrize(("level", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorffs_own_example_is_reproduced(level: Level, expected: float):
    patterns, multiplicity, values = count_patterns(list(zip(*OBSERVERS, strict=True)))
    found = alpha(patterns, multiplicity, level, values=values)
    assert found.alpha == pytest.approx(expected, abs=0.0005)
    assert (found.units, found.pairs, found.level) == (11, 55, level), "the unit judged once does not count"


units = st.lists(st.lists(st.sampled_from([1, 2, 4, 7]), max_size=5), min_size=2, max_size=30)


@given(raw=units, level=st.sampled_from(LEVELS))
@settings(max_examples=150, deadline=None)
def test_alpha_equals_the_reference_package(raw: list[list[int]], level: Level):
    patterns, multiplicity, values = count_patterns(raw, [1, 2, 4, 7])
    found = alpha(patterns, multiplicity, level, values=values, resamples=20)
    pairable = [value for unit in raw if len(unit) > 1 for value in unit]
    if found.units < 2 or len(set(pairable)) < 2:
        assert found.alpha is None and found.lower is None and found.upper is None
        return
    unfolded = np.repeat(patterns, multiplicity, axis=0)
    expected = krippendorff.alpha(value_counts=unfolded, value_domain=[1, 2, 4, 7], level_of_measurement=level)
    assert found.alpha == pytest.approx(expected)
    assert found.lower is not None and found.upper is not None and found.lower <= found.upper <= 1


@given(raw=units, seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_neither_the_order_of_units_nor_of_annotators_matters(raw: list[list[int]], seed: int):
    rng = np.random.default_rng(seed)
    shuffled = [list(rng.permutation(unit)) for unit in rng.permutation(np.array([*raw, None], object))[:-1] if unit]
    raw = [list(unit) for unit in shuffled]
    again = [unit[::-1] for unit in raw[::-1]]
    one, other = (alpha(*count_patterns(each, [1, 2, 4, 7])[:2], "ordinal", resamples=1) for each in (raw, again))
    assert (one.alpha, one.units, one.pairs) == (pytest.approx(other.alpha), other.units, other.pairs)


def test_perfect_agreement_is_one_and_a_million_judgements_take_a_moment():
    found = alpha([[3, 0], [0, 3]], [200_000, 133_334], "nominal")
    assert (found.alpha, found.lower, found.upper) == (1, 1, 1)
    assert (found.units, found.pairs) == (333_334, 1_000_002)


def test_judgements_by_chance_agree_no_more_than_chance():
    rng = np.random.default_rng(0)
    found = alpha(*count_patterns(rng.integers(1, 6, (2000, 3)).tolist())[:2], "interval", seed=1)
    assert found.alpha is not None and abs(found.alpha) < 0.03
    assert found.lower is not None and found.upper is not None and found.lower < 0 < found.upper


@pytest.mark.parametrize("few_alike", [False, True])
def test_the_interval_holds_what_it_promises(few_alike: bool):
    """200 samples of 60 items from a population whose alpha is worked out on 20,000 of them: covered in 95 ± 4 %."""
    rng = np.random.default_rng(3)
    size = 9 if few_alike else 2  # more values make more patterns: then a unit is drawn at a time

    def judged(number: int) -> list[list[int]]:
        true = rng.integers(0, size, number)
        said = np.where(rng.random((number, 3)) < 0.75, true[:, None], rng.integers(0, size, (number, 3)))
        return said.tolist()

    truth = alpha(*count_patterns(judged(20_000))[:2], "nominal", resamples=1).alpha
    covered = []
    for number in range(200):
        found = alpha(*count_patterns(judged(60), range(size))[:2], "nominal", seed=number, resamples=100)
        assert found.lower is not None and found.upper is not None and truth is not None
        covered.append(found.lower <= truth <= found.upper)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.04)


def test_the_same_seed_gives_the_same_interval():
    patterns, multiplicity, values = count_patterns(list(zip(*OBSERVERS, strict=True)))
    one, again, other = (alpha(patterns, multiplicity, "ordinal", values=values, seed=seed) for seed in (4, 4, 5))
    assert one == again and one.alpha == other.alpha and one.lower != other.lower


@pytest.mark.parametrize(
    ("patterns", "multiplicity", "sentence"),
    [
        ([[1, 0], [0, 1]], [50, 50], "Too little to tell: no items judged by two or more."),
        ([[2, 0], [0, 1]], [1, 50], "Too little to tell: 1 item judged by two or more."),
        ([[3, 0], [0, 1]], [4, 9], "Nothing to tell: all 4 items judged by two or more got the same value throughout."),
        (np.zeros((0, 2)), [], "Too little to tell: no items judged by two or more."),
    ],
)  # fmt: skip
def test_too_little_is_said_not_computed(patterns: list, multiplicity: list, sentence: str):
    for level in LEVELS:
        found = alpha(patterns, multiplicity, level)
        assert (found.alpha, found.lower, found.upper, found.sentence) == (None, None, None, sentence)


def test_the_sentence_says_what_the_number_is_good_for():
    def said(agree: int, differ: int) -> str:
        return alpha([[2, 0], [0, 2], [1, 1]], [agree, agree, differ], "nominal").sentence

    assert (
        said(4750, 500) == "α 0.90 (0.89–0.91) over 10,000 items judged by two or more: reliable (Krippendorff 2004)."
    )
    assert "good enough for tentative conclusions (Krippendorff 2004)" in said(4300, 1400)
    assert "too low to rest conclusions on single judgements" in said(3000, 4000)
    assert "reliable if more items bear it out" in said(12, 2)
    assert said(20, 60).startswith("α −0.19 (−0.40 to −0.01) over 100 items")


def test_raw_judgements_fold_into_few_patterns():
    patterns, multiplicity, values = count_patterns([["x", "y"], ["y", "x", None], ["x", "x"], [None], []])
    assert values == ["x", "y"]
    assert dict(zip(map(tuple, patterns.tolist()), multiplicity.tolist(), strict=True)) == {
        (1, 1): 2, (2, 0): 1, (0, 0): 2,
    }  # fmt: skip
    with pytest.raises(InvalidFeedback, match="Value 'z' is none of x, y"):
        count_patterns([["x", "z"]], ["x", "y"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([[1, 1]], [1, 2], "nominal"), "do not match"),
        (([[1, -1]], [1], "nominal"), "whole numbers"),
        (([[1, 1]], [0.5], "nominal"), "whole numbers"),
        (([[1, 1]], [1], "ratio"), "Level 'ratio' is none of nominal, ordinal, interval"),
    ],
)
def test_impossible_counts_are_refused(arguments: tuple, sentence: str):
    with pytest.raises(InvalidFeedback, match=sentence):
        alpha(*arguments)


def test_values_are_checked_against_the_columns_and_the_level():
    with pytest.raises(InvalidFeedback, match="3 values for 2 columns"):
        alpha([[1, 1]], [3], "nominal", values=[1, 2, 3])
    with pytest.raises(InvalidFeedback, match="Values bad, good are no numbers"):
        alpha([[1, 1]], [3], "interval", values=["bad", "good"])
    assert alpha([[1, 1], [2, 0]], [3, 3], "ordinal", values=["bad", "good"]).alpha is not None


def test_a_majority_is_more_than_half():
    assert majority({"a": 2, "b": 1}) == "a"
    assert majority({"a": 2, "b": 1, "c": 1}) is None
    assert majority({"a": 1, "b": 1}) is None
    assert majority({"a": 1}) == "a" and majority({}) is None
