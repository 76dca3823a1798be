"""What a person did about an output: append-only, a change of mind is a new row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from collab.types.base import Row

Winner = Literal["a", "b", "tie", "both_bad"]
FeedbackKind = Literal["rating", "preference", "ranking", "edit", "retraction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback(Row):
    """One act of a person. `subject` names what the act is about, so that its successors find it (see feedback.py)."""

    annotator_id: str
    subject: str
    generation_id: str
    task_id: str | None = None
    supersedes_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating(Feedback):
    """The whole opinion on one output. score and aspects: 1–5. thumb: 1 up, −1 down. spans: [{start, end, label}]."""

    output_id: str
    score: int | None = None
    thumb: int | None = None
    aspects: Mapping[str, int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    spans: tuple[Mapping[str, Any], ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference(Feedback):
    """Which of two outputs is better. Only blind votes are evidence."""

    output_a_id: str
    output_b_id: str
    winner: Winner
    left_id: str | None = None
    blind: bool = False
    revealed_at: datetime | None = None
    dwell_ms: int | None = None
    propensity: float | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking(Feedback):
    """Ordered groups of output ids, best first, ties inside a group. Pairs come only from across groups."""

    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit(Feedback):
    """What a person made of an output. edit_distance: Levenshtein distance in words from the output's text; of a
    picture, how much of it changed, in ten-thousandths (see pictures/repaintings.py)."""

    output_id: str
    text: str | None = None
    blob_sha256: str | None = None
    mask_sha256: str | None = None
    edit_distance: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction(Feedback):
    """An undo. retracts_id: the act taken back. restores_id: the act that is live again because of it, or None."""

    retracts_id: str
    restores_id: str | None = None


Act = Rating | Preference | Ranking | Edit | Retraction
