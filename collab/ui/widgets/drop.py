"""Where a picture is dropped or chosen: one that says how it was made restores that, any other is worked on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import PICTURE_EDITOR, script, server_act

DROP_SCRIPT = script(
    "strings.js", "dom.js", "lightbox.js", *PICTURE_EDITOR, "drop.js", "mount_drop.js",
    styles=("shared.css", "drop.css", "picture_editor.css"),
)  # fmt: skip


def picture_drop(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """Two buttons, and the whole page as a place to drop on. Events: `picture`, with `data` (Base64) on `gr.EventData`,
    of a picture that says how it was made; `start` (output_id), of any other, once it is uploaded: the answer is the
    value `{"opened", "picture"}`, as `picture_open` tells one; `show` (generation_id), of what was made from it.

    act: answers the picture editor (see ui/picture_acts.py).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=DROP_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
