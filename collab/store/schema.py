"""The tables, one schema for SQLite and PostgreSQL. Knows nothing of queries or of what the rows mean.

A change here needs a migration beside it; a test compares the two. The tables of studies are in `study_schema.py`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from collab.store.columns import Json, Microseconds, make_table, metadata, one_of, partial, ref
from collab.store.library_schema import grid_cells, grids, presets, saved_prompts
from collab.store.loop_schema import aliases, dataset_snapshots, decisions, jobs, refinements, trials
from collab.store.study_schema import (
    answers,
    studies,
    study_arms,
    study_cases,
    study_decisions,
    study_items,
    tasks,
    vote_counts,
    votes,
)

__all__ = [
    "Json",
    "Microseconds",
    "aliases",
    "annotators",
    "answers",
    "consents",
    "dataset_snapshots",
    "decisions",
    "edits",
    "feedback",
    "generations",
    "grid_cells",
    "grids",
    "history_words",
    "jobs",
    "metadata",
    "model_versions",
    "output_tokens",
    "outputs",
    "preferences",
    "presets",
    "prompt_versions",
    "prompts",
    "rankings",
    "ratings",
    "refinements",
    "retractions",
    "saved_prompts",
    "studies",
    "study_arms",
    "study_cases",
    "study_decisions",
    "study_items",
    "tasks",
    "tombstones",
    "trials",
    "vote_counts",
    "votes",
]


annotators = make_table(
    "annotators",
    Column("display_name", String(80), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("consent_version", String(32), nullable=False),
    one_of("origin", "local", "anonymous", "huggingface"),
)

consents = make_table(
    "consents",
    ref("annotator_id", "annotators"),
    Column("version", String(32), nullable=False),
    Index(None, "annotator_id"),
)

prompts = make_table(
    "prompts",
    Column("title", Text, nullable=False),
    Column("modality", String(8), nullable=False),
    ref("created_by", "annotators"),
    one_of("modality", "text", "image"),
)

prompt_versions = make_table(
    "prompt_versions",
    ref("prompt_id", "prompts"),
    ref("parent_id", "prompt_versions", nullable=True),
    Column("text", Text, nullable=False),
    Column("negative_text", Text, nullable=False),
    Column("system_text", Text, nullable=False),
    Column("examples", Json, nullable=False),
    Column("settings", Json, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("rationale", Text, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    ref("created_by", "annotators"),
    # a wording typed twice by one author is one version: this is what settles two tabs typing it at once
    Index(
        "uq_prompt_versions_typed",
        "created_by",
        "content_sha256",
        unique=True,
        sqlite_where=text("parent_id IS NULL AND origin = 'human'"),
        postgresql_where=text("parent_id IS NULL AND origin = 'human'"),
    ),
    Index(None, "prompt_id"),
    partial("ix_prompt_versions_parent_id", "parent_id", where="parent_id IS NOT NULL"),
    Index(None, "created_by", "prompt_id"),  # History: one's own wordings are searched, and listed by prompt
    one_of("origin", "human", "refiner", "imported"),
)

model_versions = make_table(
    "model_versions",
    Column("name", Text, nullable=False),
    Column("modality", String(8), nullable=False),
    Column("base", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("precision", String(16), nullable=False),
    Column("adapter_sha256", String(64), nullable=True),
    ref("parent_id", "model_versions", nullable=True),
    Column("snapshot_id", String(36), nullable=True),
    Column("recipe", Json, nullable=False),
    Column("metrics", Json, nullable=False),
    one_of("modality", "text", "image"),
    # one row for one set of weights: NULLs are distinct in a UNIQUE, so weights without an adapter need their own index
    UniqueConstraint("base", "revision", "precision", "adapter_sha256"),
    Index(
        "uq_model_versions_plain",
        "base",
        "revision",
        "precision",
        unique=True,
        sqlite_where=text("adapter_sha256 IS NULL"),
        postgresql_where=text("adapter_sha256 IS NULL"),
    ),
)

generations = make_table(
    "generations",
    ref("prompt_version_id", "prompt_versions"),
    ref("model_version_id", "model_versions"),
    Column("variables", Json, nullable=False),
    Column("inputs", Json, nullable=False),
    Column("rendered", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text, nullable=False),
    ref("requested_by", "annotators"),
    Column("request_id", String(80), nullable=True),
    Column("origin", String(16), nullable=False),
    Column("lease_until", Microseconds, nullable=True),
    Column("worker", Text, nullable=False),
    Column("timings", Json, nullable=False),
    Column("root_id", String(36), nullable=True),  # what it began with may have been deleted since
    partial("ix_generations_root_id", "root_id", where="root_id IS NOT NULL"),
    partial("uq_generations_request", "requested_by", "request_id", where="request_id IS NOT NULL", unique=True),
    # History: what was made for studies is told by the studies, and may be a hundred thousand
    partial("ix_generations_history", "requested_by", "id", where="origin <> 'study' AND origin <> 'imported'"),
    partial(
        "ix_generations_history_model",
        "requested_by",
        "model_version_id",
        where="origin <> 'study' AND origin <> 'imported'",
    ),
    Index(None, "prompt_version_id"),  # what was said of a prompt is gathered by what its versions made
    Index(
        "ix_generations_unfinished",
        "status",
        sqlite_where=text("status IN ('queued', 'running')"),
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
    one_of("status", "queued", "running", "done", "failed", "cancelled"),
)

outputs = make_table(
    "outputs",
    ref("generation_id", "generations"),
    Column("position", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("text", Text, nullable=True),
    Column("blob_sha256", String(64), nullable=True),
    Column("media_type", String(64), nullable=False),
    Column("finish_reason", String(16), nullable=True),
    Column("prompt_tokens", Integer, nullable=True),
    Column("completion_tokens", Integer, nullable=True),
    Column("seconds", Float, nullable=True),
    UniqueConstraint("generation_id", "position"),
    partial("ix_outputs_blob_sha256", "blob_sha256", where="blob_sha256 IS NOT NULL"),
)

output_tokens = Table(
    "output_tokens",
    metadata,
    Column("id", String(36), ForeignKey("outputs.id"), primary_key=True),
    Column("created_at", Microseconds, nullable=False),
    Column("tokens", Json, nullable=False),
)

# worked out from the rows around it: see history_words.py
history_words = Table(
    "history_words",
    metadata,
    Column("id", String(36), ForeignKey("generations.id"), primary_key=True),
    Column("annotator_id", String(36), nullable=False),
    Column("words", Text, nullable=False),
    Index(None, "annotator_id", "id"),
)

feedback = make_table(
    "feedback",
    Column("kind", String(16), nullable=False),
    ref("annotator_id", "annotators"),
    Column("subject", String(200), nullable=False),
    ref("generation_id", "generations"),
    Column("task_id", String(36), nullable=True),
    Column("supersedes_id", String(36), ForeignKey("feedback.id"), nullable=True),
    Column("request_id", String(80), nullable=True),
    # an act has at most one successor, and a subject at most one beginning: two tabs cannot fork a person's opinion
    UniqueConstraint("supersedes_id"),
    partial("uq_feedback_request", "annotator_id", "request_id", where="request_id IS NOT NULL", unique=True),
    Index(
        "uq_feedback_first_act",
        "annotator_id",
        "subject",
        unique=True,
        sqlite_where=text("supersedes_id IS NULL"),
        postgresql_where=text("supersedes_id IS NULL"),
    ),
    Index(None, "annotator_id", "subject"),
    Index(None, "generation_id", "annotator_id"),
    one_of("kind", "rating", "preference", "ranking", "edit", "retraction"),
)


def _detail(name: str, *columns: Any) -> Table:
    return Table(name, metadata, Column("id", String(36), ForeignKey("feedback.id"), primary_key=True), *columns)


ratings = _detail(
    "ratings",
    ref("output_id", "outputs"),
    Index(None, "output_id"),  # here and below: whatever is deleted, what refers to it is found at once
    Column("score", Integer, nullable=True),
    Column("thumb", Integer, nullable=True),
    Column("aspects", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("spans", Json, nullable=False),
    Column("comment", Text, nullable=False),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
    CheckConstraint("thumb IN (-1, 1)", name="thumb"),
)

preferences = _detail(
    "preferences",
    ref("output_a_id", "outputs"),
    ref("output_b_id", "outputs"),
    Index(None, "output_a_id"),
    Index(None, "output_b_id"),
    Column("winner", String(8), nullable=False),
    Column("left_id", String(36), nullable=True),
    Column("blind", Boolean, nullable=False),
    Column("revealed_at", Microseconds, nullable=True),
    Column("dwell_ms", Integer, nullable=True),
    Column("propensity", Float, nullable=True),
    Column("comment", Text, nullable=False),
    one_of("winner", "a", "b", "tie", "both_bad"),
)

rankings = _detail("rankings", Column("groups", Json, nullable=False))

edits = _detail(
    "edits",
    ref("output_id", "outputs"),
    Index(None, "output_id"),
    Column("text", Text, nullable=True),
    Column("blob_sha256", String(64), nullable=True),
    Column("mask_sha256", String(64), nullable=True),
    Column("edit_distance", Integer, nullable=True),
)

retractions = _detail(
    "retractions",
    ref("retracts_id", "feedback"),
    ref("restores_id", "feedback", nullable=True),
    Index(None, "retracts_id"),
    Index(None, "restores_id"),
)

tombstones = make_table(
    "tombstones",
    ref("annotator_id", "annotators"),
    Column("scope", String(16), nullable=False),
    Column("counts", Json, nullable=False),
    Column("thinned", Json, nullable=False),
    one_of("scope", "everything", "chosen"),
)
