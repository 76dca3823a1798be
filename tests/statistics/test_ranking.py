"""Strengths, intervals, rank ranges, flips and the choice of pairs, against published and hand-worked values."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, stdtrit

from collab.errors import InvalidFeedback, InvalidStudy
from collab.statistics.ranking import (
    POINTS_PER_LOGIT,
    PairCounts,
    bradley_terry,
    components,
    from_votes,
    pair_probabilities,
    rank_ranges,
    votes_to_flip,
    win_matrix,
)

# Agresti, Categorical Data Analysis (2nd ed., 2002), table 10.10: the American League's eastern division in 1987,
# (home wins, away wins) of each team at home against each other one.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
GAMES = (
    ((), (4, 3), (4, 2), (4, 3), (6, 1), (4, 2), (6, 0)),
    ((3, 3), (), (4, 2), (4, 3), (6, 0), (6, 1), (4, 3)),
    ((2, 5), (4, 3), (), (2, 4), (4, 3), (4, 2), (6, 0)),
    ((3, 3), (5, 1), (2, 5), (), (4, 3), (4, 2), (6, 1)),
    ((5, 1), (2, 5), (3, 3), (4, 2), (), (5, 2), (6, 0)),
    ((2, 5), (3, 3), (3, 4), (4, 3), (4, 2), (), (2, 4)),
    ((2, 5), (1, 5), (1, 6), (2, 4), (1, 6), (3, 4), ()),
)


def baseball() -> PairCounts:
    rows = [
        (home, away, outcome, number)
        for home, away in product(range(7), range(7))
        if home != away
        for outcome, number in zip((1, 0), GAMES[home][away], strict=True)
        if number
    ]
    first, second, outcome, count = zip(*rows, strict=True)
    return from_votes(first, second, outcome, TEAMS, count=count)


def two(won: int, lost: int, tied: int = 0) -> PairCounts:
    """Votes on two arms, a and b."""
    rows = [(outcome, number) for outcome, number in ((1, won), (0, lost), (0.5, tied)) if number]
    outcome, count = zip(*rows, strict=True)
    return from_votes([0] * len(rows), [1] * len(rows), outcome, ["a", "b"], count=count)


def drawn(
    rng: np.random.Generator, beta: NDArray[np.float64], votes: int, ties: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Votes on uniformly drawn pairs from a Bradley–Terry model with these logits."""
    arms = len(beta)
    first = rng.integers(arms, size=votes)
    second = (first + rng.integers(1, arms, size=votes)) % arms
    outcome = (rng.random(votes) < expit(beta[first] - beta[second])).astype(float)
    outcome[rng.random(votes) < ties] = 0.5
    return first, second, outcome


# ---- strengths ------------------------------------------------------------------------------------------------------


def test_agrestis_baseball_example_is_reproduced():
    """Agresti (2002), table 10.11: estimates against Baltimore, and "standard errors of about 0.3"."""
    fitted = bradley_terry(baseball())
    logits = (fitted.strength - fitted.strength[6]) / POINTS_PER_LOGIT
    assert logits.round(2).tolist() == [1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0]
    errors = fitted.difference_error[6, :6] / POINTS_PER_LOGIT
    assert errors == pytest.approx(0.33, abs=0.03)
    assert not fitted.separable and not fitted.problems
    assert fitted.votes.tolist() == [78] * 7


def test_two_arms_are_worked_out_by_hand():
    """60 to 40: the logit is ln 1.5, its variance 1 ÷ (100 × 0.6 × 0.4), and each arm lies half of it from the mean."""
    fitted = bradley_terry(two(60, 40))
    half = POINTS_PER_LOGIT / 2
    assert fitted.strength == pytest.approx([1000 + half * np.log(1.5), 1000 - half * np.log(1.5)])
    assert fitted.error == pytest.approx([half / np.sqrt(24)] * 2)
    assert fitted.upper - fitted.strength == pytest.approx([1.959964 * half / np.sqrt(24)] * 2)
    assert fitted.difference_error[0, 1] == pytest.approx(POINTS_PER_LOGIT / np.sqrt(24))
    assert fitted.win_rate == pytest.approx([0.6, 0.4])


