"""Where a picture is dropped that says how it was made."""

from __future__ import annotations

from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script

DROP_SCRIPT = script("strings.js", "dom.js", "drop.js", "mount_drop.js", styles=("shared.css", "drop.css"))


def picture_drop(**kwargs: Any) -> gr.HTML:
    """A button, and the whole page as a place to drop on. Event `picture`, with `data` (Base64) on `gr.EventData`."""
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=DROP_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        **kwargs,
    )
