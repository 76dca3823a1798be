"""What people answer: kept as an act of feedback, a row of its own and votes, at once; undone, skipped, revealed.

An answer can be taken back until it is revealed, or until the study closes where nothing is revealed. Knows nothing of
who is given what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from collab.chain import append, retract
from collab.checks import clean_request_id, clean_text
from collab.errors import InvalidFeedback, InvalidStudy, Unavailable
from collab.feedback import COMMENT_LIMIT
from collab.identity import Visitor
from collab.people.consent import check_consent
from collab.store import Conflict
from collab.store.study_queries import count_answer, give_place_back
from collab.store.vote_counts import add_votes, drop_votes
from collab.studies.access import own_task
from collab.studies.acts import act_of, subject_of
from collab.studies.assignment import REASON_LIMIT, lease_end, take_again
from collab.studies.said import LABELS, agrees, as_shown, read_answer, vote_rows
from collab.studies.spec import StudySpec, read_spec
from collab.types import (
    Answer,
    Feedback,
    Output,
    Preference,
    Rating,
    Retraction,
    Study,
    StudyArm,
    StudyItem,
    Task,
    now,
)
from collab.workspace import Workspace

DWELL_LIMIT_MS = 24 * 3600 * 1000
SEEN = "You have seen which was which, so this answer stays as it is."
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Held:
    """A task with all that it takes to answer it. outputs: in the item's order."""

    task: Task
    item: StudyItem
    study: Study
    spec: StudySpec
    outputs: list[Output]


def held_task(ws: Workspace, visitor: Visitor, token: object, *, connection: Connection | None = None) -> Held:
    """The visitor's own task by its token. Raises NotFound."""
    task = own_task(ws, visitor, token, connection=connection)
    item = ws.store.get(StudyItem, task.item_id, connection=connection)
    study = ws.store.get(Study, task.study_id, connection=connection)
    found = {output.id: output for output in ws.store.find(Output, id=item.outputs, connection=connection)}
    return Held(task, item, study, read_spec(study.spec), [found[output_id] for output_id in item.outputs])


def answer_task(
    ws: Workspace, visitor: Visitor, token: object, answer: object, *, moment: datetime | None = None
) -> Feedback:
    """Keep an answer; the act it became. Saying the same again, or with the same `request_id`, returns that act.

    Raises InvalidFeedback with one sentence for an answer that does not fit, InvalidStudy for a closed study, a lease
    that has run out, or a task answered otherwise already; then nothing is stored.
    """
    given: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
    key = clean_request_id(given.get("request_id"), InvalidFeedback)
    comment = clean_text(given.get("comment"), "comment", limit=COMMENT_LIMIT, error=InvalidFeedback).strip()
    dwell_ms = _check_dwell(given.get("dwell_ms"))
    at = moment or now()

    def keep(connection: Connection) -> Feedback:
        held = held_task(ws, visitor, token, connection=connection)
        task, item, study = held.task, held.item, held.study
        said = read_answer(study.task, held.spec.questions, answer, held.outputs, task.arrangement)
        if task.status == "answered" and task.answer_id:
            return _said_before(ws, held, said, key, connection)
        _check_open(study)
        _check_lease(task, at)
        left = task.arrangement[0]
        act = act_of(
            study.task, held.spec.questions, said, held.outputs, task_id=task.id, left=left,
            propensity=task.propensity, dwell_ms=dwell_ms, comment=comment,
        )  # fmt: skip
        kept = append(ws, visitor, subject_of(task.id), lambda _live: act, key, connection)
        ws.store.add(
            Answer(id=kept.id, created_at=kept.created_at, study_id=study.id, item_id=item.id, task_id=task.id,
                   said={**said, "comment": comment} if comment else said),
            connection=connection,
        )  # fmt: skip
        changes = {
            "status": "answered", "answer_id": kept.id, "answered_at": at, "dwell_ms": dwell_ms,
            "matched": _matched(ws, held, said, connection),
        }  # fmt: skip
        if not ws.store.update(Task, task.id, changes, only_if={"status": "leased"}, connection=connection):
            raise Conflict("the lease changed at this moment")
        if task.purpose == "item":
            count_answer(ws.store, study.id, item.id, 1, connection=connection)
            votes = vote_rows(study, item, replace(task, answered_at=at), said, kept.id)
            add_votes(connection, list(votes))
        return kept

    return _in_turn(ws, keep)