def test_ties_are_half_wins_that_leave_less_room_for_chance():
    decided, tied = bradley_terry(two(60, 40)), bradley_terry(two(40, 20, 40))
    assert tied.strength == pytest.approx(decided.strength)
    assert (tied.error < 0.8 * decided.error).all()


def test_the_fit_and_its_sandwich_equal_a_general_optimiser_vote_by_vote():
    rng = np.random.default_rng(3)
    beta = np.array([0.7, 0.1, -0.2, -0.6])
    first, second, outcome = drawn(rng, beta, 300, ties=0.2)
    weight, annotator = rng.uniform(0.3, 3, 300), rng.integers(12, size=300)
    design = np.eye(4)[first] - np.eye(4)[second]

    def loss(free: NDArray[np.float64]) -> float:
        gap = design @ np.append(free, -free.sum())
        return float((weight * (np.logaddexp(0, gap) - outcome * gap)).sum())

    found = minimize(loss, np.zeros(3), tol=1e-12).x
    logits = np.append(found, -found.sum())
    chance = expit(design @ logits)
    bread = np.linalg.pinv(design.T @ (design * (weight * chance * (1 - chance))[:, None]))
    scores = design * (weight * (outcome - chance))[:, None]

    alone = bradley_terry(from_votes(first, second, outcome, "wxyz", weight=weight))
    assert (alone.strength - 1000) / POINTS_PER_LOGIT == pytest.approx(logits, abs=1e-5)
    expected = bread @ scores.T @ scores @ bread
    assert alone.covariance / POINTS_PER_LOGIT**2 == pytest.approx(expected, abs=1e-6)

    clustered = bradley_terry(from_votes(first, second, outcome, "wxyz", weight=weight, cluster=annotator))
    summed = np.array([scores[annotator == each].sum(axis=0) for each in range(12)])
    robust = bread @ summed.T @ summed @ bread * 12 / 11
    assert clustered.covariance / POINTS_PER_LOGIT**2 == pytest.approx(robust, abs=1e-6)
    assert clustered.error**2 == pytest.approx(np.maximum(np.diag(alone.covariance), np.diag(clustered.covariance)))
    assert clustered.strength == pytest.approx(alone.strength)
    mass = np.bincount(annotator, weight)
    assert clustered.degrees == pytest.approx(mass.sum() ** 2 / (mass**2).sum() - 1)


def test_intervals_hold_what_they_promise():
    """Over 400 simulated studies of 4 arms and 300 votes, a fifth of them ties, each interval covers in 95 ± 2 %."""
    rng, beta = np.random.default_rng(11), np.array([0.6, 0.2, -0.2, -0.6])
    chance = expit(beta[:, None] - beta[None, :]) * 0.8 + 0.1
    truth = _limit(chance)
    covered = []
    for _ in range(400):
        fitted = bradley_terry(from_votes(*drawn(rng, beta, 300, ties=0.2), "wxyz"))
        covered.append((fitted.lower <= truth) & (truth <= fitted.upper))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_clustered_intervals_hold_for_annotators_who_differ_and_plain_ones_do_not():
    """15 annotators with tastes of their own, 20 votes each: the claim is about all that might have been asked."""
    rng, beta = np.random.default_rng(5), np.array([0.5, 0.0, -0.5])
    tastes = beta + rng.normal(0, 0.7, (20_000, 3))
    truth = _limit(expit(tastes[:, :, None] - tastes[:, None, :]).mean(axis=0))
    clustered, plain = [], []
    for _ in range(300):
        annotator = np.repeat(np.arange(15), 20)
        own = (beta + rng.normal(0, 0.7, (15, 3)))[annotator]
        first = rng.integers(3, size=300)
        second = (first + rng.integers(1, 3, size=300)) % 3
        gap = np.take_along_axis(own, first[:, None], 1) - np.take_along_axis(own, second[:, None], 1)
        outcome = (rng.random(300) < expit(gap[:, 0])).astype(float)
        for kept, cluster in ((clustered, annotator), (plain, None)):
            fitted = bradley_terry(from_votes(first, second, outcome, "xyz", cluster=cluster))
            kept.append((fitted.lower <= truth) & (truth <= fitted.upper))
    assert 0.925 <= np.mean(clustered) <= 0.985
    assert np.mean(plain) < 0.85


