"""What stands above the tabs: one's name, the language, the keys, and the notice on what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.errors import InvalidSetting
from collab.identity import Identity
from collab.people import saying as people
from collab.people.consent import notice
from collab.ui.endpoints import spoken
from collab.ui.language import language_of
from collab.ui.widgets.header import page_header
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class HeaderView:
    """bar: the widget; refresh: a handler that reads who is looking."""

    bar: gr.HTML
    refresh: Callable[..., dict[str, Any]]


def build(ws: Workspace, identity: Identity) -> HeaderView:
    """The bar. Called inside a `gr.Blocks`."""

    def act(payload: dict, request: gr.Request) -> dict:
        visitor = identity.whoami(request)
        match payload.get("act"):
            case "agree":
                people.agree(ws, visitor, payload.get("version"))
            case "name":
                people.call_me(ws, visitor, payload.get("name"))
            case other:
                raise InvalidSetting(f"There is no act named “{str(other)[:40]}”.")
        return {"ok": True, "person": people.myself(ws, visitor)}

    bar = page_header(act, elem_id="collab-header")

    def refresh(request: gr.Request) -> dict[str, Any]:
        person = people.myself(ws, identity.whoami(request))
        return {"person": person, "notice": notice(ws.settings, language_of(request.headers))}

    return HeaderView(bar, spoken(refresh))
