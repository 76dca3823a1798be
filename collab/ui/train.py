"""The Train tab: what the feedback could teach, trainings as they run, what came of them. Reads, dispatches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.datasets.snapshots import only_owner
from collab.identity import Identity
from collab.types import new_id
from collab.ui.endpoints import spoken
from collab.ui.train_acts import train_acts
from collab.ui.widgets.train import train_widget
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class TrainView:
    """board: the page, with the events `start` (Create is wanted), `rate` (`study_id`), `show` (`generation_id`) and
    `served` (another model serves now); refresh: a handler that has it ask anew."""

    board: gr.HTML
    refresh: Callable[..., dict[str, Any]]


def build(ws: Workspace, identity: Identity) -> TrainView:
    """The tab's page, which counts nothing before it is opened. Called inside a `gr.Blocks`."""
    board = train_widget(train_acts(ws, identity), elem_id="train")

    def refresh(request: gr.Request) -> dict[str, Any]:
        only_owner(identity.whoami(request))
        return {"opened": new_id()}

    return TrainView(board, spoken(refresh))
