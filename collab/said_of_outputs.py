"""What one act of feedback says of the outputs it names: which they are, who was preferred, how much one is liked.

Everything that learns from feedback (refinement, datasets) reads acts through these. Knows neither store nor prompts.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import fmean

from collab.types import Act, Edit, Preference, Ranking, Rating


def named_in(act: Act) -> tuple[str, ...]:
    """The ids of the outputs that an act is about."""
    match act:
        case Rating() | Edit():
            return (act.output_id,)
        case Preference():
            return (act.output_a_id, act.output_b_id)
        case Ranking():
            return tuple(itertools.chain.from_iterable(act.groups))
    return ()


def preferred(act: Act) -> Iterator[tuple[str, str]]:
    """(better, worse) for each two outputs that the act puts in order; ties say nothing."""
    match act:
        case Preference(winner="a"):
            yield act.output_a_id, act.output_b_id
        case Preference(winner="b"):
            yield act.output_b_id, act.output_a_id
        case Ranking():
            for higher, lower in itertools.combinations(act.groups, 2):
                yield from itertools.product(higher, lower)


def liking(ratings: Iterable[Rating]) -> float | None:
    """−1 … 1 for the ratings of one output: one and five stars, a thumb down and up; each person's mean counts once.

    None where nobody gave stars or a thumb.
    """
    said: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.score is not None:
            said[rating.annotator_id].append((rating.score - 3) / 2)
        if rating.thumb is not None:
            said[rating.annotator_id].append(float(rating.thumb))
    return fmean(map(fmean, said.values())) if said else None
