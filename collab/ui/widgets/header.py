"""The bar above the tabs. Knows nothing of who may do what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

HEADER_SCRIPT = script(
    "strings.js", "dom.js", "lightbox.js", "header.js", "mount_header.js", styles=("shared.css", "header.css")
)


def page_header(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A bar whose value is `{"person": {"name", "can_be_named", "agreed", "must_agree"}, "notice": {"version",
    "paragraphs", "url"}}`. `act(payload, request)` answers `{"act": "agree", "version"}` and `{"act": "name", "name"}`
    with `{"ok": True, "person"}` or `{"ok": False, "error": sentence}`.
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=HEADER_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
