"""The nouns: frozen dataclasses that the store keeps. Knows nothing of databases, models or pages.

Ids are UUIDv7 text, times are aware UTC datetimes. What a person did is append-only: a change of mind is a new row
whose `supersedes_id` names the old one, an undo is a retraction row, and live state follows `supersedes_id` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

import uuid6

Modality = Literal["text", "image"]
Origin = Literal["local", "anonymous", "huggingface"]
PromptOrigin = Literal["human", "refiner", "imported"]
GenerationOrigin = Literal["person", "replay", "study", "refinement", "training", "imported"]
Status = Literal["queued", "running", "done", "failed", "cancelled"]
FinishReason = Literal["stop", "length", "cancelled"]
Winner = Literal["a", "b", "tie", "both_bad"]
FeedbackKind = Literal["rating", "preference", "ranking", "edit", "retraction"]
StudyTask = Literal["compare", "rank", "rate", "edit"]
StudyStatus = Literal["open", "closed"]
StudyAccess = Literal["open", "link"]
ItemStatus = Literal["waiting", "ready", "failed"]
Purpose = Literal["item", "gold", "repeat", "adjudication"]
TaskStatus = Literal["leased", "answered", "skipped", "expired"]

MODALITIES: tuple[Modality, ...] = get_args(Modality)
UNFINISHED: tuple[Status, ...] = ("queued", "running")


def new_id() -> str:
    """A fresh UUIDv7 in text form: sorts by time of making."""
    return str(uuid6.uuid7())


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every stored noun has."""

    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotator(Row):
    display_name: str = ""
    origin: Origin = "anonymous"
    consent_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(Row):
    """A line of versions."""

    title: str
    modality: Modality
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One few-shot turn: what a person would say and what the model should answer."""

    user: str
    assistant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion(Row):
    """One immutable wording. `text` may hold `{variables}`; `settings` are those refined along with the words."""

    prompt_id: str
    parent_id: str | None = None
    text: str
    negative_text: str = ""
    system_text: str = ""
    examples: tuple[Example, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: PromptOrigin = "human"
    rationale: str = ""
    content_sha256: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion(Row):
    """Exactly which weights answered. revision: hub commit, hash of a local folder, a GGUF's hash, or `unpinned`."""

    name: str
    modality: Modality
    base: str
    revision: str
    precision: str
    adapter_sha256: str | None = None
    parent_id: str | None = None
    snapshot_id: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation(Row):
    """The durable job: it outlives the tab and the server.

    settings: canonical, defaults filled in. inputs: parent output, prefix text and the like. worker: which process
    holds the lease until `lease_until`. timings: seconds by phase.
    """

    prompt_version_id: str
    model_version_id: str
    variables: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    rendered: str = ""
    settings: Mapping[str, Any]
    seed: int
    count: int
    status: Status = "queued"
    error: str = ""
    requested_by: str
    request_id: str | None = None
    origin: GenerationOrigin = "person"
    lease_until: datetime | None = None
    worker: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Row):
    """One result; its id exists from submission and its content is written once. A stopped text keeps what it has."""

    generation_id: str
    position: int
    seed: int
    text: str | None = None
    blob_sha256: str | None = None
    media_type: str
    finish_reason: FinishReason | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTokens(Row):
    """How likely the model thought each token of a text output; kept apart because History never reads it.

    tokens: one [text, logprob, [[alternative, logprob], …]] for each token. The id is the output's.
    """

    tokens: tuple[Any, ...]


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
    """What a person made of an output. edit_distance: Levenshtein distance in words, from the output's text."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Study(Row):
    """A question put to people. spec: everything the owner decided, defaults filled in (studies/spec.py).

    link: the unguessable name by which a study that is not listed is found. items: how many are judged, gold aside.
    answered: how many answers are in force.
    """

    title: str
    task: StudyTask
    modality: Modality
    spec: Mapping[str, Any]
    status: StudyStatus = "open"
    access: StudyAccess = "open"
    link: str
    items: int = 0
    answered: int = 0
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyArm(Row):
    """One of the things a study tells apart: a prompt version with the weights that answered it."""

    study_id: str
    position: int
    name: str
    prompt_version_id: str
    model_version_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCase(Row):
    """What the {variables} of a study's prompts are filled with, the same in every arm."""

    study_id: str
    position: int
    variables: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyItem(Row):
    """What is judged at once. position: the order of serving, shuffled. cells: [arm, case, sample] of each output.

    outputs: their ids, in the order of `cells`, once all are there. attempt: how often they were made anew after
    failing. stratum: which arms meet ("0:1"), for compare.
    room: how many more people may be given it. expected: a gold item's right answer, in the order of `cells`.
    """

    study_id: str
    position: int
    purpose: Purpose = "item"
    status: ItemStatus = "waiting"
    error: str = ""
    attempt: int = 0
    cells: tuple[tuple[int, int, int], ...]
    outputs: tuple[str, ...] = ()
    context: tuple[tuple[str, str], ...] = ()
    stratum: str = ""
    tag: str = ""
    room: int
    answered: int = 0
    expected: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Row):
    """One annotator's lease on one item. token: the only name of it that the annotator is told.

    arrangement: which of the item's outputs stands first, second, … on the screen. propensity: with which probability
    its stratum was drawn; weight: what undoes that choice. answer_id: the answer in force. matched: whether it is what
    a gold item expects, or what the same person said the first time. flag: what they found wrong with the item itself.
    """

    study_id: str
    item_id: str
    annotator_id: str
    purpose: Purpose = "item"
    token: str
    arrangement: tuple[int, ...]
    propensity: float = 1.0
    weight: float = 1.0
    status: TaskStatus = "leased"
    lease_until: datetime
    answer_id: str | None = None
    answered_at: datetime | None = None
    dwell_ms: int | None = None
    matched: bool | None = None
    revealed_at: datetime | None = None
    reason: str = ""
    flag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Row):
    """What was answered to a task, in the order of the item's cells. The id is that of its act of feedback."""

    study_id: str
    item_id: str
    task_id: str
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyDecision(Row):
    """What an owner decided about a study, for everyone to see later: closing it, leaving people out, and why."""

    study_id: str
    kind: Literal["close", "reopen", "filter", "adjudicate", "target"]
    created_by: str
    content: Mapping[str, Any] = field(default_factory=dict)
