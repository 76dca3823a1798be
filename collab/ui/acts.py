"""What the widgets send when a person judges or corrects an output: dispatched to `feedback.py`, answered as JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab import api, feedback
from collab.checks import is_id
from collab.errors import CollabError, InvalidFeedback
from collab.generation import own_outputs
from collab.identity import Identity, Visitor
from collab.pictures.editing import edit_image
from collab.store.queries import live_acts
from collab.types import Act, Edit, Ranking, Rating, now
from collab.ui.endpoints import UNEXPECTED
from collab.ui.picture_acts import PICTURE_ACTS
from collab.ui.web import picture_link
from collab.views import Link, edit_json, feedback_json
from collab.workspace import Workspace

log = logging.getLogger(__name__)
PAGE = 24  # generations of History read at once
_RATED = ("score", "thumb", "aspects", "tags", "comment", "spans")


def board_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of a board or history list. Each answer tells what is now in force."""

    def act(payload: dict, request: gr.Request) -> dict:
        visitor = identity.whoami(request)
        try:
            return _act(ws, identity, visitor, payload)
        except CollabError as error:
            return {"ok": False, "error": str(error), **_in_force(ws, visitor, picture_link(identity), payload)}
        except Exception:
            log.exception("unexpected error in a widget's act")
            return {"ok": False, "error": UNEXPECTED}

    return act


def _act(ws: Workspace, identity: Identity, visitor: Visitor, payload: object) -> dict[str, Any]:
    if not isinstance(payload, Mapping):
        raise InvalidFeedback("An act must be an object.")
    key = {"request_id": payload.get("request_id") or ""}
    link = picture_link(identity)
    match payload.get("act"):
        case "rate":
            said = {name: payload[name] for name in _RATED if name in payload}
            whole = ["aspects"] if "aspects" in said else []  # the page sends all of them, not only the new one
            done = feedback.rate(ws, visitor, payload.get("output_id", ""), **said, clear=whole, **key)
            return _saved(ws, visitor, link, done)
        case "clear":
            fields = payload.get("fields")
            if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
                raise InvalidFeedback("What to clear must be a list of names.")
            done = feedback.rate(ws, visitor, payload.get("output_id", ""), clear=fields, **key)
            return _saved(ws, visitor, link, done)
        case "edit":
            edited = feedback.edit_text(ws, visitor, payload.get("output_id", ""), payload.get("text"), **key)
            return _saved(ws, visitor, link, edited)
        case "rank":
            return _saved(ws, visitor, link, feedback.rank(ws, visitor, payload.get("groups"), **key))
        case "undo":
            return _saved(ws, visitor, link, feedback.undo(ws, visitor, payload.get("feedback_id", ""), **key))
        case "explain":
            return {"ok": True, **api.explain(ws, visitor, payload.get("output_id", ""), payload.get("edited"))}
        case "branches":
            return {"ok": True, **api.branches(ws, visitor, payload.get("generation_id", ""))}
        case str() as name if name in PICTURE_ACTS:
            return PICTURE_ACTS[name](ws, visitor, payload, link)
        case "picture_save":
            made_of, mask = payload.get("from_output_id") or payload.get("image"), payload.get("mask")
            kept = edit_image(ws, visitor, payload.get("output_id", ""), made_of, mask, **key)
            return _saved(ws, visitor, link, kept)
        case "open":
            return {"ok": True, "detail": api.detail(ws, visitor, payload.get("generation_id", ""), link)}
        case other:
            raise InvalidFeedback(f"There is no act named “{str(other)[:40]}”.")


def _saved(ws: Workspace, visitor: Visitor, link: Link, act: Act) -> dict[str, Any]:
    """The answer to an act: its id, and all that is in force now on the generation it is about."""
    about = getattr(act, "output_id", None)
    if about is None and act.subject.startswith(("rating:", "edit:")):
        about = act.subject.partition(":")[2]
    saved_at = now().isoformat(timespec="milliseconds")
    return {
        "ok": True,
        "feedback_id": act.id,
        "saved_at": saved_at,
        **_live(ws, visitor, link, act.generation_id, about),
    }


def _in_force(ws: Workspace, visitor: Visitor, link: Link, payload: object) -> dict[str, Any]:
    """What is in force on what a refused act was about, where that can be told: another tab may have acted."""
    asked = payload if isinstance(payload, Mapping) else {}
    acts = ws.store.acts([asked["feedback_id"]]) if is_id(asked.get("feedback_id")) else []
    if acts and acts[0].annotator_id == visitor.annotator_id:
        about = acts[0].subject.partition(":")[2] if acts[0].subject.startswith(("rating:", "edit:")) else None
        return _live(ws, visitor, link, acts[0].generation_id, about)
    try:
        (output,) = own_outputs(ws, visitor, [asked.get("output_id", "")], masked=True)
    except CollabError:
        return {}
    return _live(ws, visitor, link, output.generation_id, output.id)


def _live(ws: Workspace, visitor: Visitor, link: Link, generation_id: str, about: str | None) -> dict[str, Any]:
    """One's feedback in force on an output (about), and one's ranking of its generation."""
    feedback_on: dict[str, Any] = {"rating": None, "edit": None}
    ranking = None
    for act in live_acts(ws.store, visitor.annotator_id, [generation_id]):
        if isinstance(act, Rating) and act.output_id == about:
            feedback_on["rating"] = feedback_json(act)
        elif isinstance(act, Edit) and act.output_id == about:
            feedback_on["edit"] = edit_json(act, link)
        elif isinstance(act, Ranking) and act.subject == f"ranking:{generation_id}":
            ranking = feedback_json(act)
    return {"output_id": about, "feedback": feedback_on if about else None, "ranking": ranking}
