"""The history list: what a person has generated, newest first, each opening to its whole story."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

HISTORY_SCRIPT = script(
    "strings.js", "dom.js", "diff.js", "acts.js", "lightbox.js", "order.js", "card.js", "text_spans.js",
    "text_branches.js", "story.js",
    "history_rows.js", "history_bar.js", "history_bulk.js", "my_data.js", "history.js", "mount_history.js", 
    styles=("shared.css", "board.css", "texts.css", "history.css", "history_bar.css"),
)  # fmt: skip


def history_list(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A list whose value is `{"items", "next_cursor", "open"}`, items being generations with their outputs.

    `act(payload, request)` answers `{"act": "page", "cursor", "query", "filters"}` with `{"ok": True, "items",
    "next_cursor"}` and `{"act": "open", "generation_id"}` with `{"ok": True, "detail"}`, a generation with
    `provenance` (label, value) and `replays`; what else it is asked is in `ui/history_acts.py`. Events, with
    `generation_id` on `gr.EventData`: `replay`, `reuse`, `show`; and `start` from the empty list.
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=HISTORY_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
