"""Win-rate tests: the arithmetic against values worked out by hand, the guarantees by counting every stream."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.errors import InvalidFeedback, InvalidStudy
from collab.statistics.confidence import BETS, WEIGHTS, blocks_needed, count_grades, interval_path, log_capital
from collab.statistics.evidence import ELond, Vote, evidence_curve, win_rate_test

OUTCOMES = (0, 0.5, 1)
outcomes = st.lists(st.sampled_from(OUTCOMES), max_size=40)
people = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(OUTCOMES)), max_size=30)
calmly = settings(max_examples=40, deadline=None)  # a shared machine may pause anywhere


def by_new_people(results) -> list[Vote]:
    return [Vote(f"person {i}", result) for i, result in enumerate(results)]


def by_one_person(results) -> list[Vote]:
    return [Vote("owner", result, f"item {i}") for i, result in enumerate(results)]


def capital(results, mean: float) -> float:
    """The formula of the module's docstring, one factor after the other."""
    return sum(w * math.prod(1 - c + c * x / mean for x in results) for c, w in zip(BETS, WEIGHTS, strict=True))


# ---- the arithmetic -------------------------------------------------------------------------------------------------


def test_the_weights_are_a_mixture_of_bets_that_cannot_lose_everything():
    assert math.isclose(WEIGHTS.sum(), 1) and (WEIGHTS > 0).all()
    assert (BETS > 0).all() and (BETS < 1).all()


def test_six_unanimous_raters_do_not_suffice_and_seven_do():
    six, seven = win_rate_test(by_new_people([1] * 6)), win_rate_test(by_new_people([1] * 7))
    assert (round(six.e_value, 1), round(seven.e_value, 1)) == (17.6, 30.8)
    assert (six.verdict, seven.verdict) == ("undecided", "better")


@calmly
@given(outcomes)
def test_the_e_value_is_the_product_of_the_bets_mixed(results):
    evidence = win_rate_test(by_new_people(results))
    assert math.isclose(evidence.e_value, capital(results, 0.5), rel_tol=1e-9)
    assert math.isclose(evidence.e_value_worse, capital([1 - x for x in results], 0.5), rel_tol=1e-9)


@pytest.mark.parametrize("wins", [3, 7, 20])
def test_better_is_said_exactly_when_the_e_value_reaches_one_over_alpha(wins: int):
    votes = by_new_people([1] * wins)
    e_value = win_rate_test(votes).e_value
    assert win_rate_test(votes, alpha=(1 + 1e-11) / e_value).verdict == "better"
    assert win_rate_test(votes, alpha=(1 - 1e-11) / e_value).verdict == "undecided"


def test_a_tie_costs_nothing_and_says_nothing():
    evidence = win_rate_test(by_new_people([0.5] * 50))
    assert math.isclose(evidence.e_value, 1) and math.isclose(evidence.e_value_worse, 1)


def test_the_bound_after_one_win_is_the_one_worked_out_by_hand():
    """Σ w (1 − c + c/m) = 1 − C + C/m reaches 20 at m = C / (19 + C), with C = Σ w c; nothing bounds it from above."""
    mixed = float(BETS @ WEIGHTS)
    evidence = win_rate_test(by_new_people([1]))
    assert math.isclose(evidence.e_value, 1 + mixed)
    assert evidence.lower == pytest.approx(mixed / (19 + mixed), abs=1e-8)
    assert evidence.upper == 1


@pytest.mark.parametrize("seed", range(6))
def test_the_interval_is_every_mean_that_no_look_has_rejected(seed: int):
    rng = np.random.default_rng(seed)
    results = rng.choice(OUTCOMES, size=30, p=[0.2, 0.2, 0.6]).tolist()
    evidence = win_rate_test(by_new_people(results))
    for mean in np.linspace(0.005, 0.995, 100):
        looks = range(1, len(results) + 1)
        too_low = any(capital(results[:n], mean) >= 20 for n in looks)
        too_high = any(capital([1 - x for x in results[:n]], 1 - mean) >= 20 for n in looks)
        assert (evidence.lower < mean < evidence.upper) == (not too_low and not too_high)


