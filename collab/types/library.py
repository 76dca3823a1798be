"""What a person keeps by name: prompts, settings, grids of outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collab.types.base import Row
from collab.types.making import Modality


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPrompt(Row):
    """A prompt in its author's library. current_id: the version that they work with."""

    prompt_id: str
    current_id: str
    name: str
    tags: tuple[str, ...] = ()
    archived: bool = False
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset(Row):
    """Settings under a name."""

    name: str
    modality: Modality
    settings: Mapping[str, Any]
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid(Row):
    """One prompt made over and over, one cell for each combination of values.

    axes: two or three {"name", "kind": "variable" | "setting", "values"}: across, down, pages. hidden: what is which is
    not told before `revealed_at`; locked: the outputs that had been judged by then.
    """

    title: str
    modality: Modality
    axes: tuple[Mapping[str, Any], ...]
    hidden: bool = False
    revealed_at: datetime | None = None
    locked: tuple[str, ...] = ()
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell(Row):
    """One generation of a grid. position: its order on the page; place: index of its value on each axis."""

    grid_id: str
    generation_id: str
    position: int
    place: tuple[int, ...] = field(default=())