def test_weights_undo_an_adaptive_choice_of_pairs():
    """Wins that no single scale explains, and a rule that asks again about the most one-sided pair so far."""
    rng, rounds, each = np.random.default_rng(2), 40, 500
    pairs = np.array([(0, 1), (1, 2), (0, 2)])
    beats = np.array([0.7, 0.9, 0.4])  # the first of each pair
    chance = np.zeros((3, 3))
    chance[pairs[:, 0], pairs[:, 1]], chance[pairs[:, 1], pairs[:, 0]] = beats, 1 - beats
    truth = _limit(chance)
    chosen, outcome, weight = np.arange(3), np.array([1.0, 0.0, 1.0]), np.ones(3)
    for _ in range(rounds):
        share = np.bincount(chosen, outcome) / np.bincount(chosen)
        likely = 0.1 / 3 + 0.9 * (np.arange(3) == np.abs(share - 0.5).argmax())
        fresh = rng.choice(3, size=each, p=likely)
        chosen, weight = np.append(chosen, fresh), np.append(weight, 1 / 3 / likely[fresh])
        outcome = np.append(outcome, rng.random(each) < beats[fresh])
    first, second = pairs[chosen].T
    weighted = bradley_terry(from_votes(first, second, outcome, "abc", weight=weight))
    plain = bradley_terry(from_votes(first, second, outcome, "abc"))
    assert (np.abs(weighted.strength - truth) < 3 * weighted.error).all()
    assert np.abs(plain.strength - truth).max() > 5 * weighted.error.max()


