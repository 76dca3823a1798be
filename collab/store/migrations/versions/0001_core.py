"""The core: people, prompts, models, generations, outputs and the feedback on them.

Why: the first schema. Feedback is one append-only table with a detail table for each kind, so that every act of a
person has one place in one chain, whatever its kind.
"""

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Json, Microseconds

revision = "0001_core"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "annotators",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("display_name", sa.String(length=80), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("consent_version", sa.String(length=32), nullable=False),
        sa.CheckConstraint(
            "origin = 'local' OR origin = 'anonymous' OR origin = 'huggingface'", name=op.f("ck_annotators_origin")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotators")),
    )
    op.create_table(
        "model_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("modality", sa.String(length=8), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("precision", sa.String(length=16), nullable=False),
        sa.Column("adapter_sha256", sa.String(length=64), nullable=True),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("snapshot_id", sa.String(length=36), nullable=True),
        sa.Column("recipe", Json(), nullable=False),
        sa.Column("metrics", Json(), nullable=False),
        sa.CheckConstraint("modality = 'text' OR modality = 'image'", name=op.f("ck_model_versions_modality")),
        sa.ForeignKeyConstraint(["parent_id"], ["model_versions.id"], name=op.f("fk_model_versions_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint(
            "base",
            "revision",
            "precision",
            "adapter_sha256",
            name=op.f("uq_model_versions_base_revision_precision_adapter_sha256"),
        ),
    )
    with op.batch_alter_table("model_versions", schema=None) as batch_op:
        batch_op.create_index(
            "uq_model_versions_plain",
            ["base", "revision", "precision"],
            unique=True,
            sqlite_where=sa.text("adapter_sha256 IS NULL"),
            postgresql_where=sa.text("adapter_sha256 IS NULL"),
        )

    op.create_table(
        "prompts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("modality", sa.String(length=8), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint("modality = 'text' OR modality = 'image'", name=op.f("ck_prompts_modality")),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_prompts_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompts")),
    )
    op.create_table(
        "prompt_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("prompt_id", sa.String(length=36), nullable=False),
        sa.Column("parent_id", sa.String(length=36), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("negative_text", sa.Text(), nullable=False),
        sa.Column("system_text", sa.Text(), nullable=False),
        sa.Column("examples", Json(), nullable=False),
        sa.Column("settings", Json(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.CheckConstraint(
            "origin = 'human' OR origin = 'refiner' OR origin = 'imported'", name=op.f("ck_prompt_versions_origin")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["annotators.id"], name=op.f("fk_prompt_versions_created_by")),
        sa.ForeignKeyConstraint(["parent_id"], ["prompt_versions.id"], name=op.f("fk_prompt_versions_parent_id")),
        sa.ForeignKeyConstraint(["prompt_id"], ["prompts.id"], name=op.f("fk_prompt_versions_prompt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prompt_versions")),
    )
    with op.batch_alter_table("prompt_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prompt_versions_prompt_id"), ["prompt_id"], unique=False)
        batch_op.create_index(
            "uq_prompt_versions_typed",
            ["created_by", "content_sha256"],
            unique=True,
            sqlite_where=sa.text("parent_id IS NULL AND origin = 'human'"),
            postgresql_where=sa.text("parent_id IS NULL AND origin = 'human'"),
        )

    op.create_table(
        "generations",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("prompt_version_id", sa.String(length=36), nullable=False),
        sa.Column("model_version_id", sa.String(length=36), nullable=False),
        sa.Column("variables", Json(), nullable=False),
        sa.Column("inputs", Json(), nullable=False),
        sa.Column("rendered", sa.Text(), nullable=False),
        sa.Column("settings", Json(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=True),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("lease_until", Microseconds(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("timings", Json(), nullable=False),
        sa.CheckConstraint(
            "status = 'queued' OR status = 'running' OR status = 'done' OR status = 'failed' OR status = 'cancelled'",
            name=op.f("ck_generations_status"),
        ),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_versions.id"], name=op.f("fk_generations_model_version_id")
        ),
        sa.ForeignKeyConstraint(
            ["prompt_version_id"], ["prompt_versions.id"], name=op.f("fk_generations_prompt_version_id")
        ),
        sa.ForeignKeyConstraint(["requested_by"], ["annotators.id"], name=op.f("fk_generations_requested_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
    )
    with op.batch_alter_table("generations", schema=None) as batch_op:
        batch_op.create_index(
            "uq_generations_request",
            ["requested_by", "request_id"],
            unique=True,
            sqlite_where=sa.text("request_id IS NOT NULL"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_generations_history",
            ["requested_by", "id"],
            unique=False,
            sqlite_where=sa.text("origin <> 'study' AND origin <> 'imported'"),
            postgresql_where=sa.text("origin <> 'study' AND origin <> 'imported'"),
        )
        batch_op.create_index(
            "ix_generations_unfinished",
            ["status"],
            unique=False,
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )

    op.create_table(
        "feedback",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("generation_id", sa.String(length=36), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=True),
        sa.Column("supersedes_id", sa.String(length=36), nullable=True),
        sa.Column("request_id", sa.String(length=80), nullable=True),
        sa.CheckConstraint(
            "kind = 'rating' OR kind = 'preference' OR kind = 'ranking' OR kind = 'edit' OR kind = 'retraction'",
            name=op.f("ck_feedback_kind"),
        ),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotators.id"], name=op.f("fk_feedback_annotator_id")),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name=op.f("fk_feedback_generation_id")),
        sa.ForeignKeyConstraint(["supersedes_id"], ["feedback.id"], name=op.f("fk_feedback_supersedes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("supersedes_id", name=op.f("uq_feedback_supersedes_id")),
    )
    with op.batch_alter_table("feedback", schema=None) as batch_op:
        batch_op.create_index(
            "uq_feedback_request",
            ["annotator_id", "request_id"],
            unique=True,
            sqlite_where=sa.text("request_id IS NOT NULL"),
            postgresql_where=sa.text("request_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_feedback_annotator_id_subject"), ["annotator_id", "subject"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_feedback_generation_id_annotator_id"), ["generation_id", "annotator_id"], unique=False
        )
        batch_op.create_index(
            "uq_feedback_first_act",
            ["annotator_id", "subject"],
            unique=True,
            sqlite_where=sa.text("supersedes_id IS NULL"),
            postgresql_where=sa.text("supersedes_id IS NULL"),
        )

    op.create_table(
        "outputs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("generation_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("blob_sha256", sa.String(length=64), nullable=True),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("finish_reason", sa.String(length=16), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["generation_id"], ["generations.id"], name=op.f("fk_outputs_generation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outputs")),
        sa.UniqueConstraint("generation_id", "position", name=op.f("uq_outputs_generation_id_position")),
    )
    with op.batch_alter_table("outputs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outputs_blob_sha256",
            ["blob_sha256"],
            unique=False,
            sqlite_where=sa.text("blob_sha256 IS NOT NULL"),
            postgresql_where=sa.text("blob_sha256 IS NOT NULL"),
        )

    op.create_table(
        "edits",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("output_id", sa.String(length=36), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("blob_sha256", sa.String(length=64), nullable=True),
        sa.Column("mask_sha256", sa.String(length=64), nullable=True),
        sa.Column("edit_distance", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["feedback.id"], name=op.f("fk_edits_id")),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name=op.f("fk_edits_output_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edits")),
    )
    op.create_table(
        "output_tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("tokens", Json(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["outputs.id"], name=op.f("fk_output_tokens_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_output_tokens")),
    )
    op.create_table(
        "preferences",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("output_a_id", sa.String(length=36), nullable=False),
        sa.Column("output_b_id", sa.String(length=36), nullable=False),
        sa.Column("winner", sa.String(length=8), nullable=False),
        sa.Column("left_id", sa.String(length=36), nullable=True),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("revealed_at", Microseconds(), nullable=True),
        sa.Column("dwell_ms", sa.Integer(), nullable=True),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "winner = 'a' OR winner = 'b' OR winner = 'tie' OR winner = 'both_bad'", name=op.f("ck_preferences_winner")
        ),
        sa.ForeignKeyConstraint(["id"], ["feedback.id"], name=op.f("fk_preferences_id")),
        sa.ForeignKeyConstraint(["output_a_id"], ["outputs.id"], name=op.f("fk_preferences_output_a_id")),
        sa.ForeignKeyConstraint(["output_b_id"], ["outputs.id"], name=op.f("fk_preferences_output_b_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preferences")),
    )
    op.create_table(
        "rankings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("groups", Json(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["feedback.id"], name=op.f("fk_rankings_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rankings")),
    )
    op.create_table(
        "ratings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("output_id", sa.String(length=36), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("thumb", sa.Integer(), nullable=True),
        sa.Column("aspects", Json(), nullable=False),
        sa.Column("tags", Json(), nullable=False),
        sa.Column("spans", Json(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_ratings_score")),
        sa.CheckConstraint("thumb IN (-1, 1)", name=op.f("ck_ratings_thumb")),
        sa.ForeignKeyConstraint(["id"], ["feedback.id"], name=op.f("fk_ratings_id")),
        sa.ForeignKeyConstraint(["output_id"], ["outputs.id"], name=op.f("fk_ratings_output_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
    )
    op.create_table(
        "retractions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("retracts_id", sa.String(length=36), nullable=False),
        sa.Column("restores_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["feedback.id"], name=op.f("fk_retractions_id")),
        sa.ForeignKeyConstraint(["restores_id"], ["feedback.id"], name=op.f("fk_retractions_restores_id")),
        sa.ForeignKeyConstraint(["retracts_id"], ["feedback.id"], name=op.f("fk_retractions_retracts_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retractions")),
    )
