"""From feedback to what serves: proposals, their trials, the names that move, long work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from collab.types.base import Row

TrialStage = Literal["screening", "confirming", "decided", "stopped"]
AliasMove = Literal["promote", "rollback"]
DecisionKind = Literal["propose", "reject", "trial", "confirm", "decide", "promote", "rollback", "watch", "stop"]
JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
SnapshotKind = Literal["sft", "dpo", "kto", "reward", "image-sft", "image-dpo", "image-kto"]

TRIALS_UNDER_WAY: tuple[TrialStage, ...] = ("screening", "confirming")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement(Row):
    """Where a proposed version came from. evidence_ids: the acts of feedback it cites; details: the proposer's own
    numbers. Why it was proposed, in words, is the child's `rationale`."""

    prompt_id: str
    parent_version_id: str
    child_version_id: str
    proposer: str
    evidence_ids: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Row):
    """Candidates against the champion, blind: a study to find the best of them, then one on fresh votes to be sure.

    spec: what was asked for, defaults filled in. leader_id: the candidate that the fresh votes are about. verdict: of
    those, "" until decided. watch_id: the study that goes on comparing after a promotion.
    """

    prompt_id: str
    champion_id: str
    candidate_ids: tuple[str, ...]
    model_version_id: str
    stage: TrialStage
    spec: Mapping[str, Any]
    screening_id: str | None = None
    confirming_id: str | None = None
    watch_id: str | None = None
    leader_id: str | None = None
    verdict: str = ""
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Row):
    """One move of a name to an immutable version: `text-current` and `image-current` name weights, `prompt:ID` the
    version of that prompt that serves. The last move is in force; evidence: what it was decided on."""

    name: str
    version_id: str
    move: AliasMove
    trial_id: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    supersedes_id: str | None = None
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Row):
    """One entry of a prompt's log. content: `said`, a sentence for people, and what it was about."""

    prompt_id: str
    kind: DecisionKind
    content: Mapping[str, Any] = field(default_factory=dict)
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSnapshot(Row):
    """Training data as they were at one moment, kept as what they are made of and not as rows.

    sha256: of the rows, which is what names them. train_count, test_count: rows to learn from, and held out by seed.
    event_ids: every act that was read, so that the rows can be built again from these alone, whatever was said since.
    counts: what was merged and left out, by reason.
    """

    kind: SnapshotKind
    sha256: str
    train_count: int
    test_count: int
    seed: int = 0
    event_ids: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Row):
    """Long work that is not a generation. progress: 0–1. worker: the process that carries it out, alive while
    `heartbeat` is recent."""

    kind: str
    spec: Mapping[str, Any]
    status: JobStatus = "queued"
    progress: float = 0.0
    message: str = ""
    error: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    worker: str = ""
    heartbeat: datetime | None = None
    created_by: str