def _limit(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """What strengths tend to when pairs are drawn uniformly and the first wins with these chances (m, m)."""
    arms = len(chance)
    first, second = np.triu_indices(arms, 1)
    won, lost = chance[first, second], chance[second, first]
    return bradley_terry(
        from_votes(
            [*first, *first], [*second, *second], [1] * len(first) + [0] * len(first), [str(a) for a in range(arms)],
            weight=[*won, *lost],
        )
    ).strength  # fmt: skip


# ---- what the data cannot say ---------------------------------------------------------------------------------------


def test_an_arm_that_won_everything_gets_finite_numbers_and_a_warning():
    """10 to 0: Firth's (1993) estimate adds half a win to either side, so the logit is ln 21."""
    fitted = bradley_terry(two(10, 0))
    assert fitted.separable
    assert fitted.strength[0] - fitted.strength[1] == pytest.approx(POINTS_PER_LOGIT * np.log(21))
    assert fitted.problems == (
        "Every vote between these groups went one way, so how far they lie apart has no upper bound yet and the "
        "estimates are bias-reduced: a | b.",
    )
    low, high = rank_ranges(fitted)
    assert low.tolist() == high.tolist() == [1, 2]
    low, high = rank_ranges(bradley_terry(two(3, 0)))
    assert low.tolist() == [1, 1] and high.tolist() == [2, 2], "three votes in a row are no proof"


def test_the_bias_reduced_estimate_maximises_the_likelihood_with_jeffreys_prior():
    """Firth (1993): log likelihood + ½ log |information|, here by a general optimiser, for an arm that never lost."""
    first, second, outcome = map(np.array, ([0] * 7 + [1] * 6, [1] * 4 + [2] * 3 + [2] * 6, [1] * 11 + [0] * 2))
    design = (np.eye(3)[first] - np.eye(3)[second])[:, :2]

    def loss(free: NDArray[np.float64]) -> float:
        gap = design @ free
        information = design.T @ (design * (expit(gap) * expit(-gap))[:, None])
        return float((np.logaddexp(0, gap) - outcome * gap).sum() - np.linalg.slogdet(information)[1] / 2)

    found = minimize(loss, np.zeros(2), tol=1e-10).x
    fitted = bradley_terry(from_votes(first, second, outcome, "abc"))
    assert fitted.separable
    assert (fitted.strength - fitted.strength[2])[:2] / POINTS_PER_LOGIT == pytest.approx(found, abs=1e-4)


def test_one_tie_is_enough_to_bound_what_was_separable():
    assert not bradley_terry(two(10, 0, 1)).separable


def test_arms_that_no_vote_connects_are_named():
    counts = from_votes([0, 1, 3], [1, 2, 4], [1, 0, 1], ["ant", "bee", "cat", "dog", "eel", "fox"])
    assert components(counts) == [(0, 1, 2), (3, 4), (5,)]
    with pytest.raises(InvalidFeedback, match=r"No vote connects dog, eel, fox with ant, bee, cat: collect votes"):
        bradley_terry(counts)
    with pytest.raises(InvalidFeedback, match="No vote connects"):
        votes_to_flip(counts)
    alone = bradley_terry(counts.only((3, 4)))
    assert alone.names == ("dog", "eel") and alone.strength[0] > alone.strength[1]


@pytest.mark.parametrize("names", [[], ["a"]])
def test_a_ranking_takes_two_arms(names: list[str]):
    with pytest.raises(InvalidFeedback, match="two arms"):
        bradley_terry(from_votes([], [], [], names))


def test_one_annotators_votes_speak_for_that_annotator_alone():
    rng = np.random.default_rng(0)
    votes = drawn(rng, np.array([0.3, -0.3]), 100)
    alone = bradley_terry(from_votes(*votes, "ab", cluster=["ann"] * 100))
    assert alone.problems == ("All votes are one annotator's: the intervals speak for that annotator alone.",)
    assert alone.error == pytest.approx(bradley_terry(from_votes(*votes, "ab")).error)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"outcome": [0.7]}, r"Vote row 0 \(0, 1, outcome 0.7, votes 1, weight 1\) is no outcome"),
        ({"second": [2]}, "names an arm outside 0–1"),
        ({"first": [-1]}, "names an arm outside 0–1"),
        ({"count": [1.5]}, "has no whole number of votes"),
        ({"weight": [0]}, "needs weights above zero"),
        ({"weight": [float("nan")]}, "needs weights above zero"),
    ],
)
def test_a_vote_that_cannot_be_is_named_with_its_row(row: dict, sentence: str):
    with pytest.raises(InvalidFeedback, match=sentence):
        from_votes(**{"first": [0], "second": [1], "outcome": [1], "names": ["a", "b"], **row})


def test_a_vote_of_an_arm_against_itself_says_nothing():
    counts = from_votes([0, 1, 0], [0, 1, 1], [1, 0, 1], ["a", "b"])
    assert counts.count.tolist() == [1] and counts.wins().tolist() == [[0, 1], [0, 0]]


# ---- adding up ------------------------------------------------------------------------------------------------------

votes = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 4)),
    min_size=1,
    max_size=60,
)
EVERYONE = [(a, b, outcome, 9) for a in range(4) for b in range(4) if a != b for outcome in (1.0, 0.5)]


def counted(rows: list[tuple[int, int, float, int]], *, clusters: bool = False) -> PairCounts:
    first, second, outcome, cluster = zip(*rows, strict=True)
    return from_votes(first, second, outcome, "abcd", cluster=cluster if clusters else None)


