"""The grid under Create's form: values on axes, a cell for each combination. Joins the widget to the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.generation import Ask
from collab.identity import Identity, Visitor
from collab.library import grids
from collab.types import new_id
from collab.ui.acts import board_acts
from collab.ui.answering import answering
from collab.ui.endpoints import PRIVATE, spoken
from collab.ui.prompt_form import PromptForm
from collab.ui.web import picture_link
from collab.ui.widgets.grid import grid_panel
from collab.workspace import Workspace

_ACTS = ("grid", "grid_make", "grid_stop", "grid_go_on", "grid_reveal")
Json = dict[str, Any]
_AXES = {
    "text": ("temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens", "seed"),
    "image": ("guidance_scale", "num_inference_steps", "scheduler", "width", "height", "seed"),
}


def build_grid(ws: Workspace, identity: Identity, form: PromptForm, button: gr.Button) -> gr.HTML:
    """The panel, which `button` opens over what the form says. Called inside a `gr.Blocks`."""
    panel = grid_panel(grid_acts(ws, identity), elem_id="grid")

    def on_open(request: gr.Request, *values: Any) -> Json:
        ask = form.ask(values)
        axes, ignored = _AXES["image" if ask.modality == "image" else "text"], form.ignored(ask.modality, ask.model)
        shown = [axis for axis in axes if axis not in ignored]
        asked = {
            "prompt": ask.prompt, "modality": ask.modality, "model": ask.model, "seed": ask.seed,
            "settings": dict(ask.settings or {}), "negative_prompt": ask.negative_prompt,
            "system_text": ask.system_text, "examples": list(ask.examples or ()) or None,
            "variables": dict(ask.variables or {}), "inputs": dict(ask.inputs or {}) or None,
        }  # fmt: skip
        grids_there = grids.grids_of(ws, identity.whoami(request))
        return {"opened": new_id(), "ask": asked, "settings": shown, "grids": grids_there}

    button.click(spoken(on_open), inputs=form.inputs, outputs=panel, **PRIVATE)
    return panel


def grid_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the panel; what it does not know is an act about an output."""
    judge, link = board_acts(ws, identity), picture_link(identity)

    def own(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        grid_id = said.get("grid_id")
        match said["act"]:
            case "grid_make":
                grid_id = grids.make_grid(ws, visitor, _ask(said.get("ask")), said.get("axes"),
                                          hidden=said.get("hidden") is True)  # fmt: skip
            case "grid_stop":
                grids.cancel_grid(ws, visitor, grid_id)
            case "grid_go_on":
                grids.go_on_with_grid(ws, visitor, grid_id)
            case "grid_reveal":
                grids.reveal_grid(ws, visitor, grid_id)
        return {"grid": grids.shown_grid(ws, visitor, grid_id, link)}

    answer = answering(identity, own)

    def act(payload: dict, request: gr.Request) -> dict:
        is_own = isinstance(payload, Mapping) and payload.get("act") in _ACTS
        return (answer if is_own else judge)(payload, request)

    return act


def _ask(said: object) -> Ask:
    given: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    names = ("prompt", "modality", "model", "seed", "settings", "negative_prompt", "system_text", "examples",
             "variables", "inputs")  # fmt: skip
    return Ask(**{name: given[name] for name in names if name in given})
