"""What the Refine widget sends: dispatched to `refine_api.py`, answered as JSON. Keeps nothing of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.api import refine as refine_api
from collab.errors import InvalidPrompt
from collab.identity import Identity, Visitor
from collab.ui.answering import answering
from collab.ui.web import picture_link
from collab.workspace import Workspace

Json = dict[str, Any]


def refine_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the Refine page. What changes something answers with the prompt's board."""
    link = picture_link(identity)

    def act(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        get = said.get
        version_id, prompt_id = get("prompt_version_id"), get("prompt_id")
        match said.get("act"):
            case "prompts":
                return {"prompts": refine_api.prompts(ws, visitor)}
            case "job":
                return {"job": refine_api.job(ws, visitor, get("job_id"))}
            case "board":
                board = refine_api.board(ws, visitor, prompt_id, link)
            case "propose":
                asked = get("count"), get("proposers"), get("reflector")
                board = refine_api.propose(ws, visitor, version_id, *asked, link)
            case "cancel_job":
                board = refine_api.cancel_job(ws, visitor, get("job_id"), link)
            case "revise":
                words = {name: get(name) for name in ("text", "negative_text", "system_text", "settings", "why")}
                board = refine_api.revise(ws, visitor, version_id, **words, link=link)
            case "reject":
                board = refine_api.reject(ws, visitor, version_id, get("reason"), link)
            case "trial":
                plan = {name: get(name) for name in ("model", "cases", "scope", "votes", "confirming_votes")}
                board = refine_api.trial(ws, visitor, prompt_id, get("prompt_version_ids"), **plan, link=link)
            case "stop_trial":
                board = refine_api.stop_trial(ws, visitor, get("trial_id"), link)
            case "promote":
                board = refine_api.promote(ws, visitor, prompt_id, version_id, link)
            case "rollback":
                board = refine_api.rollback(ws, visitor, prompt_id, get("reason"), link)
            case other:
                raise InvalidPrompt(f"There is no act named “{str(other)[:40]}”.")
        return {"board": board}

    return answering(identity, act)
