"""The output board: what a generation made, and everything a person says about it. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

BOARD_SCRIPT = script(
    "strings.js", "dom.js", "diff.js", "acts.js", "rating.js", "text_spans.js", "text_explain.js",
    "text_branches.js", "text_tools.js", "editor.js", "lightbox.js", "bodies.js", "card.js",
    "order.js", "board.js", "mount_board.js", styles=("shared.css", "board.css", "texts.css"),
)  # fmt: skip


def output_board(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A board whose value is one generation as a dict (None: the empty state) and which patches itself as it streams.

    `act(payload, request)` stores one act of feedback and answers `{"ok": True, "feedback_id", "saved_at",
    "feedback", "ranking"}` or `{"ok": False, "error": sentence}`; a repeated `request_id` is the same act.
    Events besides Gradio's own, with their data on `gr.EventData`: `example`, `rerun` (generation_id),
    `regenerate` (generation_id), `lockseed` (seed, output_id), `branch` (output_id, prefix, count), `reply` (output_id,
    text, count), `show` (generation_id). A refusal may also tell what holds: `output_id`,
    `feedback`, `ranking`.
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=BOARD_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
