"""What a person keeps by name: saved prompts, presets of settings, grids.

Why: a prompt worth keeping needs a name that its immutable versions cannot carry; a grid must outlive the tab.
"""

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Json, Microseconds

revision = "0007_library"
down_revision = "0006_texts"

_MODALITY = "modality = 'text' OR modality = 'image'"


def _table(name: str, *columns: sa.Column, foreign: dict[str, str], unique: list[list[str]], modal: bool) -> None:
    rules: list[sa.Constraint] = [
        sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{name}_{column}"))
        for column, target in foreign.items()
    ]
    rules += [sa.UniqueConstraint(*each, name=op.f(f"uq_{name}_{'_'.join(each)}")) for each in unique]
    if modal:
        rules.append(sa.CheckConstraint(_MODALITY, name=op.f(f"ck_{name}_modality")))
    op.create_table(
        name,
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        *(sa.Column(column, sa.String(length=36), nullable=False) for column in foreign),
        *columns,
        *rules,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )


def upgrade() -> None:
    _table(
        "saved_prompts",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("archived", sa.Boolean(), nullable=False),
        foreign={"prompt_id": "prompts", "current_id": "prompt_versions", "created_by": "annotators"},
        unique=[["prompt_id"]],
        modal=False,
    )
    op.create_index("ix_saved_prompts_created_by", "saved_prompts", ["created_by"])
    op.create_index("ix_saved_prompts_current_id", "saved_prompts", ["current_id"])
    _table(
        "presets",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("modality", sa.String(length=8), nullable=False),
        sa.Column("settings", Json(), nullable=False),
        foreign={"created_by": "annotators"},
        unique=[["created_by", "modality", "name"]],
        modal=True,
    )
    _table(
        "grids",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("modality", sa.String(length=8), nullable=False),
        sa.Column("axes", Json(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("revealed_at", Microseconds(), nullable=True),
        sa.Column("locked", Json(), nullable=False),
        foreign={"created_by": "annotators"},
        unique=[],
        modal=True,
    )
    op.create_index("ix_grids_created_by", "grids", ["created_by"])
    _table(
        "grid_cells",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("place", Json(), nullable=False),
        foreign={"grid_id": "grids", "generation_id": "generations"},
        unique=[["grid_id", "position"], ["generation_id"]],
        modal=False,
    )
