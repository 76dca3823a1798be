"""Ranks arms from pairwise votes: Bradley–Terry strengths with honest intervals, rank ranges, votes that would flip it.

Knows nothing of the store, of studies or of pages; `pair_counts` adds the votes up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collab.errors import InvalidFeedback
from collab.statistics.pair_counts import (
    Array,
    PairCounts,
    components,
    from_votes,
    pair_probabilities,
    win_matrix,
)
from collab.statistics.pair_likelihood import Fit, fit_logits, laplacian, variances_of_differences

__all__ = [
    "Flip", "PairCounts", "Strengths", "bradley_terry", "components", "from_votes", "pair_probabilities",
    "rank_ranges", "votes_to_flip", "win_matrix",
]  # fmt: skip

POINTS_PER_LOGIT = 400 / np.log(10)  # Elo's scale: 400 points are ten to one
MEAN_POINTS = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Strengths:
    """Bradley–Terry strengths in Elo-like points, centred so that the arms' mean is 1000. Arrays are (m,) or (m, m).

    lower and upper bound a strength relative to that mean; difference_error is the standard error of strength i − j.
    Where several variances apply (see bradley_terry), error and difference_error are the largest, covariance the last.
    degrees: of Student's t, by the effective number of clusters, infinite for independent votes. separable: the data
    put no bound on some distance (problems says between which arms), so the estimate is a bias-reduced one.
    """

    names: tuple[str, ...]
    strength: Array
    lower: Array
    upper: Array
    error: Array
    difference_error: Array
    covariance: Array
    votes: NDArray[np.int64]
    win_rate: Array  # share of an arm's votes that it won, ties half
    degrees: float
    separable: bool
    problems: tuple[str, ...]


def bradley_terry(counts: PairCounts, *, level: float = 0.95) -> Strengths:
    """Bradley–Terry strengths by maximum likelihood (Bradley & Terry 1952; Newton's method), with sandwich intervals.

    P(i beats j) = 1 / (1 + 10^((s_j − s_i)/400)). The variance is Huber's and White's (White 1982), so it holds where
    the model does not and under weights; with clusters it is robust to their correlation (Liang & Zeger 1986) times
    c/(c−1), never below the one for independent votes, and used with Student's t at c* − 1 degrees, c* the effective
    number of clusters (Kish 1965). With few annotators such intervals are wide: they speak for all annotators that
    could have been asked; pass no clusters to speak of these annotators alone.

    Where the votes between two groups of arms all went one way no finite maximum exists (Ford 1957): the estimate is
    then Firth's bias-reduced one (1993), the variance no less than the inverse information, and `separable` is set.
    Raises InvalidFeedback with fewer than two arms, and where votes do not connect all arms.
    """
    from scipy.special import expit, stdtrit

    _check_connected(counts)
    fit = fit_logits(counts.wins())
    logit, bread = fit.logit, fit.inverse
    scale = counts.count.sum() / counts.weight.sum()
    residual = counts.outcome - expit(logit[counts.first] - logit[counts.second])
    spread = counts.added_up(counts.weight_squared * scale**2 * residual**2)
    covariances = [bread @ laplacian(spread) @ bread]
    problems, degrees = [], np.inf
    if counts.cluster is not None:
        meat, effective, number = _clustered(counts, counts.weight * scale * residual)
        if number > 1:
            covariances.append(bread @ meat @ bread * (number / (number - 1)))
            degrees = max(1.0, effective - 1)
        else:
            problems.append("All votes are one annotator's: the intervals speak for that annotator alone.")
    if len(fit.sides) > 1:
        covariances.append(bread)  # where nothing was lost, residuals vanish and the sandwich would promise too much
        sides = sorted(fit.sides, key=lambda side: -logit[list(side)].mean())
        shown = " | ".join(", ".join(counts.names[arm] for arm in side) for side in sides)
        problems.append(
            f"Every vote between these groups went one way, so how far they lie apart has no upper bound yet and the "
            f"estimates are bias-reduced: {shown}."
        )
    covariances = [each * POINTS_PER_LOGIT**2 for each in covariances]
    variance = np.max([np.diag(each) for each in covariances], axis=0)
    apart = np.max([variances_of_differences(each) for each in covariances], axis=0)
    error, strength = np.sqrt(variance), MEAN_POINTS + POINTS_PER_LOGIT * logit
    half = error * stdtrit(degrees, (1 + level) / 2)
    won = counts.wins(weighted=False)
    votes = (won + won.T).sum(axis=1)
    return Strengths(
        counts.names, strength, strength - half, strength + half, error, np.sqrt(apart),
        covariances[-1], np.rint(votes).astype(np.int64), won.sum(axis=1) / votes, degrees, len(fit.sides) > 1,
        tuple(problems),
    )  # fmt: skip


def rank_ranges(strengths: Strengths, *, level: float = 0.95) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ranks that each arm may hold, best 1: (lowest number, highest number), both (m,).

    One arm stands above another only if their intervals do not overlap and the interval of their difference, at a level
    corrected for an arm's m − 1 comparisons (Bonferroni), lies above zero. So each arm's range covers its true rank
    with at least the level (Mogstad, Romano, Shaikh & Wilhelm 2024), and no order is read into overlapping intervals.
    """
    from scipy.special import stdtrit

    arms = len(strengths.names)
    half = strengths.difference_error * stdtrit(strengths.degrees, 1 - (1 - level) / 2 / (arms - 1))
    above = strengths.strength[:, None] - strengths.strength[None, :] > half
    above &= strengths.lower[:, None] > strengths.upper[None, :]
    return 1 + above.sum(axis=0), arms - above.sum(axis=1)


@dataclass(frozen=True, slots=True)
class Flip:
    """So many of all votes, changed, put another arm on top. With three arms or more, fewer are not ruled out."""

    votes: int
    of_votes: int
    leader: str
    runner_up: str


def votes_to_flip(counts: PairCounts, *, targets: int = 3) -> Flip | None:
    """How many votes would have to change for another arm to overtake the leader; None if no change can.

    Votes are taken in the order of their influence on the distance between the leader and the arm that overtakes (its
    derivative by one vote: Broderick, Giordano & Meager 2020; for Bradley–Terry Huang et al. 2025), for the arms that
    this promises to be quickest, and the number is verified by refitting. With two arms it is exact.
    Raises InvalidFeedback as bradley_terry does.
    """
    _check_connected(counts)
    cells = from_votes(
        counts.first, counts.second, counts.outcome, counts.names,
        count=counts.count, weight=counts.weight, weight_squared=counts.weight_squared,
    )  # fmt: skip
    fit = fit_logits(cells.wins())
    leader = int(fit.logit.argmax())
    others = [arm for arm in range(cells.arms) if arm != leader]
    others.sort(key=lambda arm: _most_influential(cells, fit, fit, leader, arm)[2])
    best: tuple[int, int] | None = None
    for target in others[:targets]:
        at = fit
        for _ in range(3):  # influences change on the way: once more from where the last answer led
            found = _fewest(cells, fit, leader, *_most_influential(cells, fit, at, leader, target))
            if found is None or (best is not None and found[0] >= best[0]):
                break
            best, at = found[:2], found[2]
    if best is None:
        return None
    return Flip(best[0], int(cells.count.sum()), cells.names[leader], cells.names[best[1]])


def _clustered(counts: PairCounts, score: Array) -> tuple[Array, float, int]:
    """Σ over clusters of the outer product of their summed scores (m, m); their effective and their plain number."""
    from scipy.sparse import csr_matrix

    cluster: Any = counts.cluster
    at = (np.concatenate([cluster, cluster]), np.concatenate([counts.first, counts.second]))
    summed: Any = csr_matrix((np.concatenate([score, -score]), at), shape=(cluster.max() + 1, counts.arms))
    share = np.bincount(cluster, counts.weight)
    return (summed.T @ summed).toarray(), float(share.sum() ** 2 / (share**2).sum()), len(share)


def _check_connected(counts: PairCounts) -> None:
    if counts.arms < 2:
        raise InvalidFeedback(f"A ranking takes two arms or more; there {'is one' if counts.arms else 'are none'}.")
    most, *rest = components(counts)
    if rest:
        alone = ", ".join(counts.names[arm] for group in rest for arm in group)
        others = ", ".join(counts.names[arm] for arm in most)
        raise InvalidFeedback(
            f"No vote connects {alone} with {others}: collect votes between them, or rank each group alone."
        )


# ---- flipping the leader --------------------------------------------------------------------------------------------


def _most_influential(
    cells: PairCounts, fit: Fit, at: Fit, leader: int, target: int
) -> tuple[NDArray[np.int64], Array, int]:
    """Rows of votes that pull the leader towards the target when changed, the strongest pull first; what each row's
    votes become; and how many it would take if the pull `at` that fit stayed the same all the way."""
    towards = at.inverse[leader] - at.inverse[target]
    pull = towards[cells.first] - towards[cells.second]
    become = (pull < 0).astype(float)
    gain = _weight_each(cells) * (cells.outcome - become) * pull
    order = np.argsort(-gain, kind="stable")
    order = order[gain[order] > 0]
    taken = np.concatenate([[0.0], np.cumsum(cells.count[order])])
    reached = np.concatenate([[0.0], np.cumsum(cells.count[order] * gain[order])])
    return order, become, int(np.ceil(np.interp(fit.logit[leader] - fit.logit[target], reached, taken)))


def _weight_each(cells: PairCounts) -> Array:
    return cells.weight / cells.count * (cells.count.sum() / cells.weight.sum())


def _fewest(
    cells: PairCounts, fit: Fit, leader: int, order: NDArray[np.int64], become: Array, guess: int
) -> tuple[int, int, Fit] | None:
    """The least number of changes in this order after which another arm leads, that arm, and the fit there."""
    each, count, before = _weight_each(cells), cells.count[order], np.cumsum(cells.count[order]) - cells.count[order]
    outcomes, changed = np.stack([cells.outcome, 1 - cells.outcome]), np.stack([become, 1 - become])

    def overtaken(number: int) -> tuple[int, int, Fit] | None:
        taken = np.zeros(len(each))
        taken[order] = np.clip(number - before, 0, count)
        won, lost = each * ((cells.count - taken) * outcomes + taken * changed)
        again = fit_logits(cells.added_up(won, ordered=True) + cells.added_up(lost, ordered=True).T, fit.logit)
        first = int(again.logit.argmax())
        return (number, first, again) if again.logit[first] - again.logit[leader] > 1e-9 else None

    total, step = int(count.sum()), 1
    low, high = 0, min(max(guess, 1), total)  # low does not suffice; the guess is mostly right to a vote or two
    found = overtaken(high) if total else None
    while found is None and high < total:
        low, high, step = high, min(high + step, total), step * 2
        found = overtaken(high)
    while found is not None and high - low > 1:
        middle = max((low + high) // 2, high - step)
        step *= 2
        if (less := overtaken(middle)) is None:
            low = middle
        else:
            found, high = less, middle
    return found
