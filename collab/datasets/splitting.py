"""Which rows are held out: whole groups, so that no prompt and no person is on both sides. Pure, seeded."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import orjson

from collab.datasets.rows import Row
from collab.datasets.sources import NEGATIVE, Messages
from collab.split_groups import joined

HELD_OUT, HELD_OUT_MOST = 0.1, 0.2  # of all rows: what is aimed at, and what is not exceeded


def split_groups(rows: Sequence[Row]) -> list[str]:
    """For each row the name of its group: no two groups share a conversation or a person."""
    return joined([("messages", _asked(row)), *(("person", who) for who in row.people)] for row in rows)


def _asked(row: Row) -> Messages:
    """What was asked for; what was not to be in a picture makes no other prompt of it."""
    return tuple(message for message in row.messages if message[0] != NEGATIVE)


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


def to_check_on(
    train: Sequence[Mapping[str, Any]], test: Sequence[Mapping[str, Any]], seed: int
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]], str]:
    """(rows to learn from, rows to check on, in words what the latter share with the former).

    Where no group could be held out, prompts are, of the same people: enough to see whether what they like is learned,
    and no more. Where all is about one prompt, rows are.
    """
    if test:
        return list(train), list(test), "other prompts and other people"
    prompts = [orjson.dumps(row["prompt"]) for row in train]
    one = len(set(prompts)) == 1
    keys = [f"{seed} {n if one else ''}".encode() + prompt for n, prompt in enumerate(prompts)]
    sizes, have, chosen = Counter(keys), 0, set[bytes]()
    for key in sorted(sizes, key=lambda key: hashlib.sha256(key).hexdigest()):
        if have >= HELD_OUT * len(train):
            break
        chosen.add(key)
        have += sizes[key]
    learn = [row for row, key in zip(train, keys, strict=True) if key not in chosen]
    check = [row for row, key in zip(train, keys, strict=True) if key in chosen]
    return learn, check, "other answers to the same prompt" if one else "other prompts of the same people"
