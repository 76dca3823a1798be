"""Snapshots of what was said of pictures: image-sft, image-dpo, image-kto.

Why: an image model learns from feedback too, and must name it as a text model does.
"""

from alembic import op

revision = "0009_picture_snapshots"
down_revision = "0008_people"

_KINDS = ("sft", "dpo", "kto", "reward", "image-sft", "image-dpo", "image-kto")


def upgrade() -> None:
    with op.batch_alter_table("dataset_snapshots") as batch_op:
        batch_op.drop_constraint(op.f("ck_dataset_snapshots_kind"), type_="check")
        batch_op.create_check_constraint(
            op.f("ck_dataset_snapshots_kind"), " OR ".join(f"kind = '{kind}'" for kind in _KINDS)
        )
