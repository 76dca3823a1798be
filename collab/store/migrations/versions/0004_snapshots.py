"""Snapshots of training data: what a fine-tuned model learned from.

Why: a model must be able to name, for ever, the acts of feedback that it was trained on.
"""

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Json, Microseconds

revision = "0004_snapshots"
down_revision = "0003_loop"


def upgrade() -> None:
    op.create_table(
        "dataset_snapshots",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("train_count", sa.Integer(), nullable=False),
        sa.Column("test_count", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("event_ids", Json(), nullable=False),
        sa.Column("counts", Json(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "kind = 'sft' OR kind = 'dpo' OR kind = 'kto' OR kind = 'reward'", name=op.f("ck_dataset_snapshots_kind")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_dataset_snapshots_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset_snapshots")),
        sa.UniqueConstraint("sha256", name=op.f("uq_dataset_snapshots_sha256")),
    )
