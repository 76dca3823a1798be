"""The Data tab: what has been collected, every export of it with a look at the rows, and one's own data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.identity import Identity
from collab.types import new_id
from collab.ui.data_acts import data_acts
from collab.ui.endpoints import spoken
from collab.ui.widgets.data import data_board
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DataView:
    """board: the page, with the event `start` (Create is wanted); refresh: a handler that has it count anew."""

    board: gr.HTML
    refresh: Callable[..., dict[str, Any]]


def build(ws: Workspace, identity: Identity) -> DataView:
    """The tab's page, which counts nothing before it is opened. Called inside a `gr.Blocks`."""
    board = data_board(data_acts(ws, identity, os.environ.get("HF_ENDPOINT") or None), elem_id="data")

    def refresh(request: gr.Request) -> dict[str, Any]:
        return {"opened": new_id(), "owner": identity.whoami(request).is_owner}

    return DataView(board, spoken(refresh))