def undo_answer(ws: Workspace, visitor: Visitor, token: object, *, request_id: str = "") -> tuple[Held, dict[str, Any]]:
    """Take one's answer back, or that one skipped; the task is leased again, with what had been said (in the words of
    the screen; nothing for a skipped one).

    Raises InvalidStudy once it has been revealed or the study has closed, or where a skipped item went to others.
    """
    key = clean_request_id(request_id, InvalidFeedback)

    def take_back(connection: Connection) -> dict[str, Any]:
        held = held_task(ws, visitor, token, connection=connection)
        task = held.task
        if task.status == "skipped":
            _take_skipped(ws, held, connection)
            return {}
        if task.status != "answered" or not task.answer_id:
            raise InvalidStudy("You have not answered this item: there is nothing to undo.")
        _check_undoable(task, held.study)
        answer = ws.store.get(Answer, task.answer_id, connection=connection)
        (act,) = ws.store.acts([task.answer_id], connection=connection)
        retract(ws, visitor, act, key, connection)
        lease_until = lease_end(held.spec, now())
        changes = {
            "status": "leased",
            "answer_id": None,
            "answered_at": None,
            "matched": None,
            "lease_until": lease_until,
        }
        ws.store.update(Task, task.id, changes, connection=connection)
        if task.purpose == "item":
            count_answer(ws.store, held.study.id, task.item_id, -1, connection=connection)
            drop_votes(connection, answer.id)
        comment = act.comment if isinstance(act, Preference | Rating) else answer.said.get("comment", "")
        return {**as_shown(held.study.task, answer.said, task.arrangement), "comment": comment}

    before = _in_turn(ws, take_back)
    return held_task(ws, visitor, token), before


def _take_skipped(ws: Workspace, held: Held, connection: Connection) -> None:
    """Lease a skipped task again. Raises InvalidStudy."""
    task = held.task
    _check_undoable(task, held.study)
    if task.purpose == "item":
        take_again(ws, held.study, held.spec, task, "You have skipped this item", connection)
    changes = {"status": "leased", "reason": "", "lease_until": lease_end(held.spec, now())}
    ws.store.update(Task, task.id, changes, connection=connection)


def skip_task(ws: Workspace, visitor: Visitor, token: object, reason: object) -> Task:
    """Give an item back unanswered, with the reason; it never comes to this person again unless they undo that.

    Raises InvalidStudy for an item that has been answered, and in a closed study.
    """
    said = clean_text(reason, "reason", limit=REASON_LIMIT, error=InvalidFeedback).strip()

    def give_back(connection: Connection) -> Task:
        task = own_task(ws, visitor, token, connection=connection)
        if task.status == "skipped":
            return task
        check_consent(ws, visitor, connection)
        study = ws.store.get(Study, task.study_id, connection=connection)
        if task.status == "answered":
            _check_undoable(task, study)
            raise InvalidStudy("You have answered this item: undo the answer before you skip it.")
        _check_open(study)
        if task.status == "leased" and task.purpose == "item":
            give_place_back(ws.store, task.item_id, connection=connection)
        ws.store.update(Task, task.id, {"status": "skipped", "reason": said}, connection=connection)
        return ws.store.get(Task, task.id, connection=connection)

    return _in_turn(ws, give_back)


def flag_task(ws: Workspace, visitor: Visitor, token: object, note: object) -> Task:
    """Tell the owner what is wrong with the item itself; it can still be answered or skipped."""
    said = clean_text(note, "note", limit=REASON_LIMIT, error=InvalidFeedback, required=True).strip()
    with ws.store.writing() as connection:
        check_consent(ws, visitor, connection)
        task = own_task(ws, visitor, token, connection=connection)
        ws.store.update(Task, task.id, {"flag": said}, connection=connection)
    return ws.store.get(Task, task.id)


