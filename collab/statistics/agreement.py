"""Measures how far annotators agree: Krippendorff's alpha with an interval, and the answer that a majority gave.

Knows nothing of the store, of studies or of pages. Units (items) that show the same judgements are one pattern with a
multiplicity, so a million judgements cost as much as the few patterns that they form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collab.errors import InvalidFeedback

Array = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
Value = TypeVar("Value", bound=Hashable)

# Krippendorff, Content Analysis (2nd ed., 2004), section 11.4.2
_VERDICTS = ((0.8, "reliable"), (0.667, "good enough for tentative conclusions"))
_TOO_LOW = "too low to rest conclusions on single judgements"


@dataclass(frozen=True, slots=True)
class Agreement:
    """alpha: 1 where all agree, 0 as by chance, below where they disagree more; None where it cannot be said.

    lower, upper: a bootstrap interval over units. units: those with two or more judgements; pairs: of judgements
    in them. sentence: what it comes to, or why nothing can be said.
    """

    alpha: float | None
    lower: float | None
    upper: float | None
    units: int
    pairs: int
    level: Level
    sentence: str


def alpha(
    patterns: ArrayLike, multiplicity: ArrayLike, level: Level, *, values: Sequence[Any] | None = None,
    seed: int = 0, resamples: int = 500, confidence: float = 0.95,
) -> Agreement:  # fmt: skip
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's alpha-reliability").

    patterns: (P, V), how often each value occurs within a unit of that pattern; multiplicity: (P,), how many units show
    it; values: (V,), in order, ascending for ordinal; for interval their numbers (default 0..V-1). Units with fewer
    than two judgements do not count. The interval is a percentile bootstrap over units (Efron & Tibshirani 1993);
    resamples in which nothing varies are left out. Raises InvalidFeedback for shapes, counts or a level that cannot be.
    """
    counts, times = np.asarray(patterns, float), np.asarray(multiplicity, float)
    _check(counts, times, level, values)
    judged = counts.sum(axis=1)
    usable = (judged >= 2) & (times > 0)
    counts, times, judged = counts[usable], times[usable], judged[usable]
    units, pairs = int(times.sum()), int((times * judged * (judged - 1) / 2).sum())
    numbers = np.asarray(values, float) if values is not None and level == "interval" else np.arange(counts.shape[1])
    if units < 2:
        said = f"Too little to tell: {units or 'no'} item{'' if units == 1 else 's'} judged by two or more."
        return Agreement(None, None, None, units, pairs, level, said)
    value = _alpha(times, counts, numbers, level)
    if value is None:
        said = f"Nothing to tell: all {units} items judged by two or more got the same value throughout."
        return Agreement(None, None, None, units, pairs, level, said)
    rng = np.random.default_rng(seed)
    drawn = [_alpha(_resample(times, units, rng), counts, numbers, level) for _ in range(resamples)]
    tail = (1 - confidence) / 2
    lower, upper = np.quantile([each for each in drawn if each is not None] or [value], [tail, 1 - tail]).tolist()
    return Agreement(value, lower, upper, units, pairs, level, _sentence(value, lower, upper, units))


def count_patterns(
    units: Sequence[Sequence[Value | None]], values: Sequence[Value] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Value]]:
    """Fold raw judgements, the (hashable) values that each unit got, None where not judged, into what alpha takes.

    Returns patterns (P, V), multiplicity (P,) and the values (V,): as given, or those that occur, sorted.
    Raises InvalidFeedback for a value that is not among the given ones.
    """
    seen: Counter[frozenset[tuple[Value, int]]] = Counter()
    for unit, times in Counter(map(tuple, units)).items():  # as they stand first: few differ, and that is fast
        seen[frozenset(Counter(value for value in unit if value is not None).items())] += times
    occurring: set[Any] = {value for pattern in seen for value, _ in pattern}
    domain: list[Any] = sorted(occurring) if values is None else list(values)
    place = {value: at for at, value in enumerate(domain)}
    if unknown := occurring - place.keys():
        raise InvalidFeedback(f"Value {min(map(str, unknown))!r} is none of {', '.join(map(str, domain))}.")
    patterns = np.zeros((len(seen), len(domain)), np.int64)
    for row, pattern in enumerate(seen):
        for value, times in pattern:
            patterns[row, place[value]] = times
    return patterns, np.array(list(seen.values()), np.int64), domain


def majority(counts: Mapping[Value, int]) -> Value | None:
    """The value that more than half of the judgements of one item share; None where no value has that."""
    total = sum(counts.values())
    return next((value for value, votes in counts.items() if 2 * votes > total), None)


def _alpha(times: Array, counts: Array, numbers: Array, level: Level) -> float | None:
    """1 − observed ÷ expected disagreement of patterns (P, V) that occur so many times (P,); None without variation."""
    occurs = times @ counts  # (V,)
    total = occurs.sum()
    # the coincidence matrix (V, V) but for its diagonal, where no distance lies
    observed = (counts * (times / (counts.sum(axis=1) - 1))[:, None]).T @ counts
    at = np.cumsum(occurs) - occurs / 2 if level == "ordinal" else numbers
    distance = 1 - np.eye(len(at)) if level == "nominal" else (at[:, None] - at[None, :]) ** 2
    expected = occurs @ distance @ occurs / (total - 1)
    return float(1 - (observed * distance).sum() / expected) if expected > 0 else None


def _resample(times: Array, units: int, rng: np.random.Generator) -> Array:
    """How often each pattern occurs among as many units drawn with replacement, (P,)."""
    if units > 10 * len(times):
        return rng.multinomial(units, times / units).astype(float)
    kind = np.repeat(np.arange(len(times)), times.astype(np.int64))  # a draw per unit is quicker where few are alike
    return np.bincount(kind[rng.integers(units, size=units)], minlength=len(times)).astype(float)


def _sentence(value: float, lower: float, upper: float, units: int) -> str:
    threshold, verdict = next((each for each in _VERDICTS if value >= each[0]), (-np.inf, _TOO_LOW))
    verdict = f"{verdict} if more items bear it out" if lower < threshold else verdict
    low, high, point = (f"{edge:.2f}".replace("-", "−") for edge in (lower, upper, value))
    between = f"{low}–{high}" if lower >= 0 else f"{low} to {high}"
    return f"α {point} ({between}) over {units:,} items judged by two or more: {verdict} (Krippendorff 2004)."


def _check(counts: Array, times: Array, level: str, values: Sequence[Any] | None) -> None:
    if level not in get_args(Level):
        raise InvalidFeedback(f"Level {level!r} is none of {', '.join(get_args(Level))}.")
    if counts.ndim != 2 or times.shape != counts.shape[:1]:
        raise InvalidFeedback(
            f"Patterns {counts.shape} and multiplicities {times.shape} do not match: (P, V) and (P,)."
        )
    if values is not None and len(values) != counts.shape[1]:
        raise InvalidFeedback(f"{len(values)} values for {counts.shape[1]} columns of patterns: name each column once.")
    if level == "interval" and any(isinstance(value, str) for value in values or ()):
        raise InvalidFeedback(f"Values {', '.join(map(str, values or ()))} are no numbers: ask for nominal or ordinal.")
    for name, array in (("pattern", counts), ("multiplicity", times)):
        if ((array < 0) | (array != np.rint(array))).any():
            raise InvalidFeedback(f"A {name} holds whole numbers of judgements or units, none below zero.")
