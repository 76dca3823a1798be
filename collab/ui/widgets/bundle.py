"""Joins the widgets' JavaScript and CSS files into what a `gr.HTML` takes. Knows nothing of what they draw."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from collab.errors import CollabError
from collab.ui.language import language_of
from collab.ui.locales.answers import answer_in

HERE = Path(__file__).parent
# what a widget needs whose pictures can be changed; with dom.js and lightbox.js before it
PICTURE_EDITOR = ("picture_compare.js", "picture_canvas.js", "picture_tools.js", "picture_results.js",
                  "picture_editor.js")  # fmt: skip


def script(*names: str, styles: tuple[str, ...]) -> str:
    """The body of one `js_on_load`: the named files in one scope, and their styles put into the page once."""
    css = "\n".join((HERE / name).read_text(encoding="utf-8") for name in styles)
    style_id = "collab-" + "-".join(name.removesuffix(".css") for name in styles)
    parts = [(HERE / name).read_text(encoding="utf-8") for name in names]
    mount = parts.pop()
    return "\n".join(['"use strict";', *parts, f"injectStyles({json.dumps(style_id)}, {json.dumps(css)});", mount])


def server_act(act: Callable[..., dict]) -> Callable[..., dict]:
    """`act(payload, request)` as the server function `act` of a widget; a CollabError becomes its sentence. What the
    product says is in the visitor's language."""
    takes_request = len(inspect.signature(act).parameters) > 1

    def act_(payload: dict, request: gr.Request) -> dict:
        try:
            answer = act(payload, request) if takes_request else act(payload)
        except CollabError as error:
            answer = {"ok": False, "error": str(error)}
        return answer_in(language_of(request.headers), answer)

    act_.__name__ = "act"  # the name under which the browser finds it: server.act(payload)
    return act_
