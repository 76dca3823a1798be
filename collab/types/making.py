"""Who asks, the words, the weights, and what they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from collab.types.base import Row

Modality = Literal["text", "image"]
Origin = Literal["local", "anonymous", "huggingface"]
PromptOrigin = Literal["human", "refiner", "imported"]
GenerationOrigin = Literal["person", "replay", "study", "refinement", "training", "imported"]
Status = Literal["queued", "running", "done", "failed", "cancelled"]
FinishReason = Literal["stop", "length", "cancelled"]

MODALITIES: tuple[Modality, ...] = get_args(Modality)
UNFINISHED: tuple[Status, ...] = ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotator(Row):
    display_name: str = ""
    origin: Origin = "anonymous"
    consent_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Row):
    """That a person agreed to a version of the notice. What was in force at a moment is their newest before it."""

    annotator_id: str
    version: str


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


STEERED_BY = ("rules", "demonstrations", "liked", "disliked")  # what inputs hold where one's own feedback shaped it
BRANCHED_BY = ("parent_output_id",)  # and where it goes on from another output: see collab/texts/branches.py


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation(Row):
    """The durable job: it outlives the tab and the server.

    settings: canonical, defaults filled in. inputs: parent output, prefix text and the like. worker: which process
    holds the lease until `lease_until`. timings: seconds by phase. root_id: the generation that its line of branches
    and replies began with (branches.py), None for one that goes on from nothing.
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
    root_id: str | None = None


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
class Tombstone(Row):
    """What a deletion leaves: that it was, and how much of what went. scope: all of a person's, or what they chose.

    thinned: generations of which only some outputs went.
    """

    annotator_id: str
    scope: Literal["everything", "chosen"]
    counts: Mapping[str, int]
    thinned: tuple[str, ...] = ()
