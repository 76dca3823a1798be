"""Bets on the mean of numbers between 0 and 1: their capital, the interval they leave, and streams of such tests.

Knows nothing of votes. What is betted on comes in blocks. A block's value x is one of the levels 0, 1/(V−1), …, 1; it
is written as the level's index, its grade. All that the bets need is how often each grade came, so a stream of n blocks
is an array counts (n, V): row t holds how often each grade came among the first t + 1 blocks.

The capital against "the mean is at most m" is, with the bets c_j and the weights w_j that stand below,

    K_n(m) = Σ_j w_j Π_t (1 − c_j + c_j x_t / m)    which at m = ½ is    Σ_j w_j Π_t (1 + λ_j (x_t − ½)), λ_j = 2 c_j

It starts at 1, is never negative and, if each block's mean given the earlier ones is at most m, does not grow on
average. So it ever reaches 1/α with probability α at most (Ville 1939), however often and for whatever reason one
looks (Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024). Blocks need
not be alike, and what happens within a block does not matter. K_n(m) falls as m grows, so the means that are not
rejected are those above one bound, which bisection finds. The bound from above is the same on 1 − x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from collab.errors import InvalidFeedback, InvalidStudy

# (λ, weight). Any weights that sum to one are valid; these buy speed where studies of people live. A quarter at
# λ = 0.5 finds a 60 % preference, 1.6 and 1.8 near-unanimity; the small bets keep long tests narrowing.
_MIXTURE = (
    (0.02, 0.01), (0.05, 0.02), (0.1, 0.02), (0.2, 0.03), (0.3, 0.04), (0.4, 0.10),
    (0.5, 0.24), (0.6, 0.06), (0.8, 0.02), (1.2, 0.08), (1.6, 0.27), (1.8, 0.11),
)  # fmt: skip
BETS = np.array([bet for bet, _ in _MIXTURE]) / 2  # c_j, the share of the capital that is put on the next block
WEIGHTS = np.array([weight for _, weight in _MIXTURE])
_PRECISION = 1e-9  # of a bound
_PRIOR_BLOCKS = 4  # what the guess about the spread weighs against blocks seen
_PRIOR_CORRELATION = 0.2  # between the votes of one block, before blocks have been seen


def count_grades(grades: NDArray[np.integer], levels: int) -> NDArray[np.float64]:
    """How often each grade came so far. grades (..., n) in 0 … levels − 1 → counts (..., n, levels)."""
    return np.cumsum(grades[..., None] == np.arange(levels), axis=-2, dtype=np.float64)


def log_capital(counts: NDArray[np.float64], mean: float = 0.5) -> NDArray[np.float64]:
    """Natural logarithm of the capital against "the mean is at most `mean`". counts (..., V) → (...); mean in (0, 1).

    Against "the mean is at least `mean`": `log_capital(counts[..., ::-1], 1 - mean)`.
    """
    return _log_mix(counts @ _log_factors(counts.shape[-1], mean))


def interval_path(counts: NDArray[np.float64], ends: Sequence[int], alpha: float) -> list[tuple[float, float]]:
    """The interval for the mean after each of `ends` blocks (ascending, from 1), from every look up to then.

    counts: (n, V). Either end, ever, is on the wrong side of the mean with probability alpha at most; both together
    with 2·alpha at most. A bound never moves outwards. The exception says that the mean itself has moved: where no
    mean fits all looks, the interval is that of the last look alone. Costs O(n V J) and little more, J = 12 bets.
    """
    path, lower, lower_flipped, start = [], 0.0, 0.0, 0
    looks = counts[np.asarray(ends) - 1]
    alone, alone_flipped = _bounds_alone(looks, alpha).tolist(), _bounds_alone(looks[:, ::-1], alpha).tolist()
    for end, last, last_flipped in zip(ends, alone, alone_flipped, strict=True):
        rows = counts[start : end - 1]
        lower = _raise_bound(rows, alpha, max(lower, last))
        lower_flipped = _raise_bound(rows[:, ::-1], alpha, max(lower_flipped, last_flipped))
        path.append((lower, 1 - lower_flipped) if lower < 1 - lower_flipped else (last, 1 - last_flipped))
        start = end
    return path


def blocks_needed(counts: NDArray[np.float64], alpha: float, preference: float) -> int:
    """About how many more blocks bring the capital to 1/alpha if the mean is `preference` (above ½, up to 1).

    The number for a stream that runs as expected, which is near the mean of what it takes; half of all streams take a
    third less. counts: (V,), all blocks so far. Their spread is taken to stay as it was: ties, and averaging the votes
    of a block, make it smaller. 0 if the capital is there already.
    """
    levels = counts.shape[-1]
    size = (levels - 1) / 2
    guess = (1 + (size - 1) * _PRIOR_CORRELATION) / size
    squares = counts @ (2 * np.arange(levels) / (levels - 1) - 1) ** 2
    spread = (squares + _PRIOR_BLOCKS * guess) / (counts.sum() + _PRIOR_BLOCKS)  # 1: all 0 or 1; 0: all alike
    decided = preference * np.log1p(BETS) + (1 - preference) * np.log1p(-BETS)
    growth = spread * decided + (1 - spread) * np.log1p(BETS * (2 * preference - 1))
    logs = counts @ _log_factors(levels, 0.5)

    def reached(blocks: int) -> bool:
        return bool(_log_mix(logs + blocks * growth) >= -math.log(alpha))

    few, many = 0, 1
    while not reached(many):
        few, many = many, many * 2
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if reached(middle) else (middle, many)
    return 0 if reached(0) else many


def shares_of_many(number: int) -> float:
    """γ_t = 1/√t − 1/√(t + 1): falls slowly enough for tens of tests."""
    return 1 / math.sqrt(number) - 1 / math.sqrt(number + 1)


def shares_of_few(number: int) -> float:
    """γ_t = 1/t − 1/(t + 1): for streams of which most end soon. Half is the first test's, so that of 5 % it has 2.5 %.

    Then come 0.83, 0.42, 0.25 and 0.17 % without a discovery, 1.67, 1.25, 1 and 0.83 % where every test is one.
    """
    return 1 / number - 1 / (number + 1)


class ELond:
    """Decides a stream of tests, one after the other, with the false discovery rate at most alpha, however the tests
    depend on each other: e-LOND (Xu & Ramdas, "Online multiple testing with e-values", AISTATS 2024).

    Test t has the level α_t = α γ_t (D + 1), D being the discoveries before it, and is a discovery if its e-value
    reaches 1/α_t. shares: γ_t, at most 1 together over all t = 1, 2, …. A test's e-value is taken once, at a moment
    that its own votes decide; the level may decide it too where people (in scope panel: items) are new to each test.
    Raises InvalidStudy for an impossible alpha, InvalidFeedback for an e-value.
    """

    def __init__(self, alpha: float = 0.05, shares: Callable[[int], float] = shares_of_many) -> None:
        check_share("Alpha", alpha, 1)
        self.alpha = alpha
        self.shares = shares
        self.tests = 0
        self.discoveries = 0

    def level(self) -> float:
        """The level of the next test: its e-value must reach one over it."""
        return self.alpha * self.shares(self.tests + 1) * (self.discoveries + 1)

    def decide(self, e_value: float) -> bool:
        """Whether the next test of the stream is a discovery. It counts as done either way."""
        if not e_value >= 0:
            raise InvalidFeedback(f"E-value {e_value} is not possible: it is a number of at least 0.")
        discovery = bool(e_value >= 1 / self.level())
        self.count(discovery)
        return discovery

    def count(self, discovery: bool) -> None:
        """Count the next test, decided at its level elsewhere."""
        self.tests += 1
        self.discoveries += discovery


def check_share(what: str, value: object, below: float) -> None:
    """Raise InvalidStudy unless `value` is a number above 0 and below `below`; `what` begins the sentence."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < below:  # type: ignore[operator]
        raise InvalidStudy(f"{what} {repr(value)[:40]} is not possible: choose a number between 0 and {below:g}.")