def test_a_block_counts_as_its_mean():
    votes = [Vote("a", 1), Vote("b", 0), Vote("a", 0.5), Vote("b", 0), Vote("c", 1)]
    evidence = win_rate_test(votes, block=2)
    assert (evidence.win_rate, evidence.n_votes, evidence.n_annotators, evidence.n_blocks) == (0.375, 4, 2, 2)
    assert math.isclose(evidence.e_value, capital([0.75, 0], 0.5))


# ---- the guarantees, counted over every possible stream -------------------------------------------------------------


def test_a_fair_coin_ever_looks_better_in_at_most_a_twentieth_of_all_streams():
    streams = np.array(list(itertools.product((0, 2), repeat=14)))
    ever = (log_capital(count_grades(streams, 3)) >= math.log(20)).any(axis=1)
    assert 0 < ever.mean() <= 0.05


@pytest.mark.parametrize(("win", "tie", "expected"), [(0.3, 0.4, 1.0), (0.5, 0.0, 1.0), (0.2, 0.3, None)])
def test_the_e_value_is_one_on_average_where_nobody_is_better_and_less_where_the_challenger_is_worse(
    win: float, tie: float, expected: float | None
):
    chance = {1: win, 0.5: tie, 0: 1 - win - tie}
    mean = sum(
        math.prod(chance[x] for x in stream) * win_rate_test(by_new_people(stream)).e_value
        for stream in itertools.product(OUTCOMES, repeat=4)
    )
    assert math.isclose(mean, expected) if expected else mean < 1


def test_a_persons_votes_may_all_be_the_same_and_the_e_value_is_still_one_on_average():
    taste = list(itertools.product((0, 1), repeat=6))  # six people, each of one mind in all of their five votes
    values = [
        win_rate_test([Vote(f"person {i}", likes) for i, likes in enumerate(minds) for _ in range(5)], block=5).e_value
        for minds in taste
    ]
    assert math.isclose(sum(values) / len(taste), 1)
    one_by_one = [math.exp(log_capital(count_grades(np.repeat(minds, 5) * 2, 3)[-1])) for minds in taste]
    assert sum(one_by_one) / len(taste) > 100  # counted one by one the same votes promise anything


@pytest.mark.parametrize("block", [1, 5])
def test_peeking_after_every_block_of_alike_votes_seldom_promotes_an_equal(block: int):
    rng = np.random.default_rng(block)
    likes = rng.beta(1, 1, size=(2000, 300, 1))  # each person's own win rate
    grades = 2 * (rng.random((2000, 300, block)) < likes).sum(axis=2)
    best = [log_capital(count_grades(part, 2 * block + 1)).max(axis=1) for part in np.split(grades, 20)]
    assert (np.concatenate(best) >= math.log(20)).mean() <= 0.05


# ---- what must hold for any votes -----------------------------------------------------------------------------------


@calmly
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_bounds_never_move_outwards_unless_the_blocks_contradict_themselves(grades):
    counts = count_grades(np.array(grades), 5)
    path = interval_path(counts, range(1, len(grades) + 1), 0.05)
    looks = [interval_path(row[None], [1], 0.05)[0] for row in counts]
    lowest, highest = 0.0, 1.0
    for (lower, upper), alone in zip(path, looks, strict=True):
        lowest, highest = max(lowest, alone[0]), min(highest, alone[1])
        expected = (lowest, highest) if lowest < highest else alone
        assert (lower, upper) == pytest.approx(expected, abs=1e-8)


def test_where_the_mean_has_moved_the_interval_is_that_of_the_last_look():
    evidence = win_rate_test(by_new_people([1] * 60 + [0] * 400))
    assert evidence.verdict == "worse"
    assert 0 < evidence.lower < evidence.win_rate < evidence.upper < 0.5


