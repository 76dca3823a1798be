"""Several tasks in one adapter, some shown more often: rows repeated, or left out, by the weight of their prompt.

Whose rows there are to be weighed is told here too; what the prompts are called is not known.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from collab.errors import InvalidSetting
from collab.store.training_queries import prompts_of
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one prompt. prompt_ids: of the same words typed by several people each has their own, and
    the first stands for all in a mix."""

    prompt_ids: tuple[str, ...]
    rows: int


def parts(asked: Sequence[str], prompts: Mapping[str, tuple[str, str]]) -> list[Part]:
    """The prompts behind rows, those with most rows first. asked: each row's prompt version; prompts: of each version
    its prompt, and what is the same for all who typed it."""
    rows, ids = Counter[str](), dict[str, set[str]]()
    for version, number in Counter(asked).items():
        prompt_id, same = prompts.get(version, (version, version))
        rows[same] += number
        ids.setdefault(same, set()).add(prompt_id)
    return [Part(tuple(sorted(ids[same])), number) for same, number in rows.most_common()]


def weighed(
    ws: Workspace, rows: Sequence[Mapping[str, Any]], mix: Mapping[str, float], seed: int
) -> list[Mapping[str, Any]]:
    """The rows as they will be shown in one pass. mix: weights by the id of a prompt or of one of its versions; others
    weigh 1. A prompt stands for all whose first words are the same, whoever typed them, but for those that mix names
    themselves. A weight of 2.5 shows each row twice, and half of them, drawn by the seed, once more.

    Raises InvalidSetting for a name that no row belongs to, or if nothing is left.
    """
    if not mix:
        return list(rows)
    asked = {row["prompt_version_id"] for row in rows}
    prompts = prompts_of(ws.store, asked)
    same_as = dict(prompts.values())
    if unknown := set(mix) - asked - same_as.keys():
        raise InvalidSetting(
            f"No row belongs to prompt “{min(unknown)[:60]}”: name in mix the prompts of the snapshot."
        )
    of_words = {same_as[name]: mix[name] for name in sorted(mix, reverse=True) if name in same_as}
    weights = dict[str, float]()
    for version in asked:
        prompt_id, words = prompts.get(version, ("", ""))
        weights[version] = mix.get(version, mix.get(prompt_id, of_words.get(words, 1.0)))
    rng, shown = Random(seed), list[Mapping[str, Any]]()
    for row in rows:
        weight = weights[row["prompt_version_id"]]
        whole = math.floor(weight)
        shown += [row] * (whole + (rng.random() < weight - whole))
    if not shown:
        raise InvalidSetting("The weights of mix leave no row to learn from: give one prompt a weight above 0.")
    return shown
