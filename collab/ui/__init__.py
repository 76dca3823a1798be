"""The page's table of contents: builds every tab, joins them, and launches. Knows the tabs, not their insides."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from collab import generation
from collab.identity import Identity, open_identity
from collab.ui import create, history
from collab.ui.endpoints import PRIVATE, add_endpoints, spoken
from collab.ui.theme import CSS, HEAD, THEME
from collab.ui.web import VisitorCookie, routes
from collab.workspace import Workspace

SERVER_FILE = "server.json"
HERE = Path(__file__).parent
PAGE_CSS = CSS + (HERE / "page.css").read_text(encoding="utf-8")
PAGE_HEAD = f"{HEAD}<script>{(HERE / 'page.js').read_text(encoding='utf-8')}</script>"


def build(ws: Workspace, identity: Identity) -> gr.Blocks:
    """The whole page with its endpoints."""
    with gr.Blocks(title="Collab", analytics_enabled=False) as page:
        with gr.Tabs(selected="create") as tabs:
            with gr.Tab("Create", id="create"):
                desk = create.build(ws, identity)
            with gr.Tab("History", id="history") as history_tab:
                past = history.build(ws, identity)
        _join(ws, identity, tabs, desk, past)
        history_tab.select(past.refresh, outputs=past.items, **PRIVATE)
        add_endpoints(ws, identity)
        if ws.settings.space_id:
            gr.LoginButton()
    page.queue(default_concurrency_limit=None, max_size=500)
    return page


def _join(ws: Workspace, identity: Identity, tabs: gr.Tabs, desk: create.CreateView, past: history.HistoryView) -> None:
    """History's “replay” and “use this prompt” happen on Create."""

    async def on_replay(request: gr.Request, event: gr.EventData) -> AsyncIterator[tuple[Any, ...]]:
        asked = str((event._data or {}).get("generation_id", ""))
        made = await asyncio.to_thread(generation.replay, ws, identity.whoami(request), asked)
        async for update in _there(desk.show(made, request)):
            yield update

    async def on_show(request: gr.Request, event: gr.EventData) -> AsyncIterator[tuple[Any, ...]]:
        asked = str((event._data or {}).get("generation_id", ""))
        async for update in _there(desk.show(asked, request)):
            yield update

    def on_reuse(request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        asked = str((event._data or {}).get("generation_id", ""))
        made = generation.own_generation(ws, identity.whoami(request), asked)
        return gr.Tabs(selected="create"), *desk.form.recall(ws, made)

    past.items.replay(spoken(on_replay), outputs=[tabs, *desk.shown], **create.STREAM)
    past.items.show(spoken(on_show), outputs=[tabs, *desk.shown], **create.STREAM)
    past.items.start(lambda: gr.Tabs(selected="create"), outputs=tabs, **PRIVATE)
    past.items.reuse(spoken(on_reuse), outputs=[tabs, *desk.form.outputs], **PRIVATE)


async def _there(updates: AsyncIterator[tuple[Any, ...]]) -> AsyncIterator[tuple[Any, ...]]:
    """The updates with a move to Create before the first: whoever walks on while it streams is left in peace."""
    move: Any = gr.Tabs(selected="create")
    async for update in updates:
        yield move, *update
        move = gr.skip()


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: where it answers, and how it is stopped."""

    url: str
    page: gr.Blocks
    identity: Identity


@contextlib.contextmanager
def serve(ws: Workspace, *, share: bool = False) -> Iterator[Served]:
    """Serve the page until the block ends. Raises Misconfigured when others could reach it and it has no owner."""
    identity = open_identity(ws.settings, shared=share)
    page = build(ws, identity)
    options: dict[str, Any] = {
        "server_name": ws.settings.server_name,
        "server_port": ws.settings.server_port,
        "share": share,
        "prevent_thread_lock": True,
        "quiet": True,
        "theme": THEME,
        "css": PAGE_CSS,
        "head": PAGE_HEAD,
        "footer_links": [],
        "run_history": False,
        "allowed_paths": [],
        "blocked_paths": [str(ws.settings.home)],
        "max_file_size": "20mb",
        "ssr_mode": False,
        "show_error": True,
        "mcp_server": True,
        "app_kwargs": {
            "middleware": [Middleware(VisitorCookie, identity=identity)],
            "routes": routes(ws, identity),
        },
    }
    _, url, _ = page.launch(**options)
    server_file = ws.settings.home / SERVER_FILE
    server_file.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    try:
        yield Served(url, page, identity)
    finally:
        server_file.unlink(missing_ok=True)
        page.close(verbose=False)