def reveal_task(ws: Workspace, visitor: Visitor, token: object) -> dict[str, str]:
    """Which arm was which, by label; from then on the person's answers to this item are locked.

    Raises InvalidStudy where the study reveals nothing, or before the answer.
    """

    def open_up(connection: Connection) -> dict[str, str]:
        held = held_task(ws, visitor, token, connection=connection)
        if not held.spec.reveal:
            raise InvalidStudy("This study does not tell which was which.")
        own = ws.store.find(
            Task, item_id=held.item.id, annotator_id=visitor.annotator_id, connection=connection, lock=True
        )  # with the repeat, where there is one
        if held.task.status != "answered" or any(task.status == "leased" for task in own):
            raise InvalidStudy("Answer first: what is what is told afterwards.")
        for task in own:
            if task.revealed_at is None:
                ws.store.update(Task, task.id, {"revealed_at": now()}, connection=connection)
        arms = ws.store.find(StudyArm, study_id=held.study.id, connection=connection)
        names = {arm.position: arm.name for arm in arms}
        cells = [held.item.cells[at] for at in held.task.arrangement]
        return {LABELS[at]: names[arm] for at, (arm, _, _) in enumerate(cells)}

    return _in_turn(ws, open_up)


def undo_act(ws: Workspace, visitor: Visitor, act: Feedback) -> Retraction:
    """The same as `undo_answer`, for an answer named by its act. Returns the retraction."""
    (task,) = ws.store.find(Task, id=act.task_id)
    if task.answer_id == act.id:
        undo_answer(ws, visitor, task.token)
    found = ws.store.find(Retraction, retracts_id=act.id)
    if not found:
        raise InvalidFeedback("You have changed your mind since: undo your latest answer to this first.")
    return found[0]


def _in_turn(ws: Workspace, write: Callable[[Connection], R]) -> R:
    """`write` in a transaction of its own, again when another tab of this person's was first."""
    for _ in range(5):
        try:
            with ws.store.writing() as connection:
                return write(connection)
        except Conflict:
            continue
    raise Unavailable("The store is busy with the same task: try again in a moment.")


def _said_before(
    ws: Workspace, held: Held, said: Mapping[str, Any], key: str | None, connection: Connection
) -> Feedback:
    """The act of an answer sent twice. Raises InvalidStudy when this one says something else."""
    (act,) = ws.store.acts([str(held.task.answer_id)], connection=connection)
    earlier = ws.store.get(Answer, str(held.task.answer_id), connection=connection).said
    same = {name: value for name, value in earlier.items() if name != "comment"} == dict(said)
    if same or (key and act.request_id == key):
        return act
    _check_undoable(held.task, held.study)
    raise InvalidStudy("You have answered this item already: undo that answer to change it.")


def _matched(ws: Workspace, held: Held, said: Mapping[str, Any], connection: Connection) -> bool | None:
    """Whether a gold item got the answer it expects, or a repeated one the same person's first answer."""
    task, item = held.task, held.item
    if task.purpose == "gold" and item.expected is not None:
        return agrees(held.study.task, said, item.expected)
    if task.purpose == "repeat":
        first = ws.store.find(
            Task, item_id=item.id, annotator_id=task.annotator_id, purpose="item", connection=connection
        )
        if first and first[0].answer_id:
            earlier = ws.store.get(Answer, first[0].answer_id, connection=connection)
            return agrees(held.study.task, said, earlier.said)
    return None


def _check_open(study: Study) -> None:
    if study.status == "closed":
        raise InvalidStudy(f"The study “{study.title}” is closed: its answers are final.")


def _check_undoable(task: Task, study: Study) -> None:
    if task.revealed_at:
        raise InvalidStudy(SEEN)
    _check_open(study)


def _check_lease(task: Task, at: datetime) -> None:
    if task.revealed_at:
        raise InvalidStudy(SEEN)
    if task.status == "skipped":
        raise InvalidStudy("You have skipped this item: take the next one.")
    if task.status == "expired" or task.lease_until < at:
        raise InvalidStudy("Your time on this item ran out and it may have gone to somebody else: take the next one.")


def _check_dwell(value: object) -> int | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= DWELL_LIMIT_MS:  # type: ignore[operator]
        raise InvalidFeedback(f"dwell_ms is {str(value)[:40]}: give milliseconds, a day at most.")
    return int(value)  # type: ignore[call-overload]
