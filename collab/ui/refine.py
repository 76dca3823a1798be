"""The Refine tab: an owner's prompts, their versions and tests. Reads, dispatches, keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.api import refine as refine_api
from collab.identity import Identity
from collab.ui.endpoints import spoken
from collab.ui.refine_acts import refine_acts
from collab.ui.widgets import refine_board
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RefineView:
    """board: the page, which has the events `start` (Create is wanted) and `rate` (`study_id`); refresh: a handler that
    reads the list of prompts."""

    board: gr.HTML
    refresh: Callable[..., dict[str, Any]]


def build(ws: Workspace, identity: Identity) -> RefineView:
    """The tab's page. Called inside a `gr.Blocks`."""
    board = refine_board(refine_acts(ws, identity), elem_id="refine")

    def refresh(request: gr.Request) -> dict[str, Any]:
        return {"prompts": refine_api.prompts(ws, identity.whoami(request)), "open": None, "board": None}

    return RefineView(board, spoken(refresh))
