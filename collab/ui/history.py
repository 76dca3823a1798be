"""The History tab: what one has made, newest first, found again, with its provenance; and one's own data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab import api
from collab.identity import Identity
from collab.ui.acts import PAGE
from collab.ui.endpoints import spoken
from collab.ui.history_acts import history_acts
from collab.ui.web import picture_link
from collab.ui.widgets.history import history_list
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class HistoryView:
    """items: the list, which has the events `replay` and `reuse`; refresh: a handler that reads its first page."""

    items: gr.HTML
    refresh: Callable[..., dict[str, Any]]


def build(ws: Workspace, identity: Identity) -> HistoryView:
    """The tab's list. Called inside a `gr.Blocks`."""
    items = history_list(history_acts(ws, identity), elem_id="history")

    def refresh(request: gr.Request) -> dict[str, Any]:
        page = api.history(ws, identity.whoami(request), picture_link(identity), limit=PAGE)
        return {**page, "open": None}

    return HistoryView(items, spoken(refresh))