def _log_factors(levels: int, mean: float) -> NDArray[np.float64]:
    """(V, J): what a block of each grade does to the logarithm of each bet's capital."""
    values = np.arange(levels) / (levels - 1)
    return np.log1p(BETS * (values[:, None] / mean - 1))


def _log_mix(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """log Σ_j w_j exp(logs_j) over the last axis, in place: the arrays of a simulation are large."""
    logs = logs + np.log(WEIGHTS)
    top = logs.max(axis=-1, keepdims=True)
    logs -= top
    return np.log(np.exp(logs, out=logs).sum(axis=-1)) + top[..., 0]


def _bounds_alone(counts: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """The highest mean that each row (n, V) rejects as an upper limit of the mean, 0 where it rejects none: (n,)."""
    low, high = np.zeros(len(counts)), np.ones(len(counts))
    values = np.arange(counts.shape[-1]) / (counts.shape[-1] - 1)
    while (high - low).max(initial=0) > _PRECISION:
        middle = (low + high) / 2  # at first ½: so a bound stands at ½ or above exactly when ½ is rejected
        factors = np.log1p(BETS * (values[:, None] / middle[:, None, None] - 1))  # (n, V, J)
        rejected = _log_mix(np.einsum("nv,nvj->nj", counts, factors)) >= -math.log(alpha)
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    return low


def _raise_bound(counts: NDArray[np.float64], alpha: float, bound: float) -> float:
    """The highest mean that any row (n, V) rejects as an upper limit of the mean, or `bound` where that is higher."""
    above = bound + _PRECISION if bound >= 0.5 else min(bound + _PRECISION, 0.5)
    rows = counts[log_capital(counts, above) >= -math.log(alpha)]
    return max(bound, float(_bounds_alone(rows, alpha).max(initial=0)))
