"""What an owner decides about a running study, kept for everyone to see: closing, leaving people out, adjudicating."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy.engine import Connection

from collab.checks import clean_text, is_id
from collab.errors import CollabError, InvalidFeedback, InvalidStudy
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.studies.said import read_answer
from collab.studies.spec import read_spec
from collab.types import Annotator, Output, Study, StudyDecision, StudyItem, Task
from collab.workspace import Kept, Workspace

REASON_LIMIT = 500  # characters


@dataclass(frozen=True, slots=True)
class Filter:
    """Whose answers the results leave out, by whose visible choice. effect: what it changed, in words."""

    excluded: frozenset[str]
    reason: str
    at: str
    effect: str


NO_FILTER = Filter(frozenset(), "", "", "")


def set_status(ws: Workspace, visitor: Visitor, study: Study, status: str) -> Study:
    """Close a study or open it again; doing so twice changes nothing."""
    with ws.store.writing() as connection:
        ensure_annotator(ws, visitor, connection)
        if ws.store.update(Study, study.id, {"status": status}, only_if={"status": _other(status)},
                           connection=connection):  # fmt: skip
            kind: Any = "close" if status == "closed" else "reopen"
            decided = StudyDecision(study_id=study.id, kind=kind, created_by=visitor.annotator_id)
            ws.store.add(decided, connection=connection)
        return ws.store.get(Study, study.id, connection=connection)


def _other(status: str) -> str:
    return {"open": "closed", "closed": "open"}[status]


def filter_in_force(ws: Workspace, study: Study, *, connection: Connection | None = None) -> Filter:
    """The owner's last choice of whom to leave out."""
    kept = ws.store.find(StudyDecision, study_id=study.id, kind="filter", connection=connection)
    if not kept or not kept[-1].content["excluded"]:
        return NO_FILTER
    content = kept[-1].content
    at = kept[-1].created_at.isoformat(timespec="seconds")
    return Filter(frozenset(content["excluded"]), content["reason"], at, content["effect"])


def excluded_tasks(ws: Kept, *, connection: Connection) -> set[str]:
    """In any study, the tasks of people whom its owner leaves out."""
    last = {d.study_id: d for d in ws.store.find(StudyDecision, kind="filter", connection=connection)}
    return {
        task.id
        for study_id, decision in last.items()
        if decision.content["excluded"]
        for task in ws.store.find(
            Task, study_id=study_id, annotator_id=list(decision.content["excluded"]), connection=connection
        )
    }


def check_excluded(ws: Workspace, annotator_ids: object, reason: object) -> tuple[list[str], str]:
    """Whom to leave out, and why. Raises InvalidStudy for an unknown person or without a reason."""
    if not isinstance(annotator_ids, Sequence) or isinstance(annotator_ids, str) or len(annotator_ids) > 10_000:
        raise InvalidStudy("Whom to leave out must be a list of annotators.")
    known = {a.id for a in ws.store.find(Annotator, id=[i for i in annotator_ids if is_id(i)])}
    for annotator_id in annotator_ids:
        if not is_id(annotator_id) or annotator_id not in known:
            raise InvalidStudy(f"There is no annotator “{str(annotator_id)[:60]}”: choose from the list.")
    said = clean_text(reason, "reason", limit=REASON_LIMIT, error=InvalidStudy).strip()
    if known and not said:
        raise InvalidStudy("Leaving people out needs a reason, which stands beside the results: write one.")
    return sorted(known), said


def keep_filter(ws: Workspace, visitor: Visitor, study: Study, excluded: list[str], reason: str, effect: str) -> None:
    """Record whom the results leave out from now on."""
    content = {"excluded": excluded, "reason": reason, "effect": effect}
    with ws.store.writing() as connection:
        ensure_annotator(ws, visitor, connection)
        decided = StudyDecision(study_id=study.id, kind="filter", created_by=visitor.annotator_id, content=content)
        ws.store.add(decided, connection=connection)


def adjudicate(ws: Workspace, visitor: Visitor, study: Study, item_id: object, answer: object) -> StudyDecision:
    """The owner's own answer to an item on which people disagree, as `queue_arrangement` showed it: it settles the
    consensus. It is no vote. Raises InvalidStudy for an unknown item, InvalidFeedback for an answer that does not fit.
    """
    found = ws.store.find(StudyItem, id=item_id, study_id=study.id) if is_id(item_id) else []
    if not found or found[0].status != "ready":
        raise InvalidStudy(f"There is no item “{str(item_id)[:60]}” to decide on: choose one from the list.")
    outputs = {o.id: o for o in ws.store.find(Output, id=found[0].outputs)}
    ordered = [outputs[output_id] for output_id in found[0].outputs]
    try:
        said = read_answer(study.task, read_spec(study.spec).questions, answer, ordered, queue_arrangement(found[0]))
    except CollabError as error:
        raise InvalidFeedback(str(error)) from error
    with ws.store.writing() as connection:
        ensure_annotator(ws, visitor, connection)
        decided = StudyDecision(
            study_id=study.id, kind="adjudicate", created_by=visitor.annotator_id,
            content={"item_id": found[0].id, "said": said},
        )  # fmt: skip
        ws.store.add(decided, connection=connection)
    return decided


def queue_arrangement(item: StudyItem) -> list[int]:
    """How a disputed item's outputs stand before the owner: the same each time, but no place means an arm."""
    order = list(range(len(item.cells)))
    Random(item.id).shuffle(order)
    return order


def adjudicated(ws: Workspace, study: Study, *, connection: Connection | None = None) -> dict[str, dict[str, Any]]:
    """What the owner decided on each item, the last word of each."""
    kept = ws.store.find(StudyDecision, study_id=study.id, kind="adjudicate", connection=connection)
    return {decision.content["item_id"]: decision.content["said"] for decision in kept}
