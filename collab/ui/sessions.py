"""What Gradio keeps for each browser session, made small. Knows Gradio's insides; nothing of the page."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import state_holder

AT_ONCE = 500  # events under way, as many as may wait
LOOKS = 10  # at sessions that may be forgotten, for each new one
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


class _Waiting(dict[str, Any]):
    """What is kept of each session that waits for an event, and of the newest `CAPACITY` in all.

    events: the ids of the events that each session waits for; without, these are what is kept. Gradio itself forgets
    the oldest session even where somebody waits while scripts call, each call a session; or it forgets none, ever.
    """

    def __init__(self, known: Mapping[str, Any], events: Mapping[str, Any] | None = None) -> None:
        super().__init__(known)
        self._events = self if events is None else events

    def __setitem__(self, session: str, value: Any) -> None:
        super().__setitem__(session, value)
        for oldest in list(islice(self, min(max(len(self) - CAPACITY, 0), LOOKS))):
            waits, kept = self._events.get(oldest), self.pop(oldest)
            if waits and len(self) < 2 * CAPACITY:  # as many again may wait, or have gone without a word
                super().__setitem__(oldest, kept)


def admit_crowd(page: gr.Blocks) -> None:
    """Have many events under way in a launched page, and forget no session that waits for one.

    Gradio works on forty at a time, and whoever watches a generation is one until it ends: at two hundred people
    everybody's ratings waited for seconds behind them. How many threads there are stays as it is.
    """
    queue = page._queue
    queue.active_jobs.extend([None] * (AT_ONCE - len(queue.active_jobs)))
    queue.pending_event_ids_session = events = _Waiting(queue.pending_event_ids_session)
    queue.pending_messages_per_session = _Waiting(queue.pending_messages_per_session, events)


def _remember_config(block: Any) -> None:
    """A component that changes in a session is another object, which describes itself."""
    describe = block.get_config
    known: list[dict[str, Any]] = []

    def get_config() -> dict[str, Any]:
        if not known:
            known.append(describe())
        return dict(known[0])

    block.get_config = get_config
