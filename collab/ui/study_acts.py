"""What the widgets of studies send: dispatched to `study_api.py`, answered as JSON. Keeps nothing of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.api import study as study_api
from collab.errors import InvalidStudy
from collab.identity import Identity, Visitor
from collab.ui.answering import answering
from collab.ui.archives import write_archive
from collab.ui.web import archive_link, picture_link, task_link
from collab.workspace import Workspace

Json = dict[str, Any]


def desk_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the rating desk."""
    link = task_link(identity)

    def act(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        task_id, study_id = said.get("task_id"), said.get("study_id")
        match said.get("act"):
            case "studies":
                return {"studies": study_api.list_studies(ws, visitor)}
            case "open":
                return {
                    "study": study_api.open_study(ws, visitor, study_id, link),
                    "task": study_api.next_task(ws, visitor, study_id, link),
                }
            case "next":
                held = said.get("held")
                return {
                    "task": study_api.next_task(ws, visitor, study_id, link, held if isinstance(held, list) else ())
                }
            case "answer":
                return study_api.answer_task(ws, visitor, task_id, said.get("answer"))
            case "skip":
                return study_api.skip(ws, visitor, task_id, said.get("reason"))
            case "flag":
                return study_api.flag(ws, visitor, task_id, said.get("note"))
            case "renew":
                return study_api.renew_task(ws, visitor, task_id)
            case "undo":
                return study_api.undo_task(ws, visitor, task_id, link, str(said.get("request_id") or ""))
            case "reveal":
                return study_api.reveal(ws, visitor, task_id)
            case other:
                raise _unknown(other)

    return answering(identity, act, lambda error: {"field": field_of(str(error))})


def insights_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the insights page. What changes a study answers with its results."""
    link = picture_link(identity)

    def act(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        study_id = said.get("study_id")
        match said.get("act"):
            case "studies":
                return {"studies": study_api.own_studies(ws, visitor)}
            case "results":
                pass
            case "close":
                study_api.set_status(ws, visitor, study_id, "closed")
            case "reopen":
                study_api.set_status(ws, visitor, study_id, "open")
            case "retry":
                study_api.retry(ws, visitor, study_id)
            case "filter":
                study_api.leave_out(ws, visitor, study_id, said.get("annotator_ids"), said.get("reason"))
            case "adjudicate":
                study_api.adjudicate(ws, visitor, study_id, said.get("item_id"), said.get("answer"))
            case "csv":
                return study_api.table(ws, visitor, study_id, said.get("table"))
            case "export":
                token, _ = write_archive(ws, visitor, said.get("format"), study_id)
                return {"url": archive_link(identity, token)}
            case other:
                raise _unknown(other)
        by, tag = str(said.get("by") or "arm"), str(said.get("tag") or "")
        return {"results": study_api.results(ws, visitor, study_id, link, by, tag)}

    return answering(identity, act, lambda error: {"field": field_of(str(error))})


def composer_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the form for a new study."""

    def act(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        match said.get("act"):
            case "check":
                return study_api.check_study(ws, visitor, said.get("spec"))
            case "create":
                return study_api.create_study(ws, visitor, said.get("spec"), str(said.get("request_id") or ""))
            case "upload":
                names = ("data", "format", "name", "upload_id", "index", "total")
                told = study_api.upload_rows(ws, visitor, *(said.get(name) for name in names))
                return {"upload_id": told["upload_id"], "done": told.pop("done"), "import": told}
            case other:
                raise _unknown(other)

    return answering(identity, act, lambda error: {"field": field_of(str(error))})


def field_of(sentence: str) -> str | None:
    """Which part of a study's spec a sentence is about, as a path ("arms.1"), so that a form can point at it."""
    for name, plural in (("arm", "arms"), ("case", "cases"), ("gold item", "gold"), ("question", "questions")):
        if found := re.search(rf"\b{name}s? (\d+)\b", sentence, re.IGNORECASE):
            return f"{plural}.{int(found[1]) - 1}"
    named = re.match(r"The title|“(\w+)” is ", sentence)
    return None if named is None else named[1] or "title"


def _unknown(act: object) -> InvalidStudy:
    return InvalidStudy(f"There is no act named “{str(act)[:40]}”.")
