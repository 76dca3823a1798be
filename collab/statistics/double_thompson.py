"""Which pair of arms to ask about next when only the best is sought: uniformly at random, then by Double Thompson
sampling. Knows no study.

The beginning is a random draw and no round-robin, though that would spread the first votes more evenly. A strict turn
gives all pairs but one a propensity of 0, and by such votes nothing can be weighted. One softened with a share of
uniform choice keeps them positive, but the votes then weigh so unequally that 45 to 120 of them on 3 to 8 arms tell as
much as two thirds would (share ½; Kish's effective number, simulated) or as a quarter (share 0.1). And people who come
at the same moment would all be given the one pair whose turn it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collab.errors import InvalidStudy
from collab.statistics.pair_counts import Array, PairCounts

EXPLORATION = 0.51  # α of the paper's bounds: above ½, as its theorems and its experiments have it


def best_arm_probabilities(
    counts: PairCounts, pairs: ArrayLike, *, seed: int, floor: float = 0.1, least: int = 10, draws: int = 2_000
) -> Array:
    """Probabilities (k,) of asking next about each of the pairs (k, 2); all above zero, their sum one.

    How often Double Thompson sampling (Wu & Liu 2016, algorithm 1) chooses each pair in so many seeded draws, mixed
    with a share `floor` of uniform choice so that every vote has a propensity; until every arm of the pairs has `least`
    votes each pair is as likely as any other. Of the paper's second step the case that an arm meets itself is left out:
    nobody can be asked that, so the second arm is the best of the others. Ties are half a win for each.
    Raises InvalidStudy where no pair is available or the floor is outside 0–1.
    """
    asked = np.asarray(pairs, np.int64).reshape(-1, 2)
    if not len(asked):
        raise InvalidStudy("No pair is available to choose from: add items, or close the study.")
    if not 0 < floor <= 1:
        raise InvalidStudy(f"A floor of {floor} is outside 0–1: some uniform choice keeps every pair possible.")
    uniform = np.full(len(asked), 1 / len(asked))
    won = counts.wins(weighted=False)
    if (won + won.T).sum(axis=1)[np.unique(asked)].min() < least:
        return uniform
    chosen = _choices(won, np.random.default_rng([seed, int(counts.count.sum())]), draws)
    often = np.bincount(chosen.min(axis=1) * counts.arms + chosen.max(axis=1), minlength=counts.arms**2)
    share = often[asked.min(axis=1) * counts.arms + asked.max(axis=1)].astype(float)
    return floor * uniform + (1 - floor) * (share / share.sum() if share.any() else uniform)


def _choices(won: Array, rng: np.random.Generator, draws: int) -> NDArray[np.int64]:
    """(draws, 2): the two different arms that each draw would compare. won: (m, m), how often i won against j."""
    arms, votes = len(won), won + won.T
    mean, radius = np.ones_like(won), np.ones_like(won)  # where nothing was seen: x/0 = 1, as the paper says
    np.divide(won, votes, out=mean, where=votes > 0)
    np.divide(EXPLORATION * np.log(max(votes.sum() / 2, 1.0)), votes, out=radius, where=votes > 0)
    upper, lower = mean + np.sqrt(radius), mean - np.sqrt(radius)
    off = ~np.eye(arms, dtype=bool)
    possible = ((upper > 0.5) & off).sum(axis=1)  # how many others it may yet beat
    above = np.triu(rng.beta(won + 1, won.T + 1, (draws, arms, arms)), 1)
    sampled = above + np.tril(1 - np.swapaxes(above, 1, 2), -1)
    beaten = ((sampled > 0.5) & off).sum(axis=2) + rng.random((draws, arms))  # ties are broken by chance
    beaten[:, possible < possible.max()] = -1
    first = beaten.argmax(axis=1)
    against = rng.beta(won[:, first].T + 1, won[first] + 1)  # (draws, m): how the others may do against the first
    against[lower[:, first].T > 0.5] -= 1  # no longer uncertain: only where nobody else is left
    against[np.arange(draws), first] = -2
    return np.stack([first, against.argmax(axis=1)], axis=1)
