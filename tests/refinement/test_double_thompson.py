"""Double Thompson sampling: uniform at first, then votes go to the arms that may be best; every pair stays possible."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from collab.errors import InvalidStudy
from collab.identity import Visitor
from collab.statistics.double_thompson import best_arm_probabilities
from collab.statistics.pair_counts import from_votes
from collab.studies import assignment
from collab.studies.pairs import chances_of_pairs
from collab.studies.spec import check_spec, read_spec
from collab.types import Task
from collab.workspace import Workspace
from tests.studies.people import TWO_ARMS, answers_all, filled_study, people, prefers

ARMS = [{"name": name, "prompt": f"{name} {{thing}}"} for name in ("one", "two", "three")]
STRENGTH = np.array([0.0, 0.2, 0.4, 0.6, 1.6])  # in logits: the last one beats each of the others


def pairs_of(arms: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(arms), 2))


def wins(table: list[list[int]]) -> Any:
    """Counts from a table of how often i won against j."""
    cells = [(i, j, n) for i, row in enumerate(table) for j, n in enumerate(row) if n]
    first, second, count = zip(*cells, strict=True)
    return from_votes(first, second, [1.0] * len(cells), [f"arm {n}" for n in range(len(table))], count=count)


def simulate(rng: np.random.Generator, votes: int, *, adapt: bool) -> np.ndarray:
    """(m, m): how often i won against j among so many votes of people who know the strengths."""
    pairs, won = pairs_of(len(STRENGTH)), np.zeros((len(STRENGTH),) * 2, int)
    chances = np.full(len(pairs), 1 / len(pairs))
    for vote in range(votes):
        if adapt and vote and vote % 5 == 0:
            chances = best_arm_probabilities(wins(won.tolist()), pairs, seed=vote, draws=200)
        one, two = pairs[rng.choice(len(pairs), p=chances)]
        better = rng.random() < 1 / (1 + np.exp(STRENGTH[two] - STRENGTH[one]))
        won[(one, two) if better else (two, one)] += 1
    return won


def test_it_is_uniform_until_every_arm_has_votes_enough():
    pairs = pairs_of(3)
    few = wins([[0, 9, 0], [0, 0, 0], [0, 1, 0]])  # the third arm has one vote
    assert best_arm_probabilities(few, pairs, seed=1) == pytest.approx([1 / 3] * 3)
    enough = wins([[0, 9, 9], [1, 0, 5], [1, 5, 0]])
    assert len(set(best_arm_probabilities(enough, pairs, seed=1).round(3))) > 1


@pytest.mark.parametrize("arms", [2, 3, 5, 8])
def test_probabilities_are_positive_and_sum_to_one(arms: int):
    rng = np.random.default_rng(arms)
    table = np.triu(rng.integers(0, 30, (arms, arms)), 1) + np.tril(rng.integers(0, 30, (arms, arms)), -1)
    pairs = pairs_of(arms)
    chances = best_arm_probabilities(wins(table.tolist()), pairs, seed=3, floor=0.1)
    assert chances.sum() == pytest.approx(1) and chances.min() >= 0.1 / len(pairs) - 1e-12


def test_the_same_votes_and_seed_give_the_same_probabilities():
    counts = wins([[0, 9, 9], [3, 0, 5], [4, 5, 0]])
    first, again = (best_arm_probabilities(counts, pairs_of(3), seed=5) for _ in range(2))
    assert (first == again).all()


def test_votes_go_to_the_arms_that_may_be_best():
    table = [[0, 2, 1, 1], [30, 0, 2, 1], [30, 30, 0, 16], [30, 30, 17, 0]]  # the last two are far ahead, and alike
    chances = dict(zip(pairs_of(4), best_arm_probabilities(wins(table), pairs_of(4), seed=1), strict=True))
    assert chances[2, 3] > 0.85


def test_only_pairs_that_are_there_are_chosen_among():
    counts = wins([[0, 9, 9], [1, 0, 5], [1, 5, 0]])
    assert best_arm_probabilities(counts, [(1, 2)], seed=1) == pytest.approx([1])
    with pytest.raises(InvalidStudy, match="No pair"):
        best_arm_probabilities(counts, [], seed=1)
    with pytest.raises(InvalidStudy, match="floor"):
        best_arm_probabilities(counts, [(1, 2)], seed=1, floor=0)


def test_it_finds_the_best_arm_with_fewer_votes_on_bad_ones_than_uniform_choice():
    def on_bad(won: np.ndarray) -> int:  # votes that a worst arm takes part in
        return int((won + won.T)[:2].sum())

    bad: dict[bool, list[int]] = {True: [], False: []}
    found: dict[bool, list[bool]] = {True: [], False: []}
    for adapt in (True, False):
        for seed in range(6):
            won = simulate(np.random.default_rng(seed), 200, adapt=adapt)
            bad[adapt].append(on_bad(won))
            rate = won.sum(axis=1) / (won + won.T).sum(axis=1)
            found[adapt].append(int(rate.argmax()) == len(STRENGTH) - 1)
    assert sum(found[True]) >= 5
    assert max(bad[True]) < min(bad[False]) and np.mean(bad[True]) < 0.8 * np.mean(bad[False])


def test_a_study_can_ask_for_it(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(8)]
    study = filled_study(ws, owner, arms=ARMS, cases=cases, adaptive=True, allocation="thompson", overlap=2)
    for person, votes in zip(people(2), (20, 8), strict=True):
        assignment._pair_chances.forget()
        answers_all(ws, person, study, prefers(2), at_most=votes)
    with ws.store.reading() as connection:
        chances = chances_of_pairs(ws, study, connection)
    assert sum(chances.values()) == pytest.approx(1) and chances["0:1"] < min(chances["0:2"], chances["1:2"])
    tasks = [task for task in ws.store.find(Task, study_id=study.id) if task.status == "answered"]
    assert all(0 < task.propensity <= 1 and task.weight > 0 for task in tasks)
    assert len({round(task.propensity, 4) for task in tasks}) > 2


def test_the_allocation_is_checked_and_older_studies_have_the_usual_one(ws: Workspace, owner: Visitor):
    for wrong, words in (({"allocation": "luck"}, "widths or thompson"), ({"allocation": "thompson"}, "adaptive")):
        with pytest.raises(InvalidStudy, match=words):
            check_spec({**TWO_ARMS, **wrong})
    stored = check_spec({**TWO_ARMS, "adaptive": True}).spec.as_json()
    del stored["allocation"]
    assert read_spec(stored).allocation == "widths"
