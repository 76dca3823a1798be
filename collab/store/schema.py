"""The tables, one schema for SQLite and PostgreSQL. Knows nothing of queries or of what the rows mean.

A change here needs a migration beside it; a test compares the two.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Microseconds(TypeDecorator[datetime]):
    """An aware UTC datetime kept as integer microseconds, the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Json(TypeDecorator[Any]):
    """A JSON value kept as text: key order and number spelling survive, on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def _table(name: str, *columns: Any) -> Table:
    row_id = Column("id", String(36), primary_key=True)
    return Table(name, metadata, row_id, Column("created_at", Microseconds, nullable=False), *columns)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, String(36), ForeignKey(f"{target}.id"), nullable=nullable)


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(v) for v in values)})", name=column)


annotators = _table(
    "annotators",
    Column("display_name", String(80), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("consent_version", String(32), nullable=False),
    _one_of("origin", "local", "anonymous", "huggingface"),
)

prompts = _table(
    "prompts",
    Column("title", Text, nullable=False),
    Column("modality", String(8), nullable=False),
    _ref("created_by", "annotators"),
    _one_of("modality", "text", "image"),
)

prompt_versions = _table(
    "prompt_versions",
    _ref("prompt_id", "prompts"),
    _ref("parent_id", "prompt_versions", nullable=True),
    Column("text", Text, nullable=False),
    Column("negative_text", Text, nullable=False),
    Column("system_text", Text, nullable=False),
    Column("examples", Json, nullable=False),
    Column("settings", Json, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("rationale", Text, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    _ref("created_by", "annotators"),
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
    _one_of("origin", "human", "refiner", "imported"),
)

model_versions = _table(
    "model_versions",
    Column("name", Text, nullable=False),
    Column("modality", String(8), nullable=False),
    Column("base", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("precision", String(16), nullable=False),
    Column("adapter_sha256", String(64), nullable=True),
    _ref("parent_id", "model_versions", nullable=True),
    Column("snapshot_id", String(36), nullable=True),
    Column("recipe", Json, nullable=False),
    Column("metrics", Json, nullable=False),
    _one_of("modality", "text", "image"),
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

generations = _table(
    "generations",
    _ref("prompt_version_id", "prompt_versions"),
    _ref("model_version_id", "model_versions"),
    Column("variables", Json, nullable=False),
    Column("inputs", Json, nullable=False),
    Column("rendered", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("error", Text, nullable=False),
    _ref("requested_by", "annotators"),
    Column("request_id", String(80), nullable=True),
    Column("origin", String(16), nullable=False),
    Column("lease_until", Microseconds, nullable=True),
    Column("worker", Text, nullable=False),
    Column("timings", Json, nullable=False),
    UniqueConstraint("requested_by", "request_id"),
    Index(None, "requested_by", "id"),
    Index(
        "ix_generations_unfinished",
        "status",
        sqlite_where=text("status IN ('queued', 'running')"),
        postgresql_where=text("status IN ('queued', 'running')"),
    ),
    _one_of("status", "queued", "running", "done", "failed", "cancelled"),
)

outputs = _table(
    "outputs",
    _ref("generation_id", "generations"),
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
    Index(None, "blob_sha256"),
)

output_tokens = Table(
    "output_tokens",
    metadata,
    Column("id", String(36), ForeignKey("outputs.id"), primary_key=True),
    Column("created_at", Microseconds, nullable=False),
    Column("tokens", Json, nullable=False),
)

feedback = _table(
    "feedback",
    Column("kind", String(16), nullable=False),
    _ref("annotator_id", "annotators"),
    Column("subject", String(200), nullable=False),
    _ref("generation_id", "generations"),
    Column("task_id", String(36), nullable=True),
    Column("supersedes_id", String(36), ForeignKey("feedback.id"), nullable=True),
    Column("request_id", String(80), nullable=True),
    # an act has at most one successor, and a subject at most one beginning: two tabs cannot fork a person's opinion
    UniqueConstraint("supersedes_id"),
    UniqueConstraint("annotator_id", "request_id"),
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
    _one_of("kind", "rating", "preference", "ranking", "edit", "retraction"),
)


def _detail(name: str, *columns: Any) -> Table:
    return Table(name, metadata, Column("id", String(36), ForeignKey("feedback.id"), primary_key=True), *columns)


ratings = _detail(
    "ratings",
    _ref("output_id", "outputs"),
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
    _ref("output_a_id", "outputs"),
    _ref("output_b_id", "outputs"),
    Column("winner", String(8), nullable=False),
    Column("left_id", String(36), nullable=True),
    Column("blind", Boolean, nullable=False),
    Column("revealed_at", Microseconds, nullable=True),
    Column("dwell_ms", Integer, nullable=True),
    Column("propensity", Float, nullable=True),
    Column("comment", Text, nullable=False),
    _one_of("winner", "a", "b", "tie", "both_bad"),
)

rankings = _detail("rankings", Column("groups", Json, nullable=False))

edits = _detail(
    "edits",
    _ref("output_id", "outputs"),
    Column("text", Text, nullable=True),
    Column("blob_sha256", String(64), nullable=True),
    Column("mask_sha256", String(64), nullable=True),
    Column("edit_distance", Integer, nullable=True),
)

retractions = _detail(
    "retractions",
    _ref("retracts_id", "feedback"),
    _ref("restores_id", "feedback", nullable=True),
)
