"""The tables of the loop's second half: proposals, trials, the versions that serve, training data, jobs.

Knows nothing of queries.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Text, UniqueConstraint

from collab.store.columns import Json, Microseconds, make_table, one_of, partial, ref

refinements = make_table(
    "refinements",
    ref("prompt_id", "prompts"),
    ref("parent_version_id", "prompt_versions"),
    ref("child_version_id", "prompt_versions"),
    Column("proposer", String(32), nullable=False),
    Column("evidence_ids", Json, nullable=False),
    Column("details", Json, nullable=False),
    ref("created_by", "annotators"),
    UniqueConstraint("child_version_id"),
    Index(None, "prompt_id"),
)

trials = make_table(
    "trials",
    ref("prompt_id", "prompts"),
    ref("champion_id", "prompt_versions"),
    Column("candidate_ids", Json, nullable=False),
    ref("model_version_id", "model_versions"),
    Column("stage", String(16), nullable=False),
    Column("spec", Json, nullable=False),
    ref("screening_id", "studies", nullable=True),
    ref("confirming_id", "studies", nullable=True),
    ref("watch_id", "studies", nullable=True),
    ref("leader_id", "prompt_versions", nullable=True),
    Column("verdict", String(16), nullable=False),
    ref("created_by", "annotators"),
    Index(None, "prompt_id"),
    partial("ix_trials_open", "stage", where="stage = 'screening' OR stage = 'confirming'"),
    partial("ix_trials_watched", "watch_id", where="watch_id IS NOT NULL"),
    one_of("stage", "screening", "confirming", "decided", "stopped"),
)

aliases = make_table(
    "aliases",
    Column("name", String(80), nullable=False),
    Column("version_id", String(36), nullable=False),
    Column("move", String(16), nullable=False),
    ref("trial_id", "trials", nullable=True),
    Column("evidence", Json, nullable=False),
    Column("reason", Text, nullable=False),
    ref("supersedes_id", "aliases", nullable=True),
    ref("created_by", "annotators"),
    # a name has one first move and each move at most one successor: two tabs cannot send it two ways
    UniqueConstraint("supersedes_id"),
    partial("uq_aliases_first", "name", where="supersedes_id IS NULL", unique=True),
    Index(None, "name"),
    one_of("move", "promote", "rollback"),
)

decisions = make_table(
    "decisions",
    ref("prompt_id", "prompts"),
    Column("kind", String(16), nullable=False),
    Column("content", Json, nullable=False),
    ref("created_by", "annotators"),
    Index(None, "prompt_id"),
    one_of("kind", "propose", "reject", "trial", "confirm", "decide", "promote", "rollback", "watch", "stop"),
)

dataset_snapshots = make_table(
    "dataset_snapshots",
    Column("kind", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("train_count", Integer, nullable=False),
    Column("test_count", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("event_ids", Json, nullable=False),
    Column("counts", Json, nullable=False),
    ref("created_by", "annotators"),
    UniqueConstraint("sha256"),  # the same rows are one snapshot, whoever makes it
    one_of("kind", "sft", "dpo", "kto", "reward", "image-sft", "image-dpo", "image-kto"),
)

jobs = make_table(
    "jobs",
    Column("kind", String(32), nullable=False),
    Column("spec", Json, nullable=False),
    Column("status", String(16), nullable=False),
    Column("progress", Float, nullable=False),
    Column("message", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("result", Json, nullable=False),
    Column("worker", Text, nullable=False),
    Column("heartbeat", Microseconds, nullable=True),
    ref("created_by", "annotators"),
    Index(None, "created_by"),
    partial("ix_jobs_unfinished", "status", where="status = 'queued' OR status = 'running'"),
    one_of("status", "queued", "running", "done", "failed", "cancelled"),
)
