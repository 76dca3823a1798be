"""Votes between pairs of arms, added up: what they say without a model, and which pair to ask about next.

Knows nothing of the store, of studies or of pages: arms are indices 0..m-1 with a name, votes are arrays. A tie (and a
"both bad") counts as half a win for each side; a vote of an arm against itself says nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collab.errors import InvalidFeedback, InvalidStudy

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PairCounts:
    """Votes added up, one row for each (first, second, outcome, cluster) that occurs; all arrays are (n,).

    first < second are arms; outcome is the first's: 1 won, ½ tie, 0 lost; count is votes, weight Σw and weight_squared
    Σw² over them; cluster is 0..c-1 (whose votes may depend on each other), or None where all votes are independent.
    """

    names: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    outcome: Array
    count: Array
    weight: Array
    weight_squared: Array
    cluster: NDArray[np.int64] | None = None

    @property
    def arms(self) -> int:
        return len(self.names)

    def added_up(self, rows: Array, *, ordered: bool = False) -> Array:
        """Values of the rows (n,) added up per pair, (m, m): symmetric, or of (first, second) alone if ordered."""
        size = self.arms
        square = np.asarray(np.bincount(self.first * size + self.second, rows, size * size), float).reshape(size, size)
        return square if ordered else square + square.T

    def wins(self, *, weighted: bool = True) -> Array:
        """(m, m): how often i won against j, ties half. Weights are brought to a mean of one a vote."""
        size = self.weight * (self.count.sum() / self.weight.sum()) if weighted and len(self.weight) else self.count
        won = self.added_up(size * self.outcome, ordered=True)
        return won + self.added_up(size * (1 - self.outcome), ordered=True).T

    def only(self, arms: Sequence[int]) -> PairCounts:
        """The votes among some of the arms, numbered anew in the order given."""
        place = np.full(self.arms, -1)
        place[list(arms)] = range(len(arms))
        rows = (place[self.first] >= 0) & (place[self.second] >= 0)
        return from_votes(
            place[self.first[rows]], place[self.second[rows]], self.outcome[rows], [self.names[arm] for arm in arms],
            count=self.count[rows], weight=self.weight[rows], weight_squared=self.weight_squared[rows],
            cluster=None if self.cluster is None else self.cluster[rows],
        )  # fmt: skip


def from_votes(
    first: ArrayLike, second: ArrayLike, outcome: ArrayLike, names: Sequence[str], *, count: ArrayLike | None = None,
    weight: ArrayLike | None = None, weight_squared: ArrayLike | None = None, cluster: ArrayLike | None = None,
) -> PairCounts:  # fmt: skip
    """Add votes up. All arrays are (n,): either one row a vote, or rows added up before (then with count).

    first, second: indices into names; outcome: the first's, 1, ½ or 0; weight: Σw of the row's votes, inverse
    propensities for votes on pairs chosen adaptively (default: count); weight_squared: Σw² (default: weight² ÷ count,
    exact for single votes and for equal weights); cluster: the annotator, any integers or text.
    Raises InvalidFeedback for an outcome, arm, count or weight that cannot be.
    """
    one, two = np.asarray(first, np.int64), np.asarray(second, np.int64)
    won = np.asarray(outcome, float)
    votes = np.ones(len(won)) if count is None else np.asarray(count, float)
    mass = votes if weight is None else np.asarray(weight, float)
    squared = mass**2 / np.maximum(votes, 1) if weight_squared is None else np.asarray(weight_squared, float)
    arms = len(names)
    for wrong, sentence in (
        (~np.isin(won, (0.0, 0.5, 1.0)), "is no outcome: 1 for the first, 0.5 for a tie, 0 for the second"),
        ((np.minimum(one, two) < 0) | (np.maximum(one, two) >= arms), f"names an arm outside 0–{arms - 1}"),
        (~((votes >= 1) & (votes == np.rint(votes))), "has no whole number of votes"),
        (~((mass > 0) & (squared > 0) & np.isfinite(mass) & np.isfinite(squared)), "needs weights above zero"),
    ):
        if wrong.any():
            at = int(wrong.argmax())
            said = f"({one[at]}, {two[at]}, outcome {won[at]:g}, votes {votes[at]:g}, weight {mass[at]:g})"
            raise InvalidFeedback(f"Vote row {at} {said} {sentence}.")
    low, high = np.minimum(one, two), np.maximum(one, two)
    cell = (low * arms + high) * 3 + np.rint(2 * np.where(one <= two, won, 1 - won)).astype(np.int64)
    cells = 3 * arms * arms
    if cluster is not None:
        group = np.asarray(cluster)
        if group.dtype.kind not in "iu":
            place: dict[Any, int] = {}  # quicker than sorting text
            group = np.array([place.setdefault(each, len(place)) for each in group.tolist()], np.int64)
        _, group = np.unique(group, return_inverse=True)
        keys, cell = np.unique(cell + cells * group, return_inverse=True)  # the cells that occur, of all c × 3m²
    else:
        keys = np.arange(cells)
    sums = [np.bincount(cell, values, len(keys)) for values in (votes, mass, squared)]
    pair = keys % cells // 3
    kept = (sums[0] > 0) & (pair // max(arms, 1) != pair % max(arms, 1))
    keys, pair = keys[kept], pair[kept]
    clusters = None if cluster is None else np.unique(keys // cells, return_inverse=True)[1]
    votes, mass, squared = (values[kept] for values in sums)
    return PairCounts(tuple(names), pair // arms, pair % arms, (keys % 3) / 2, votes, mass, squared, clusters)


def components(counts: PairCounts) -> list[tuple[int, ...]]:
    """Groups of arms that votes connect, directly or through others; the largest first."""
    compared = counts.added_up(counts.count) > 0
    return sorted(groups_of(compared, "weak"), key=lambda group: (-len(group), group))


def groups_of(edges: NDArray[np.bool_], connection: Literal["weak", "strong"]) -> list[tuple[int, ...]]:
    """Groups of arms that the edges (m, m) connect, in either direction (weak) or in both (strong)."""
    from scipy.sparse.csgraph import connected_components

    number, label = connected_components(edges, directed=True, connection=connection)
    return [tuple(np.flatnonzero(label == each).tolist()) for each in range(number)]


def win_matrix(counts: PairCounts) -> tuple[Array, NDArray[np.int64]]:
    """(share of the votes between i and j that i won, ties half, NaN where there are none; number of votes), (m, m)."""
    won = counts.wins(weighted=False)
    votes = won + won.T
    share = np.full_like(won, np.nan)
    np.divide(won, votes, out=share, where=votes > 0)
    return share, np.rint(votes).astype(np.int64)


def pair_probabilities(counts: PairCounts, pairs: ArrayLike, *, floor: float = 0.2, least: int = 10) -> Array:
    """Probabilities (k,) of asking next about each of the available pairs (k, 2); all above zero, their sum one.

    By how much one more vote is expected to narrow the interval of the pair's win rate, √(σ²/n) − √(σ²/(n+1)), as the
    Chatbot Arena samples (Chiang et al. 2024, section 5), where σ² counts one won and one lost vote more than there are
    so that it is never zero; mixed with a share `floor` of uniform choice, and wholly uniform until every available
    pair has `least` votes. A vote's weight in from_votes is then 1/k ÷ the probability with which its pair was chosen:
    1 where the choice was uniform, so that strengths are those that uniform choice would have led to.
    Raises InvalidStudy where no pair is available or the floor is outside 0–1.
    """
    chosen = np.asarray(pairs, np.int64).reshape(-1, 2)
    if not len(chosen):
        raise InvalidStudy("No pair is available to choose from: add items, or close the study.")
    if not 0 < floor <= 1:
        raise InvalidStudy(f"A floor of {floor} is outside 0–1: some uniform choice keeps every pair possible.")
    if (chosen[:, 0] == chosen[:, 1]).any() or chosen.min() < 0 or chosen.max() >= counts.arms:
        raise InvalidStudy(f"A pair takes two different arms of 0–{counts.arms - 1}.")
    uniform = np.full(len(chosen), 1 / len(chosen))
    at = (chosen[:, 0], chosen[:, 1])
    won, votes = counts.wins(weighted=False)[at], counts.added_up(counts.count)[at]
    if votes.min() < max(least, 1):
        return uniform
    tied = counts.added_up(counts.count * (counts.outcome == 0.5))[at]
    mean, square = (won + 1) / (votes + 2), (won - tied / 4 + 1) / (votes + 2)  # ½ squared is ¼
    deviation = np.sqrt(square - mean**2)
    narrowing = deviation * (1 / np.sqrt(votes) - 1 / np.sqrt(votes + 1))
    return floor * uniform + (1 - floor) * narrowing / narrowing.sum()
