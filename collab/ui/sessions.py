"""What Gradio keeps for each browser session, made small. Knows Gradio's insides; nothing of the page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import state_holder

AT_ONCE = 500  # events under way, as many as may wait
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


def widen(page: gr.Blocks) -> None:
    """Have many events under way in a launched page.

    Gradio works on forty at a time, and whoever watches a generation is one until it ends: at two hundred people
    everybody's ratings waited for seconds behind them. How many threads there are stays as it is.
    """
    jobs = page._queue.active_jobs
    jobs.extend([None] * (AT_ONCE - len(jobs)))


def _remember_config(block: Any) -> None:
    """A component that changes in a session is another object, which describes itself."""
    describe = block.get_config
    known: list[dict[str, Any]] = []

    def get_config() -> dict[str, Any]:
        if not known:
            known.append(describe())
        return dict(known[0])

    block.get_config = get_config
