"""Shows of Create's form what the chosen model heeds. Knows no model: what one ignores, pickers.py says."""

from __future__ import annotations

from typing import Any

import gradio as gr

from collab.ui.endpoints import PRIVATE
from collab.ui.pickers import ignored
from collab.ui.settings_panel import SettingsPanel
from collab.workspace import Workspace
from models.base import DIFFUSION

_KEYS = sorted(DIFFUSION)


def show_heeded(
    ws: Workspace, modality: gr.Radio, model: gr.Dropdown, negative: gr.Textbox, panel: SettingsPanel
) -> None:
    """Hide the boxes that the model ignores, whenever it is another. Called inside a `gr.Blocks`."""

    def on_other_model(chosen: str, name: str) -> list[Any]:
        without = ignored(ws, chosen, name or "")
        shown = chosen == "image" and "negative" not in without
        return [gr.update(visible=shown), *(gr.update(visible=key not in without) for key in _KEYS)]

    gr.on(
        [model.change, modality.change],
        on_other_model,
        inputs=[modality, model],
        outputs=[negative, *(panel.controls[key] for key in _KEYS)],
        trigger_mode="always_last",
        **PRIVATE,
    )
