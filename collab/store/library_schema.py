"""The tables of what a person keeps by name: saved prompts, presets of settings, grids. Knows nothing of queries."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Text, UniqueConstraint

from collab.store.columns import Json, Microseconds, make_table, one_of, ref

saved_prompts = make_table(
    "saved_prompts",
    ref("prompt_id", "prompts"),
    ref("current_id", "prompt_versions"),
    Column("name", String(120), nullable=False),
    Column("tags", Json, nullable=False),
    Column("archived", Boolean, nullable=False),
    ref("created_by", "annotators"),
    UniqueConstraint("prompt_id"),
    Index(None, "created_by"),
    Index(None, "current_id"),
)

presets = make_table(
    "presets",
    Column("name", String(60), nullable=False),
    Column("modality", String(8), nullable=False),
    Column("settings", Json, nullable=False),
    ref("created_by", "annotators"),
    UniqueConstraint("created_by", "modality", "name"),
    one_of("modality", "text", "image"),
)

grids = make_table(
    "grids",
    Column("title", Text, nullable=False),
    Column("modality", String(8), nullable=False),
    Column("axes", Json, nullable=False),
    Column("hidden", Boolean, nullable=False),
    Column("revealed_at", Microseconds, nullable=True),
    Column("locked", Json, nullable=False),
    ref("created_by", "annotators"),
    Index(None, "created_by"),
    one_of("modality", "text", "image"),
)

grid_cells = make_table(
    "grid_cells",
    ref("grid_id", "grids"),
    ref("generation_id", "generations"),
    Column("position", Integer, nullable=False),
    Column("place", Json, nullable=False),
    UniqueConstraint("grid_id", "position"),
    UniqueConstraint("generation_id"),
)
