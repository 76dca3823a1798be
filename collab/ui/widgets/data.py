"""Data: what has been collected, as plots, and what can be taken away, as cards. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

DATA_SCRIPT = script(
    "strings.js", "dom.js", "lightbox.js", "history_bulk.js", "my_data.js", "insights_words.js", "plots.js",
    "plot_export.js", "plot_figure.js", "data_plots.js", "data_builds.js", "data_exports.js", "data.js",
    "mount_data.js", styles=("shared.css", "board.css", "history.css", "history_bar.css", "insights.css", "plots.css",
                             "data.css"),
)  # fmt: skip


def data_board(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A page whose value is `{"opened", "owner"}` (None: not opened yet); a new `opened` has it ask anew.

    `act(payload, request)` answers `overview`, `offers`, `preview` (`format`, `source`), `build` (`format`, `source`,
    `part`), `push` (`format`, `source`, `name`, `public`, `token`), `build_state` and `build_stop` (`build_id`) as
    `collab.api.data` tells them, and what `my_data.js` asks. Event: `start` (Create is wanted).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=DATA_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
