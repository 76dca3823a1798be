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
from collab.refinement.trying.looking import Looking
from collab.studies.pregeneration import Pregeneration
from collab.ui import create, data, header, history, insights, rate, refine, sessions, train
from collab.ui.endpoints import PRIVATE, add_endpoints, spoken
from collab.ui.front_page import FrontPage
from collab.ui.language import PageLanguage, words_route
from collab.ui.library_endpoints import add_library_endpoints
from collab.ui.refine_endpoints import add_refine_endpoints
from collab.ui.study_endpoints import add_study_endpoints
from collab.ui.theme import CSS, HEAD, THEME
from collab.ui.train_endpoints import add_train_endpoints
from collab.ui.web import VisitorCookie, routes
from collab.workspace import Workspace

SERVER_FILE = "server.json"
HERE = Path(__file__).parent
PAGE_CSS = CSS + (HERE / "page.css").read_text(encoding="utf-8")
SCRIPTS = "".join((HERE / name).read_text(encoding="utf-8") for name in ("streams.js", "page.js"))
PAGE_HEAD = f"{HEAD}<script>{SCRIPTS}</script>"


def build(ws: Workspace, identity: Identity) -> gr.Blocks:
    """The whole page with its endpoints."""
    with gr.Blocks(title="Collab", analytics_enabled=False) as page:
        top = header.build(ws, identity)
        with gr.Tabs(selected="create") as tabs:
            with gr.Tab("Create", id="create"):
                desk = create.build(ws, identity)
            with gr.Tab("Rate", id="rate") as rate_tab:
                raters = rate.build(ws, identity)
            with gr.Tab("Refine", id="refine", visible=False) as refine_tab:
                refining = refine.build(ws, identity)
            with gr.Tab("Train", id="train", visible=False) as train_tab:
                training = train.build(ws, identity)
            with gr.Tab("Insights", id="insights", visible=False) as insights_tab:
                findings = insights.build(ws, identity)
            with gr.Tab("History", id="history") as history_tab:
                past = history.build(ws, identity)
            with gr.Tab("Data", id="data") as data_tab:
                given = data.build(ws, identity)
        _join(ws, identity, tabs, desk, past)
        _join_studies(identity, page, tabs, (refine_tab, train_tab, insights_tab), raters, findings)
        for board in (refining.board, training.board):
            _join_loop(tabs, raters, board)
        _join_training(ws, tabs, desk, training)
        given.board.start(lambda: gr.Tabs(selected="create"), outputs=tabs, **PRIVATE)
        data_tab.select(given.refresh, outputs=given.board, **PRIVATE)
        page.load(top.refresh, outputs=top.bar, **PRIVATE)
        history_tab.select(past.refresh, outputs=past.items, **PRIVATE)
        rate_tab.select(raters.refresh, outputs=raters.desk, **PRIVATE)
        refine_tab.select(refining.refresh, outputs=refining.board, **PRIVATE)
        train_tab.select(training.refresh, outputs=training.board, **PRIVATE)
        insights_tab.select(findings.refresh, outputs=findings.shown, **PRIVATE)
        add_endpoints(ws, identity)
        add_library_endpoints(ws, identity)
        add_study_endpoints(ws, identity)
        add_refine_endpoints(ws, identity)
        add_train_endpoints(ws, identity)
        if ws.settings.space_id:
            gr.LoginButton()
    page.queue(default_concurrency_limit=None, max_size=sessions.AT_ONCE)
    sessions.lighten(page)
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


def _join_studies(
    identity: Identity, page: gr.Blocks, tabs: gr.Tabs, owners_tabs: tuple[gr.Tab, ...], raters: rate.RateView,
    findings: insights.InsightsView,
) -> None:  # fmt: skip
    """A link opens its study on Rate; a study that was just made can be tried there or watched on Insights."""

    def on_load(request: gr.Request) -> tuple[Any, ...]:
        owner_only = [gr.Tab(visible=identity.whoami(request).is_owner) for _ in owners_tabs]
        if asked := rate.study_in_link(request):
            return gr.Tabs(selected="rate"), {"study_id": asked, "open": True}, *owner_only
        return gr.skip(), gr.skip(), *owner_only

    def on_compose(request: gr.Request) -> tuple[Any, ...]:
        return gr.Tabs(selected="insights"), *findings.compose(request)

    def on_try(event: gr.EventData) -> tuple[Any, ...]:
        asked = str((event._data or {}).get("study_id", ""))
        return gr.Tabs(selected="rate"), {"study_id": asked, "open": True}

    def on_watch(request: gr.Request, event: gr.EventData) -> tuple[Any, ...]:
        return findings.show(request, str((event._data or {}).get("study_id", "")))

    page.load(spoken(on_load), outputs=[tabs, raters.desk, *owners_tabs], **PRIVATE)
    raters.desk.compose(spoken(on_compose), outputs=[tabs, *findings.shown], **PRIVATE)
    raters.desk.refresh(raters.refresh, outputs=raters.desk, **PRIVATE)
    findings.composer.rate(spoken(on_try), outputs=[tabs, raters.desk], **PRIVATE)
    findings.composer.insights(spoken(on_watch), outputs=findings.shown, **PRIVATE)


def _join_loop(tabs: gr.Tabs, raters: rate.RateView, board: gr.HTML) -> None:
    """From Refine and Train to Create, for the first feedback, and to Rate, to vote in a blind test."""

    def on_rate(event: gr.EventData) -> tuple[Any, ...]:
        asked = str((event._data or {}).get("study_id", ""))
        return gr.Tabs(selected="rate"), {"study_id": asked, "open": True}

    board.start(lambda: gr.Tabs(selected="create"), outputs=tabs, **PRIVATE)
    board.rate(spoken(on_rate), outputs=[tabs, raters.desk], **PRIVATE)


def _join_training(ws: Workspace, tabs: gr.Tabs, desk: create.CreateView, training: train.TrainView) -> None:
    """From a model's lineage to the output that an act is about, on Create, which offers what serves."""

    async def on_show(request: gr.Request, event: gr.EventData) -> AsyncIterator[tuple[Any, ...]]:
        asked = str((event._data or {}).get("generation_id", ""))
        async for update in _there(desk.show(asked, request)):
            yield update

    def on_served(modality: str) -> gr.Dropdown:
        return desk.form.picker(ws, modality)

    training.board.show(spoken(on_show), outputs=[tabs, *desk.shown], **create.STREAM)
    training.board.served(on_served, inputs=desk.form.modality, outputs=desk.form.model, **PRIVATE)


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
        "state_session_capacity": sessions.CAPACITY,
        "blocked_paths": [str(ws.settings.home)],
        "max_file_size": "20mb",
        "ssr_mode": False,
        "show_error": True,
        "mcp_server": True,
        "app_kwargs": {
            "middleware": [
                Middleware(VisitorCookie, identity=identity),
                Middleware(FrontPage),
                Middleware(PageLanguage),
            ],
            "routes": [*routes(ws, identity), words_route()],
        },
    }
    _, url, _ = page.launch(**options)
    sessions.admit_crowd(page)
    makes_beforehand = Pregeneration(ws)
    ws.pregeneration = makes_beforehand
    makes_beforehand.start()
    looks_after_trials = Looking(ws)
    looks_after_trials.start()
    server_file = ws.settings.home / SERVER_FILE
    server_file.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    try:
        yield Served(url, page, identity)
    finally:
        server_file.unlink(missing_ok=True)
        looks_after_trials.close()
        page.close(verbose=False)