@given(rows=votes)
@settings(max_examples=60, deadline=None)
def test_adding_up_first_or_not_makes_no_difference(rows: list):
    rows = rows + EVERYONE
    for clusters in (False, True):
        counts = counted(rows, clusters=clusters)
        again = from_votes(
            counts.first, counts.second, counts.outcome, counts.names,
            count=counts.count, weight=counts.weight, weight_squared=counts.weight_squared, cluster=counts.cluster,
        )  # fmt: skip
        flipped = counted([(b, a, 1 - outcome, c) for a, b, outcome, c in reversed(rows)], clusters=clusters)
        one, *others = (bradley_terry(each) for each in (counts, again, flipped))
        for other in others:
            assert other.strength == pytest.approx(one.strength)
            assert other.error == pytest.approx(one.error)
        assert counts.count.sum() == sum(a != b for a, b, *_ in rows)


@given(rows=votes, order=st.permutations(range(4)))
@settings(max_examples=60, deadline=None)
def test_strengths_do_not_depend_on_the_arms_order_and_average_1000(rows: list, order: list[int]):
    rows = rows + EVERYONE
    one = bradley_terry(counted(rows))
    other = bradley_terry(counted([(order[a], order[b], outcome, c) for a, b, outcome, c in rows]))
    assert other.strength[order] == pytest.approx(one.strength)
    assert other.difference_error[np.ix_(order, order)] == pytest.approx(one.difference_error)
    assert one.strength.mean() == pytest.approx(1000)
    assert ((one.lower < one.strength) & (one.strength < one.upper)).all()


@given(rows=votes)
@settings(max_examples=60, deadline=None)
def test_any_connected_votes_give_finite_strengths_and_possible_ranks(rows: list):
    counts = counted(rows)
    groups = components(counts)
    if len(groups[0]) < 2:
        return
    counts = counts.only(groups[0])
    arms = counts.arms
    fitted = bradley_terry(counts)
    assert np.isfinite([*fitted.strength, *fitted.lower, *fitted.upper]).all()
    low, high = rank_ranges(fitted)
    place = np.argsort(np.argsort(-fitted.strength, kind="stable")) + 1
    assert ((low >= 1) & (low <= place) & (place <= high) & (high <= arms)).all()
    flip = votes_to_flip(counts)
    assert flip is not None and 1 <= flip.votes <= flip.of_votes and flip.leader != flip.runner_up


@given(rows=votes, winner=st.integers(0, 3), loser=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_one_more_win_never_lowers_the_winner(rows: list, winner: int, loser: int):
    rows = rows + EVERYONE
    if winner != loser:
        before, after = bradley_terry(counted(rows)), bradley_terry(counted([*rows, (winner, loser, 1.0, 0)]))
        assert after.strength[winner] >= before.strength[winner] - 1e-6


def test_the_win_matrix_counts_ties_half_and_leaves_unmet_pairs_blank():
    share, number = win_matrix(from_votes([0, 0, 1, 2], [1, 1, 0, 1], [1, 0.5, 1, 1], ["a", "b", "c"]))
    assert number.tolist() == [[0, 3, 0], [3, 0, 1], [0, 1, 0]]
    assert share[0, 1] == 0.5 and share[1, 0] == 0.5 and share[2, 1] == 1 and share[1, 2] == 0
    assert np.isnan(share[0, 2]) and np.isnan(share[0, 0])


# ---- rank ranges ----------------------------------------------------------------------------------------------------


def test_overlapping_intervals_are_never_put_in_order():
    rng = np.random.default_rng(8)
    for number in (60, 400, 3000):
        fitted = bradley_terry(from_votes(*drawn(rng, np.linspace(1, -1, 6), number), "uvwxyz"))
        low, high = rank_ranges(fitted)
        for i, j in product(range(6), range(6)):
            if i != j and fitted.lower[i] <= fitted.upper[j] and fitted.lower[j] <= fitted.upper[i]:
                assert low[j] <= high[i] and low[i] <= high[j]
    assert (high - low).max() < 5, "3000 votes order something"


def test_rank_ranges_cover_the_true_ranks():
    rng, beta = np.random.default_rng(21), np.linspace(0.15, -0.15, 8)
    covered = []
    for _ in range(200):
        low, high = rank_ranges(bradley_terry(from_votes(*drawn(rng, beta, 800), "stuvwxyz")))
        covered.append((low <= np.arange(1, 9)) & (np.arange(1, 9) <= high))
    assert np.mean(covered) >= 0.95


def test_clear_differences_get_one_rank_each():
    rng = np.random.default_rng(4)
    low, high = rank_ranges(bradley_terry(from_votes(*drawn(rng, np.array([-1.0, 1, 0]), 3000), "abc")))
    assert low.tolist() == high.tolist() == [3, 1, 2]


# ---- flipping the leader --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "lost", "tied", "votes"),
    [(60, 40, 0, 11), (51, 50, 0, 1), (50, 50, 0, 1), (1, 0, 0, 1), (10, 0, 0, 6), (2, 0, 9, 2), (60, 40, 7, 11)],
)
def test_with_two_arms_the_votes_to_flip_are_half_the_lead(won: int, lost: int, tied: int, votes: int):
    flip = votes_to_flip(two(won, lost, tied))
    assert flip is not None
    assert (flip.votes, flip.of_votes, {flip.leader, flip.runner_up}) == (votes, won + lost + tied, {"a", "b"})


