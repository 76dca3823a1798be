"""Which rows are held out: whole groups, so that no prompt and no person is on both sides. Pure, seeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from collab.datasets.rows import Row
from collab.split_groups import joined

HELD_OUT, HELD_OUT_MOST = 0.1, 0.2  # of all rows: what is aimed at, and what is not exceeded


def split_groups(rows: Sequence[Row]) -> list[str]:
    """For each row the name of its group: no two groups share a conversation or a person."""
    return joined([("messages", row.messages), *(("person", who) for who in row.people)] for row in rows)


def held_out(groups: Sequence[str], seed: int) -> frozenset[str]:
    """The groups to hold out, drawn by the seed; none where the people's judgements hang together too much."""
    sizes = Counter(groups)
    names = sorted(sizes)
    Random(seed).shuffle(names)
    chosen, have = set[str](), 0
    for name in names:
        if have >= HELD_OUT * len(groups):
            break
        if have + sizes[name] <= HELD_OUT_MOST * len(groups):
            chosen.add(name)
            have += sizes[name]
    return frozenset(chosen)
