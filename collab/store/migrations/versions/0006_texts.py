"""Branches and conversations: which generation a line of them began with, so that a whole tree is one look-up."""

import sqlalchemy as sa
from alembic import op

revision = "0006_texts"
down_revision = "0005_desk"

_SET = sa.text("root_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("generations", sa.Column("root_id", sa.String(length=36), nullable=True))
    op.create_index("ix_generations_root_id", "generations", ["root_id"], sqlite_where=_SET, postgresql_where=_SET)
