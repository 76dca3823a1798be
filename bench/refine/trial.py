"""A blind trial in memory: the very allocation, ranking and test of the studio, with votes from a function.

Uniform choice, then Double Thompson sampling find the leader of the candidates; the leader meets the champion on fresh
votes, tested after each by the same e-process that decides in the studio. Knows no model and no store.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Vote = Callable[[int, int, str, int], float]
"""(arm a, arm b, annotator, number of the vote) -> what a got: 1, ½ or 0."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """leader: the arm that met the champion (arm 0); votes: cast in all; verdict: on the fresh ones."""

    leader: int
    verdict: str
    votes: int


def hold(
    arms: int, vote: Vote, *, screening: int, confirming: int, block: int, seed: int, alone: bool = False
) -> Outcome:
    """Arm 0 is the champion. Each annotator votes `block` times on fresh items, then somebody else comes.

    alone: one person gives all votes, and the claim is about them (scope “panel”, block 1).
    """
    from collab.statistics.confidence import ELond, shares_of_few
    from collab.statistics.evidence import Vote as Counted
    from collab.statistics.evidence import win_rate_test

    level = ELond(0.05, shares_of_few).level()  # of a prompt's first trial

    rng, number = Random(seed), 0
    leader = 1 if arms == 2 else _screened(arms, vote, screening, rng, seed)
    number = 0 if arms == 2 else screening
    fresh: list[Counted] = []
    verdict = "undecided"
    for at in range(confirming):
        who = "me" if alone else f"fresh {at // block}"
        fresh.append(Counted(who, vote(leader, 0, who, number), f"item {at}"))
        number += 1
        if (at + 1) % block == 0:
            claim = {"scope": "panel", "panel": ["me"]} if alone else {"scope": "population", "block": block}
            verdict = win_rate_test(fresh, alpha=level, **claim).verdict  # type: ignore[arg-type]
            if verdict != "undecided":
                break
    return Outcome(leader, verdict, number)


def _screened(arms: int, vote: Vote, votes: int, rng: Random, seed: int) -> int:
    """The candidate that stands highest after so many votes."""
    from collab.statistics.double_thompson import best_arm_probabilities
    from collab.statistics.pair_counts import from_votes

    pairs = list(itertools.combinations(range(arms), 2))
    names = [str(arm) for arm in range(arms)]
    first: list[int] = []
    second: list[int] = []
    won: list[float] = []
    chances = [1 / len(pairs)] * len(pairs)
    for number in range(votes):
        if number % 5 == 0 and number:
            counts = from_votes(first, second, won, names)
            chances = list(best_arm_probabilities(counts, pairs, seed=seed, draws=200))
        a, b = rng.choices(pairs, chances)[0]
        first.append(a)
        second.append(b)
        won.append(vote(a, b, f"screening {number // 5}", number))
    points = [0.5] * arms  # shrunk: one imaginary tie each
    met = [1.0] * arms
    for a, b, got in zip(first, second, won, strict=True):
        points[a] += got
        points[b] += 1 - got
        met[a] += 1
        met[b] += 1
    return max(range(1, arms), key=lambda arm: points[arm] / met[arm])
