"""The Rate tab: an annotator's page, opened by a study's link or from the list. Reads, dispatches, keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.api import study as study_api
from collab.identity import Identity
from collab.ui.endpoints import spoken
from collab.ui.study_acts import desk_acts
from collab.ui.widgets import rating_desk
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RateView:
    """desk: the page, which has the events `compose` and `refresh`; refresh: a handler that reads the list."""

    desk: gr.HTML
    refresh: Callable[..., dict[str, Any]]


def build(ws: Workspace, identity: Identity) -> RateView:
    """The tab's desk. Called inside a `gr.Blocks`."""
    desk = rating_desk(desk_acts(ws, identity), elem_id="desk")

    def refresh(request: gr.Request) -> dict[str, Any]:
        visitor = identity.whoami(request)
        rows = []
        for study in study_api.list_studies(ws, visitor):
            progress = study.pop("progress")
            answered, left = progress["answered"], progress["left"]
            total = progress["total"] if left is None else answered + left
            rows.append({**study, "answered": answered, "total": total, "at_most": progress["at_most"]})
        return {"studies": rows, "owner": visitor.is_owner}

    return RateView(desk, spoken(refresh))


def study_in_link(request: gr.Request) -> str:
    """The study that the page's address asks for (access.address_of), or ""."""
    return str((request.query_params or {}).get("study", ""))[:64]
