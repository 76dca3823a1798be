"""Studies: what people are asked to judge, who was given what, and what they answered.

Why: blind comparison needs leases, tokens and arrangements of its own; the answers themselves stay acts of feedback.
"""

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Json, Microseconds

revision = "0002_studies"
down_revision = "0001_core"


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("task", sa.String(length=8), nullable=False),
        sa.Column("modality", sa.String(length=8), nullable=False),
        sa.Column("spec", Json(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("access", sa.String(length=8), nullable=False),
        sa.Column("link", sa.String(length=32), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint("access = 'open' OR access = 'link'", name=op.f("ck_studies_access")),
        sa.CheckConstraint("modality = 'text' OR modality = 'image'", name=op.f("ck_studies_modality")),
        sa.CheckConstraint("status = 'open' OR status = 'closed'", name=op.f("ck_studies_status")),
        sa.CheckConstraint(
            "task = 'compare' OR task = 'rank' OR task = 'rate' OR task = 'edit'", name=op.f("ck_studies_task")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_studies_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("link", name=op.f("uq_studies_link")),
    )
    op.create_table(
        "study_cases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("variables", Json(), nullable=False),
        sa.Column("tag", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_cases_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_cases")),
        sa.UniqueConstraint("study_id", "position", name=op.f("uq_study_cases_study_id_position")),
    )
    op.create_table(
        "study_decisions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("content", Json(), nullable=False),
        sa.CheckConstraint(
            "kind = 'close' OR kind = 'reopen' OR kind = 'filter' OR kind = 'adjudicate' OR kind = 'target'",
            name=op.f("ck_study_decisions_kind"),
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_study_decisions_created_by")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_decisions_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_decisions")),
    )
    with op.batch_alter_table("study_decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_decisions_study_id"), ["study_id"], unique=False)

    op.create_table(
        "study_items",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("cells", Json(), nullable=False),
        sa.Column("outputs", Json(), nullable=False),
        sa.Column("context", Json(), nullable=False),
        sa.Column("stratum", sa.String(length=16), nullable=False),
        sa.Column("tag", sa.String(length=80), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("expected", Json(), nullable=True),
        sa.CheckConstraint("purpose = 'item' OR purpose = 'gold'", name=op.f("ck_study_items_purpose")),
        sa.CheckConstraint(
            "status = 'waiting' OR status = 'ready' OR status = 'failed'", name=op.f("ck_study_items_status")
        ),
        sa.CheckConstraint("room >= 0", name=op.f("ck_study_items_room")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_items_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_items")),
        sa.UniqueConstraint("study_id", "position", name=op.f("uq_study_items_study_id_position")),
    )
    with op.batch_alter_table("study_items", schema=None) as batch_op:
        batch_op.create_index(
            "ix_study_items_free",
            ["study_id", "purpose", "position"],
            unique=False,
            sqlite_where=sa.text("room > 0 AND status = 'ready'"),
            postgresql_where=sa.text("room > 0 AND status = 'ready'"),
        )
        batch_op.create_index(
            "ix_study_items_free_stratum",
            ["study_id", "purpose", "stratum", "position"],
            unique=False,
            sqlite_where=sa.text("room > 0 AND status = 'ready'"),
            postgresql_where=sa.text("room > 0 AND status = 'ready'"),
        )
        batch_op.create_index("ix_study_items_state", ["study_id", "status", "purpose", "answered"], unique=False)
        batch_op.create_index(
            "ix_study_items_tag",
            ["study_id", "tag"],
            unique=False,
            sqlite_where=sa.text("tag <> ''"),
            postgresql_where=sa.text("tag <> ''"),
        )
        batch_op.create_index(
            "ix_study_items_waiting",
            ["study_id", "position"],
            unique=False,
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )

    op.create_table(
        "study_arms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prompt_version_id", sa.String(length=36), nullable=False),
        sa.Column("model_version_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_versions.id"], name=op.f("fk_study_arms_model_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["prompt_version_id"], ["prompt_versions.id"], name=op.f("fk_study_arms_prompt_version_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_study_arms_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_arms")),
        sa.UniqueConstraint("study_id", "position", name=op.f("uq_study_arms_study_id_position")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("arrangement", Json(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("lease_until", Microseconds(), nullable=False),
        sa.Column("answer_id", sa.String(length=36), nullable=True),
        sa.Column("answered_at", Microseconds(), nullable=True),
        sa.Column("dwell_ms", sa.Integer(), nullable=True),
        sa.Column(
            "outcome",
            sa.Integer(),
            sa.Computed(
                "((CASE status WHEN 'leased' THEN 0 WHEN 'answered' THEN 1 WHEN 'skipped' THEN 2 ELSE 3 END * 4"
                " + CASE purpose WHEN 'item' THEN 0 WHEN 'gold' THEN 1 WHEN 'repeat' THEN 2 ELSE 3 END) * 4"
                " + CASE WHEN matched IS NULL THEN 0 WHEN matched THEN 2 ELSE 1 END) * 1024"
                " + CASE WHEN dwell_ms IS NULL THEN 0 WHEN dwell_ms >= 300000 THEN 601 ELSE dwell_ms / 500 + 1 END",
                persisted=True,
            ),
            nullable=True,
        ),
        sa.Column("matched", sa.Boolean(), nullable=True),
        sa.Column("revealed_at", Microseconds(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "purpose = 'item' OR purpose = 'gold' OR purpose = 'repeat' OR purpose = 'adjudication'",
            name=op.f("ck_tasks_purpose"),
        ),
        sa.CheckConstraint(
            "status = 'leased' OR status = 'answered' OR status = 'skipped' OR status = 'expired'",
            name=op.f("ck_tasks_status"),
        ),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotators.id"], name=op.f("fk_tasks_annotator_id")),
        sa.ForeignKeyConstraint(["item_id"], ["study_items.id"], name=op.f("fk_tasks_item_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_tasks_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("item_id", "annotator_id", "purpose", name=op.f("uq_tasks_item_id_annotator_id_purpose")),
        sa.UniqueConstraint("token", name=op.f("uq_tasks_token")),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(
            "ix_tasks_flagged",
            ["study_id", "id"],
            unique=False,
            sqlite_where=sa.text("flag <> ''"),
            postgresql_where=sa.text("flag <> ''"),
        )
        batch_op.create_index(
            "ix_tasks_leased",
            ["study_id", "lease_until"],
            unique=False,
            sqlite_where=sa.text("status = 'leased'"),
            postgresql_where=sa.text("status = 'leased'"),
        )
        batch_op.create_index(batch_op.f("ix_tasks_study_id_answered_at"), ["study_id", "answered_at"], unique=False)
        batch_op.create_index(
            "ix_tasks_work",
            ["study_id", "annotator_id", "outcome", "answered_at"],
            unique=False,
        )

    op.create_table(
        "answers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("said", Json(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["feedback.id"], name=op.f("fk_answers_id")),
        sa.ForeignKeyConstraint(["item_id"], ["study_items.id"], name=op.f("fk_answers_item_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_answers_study_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_answers_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answers")),
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("answer_id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("arm_a", sa.SmallInteger(), nullable=False),
        sa.Column("arm_b", sa.SmallInteger(), nullable=False),
        sa.Column("winner", sa.SmallInteger(), nullable=False),
        sa.Column("side", sa.SmallInteger(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("tag", sa.String(length=80), nullable=False),
        sa.Column("voted_at", Microseconds(), nullable=False),
        sa.CheckConstraint("arm_a < arm_b", name=op.f("ck_votes_arms")),
        sa.CheckConstraint("winner BETWEEN 1 AND 4", name=op.f("ck_votes_winner")),
        sa.ForeignKeyConstraint(["answer_id"], ["answers.id"], name=op.f("fk_votes_answer_id")),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_votes_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
    )
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_votes_answer_id"), ["answer_id"], unique=False)
        batch_op.create_index("ix_votes_people", ["study_id", "annotator_id", "arm_a", "arm_b"], unique=False)
        batch_op.create_index(
            "ix_votes_items", ["study_id", "item_id", "arm_a", "arm_b", "winner", "annotator_id"], unique=False
        )

    op.create_table(
        "vote_counts",
        sa.Column("study_id", sa.String(length=36), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("arm_a", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("arm_b", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("winner", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("side", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(length=80), nullable=False),
        sa.Column("votes", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("weight_squared", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_vote_counts_study_id")),
        sa.PrimaryKeyConstraint(
            "study_id", "annotator_id", "arm_a", "arm_b", "winner", "side", "tag", name=op.f("pk_vote_counts")
        ),
        sqlite_with_rowid=False,
    )
