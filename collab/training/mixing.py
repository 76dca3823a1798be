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
from collab.types import PromptVersion
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one prompt. prompt_ids: of the same words typed by several people each has their own."""

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
    weigh 1. A weight of 2.5 shows each row twice, and half of them, drawn by the seed, once more.

    Raises InvalidSetting for a name that no row belongs to, or if nothing is left.
    """
    if not mix:
        return list(rows)
    asked = {row["prompt_version_id"] for row in rows}
    prompts = {v.id: v.prompt_id for v in ws.store.find(PromptVersion, id=sorted(asked))}
    if unknown := set(mix) - asked - set(prompts.values()):
        raise InvalidSetting(
            f"No row belongs to prompt “{min(unknown)[:60]}”: name in mix the prompts of the snapshot."
        )
    rng, shown = Random(seed), list[Mapping[str, Any]]()
    for row in rows:
        version = row["prompt_version_id"]
        weight = mix.get(version, mix.get(prompts.get(version, ""), 1.0))
        whole = math.floor(weight)
        shown += [row] * (whole + (rng.random() < weight - whole))
    if not shown:
        raise InvalidSetting("The weights of mix leave no row to learn from: give one prompt a weight above 0.")
    return shown