@calmly
@given(people, st.integers(1, 5))
def test_swapping_the_sides_swaps_the_verdict(votes, block):
    one = win_rate_test([Vote(a, x) for a, x in votes], block=block, futility=None)
    other = win_rate_test([Vote(a, 1 - x) for a, x in votes], block=block, futility=None)
    swapped = {"better": "worse", "worse": "better", "undecided": "undecided"}
    assert other.verdict == swapped[one.verdict]
    assert (other.e_value, other.e_value_worse) == pytest.approx((one.e_value_worse, one.e_value))
    assert (other.lower, other.upper) == pytest.approx((1 - one.upper, 1 - one.lower), abs=1e-8)
    assert other.win_rate == pytest.approx(1 - one.win_rate)


@calmly
@given(people, st.integers(1, 5), st.sampled_from(OUTCOMES))
def test_what_a_person_says_beyond_their_block_changes_nothing(votes, block, outcome):
    votes = [Vote(*vote) for vote in votes] + [Vote("eager", 1)] * block
    assert win_rate_test([*votes, *[Vote("eager", outcome)] * 20], block=block) == win_rate_test(votes, block=block)


@calmly
@given(people, st.sampled_from([None, 0.01, 0.2, 0.49]))
def test_giving_up_never_makes_better_more_likely(votes, futility):
    votes = [Vote(*vote) for vote in votes]
    one, other = win_rate_test(votes, futility=futility), win_rate_test(votes)
    decided = {"better", "worse"}
    assert one.verdict == other.verdict or not decided & {one.verdict, other.verdict}
    assert one.e_value == other.e_value and (one.lower, one.upper) == (other.lower, other.upper)


@calmly
@given(outcomes)
def test_the_verdict_is_what_the_interval_says(results):
    evidence = win_rate_test(by_new_people(results))
    said = "better" if evidence.lower >= 0.5 else "worse" if evidence.upper <= 0.5 else "undecided"
    said = "futile" if said == "undecided" and evidence.upper <= 0.55 else said
    assert evidence.verdict == said
    assert 0 <= evidence.lower < evidence.upper <= 1


# ---- scopes ---------------------------------------------------------------------------------------------------------


def test_a_block_enters_when_it_is_complete_and_not_before():
    votes = [Vote("slow", 1), Vote("quick", 0), Vote("quick", 0)]
    assert win_rate_test(votes, block=2).win_rate == 0
    assert win_rate_test([*votes, Vote("slow", 1)], block=2).win_rate == 0.5
    assert [point.win_rate for point in evidence_curve([*votes, Vote("slow", 1)], block=2)] == [0, 0.5]


def test_a_panels_block_is_one_vote_of_every_member_on_one_item():
    votes = [Vote("a", 1, "x"), Vote("b", 0, "y"), Vote("b", 0.5, "x"), Vote("a", 0, "x"), Vote("stranger", 0, "y")]
    evidence = win_rate_test(votes, scope="panel", panel=["a", "b"])
    assert (evidence.n_blocks, evidence.n_votes, evidence.n_annotators) == (1, 2, 2)
    assert evidence.win_rate == 0.75  # a's second vote on x does not count
    assert win_rate_test([*votes, Vote("a", 1, "y")], scope="panel", panel=["a", "b"]).n_blocks == 2


def test_an_owner_alone_can_decide_for_themselves_but_not_for_the_population():
    votes = by_one_person([1] * 7)
    alone = win_rate_test(votes, scope="panel")
    assert alone.verdict == "better" and alone == win_rate_test(votes, scope="panel", panel=["owner"])
    assert win_rate_test(votes).verdict == "undecided"
    assert win_rate_test(votes).n_votes == 1


def test_a_panel_of_several_is_never_guessed_from_who_has_turned_up():
    votes = [*by_one_person([1] * 7), Vote("guest", 0, "item 1")]
    with pytest.raises(InvalidStudy, match="2 people voted and no panel is named"):
        win_rate_test(votes, scope="panel")
    assert win_rate_test(votes, scope="panel", panel={"owner"}).verdict == "better"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scope": "everybody"}, "everybody"),
        ({"block": 0}, "0"),
        ({"block": 6}, "6"),
        ({"block": True}, "True"),
        ({"block": 2.0}, "2.0"),
        ({"block": 2, "scope": "panel"}, "2"),
        ({"scope": "panel", "panel": []}, "no members"),
        ({"scope": "panel", "panel": "owner"}, "owner"),
        ({"scope": "panel", "panel": [""]}, "name its members"),
        ({"panel": ["owner"]}, "scope is population"),
        ({"alpha": 0}, "Alpha 0"),
        ({"alpha": 1.0}, "Alpha 1.0"),
        ({"alpha": math.nan}, "Alpha nan"),
        ({"futility": -0.1}, "Futility -0.1"),
        ({"futility": 0.5}, "Futility 0.5"),
        ({"futility": "no"}, "Futility 'no'"),
    ],
)
def test_an_impossible_test_is_refused_with_the_value(options, said: str):
    with pytest.raises(InvalidStudy, match=said):
        win_rate_test([], **options)


