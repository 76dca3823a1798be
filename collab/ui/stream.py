"""Streams a generation onto a board: what the store knows first, then what the run adds. Knows no components."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from collab import views
from collab.generation import own_generation
from collab.identity import Identity, Visitor
from collab.runs import Run
from collab.ui.web import picture_link
from collab.workspace import Workspace


async def board_states(
    ws: Workspace, identity: Identity, visitor: Visitor, generation_id: str
) -> AsyncIterator[dict[str, Any]]:
    """The board's value for one's own generation, again and again until it has ended."""
    link = picture_link(identity)

    def card() -> dict[str, Any]:
        made = own_generation(ws, visitor, generation_id)
        return views.cards(ws, visitor, [made], link)[0]

    base = await asyncio.to_thread(card)
    async for run in ws.runs.changes(generation_id, at_most_hz=10):
        if run is None:
            yield base
            async for generation in ws.runs.until_stored(generation_id):
                if generation.status != base["status"]:
                    yield await asyncio.to_thread(card)
        elif run.finished:
            yield await asyncio.to_thread(card)
        else:
            yield views.live_card(ws, run, base, link, _note(ws, run, base["model"]))


def _note(ws: Workspace, run: Run, model: str) -> str:
    """Why nothing is to be seen yet, in a few words."""
    if run.generation.status != "queued":
        return ""
    for status in ws.engine.status():
        if status.name == model and status.state == "loading":
            percent = f" · {status.fraction:.0%}" if status.fraction is not None else ""
            return f"{status.message}{percent}"
    return ""