def test_no_smaller_change_flips_the_leader_in_studies_small_enough_to_try_them_all():
    """Every combination of changed votes on 3 arms is refitted: the number found is the least, or rarely one more."""
    rng, extra = np.random.default_rng(6), []
    for _ in range(12):
        rows = [(a, b, outcome) for a, b, outcome in zip(*drawn(rng, np.array([0.5, 0, -0.3]), 9), strict=True)]
        rows += [(0, 1, 0.0), (1, 2, 1.0), (2, 0, 1.0)]
        first, second, outcome = map(np.array, zip(*rows, strict=True))
        counts = from_votes(first, second, outcome, "abc")
        leader = int(bradley_terry(counts).strength.argmax())
        flip = votes_to_flip(counts)
        assert flip is not None and flip.leader == "abc"[leader]
        extra.append(flip.votes - _least_by_trying(first, second, outcome, leader))
    assert all(0 <= more <= 1 for more in extra) and extra.count(0) >= 10


def _least_by_trying(first: NDArray, second: NDArray, outcome: NDArray, leader: int) -> int:
    from itertools import combinations

    for number in range(1, len(first) + 1):
        for changed in map(list, combinations(range(len(first)), number)):
            for outcomes in product((0.0, 1.0), repeat=number):
                said = outcome.copy()
                said[changed] = outcomes
                strength = bradley_terry(from_votes(first, second, said, "abc")).strength
                if (strength > strength[leader] + 1e-6).any():
                    return number
    raise AssertionError("some change always flips it")


def test_the_votes_to_flip_of_a_million_are_verified_by_changing_them():
    """About half the lead times the information between the two is what it takes."""
    rng = np.random.default_rng(1)
    counts = from_votes(*drawn(rng, np.linspace(0.5, -0.5, 20), 1_000_000, ties=0.2), [f"arm {n}" for n in range(20)])
    flip = votes_to_flip(counts)
    assert flip is not None and (flip.leader, flip.runner_up, flip.of_votes) == ("arm 0", "arm 1", 1_000_000)
    fitted = bradley_terry(counts)
    lead = (fitted.strength[0] - fitted.strength[1]) / POINTS_PER_LOGIT
    information = 100_000 * 0.24  # an arm takes part in a tenth of the votes, each worth about p(1 − p)
    assert flip.votes == pytest.approx(lead * information / 2, rel=0.2)


# ---- the choice of pairs --------------------------------------------------------------------------------------------


def test_pairs_are_chosen_uniformly_until_each_has_enough_votes():
    counts = from_votes([0] * 30, [1] * 30, [1, 0] * 15, ["a", "b", "c"])
    assert pair_probabilities(counts, [(0, 1), (0, 2), (1, 2)]) == pytest.approx([1 / 3] * 3)
    assert pair_probabilities(counts, [(0, 1)]) == pytest.approx([1.0])
    assert pair_probabilities(from_votes([], [], [], ["a", "b"]), [(1, 0)], least=0) == pytest.approx([1.0])