@pytest.mark.parametrize("outcome", [2, -1, 0.7, True, False, "1", None, math.nan, [], 1j])
def test_an_outcome_that_is_none_is_refused_by_name(outcome):
    with pytest.raises(InvalidFeedback) as refused:
        Vote("a", outcome)
    assert repr(outcome) in str(refused.value)


@pytest.mark.parametrize("outcome", [1, 0, 0.5, 1.0, np.float64(0.5), np.int64(1)])
def test_an_outcome_may_be_any_number_that_means_it(outcome):
    assert Vote("a", outcome).outcome in OUTCOMES


def test_a_vote_has_an_annotator_and_in_a_panel_an_item():
    with pytest.raises(InvalidFeedback, match="annotator"):
        Vote("", 1)
    with pytest.raises(InvalidFeedback, match="names no item"):
        win_rate_test([Vote("owner", 1)], scope="panel")


def test_a_vote_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Vote("a", 1).outcome = 0  # type: ignore[misc]


# ---- what people read -----------------------------------------------------------------------------------------------


def test_the_sentence_names_the_scope_and_the_counts():
    undecided = win_rate_test([Vote(f"p{i}", x) for i in range(17) for x in (1, 0, 1, 0, 1)], block=5)
    assert undecided.sentence == (
        "Undecided after 85 votes from 17 people (population: each person's first 5 votes): "
        f"win rate 0.60, between {undecided.lower:.2f} and {undecided.upper:.2f}; "
        f"about {undecided.votes_needed} more votes, from {undecided.votes_needed // 5} new people, "
        "would settle a 60 % preference."
    )
    assert win_rate_test(by_new_people([1] * 7)).sentence == (
        "Better after 7 votes from 7 people (population: each person's first vote): "
        "win rate 1.00, between 0.54 and 1.00."
    )
    assert win_rate_test(by_one_person([0] * 7), scope="panel").sentence == (
        "Worse after 7 votes from 1 person (panel: 1 named person on 7 items): win rate 0.00, between 0.00 and 0.46."
    )
    futile = win_rate_test(by_new_people([0, 1] * 800)).sentence
    assert futile.startswith("Futile after 1,600 votes from 1,600 people (population")
    assert futile.endswith("a preference of 55 % or more is ruled out.")


def test_before_the_first_block_there_is_a_sentence_too():
    nothing = win_rate_test([], scope="panel", panel=["a", "b"])
    assert nothing.sentence.startswith("Undecided: no votes count yet (panel: 2 named people); about ")
    assert (nothing.win_rate, nothing.lower, nothing.upper, nothing.e_value) == (0.5, 0, 1, 1)
    assert win_rate_test([Vote("a", 1)], block=2).n_annotators == 0


def test_a_win_rate_that_has_left_its_interval_is_told_as_such():
    evidence = replace(win_rate_test(by_new_people([1] * 7)), win_rate=0.52)
    assert "win rate 0.52, though earlier votes place it between 0.54 and 1.00" in evidence.sentence


def test_the_votes_still_needed_are_about_what_a_true_sixty_percent_takes():
    rng = np.random.default_rng(7)
    grades = 2 * (rng.random((1000, 1500)) < 0.6)
    there = log_capital(count_grades(grades, 3)) >= math.log(20)
    took = there.argmax(axis=1) + 1
    assert there.any(axis=1).all()
    planned = blocks_needed(np.zeros(3), 0.05, 0.6)
    assert np.median(took) <= planned <= 1.15 * took.mean()
    assert win_rate_test([]).votes_needed == planned


