"""Which version of the notice each person agreed to, and when.

Why: whoever uses what people gave must be able to say what they had been told at that moment.
"""

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Microseconds

revision = "0008_people"
down_revision = "0007_library"


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotators.id"], name=op.f("fk_consents_annotator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_annotator_id"), "consents", ["annotator_id"])
