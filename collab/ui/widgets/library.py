"""The prompt library's panel: saved prompts with their versions, and presets of settings. Knows no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

LIBRARY_SCRIPT = script(
    "strings.js", "dom.js", "diff.js", "lightbox.js", "library_tree.js", "library_presets.js", "library.js",
    "mount_library.js", styles=("shared.css", "library.css"),
)  # fmt: skip


def library_panel(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A panel whose value is `{"opened", "loaded", "said"}`: `loaded` is the version that the form now says, or None;
    `ignored`, where the model is another now, the settings that it ignores: presets of nothing else are not offered.

    `act(payload, request)` answers `list`, `tree` (`prompt_id`), `restore` (`prompt_version_id`), `change`
    (`prompt_id`, `changes`), `save_preset` and `delete_preset`. Events: `save` (`name`, `tags`, `parent_id`),
    `load_version` (`prompt_version_id`), `apply` (`settings`), `keep` (`name`: the form's settings as a preset).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=LIBRARY_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
