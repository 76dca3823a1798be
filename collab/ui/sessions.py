"""What Gradio keeps for each browser session, made small. Knows Gradio's insides; nothing of the page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import state_holder

CAPACITY = 2000  # sessions; every bare HTTP call opens one, and gradio's own 10,000 are as many as it would keep


class _Session(state_holder.SessionState):
    """A session that does not describe all components to itself.

    Gradio keeps that description for links that bring a page back as it was, which this page has none of; it took five
    milliseconds of the event loop that everybody waits for, and 0.3 MB, for each call by HTTP.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))


def lighten(page: gr.Blocks) -> None:
    """Have the sessions of this process's pages be small, and this page's components describe themselves once."""
    state_holder.SessionState = _Session
    for block in page.blocks.values():
        _remember_config(block)


def _remember_config(block: Any) -> None:
    """A component that changes in a session is another object, which describes itself."""
    describe = block.get_config
    known: list[dict[str, Any]] = []

    def get_config() -> dict[str, Any]:
        if not known:
            known.append(describe())
        return dict(known[0])

    block.get_config = get_config
