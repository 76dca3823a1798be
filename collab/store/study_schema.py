"""The tables of studies: what is judged, by whom, and what was answered. Knows nothing of queries."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from collab.store.columns import Json, Microseconds, make_table, metadata, one_of, ref

DWELL_STEP_MS = 500  # how finely the time on an item is counted
DWELL_STEPS = 600  # beyond five minutes all count alike

studies = make_table(
    "studies",
    Column("title", Text, nullable=False),
    Column("task", String(8), nullable=False),
    Column("modality", String(8), nullable=False),
    Column("spec", Json, nullable=False),
    Column("status", String(8), nullable=False),
    Column("access", String(8), nullable=False),
    Column("link", String(32), nullable=False),
    Column("items", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    ref("created_by", "annotators"),
    UniqueConstraint("link"),
    one_of("task", "compare", "rank", "rate", "edit"),
    one_of("modality", "text", "image"),
    one_of("status", "open", "closed"),
    one_of("access", "open", "link"),
)

study_arms = make_table(
    "study_arms",
    ref("study_id", "studies"),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    ref("prompt_version_id", "prompt_versions"),
    ref("model_version_id", "model_versions"),
    UniqueConstraint("study_id", "position"),
)

study_cases = make_table(
    "study_cases",
    ref("study_id", "studies"),
    Column("position", Integer, nullable=False),
    Column("variables", Json, nullable=False),
    Column("tag", String(80), nullable=False),
    UniqueConstraint("study_id", "position"),
)

study_items = make_table(
    "study_items",
    ref("study_id", "studies"),
    Column("position", Integer, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("status", String(8), nullable=False),
    Column("error", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("cells", Json, nullable=False),
    Column("outputs", Json, nullable=False),
    Column("context", Json, nullable=False),
    Column("stratum", String(16), nullable=False),
    Column("tag", String(80), nullable=False),
    Column("room", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
    Column("expected", Json, nullable=True),
    UniqueConstraint("study_id", "position"),
    CheckConstraint("room >= 0", name="room"),  # never more people on an item than its overlap, whatever races
    one_of("purpose", "item", "gold"),
    one_of("status", "waiting", "ready", "failed"),
    Index(
        "ix_study_items_waiting",
        "study_id",
        "position",
        sqlite_where=text("status = 'waiting'"),
        postgresql_where=text("status = 'waiting'"),
    ),
    # how many are there in which state, and have had how many answers
    Index("ix_study_items_state", "study_id", "status", "purpose", "answered"),
    Index(
        "ix_study_items_tag",
        "study_id",
        "tag",
        sqlite_where=text("tag <> ''"),
        postgresql_where=text("tag <> ''"),
    ),
    # what can still be served, in the order of serving: the next item is the first of a range, however large the study
    Index(
        "ix_study_items_free",
        "study_id",
        "purpose",
        "position",
        sqlite_where=text("room > 0 AND status = 'ready'"),
        postgresql_where=text("room > 0 AND status = 'ready'"),
    ),
    Index(
        "ix_study_items_free_stratum",
        "study_id",
        "purpose",
        "stratum",
        "position",
        sqlite_where=text("room > 0 AND status = 'ready'"),
        postgresql_where=text("room > 0 AND status = 'ready'"),
    ),
)

# what a task came to as one number, which is added up twice as fast as what it is made of
_STATUSES = ("leased", "answered", "skipped", "expired")
_PURPOSES = ("item", "gold", "repeat", "adjudication")


def _place(column: str, names: tuple[str, ...]) -> str:
    """SQL for which of the names a column holds, counted from 0."""
    *first, _ = (f" WHEN '{name}' THEN {at}" for at, name in enumerate(names))
    return f"CASE {column}{''.join(first)} ELSE {len(first)} END"


_OUTCOME = (
    f"(({_place('status', _STATUSES)} * 4 + {_place('purpose', _PURPOSES)}) * 4"
    " + CASE WHEN matched IS NULL THEN 0 WHEN matched THEN 2 ELSE 1 END) * 1024"
    f" + CASE WHEN dwell_ms IS NULL THEN 0 WHEN dwell_ms >= {DWELL_STEP_MS * DWELL_STEPS} THEN {DWELL_STEPS + 1}"
    f" ELSE dwell_ms / {DWELL_STEP_MS} + 1 END"
)


class Outcome(NamedTuple):
    """What `tasks.outcome` says. dwell_step: half seconds that the item was looked at, None where nobody measured."""

    status: str
    purpose: str
    matched: bool | None
    dwell_step: int | None


def outcome_of(number: int) -> Outcome:
    """The outcome that a number stands for."""
    rest, step = divmod(number, 1024)
    rest, matched = divmod(rest, 4)
    status, purpose = divmod(rest, 4)
    return Outcome(_STATUSES[status], _PURPOSES[purpose], (None, False, True)[matched], step - 1 if step else None)


tasks = make_table(
    "tasks",
    ref("study_id", "studies"),
    ref("item_id", "study_items"),
    ref("annotator_id", "annotators"),
    Column("purpose", String(16), nullable=False),
    Column("token", String(32), nullable=False),
    Column("arrangement", Json, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("weight", Float, nullable=False),
    Column("status", String(16), nullable=False),
    Column("lease_until", Microseconds, nullable=False),
    Column("answer_id", String(36), nullable=True),
    Column("answered_at", Microseconds, nullable=True),
    Column("dwell_ms", Integer, nullable=True),
    Column("outcome", Integer, Computed(_OUTCOME, persisted=True), nullable=True),
    Column("matched", Boolean, nullable=True),
    Column("revealed_at", Microseconds, nullable=True),
    Column("reason", Text, nullable=False),
    Column("flag", Text, nullable=False),
    UniqueConstraint("token"),
    # nobody is given an item twice, but for the one deliberate repeat
    UniqueConstraint("item_id", "annotator_id", "purpose"),
    # all that is told of people's work, in the order in which it is added up; `answered_at` only comes along
    Index("ix_tasks_work", "study_id", "annotator_id", "outcome", "answered_at"),
    Index(None, "study_id", "answered_at"),
    Index("ix_tasks_flagged", "study_id", "id", sqlite_where=text("flag <> ''"), postgresql_where=text("flag <> ''")),
    Index(
        "ix_tasks_leased",
        "study_id",
        "lease_until",
        sqlite_where=text("status = 'leased'"),
        postgresql_where=text("status = 'leased'"),
    ),
    one_of("purpose", "item", "gold", "repeat", "adjudication"),
    one_of("status", "leased", "answered", "skipped", "expired"),
)

answers = Table(
    "answers",
    metadata,
    Column("id", String(36), ForeignKey("feedback.id"), primary_key=True),
    Column("created_at", Microseconds, nullable=False),
    ref("study_id", "studies"),
    ref("item_id", "study_items"),
    ref("task_id", "tasks"),
    Column("said", Json, nullable=False),
    Index(None, "item_id"),
    Index(None, "task_id"),
)

# What answers in force say about pairs of arms: worked out from `answers`, so that a million can be counted at once.
# arm_a stands before arm_b; winner: 1 a, 2 b, 3 tie, 4 both bad; weight undoes an adaptive choice of pairs; side: 1 the
# one on the left was chosen, 2 the one on the right, 0 neither.
votes = Table(
    "votes",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("study_id", String(36), ForeignKey("studies.id"), nullable=False),
    Column("answer_id", String(36), ForeignKey("answers.id"), nullable=False),
    Column("item_id", String(36), nullable=False),
    Column("annotator_id", String(36), nullable=False),
    Column("arm_a", SmallInteger, nullable=False),
    Column("arm_b", SmallInteger, nullable=False),
    Column("winner", SmallInteger, nullable=False),
    Column("side", SmallInteger, nullable=False),
    Column("weight", Float, nullable=False),
    Column("tag", String(80), nullable=False),
    Column("voted_at", Microseconds, nullable=False),
    CheckConstraint("arm_a < arm_b", name="arms"),
    CheckConstraint("winner BETWEEN 1 AND 4", name="winner"),
    Index(None, "answer_id"),
    Index("ix_votes_people", "study_id", "annotator_id", "arm_a", "arm_b"),
    # holds all that its question needs, in the order in which it is added up
    Index("ix_votes_items", "study_id", "item_id", "arm_a", "arm_b", "winner", "annotator_id"),
)

# what the votes add up to: see vote_counts.py
vote_counts = Table(
    "vote_counts",
    metadata,
    Column("study_id", String(36), ForeignKey("studies.id"), primary_key=True),
    Column("annotator_id", String(36), primary_key=True),
    Column("arm_a", SmallInteger, primary_key=True, autoincrement=False),
    Column("arm_b", SmallInteger, primary_key=True, autoincrement=False),
    Column("winner", SmallInteger, primary_key=True, autoincrement=False),
    Column("side", SmallInteger, primary_key=True, autoincrement=False),
    Column("tag", String(80), primary_key=True),
    Column("votes", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    Column("weight_squared", Float, nullable=False),
    sqlite_with_rowid=False,
)

study_decisions = make_table(
    "study_decisions",
    ref("study_id", "studies"),
    Column("kind", String(16), nullable=False),
    ref("created_by", "annotators"),
    Column("content", Json, nullable=False),
    Index(None, "study_id"),
    one_of("kind", "close", "reopen", "filter", "adjudicate", "target"),
)
