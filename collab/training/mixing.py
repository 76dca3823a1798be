"""Several tasks in one adapter, some shown more often: rows repeated, or left out, by the weight of their prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from collab.errors import InvalidSetting
from collab.types import PromptVersion
from collab.workspace import Workspace


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