def test_a_decided_test_needs_no_more_votes_and_agreement_within_blocks_needs_fewer():
    assert win_rate_test(by_new_people([1] * 7)).votes_needed == 0
    assert blocks_needed(np.array([0, 0, 20.0]), 0.05, 0.6) == 0
    coin = win_rate_test(by_new_people([0, 1] * 10)).votes_needed
    ties = win_rate_test(by_new_people([0, 0.5, 0.5, 1] * 5)).votes_needed
    assert ties < coin


# ---- the curve ------------------------------------------------------------------------------------------------------


@calmly
@given(people, st.integers(1, 3))
def test_every_point_of_the_curve_is_the_test_of_the_votes_up_to_it(votes, block):
    votes = [Vote(*vote) for vote in votes]
    curve = evidence_curve(votes, block=block)
    seen = {}
    for number in range(len(votes) + 1):
        evidence = win_rate_test(votes[:number], block=block)
        seen[evidence.n_votes] = (evidence.win_rate, evidence.lower, evidence.upper)
    seen.pop(0)
    assert [point.n_votes for point in curve] == sorted(seen)
    for number, *point in curve:
        assert point == pytest.approx(seen[number], abs=1e-8)


def test_a_long_curve_is_thinned_and_forgets_no_look():
    rng = np.random.default_rng(3)
    votes = by_one_person((rng.random(3000) < 0.5).astype(float).tolist())
    curve = evidence_curve(votes, scope="panel", panel=["owner"])
    evidence = win_rate_test(votes, scope="panel")
    assert len(curve) == 200 and curve[0].n_votes == 1
    assert curve[-1] == pytest.approx((3000, evidence.win_rate, evidence.lower, evidence.upper), abs=1e-8)
    assert all(a.lower <= b.lower and a.upper >= b.upper for a, b in itertools.pairwise(curve))


def test_no_votes_make_no_curve():
    assert evidence_curve([]) == []


# ---- a stream of tests ----------------------------------------------------------------------------------------------


def test_e_lond_spends_its_level_as_worked_out_by_hand():
    """α_t = α (1/√t − 1/√(t+1)) (D + 1): 0.05 · 0.29289 · 1, 0.05 · 0.12976 · 2, 0.05 · 0.07735 · 2, …"""
    stream = ELond(0.05)
    assert stream.level() == pytest.approx(0.0146447, abs=1e-7)
    assert stream.decide(68.3)  # 1/0.0146447 = 68.28
    assert stream.level() == pytest.approx(0.0129757, abs=1e-7)
    assert not stream.decide(77.0)  # 1/0.0129757 = 77.07
    assert stream.level() == pytest.approx(0.0077350, abs=1e-7)
    assert stream.decide(129.3)  # 1/0.0077350 = 129.28
    assert stream.level() == pytest.approx(0.05 * (0.5 - 1 / math.sqrt(5)) * 3)
    assert (stream.tests, stream.discoveries) == (3, 2)


def test_e_lond_never_spends_more_than_alpha_without_a_discovery():
    stream, spent = ELond(0.05), 0.0
    for _ in range(10_000):
        spent += stream.level()
        assert not stream.decide(1)
    assert 0.049 < spent < 0.05


def test_e_lond_holds_where_all_tests_are_one_and_the_same():
    """Fifty copies of one test of a true null, whose e-value is 1/q with probability q and else 0: the worst case."""
    for chance in np.linspace(0.0005, 0.05, 100):
        stream = ELond(0.05)
        ever = any([stream.decide(1 / chance) for _ in range(50)])
        assert chance * ever <= 0.05


@pytest.mark.parametrize("e_value", [-1, math.nan])
def test_an_impossible_e_value_is_refused(e_value: float):
    with pytest.raises(InvalidFeedback, match=str(e_value)):
        ELond().decide(e_value)


def test_an_impossible_alpha_of_a_stream_is_refused():
    with pytest.raises(InvalidStudy, match="Alpha 2"):
        ELond(2)
