"""What was judged and what was answered, as every exchange format sees it. Knows nothing of files or of the store.

A set holds items; an item holds the outputs that were shown together and what people answered about them. Answers have
the form that an annotator sends: `a` and `b`, or the labels `A`, `B`, …, mean the item's outputs in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from collab.types import Modality

TaskKind = Literal["compare", "rank", "rate", "edit"]
QuestionKind = Literal["stars", "thumb", "choice", "multi_choice", "text", "span"]

TASKS: tuple[TaskKind, ...] = get_args(TaskKind)
QUESTION_KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
LABELS = "ABCDEF"  # an item has one to six outputs

# what a file of single outputs is asked about where it does not say so itself
QUALITY: Mapping[str, Any] = {
    "name": "quality",
    "title": "How good is it?",
    "kind": "stars",
    "options": [],
    "required": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOutput:
    """One output. arm: who made it. image: PNG, JPEG or WebP bytes; what is read from files is always plain PNG.

    turns: where an output is more than one reply, the conversation from where it parts from the other output's, as
    {"role", "content"}; `text` then says the same for a reader.
    """

    arm: str
    text: str | None = None
    image: bytes | None = None
    media_type: str = "text/plain"
    output_id: str = ""
    seed: int | None = None
    model_revision: str = ""
    prompt_version_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    turns: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswer:
    """What one person said about one item. answer: {"winner"}, {"groups"}, {"values"} or {"text"}, by the task."""

    annotator: str
    answer: Mapping[str, Any]
    at: datetime | None = None
    event_id: str = ""
    blind: bool = True
    comment: str = ""
    dwell_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """Outputs shown together. messages: earlier turns as {"role", "content"}; `prompt` is the last one, the user's."""

    item_id: str
    prompt: str = ""
    messages: tuple[Mapping[str, str], ...] = ()
    outputs: tuple[JudgedOutput, ...]
    tag: str = ""
    answers: tuple[JudgedAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Whose answers are not in a set, by a choice of whoever collected them. effect: what it changed, in words."""

    people: int
    reason: str
    effect: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSet:
    """A whole file. questions: what `rate` asks, as a study's spec has them.

    notes: sentences about what a file held that was left out, for whoever imports it; no part of the set's identity.
    left_out: the people left out before it is written; whoever reads it gets a note.
    """

    title: str
    task: TaskKind
    modality: Modality = "text"
    question: str = ""
    guidelines: str = ""
    questions: tuple[Mapping[str, Any], ...] = ()
    items: Sequence[JudgedItem] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)
    left_out: LeftOut | None = field(default=None, compare=False)
