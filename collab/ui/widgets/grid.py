"""The grid's panel: axes with their values, then a table of cells to judge. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

GRID_SCRIPT = script(
    "strings.js", "dom.js", "lightbox.js", "insights_words.js", "plots.js", "plot_export.js", "grid_cell.js",
    "grid_sheet.js", "grid_form.js", "grid.js", "mount_grid.js", styles=("shared.css", "grid.css"),
)  # fmt: skip


def grid_panel(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A panel whose value is `{"opened", "ask", "settings", "grids"}`; None: closed.

    ask: what the form says, sent back with `grid_make`. `act(payload, request)` answers `grid_make` (`ask`, `axes`,
    `hidden`), `grid`, `grid_stop`, `grid_go_on` and `grid_reveal` (`grid_id`) with `{"ok": True, "grid"}` as
    `grids.shown_grid` tells it, and the acts of feedback as the board's do.
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=GRID_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
