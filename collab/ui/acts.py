"""What the widgets send when a person judges or corrects an output: dispatched to `feedback.py`, answered as JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab import api, feedback
from collab.errors import CollabError, InvalidFeedback
from collab.identity import Identity, Visitor
from collab.store.queries import live_acts
from collab.types import Act, Edit, Ranking, Rating, now
from collab.ui.endpoints import UNEXPECTED
from collab.ui.web import picture_link
from collab.views import feedback_json
from collab.workspace import Workspace

log = logging.getLogger(__name__)
_RATED = ("score", "thumb", "aspects", "tags", "comment", "spans")


def board_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of a board or history list. Each answer tells what is now in force."""

    def act(payload: dict, request: gr.Request) -> dict:
        try:
            return _act(ws, identity, identity.whoami(request), payload)
        except CollabError as error:
            return {"ok": False, "error": str(error)}
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
            return _saved(ws, visitor, done)
        case "clear":
            fields = payload.get("fields")
            if not isinstance(fields, list) or not all(isinstance(field, str) for field in fields):
                raise InvalidFeedback("What to clear must be a list of names.")
            done = feedback.rate(ws, visitor, payload.get("output_id", ""), clear=fields, **key)
            return _saved(ws, visitor, done)
        case "edit":
            edited = feedback.edit_text(ws, visitor, payload.get("output_id", ""), payload.get("text"), **key)
            return _saved(ws, visitor, edited)
        case "rank":
            return _saved(ws, visitor, feedback.rank(ws, visitor, payload.get("groups"), **key))
        case "undo":
            return _saved(ws, visitor, feedback.undo(ws, visitor, payload.get("feedback_id", ""), **key))
        case "page":
            page = api.history(ws, visitor, link, limit=24, cursor=payload.get("cursor") or "")
            return {"ok": True, **page}
        case "open":
            return {"ok": True, "detail": api.detail(ws, visitor, payload.get("generation_id", ""), link)}
        case other:
            raise InvalidFeedback(f"There is no act named “{str(other)[:40]}”.")


def _saved(ws: Workspace, visitor: Visitor, act: Act) -> dict[str, Any]:
    """The answer to an act: its id, and all that is in force now on the generation it is about."""
    live = live_acts(ws.store, visitor.annotator_id, [act.generation_id])
    outputs: dict[str, dict[str, Any]] = {}
    ranking = None
    for one in live:
        if isinstance(one, Rating | Edit):
            kind = "rating" if isinstance(one, Rating) else "edit"
            outputs.setdefault(one.output_id, {"rating": None, "edit": None})[kind] = feedback_json(one)
        elif isinstance(one, Ranking) and one.subject == f"ranking:{act.generation_id}":
            ranking = feedback_json(one)
    about = getattr(act, "output_id", None)
    if about is None and act.subject.startswith(("rating:", "edit:")):
        about = act.subject.partition(":")[2]
    return {
        "ok": True,
        "feedback_id": act.id,
        "saved_at": now().isoformat(timespec="milliseconds"),
        "output_id": about,
        "feedback": outputs.get(about, {"rating": None, "edit": None}) if about else None,
        "ranking": ranking,
    }
