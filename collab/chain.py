"""The chains that acts of feedback form: appended to, taken back, never changed. Knows nothing of what an act says.

The acts of one person about one subject form a chain: each names the one it follows. The last of the chain decides
what is in force: an act stands for itself, a retraction for the act it restores. Saying again what is in force
returns its id; a `request_id` makes any act idempotent; two tabs cannot fork a chain (the schema refuses it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from collab.checks import clean_request_id, is_id
from collab.errors import InvalidFeedback, NotFound, Unavailable
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.people.consent import check_consent
from collab.store import Conflict
from collab.store.history_words import keep_words_of_act
from collab.store.queries import tip
from collab.types import Act, Edit, Feedback, Preference, Ranking, Rating, Retraction, new_id, now
from collab.workspace import Workspace

A = TypeVar("A", bound=Feedback)
_USED = "That request id was used for another act: use a new one for each act."
_CONTENT_OF: Mapping[type[Feedback], tuple[str, ...]] = {
    cls: tuple(f.name for f in fields(cls) if f.name not in {g.name for g in fields(Feedback)})
    for cls in (Rating, Preference, Ranking, Edit)
}


def own_act(ws: Workspace, visitor: Visitor, feedback_id: str) -> Act:
    """The person's own act. Raises NotFound, alike for unknown ids and for other people's."""
    found = ws.store.acts([feedback_id]) if is_id(feedback_id) else []
    if not found or found[0].annotator_id != visitor.annotator_id:
        raise NotFound(f"There is no act of yours with the id “{str(feedback_id)[:60]}”: check the id.")
    return found[0]


def do(ws: Workspace, visitor: Visitor, subject: str, act: Callable[[Act | None], A], request_id: str) -> A:
    """Append `act(live)` to the person's chain about `subject`, unless it says what is in force already."""
    key = clean_request_id(request_id, InvalidFeedback)
    for _ in range(5):
        try:
            with ws.store.writing() as connection:
                return append(ws, visitor, subject, act, key, connection)
        except IntegrityError as error:  # what it is about was there when it was checked
            raise NotFound("That output is no longer there: it was deleted at this moment.") from error
        except Conflict:  # the person's other tab acted at this moment: read again what is in force
            continue
    raise Unavailable("The store is busy with the same act: try again in a moment.")


def append(
    ws: Workspace, visitor: Visitor, subject: str, act: Callable[[Act | None], A], key: str | None, connection: Any
) -> A:
    """Append `act(live)` to the chain within the caller's transaction. Raises Conflict when another tab was first."""
    if key and (earlier := _by_request(ws, visitor, key, connection)):
        if earlier.subject != subject or isinstance(earlier, Retraction):
            raise InvalidFeedback(_USED)
        return earlier  # type: ignore[return-value]
    ensure_annotator(ws, visitor, connection)
    check_consent(ws, visitor, connection)
    place = tip(ws.store, visitor.annotator_id, subject, connection=connection)
    live = ws.store.acts([place.live_id], connection=connection)[0] if place and place.live_id else None
    new = act(live)
    if live is not None and _says_the_same(live, new):
        return live  # type: ignore[return-value]
    fresh: dict[str, Any] = {
        "annotator_id": visitor.annotator_id,
        "subject": subject,
        "supersedes_id": place.tip_id if place else None,
        "request_id": key,
    }
    new = replace(new, id=new_id(), created_at=now(), **fresh)
    ws.store.add(new, connection=connection)
    keep_words_of_act(ws.store, new, connection=connection)
    return new


def retract(ws: Workspace, visitor: Visitor, target: Act, key: str | None, connection: Any) -> Retraction:
    """Take `target` back within the caller's transaction. Raises InvalidFeedback when a later act replaced it."""
    place = tip(ws.store, visitor.annotator_id, target.subject, connection=connection)
    if place is None or place.live_id != target.id:
        if earlier := ws.store.find(Retraction, retracts_id=target.id, connection=connection):
            return earlier[0]
        raise InvalidFeedback("You have changed your mind since: undo your latest act on this first.")
    if key and _by_request(ws, visitor, key, connection):
        raise InvalidFeedback(_USED)
    retraction = Retraction(
        annotator_id=visitor.annotator_id,
        subject=target.subject,
        generation_id=target.generation_id,
        task_id=target.task_id,
        supersedes_id=place.tip_id,
        request_id=key,
        retracts_id=target.id,
        restores_id=_before(ws, target, connection),
    )
    ws.store.add(retraction, connection=connection)
    keep_words_of_act(ws.store, retraction, connection=connection)
    return retraction


def _by_request(ws: Workspace, visitor: Visitor, key: str, connection: Any) -> Act | None:
    for cls in (Rating, Preference, Ranking, Edit, Retraction):
        found = ws.store.find(cls, annotator_id=visitor.annotator_id, request_id=key, connection=connection)
        if found:
            return found[0]  # type: ignore[return-value]
    return None


def _says_the_same(live: Act, new: Feedback) -> bool:
    return type(live) is type(new) and all(getattr(live, n) == getattr(new, n) for n in _CONTENT_OF[type(new)])


def _before(ws: Workspace, act: Act, connection: Any) -> str | None:
    """What was in force before `act`: what it superseded, or what that one, being a retraction, had restored."""
    if act.supersedes_id is None:
        return None
    (previous,) = ws.store.acts([act.supersedes_id], connection=connection)
    return previous.restores_id if isinstance(previous, Retraction) else previous.id