def test_a_pair_is_asked_about_as_its_interval_would_narrow():
    """√(σ²/n) − √(σ²/(n+1)) by hand for 20 votes split evenly and 80 split evenly, mixed with a fifth of uniform."""
    first, second, outcome = [0] * 100, [1] * 20 + [2] * 80, [1, 0] * 50
    found = pair_probabilities(from_votes(first, second, outcome, "abc"), [(1, 0), (0, 2)])
    gain = 0.5 * np.array([1 / np.sqrt(20) - 1 / np.sqrt(21), 1 / np.sqrt(80) - 1 / np.sqrt(81)])
    assert found == pytest.approx(0.2 / 2 + 0.8 * gain / gain.sum())


def test_decided_and_tied_pairs_are_asked_about_less():
    counts = from_votes(
        [0] * 40 + [0] * 40 + [1] * 40, [1] * 40 + [2] * 40 + [2] * 40, [1, 0] * 20 + [1] * 40 + [0.5] * 40, "abc"
    )
    split, decided, tied = pair_probabilities(counts, [(0, 1), (0, 2), (1, 2)])
    assert split > 2 * decided and split > 2 * tied


@given(rows=votes, floor=st.floats(0.01, 1), least=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_probabilities_can_serve_as_propensities(rows: list, floor: float, least: int):
    pairs = [(a, b) for a in range(4) for b in range(a)]
    found = pair_probabilities(counted(rows), pairs, floor=floor, least=least)
    assert found.sum() == pytest.approx(1) and (found >= floor / 6 - 1e-12).all()


def test_choosing_by_width_evens_out_the_widths():
    """From a lopsided start, 2,000 adaptive votes leave the widest pair narrower than 2,000 uniform ones."""
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    widest = []
    for floor in (0.2, 1.0):
        rng = np.random.default_rng(9)
        chosen = [0] * 1500 + [1] * 1500 + [2] * 20
        for _ in range(20):
            at = pairs[chosen]
            likely = pair_probabilities(
                from_votes(at[:, 0], at[:, 1], [1, 0] * (len(at) // 2), "abc"), pairs, floor=floor
            )
            chosen += rng.choice(3, size=100, p=likely).tolist()
        widest.append(1 / np.sqrt(np.bincount(chosen).min()))
    assert widest[0] < 0.8 * widest[1]


@pytest.mark.parametrize(
    ("pairs", "floor", "sentence"),
    [([], 0.2, "No pair is available"), ([(0, 1)], 0.0, "A floor of 0.0"), ([(0, 0)], 0.2, "two different arms"),
     ([(0, 5)], 0.2, "two different arms of 0–1")],
)  # fmt: skip
def test_an_impossible_choice_is_refused(pairs: list, floor: float, sentence: str):
    with pytest.raises(InvalidStudy, match=sentence):
        pair_probabilities(from_votes([0], [1], [1], ["a", "b"]), pairs, floor=floor)


def test_quantiles_are_students_where_annotators_are_few():
    rng = np.random.default_rng(0)
    first, second, outcome = drawn(rng, np.array([0.2, -0.2]), 100)
    fitted = bradley_terry(from_votes(first, second, outcome, "ab", cluster=np.arange(100) % 5))
    assert fitted.degrees == pytest.approx(4)
    assert (fitted.upper - fitted.strength) / fitted.error == pytest.approx([stdtrit(4, 0.975)] * 2)


@pytest.mark.parametrize("votes", [36, 36_000, 3_600_000])
def test_a_unanimous_leader_is_flipped_by_half_the_votes_however_many_there_are(votes: int):
    counts = from_votes([0], [1], [0.0], ["a", "b"], count=[votes])
    flip = votes_to_flip(counts)
    assert flip is not None and flip.leader == "b" and abs(flip.votes - votes // 2) <= 1
