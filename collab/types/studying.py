"""A question put to people: what is judged, who was given what, what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from collab.types.base import Row
from collab.types.making import Modality

StudyTask = Literal["compare", "rank", "rate", "edit"]
StudyStatus = Literal["open", "closed"]
StudyAccess = Literal["open", "link"]
ItemStatus = Literal["waiting", "ready", "failed"]
Purpose = Literal["item", "gold", "repeat", "adjudication"]
TaskStatus = Literal["leased", "answered", "skipped", "expired"]


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
