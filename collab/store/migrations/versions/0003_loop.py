"""The loop's second half: proposed versions, their blind trials, the versions that serve, jobs.

Why: a promotion must be able to name the evidence it was decided on, for ever.
"""

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Json, Microseconds

revision = "0003_loop"
down_revision = "0002_studies"


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("spec", Json(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("result", Json(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("heartbeat", Microseconds(), nullable=True),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "status = 'queued' OR status = 'running' OR status = 'done' OR status = 'failed' OR status = 'cancelled'",
            name=op.f("ck_jobs_status"),
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_jobs_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_created_by"), ["created_by"], unique=False)
        batch_op.create_index(
            "ix_jobs_unfinished",
            ["status"],
            unique=False,
            sqlite_where=sa.text("status = 'queued' OR status = 'running'"),
            postgresql_where=sa.text("status = 'queued' OR status = 'running'"),
        )

    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("prompt_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("content", Json(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "kind = 'propose' OR kind = 'reject' OR kind = 'trial' OR kind = 'confirm' OR kind = 'decide'"
            " OR kind = 'promote' OR kind = 'rollback' OR kind = 'watch' OR kind = 'stop'",
            name=op.f("ck_decisions_kind"),
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_decisions_created_by")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_decisions_prompt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decisions_prompt_id"), ["prompt_id"], unique=False)

    op.create_table(
        "refinements",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("prompt_id", sa.String(length=36), nullable=False),
        sa.Column("parent_version_id", sa.String(length=36), nullable=False),
        sa.Column("child_version_id", sa.String(length=36), nullable=False),
        sa.Column("proposer", sa.String(length=32), nullable=False),
        sa.Column("evidence_ids", Json(), nullable=False),
        sa.Column("details", Json(), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["child_version_id"], ["prompt_versions.id"], name=op.f("fk_refinements_child_version_id")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_refinements_created_by")),
        sa.ForeignKeyConstraint(
            ["parent_version_id"], ["prompt_versions.id"], name=op.f("fk_refinements_parent_version_id")
        ),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_refinements_prompt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refinements")),
        sa.UniqueConstraint("child_version_id", name=op.f("uq_refinements_child_version_id")),
    )
    with op.batch_alter_table("refinements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refinements_prompt_id"), ["prompt_id"], unique=False)

    op.create_table(
        "trials",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("prompt_id", sa.String(length=36), nullable=False),
        sa.Column("champion_id", sa.String(length=36), nullable=False),
        sa.Column("candidate_ids", Json(), nullable=False),
        sa.Column("model_version_id", sa.String(length=36), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("spec", Json(), nullable=False),
        sa.Column("screening_id", sa.String(length=36), nullable=True),
        sa.Column("confirming_id", sa.String(length=36), nullable=True),
        sa.Column("watch_id", sa.String(length=36), nullable=True),
        sa.Column("leader_id", sa.String(length=36), nullable=True),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "stage = 'screening' OR stage = 'confirming' OR stage = 'decided' OR stage = 'stopped'",
            name=op.f("ck_trials_stage"),
        ),
        sa.ForeignKeyConstraint(["champion_id"], ["prompt_versions.id"], name=op.f("fk_trials_champion_id")),
        sa.ForeignKeyConstraint(["confirming_id"], ["studies.id"], name=op.f("fk_trials_confirming_id")),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_trials_created_by")),
        sa.ForeignKeyConstraint(["leader_id"], ["prompt_versions.id"], name=op.f("fk_trials_leader_id")),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_versions.id"], name=op.f("fk_trials_model_version_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_trials_prompt_id")),
        sa.ForeignKeyConstraint(["screening_id"], ["studies.id"], name=op.f("fk_trials_screening_id")),
        sa.ForeignKeyConstraint(["watch_id"], ["studies.id"], name=op.f("fk_trials_watch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trials")),
    )
    with op.batch_alter_table("trials", schema=None) as batch_op:
        batch_op.create_index(
            "ix_trials_open",
            ["stage"],
            unique=False,
            sqlite_where=sa.text("stage = 'screening' OR stage = 'confirming'"),
            postgresql_where=sa.text("stage = 'screening' OR stage = 'confirming'"),
        )
        batch_op.create_index(batch_op.f("ix_trials_prompt_id"), ["prompt_id"], unique=False)
        batch_op.create_index(
            "ix_trials_watched",
            ["watch_id"],
            unique=False,
            sqlite_where=sa.text("watch_id IS NOT NULL"),
            postgresql_where=sa.text("watch_id IS NOT NULL"),
        )

    op.create_table(
        "aliases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("move", sa.String(length=16), nullable=False),
        sa.Column("trial_id", sa.String(length=36), nullable=True),
        sa.Column("evidence", Json(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("supersedes_id", sa.String(length=36), nullable=True),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint("move = 'promote' OR move = 'rollback'", name=op.f("ck_aliases_move")),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_aliases_created_by")),
        sa.ForeignKeyConstraint(["supersedes_id"], ["aliases.id"], name=op.f("fk_aliases_supersedes_id")),
        sa.ForeignKeyConstraint(["trial_id"], ["trials.id"], name=op.f("fk_aliases_trial_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_aliases")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_aliases_supersedes_id")),
    )
    with op.batch_alter_table("aliases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_aliases_name"), ["name"], unique=False)
        batch_op.create_index(
            "uq_aliases_first",
            ["name"],
            unique=True,
            sqlite_where=sa.text("supersedes_id IS NULL"),
            postgresql_where=sa.text("supersedes_id IS NULL"),
        )

    with op.batch_alter_table("generations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_generations_prompt_version_id"), ["prompt_version_id"], unique=False)
