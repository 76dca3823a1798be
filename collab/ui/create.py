"""The Create tab: write a prompt, generate, judge. Reads components, calls one feature function, returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab import generation
from collab.identity import Identity
from collab.store.queries import history_page
from collab.types import UNFINISHED
from collab.ui.acts import board_acts
from collab.ui.endpoints import spoken
from collab.ui.pickers import model_words
from collab.ui.prompt_form import PromptForm, build_form
from collab.ui.stream import board_states
from collab.ui.widgets import output_board
from collab.workspace import Workspace

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
SEED_LIMIT = 2**32


@dataclass(frozen=True, slots=True)
class CreateView:
    """What other tabs may use. show(generation_id, request) streams a generation onto `shown`; `streams` are the
    events that do so, for a newer one to take their place."""

    form: PromptForm
    shown: list[gr.components.Component]
    show: Callable[[str, gr.Request], AsyncIterator[tuple[Any, ...]]]
    streams: list[Any]


def build(ws: Workspace, identity: Identity) -> CreateView:
    """The tab's components and handlers. Called inside a `gr.Blocks`."""
    current = gr.State("")  # id of the generation on the board
    form = build_form(ws)
    with gr.Row(elem_id="collab-actions"):
        go = gr.Button("Generate", variant="primary", elem_id="generate", scale=0, min_width=220)
        stop = gr.Button("Stop", elem_id="stop", interactive=False, scale=0, min_width=120)
        status = gr.HTML("", elem_id="model-status")
    board = output_board(board_acts(ws, identity), elem_id="board")
    shown = [board, current, stop]

    async def show(generation_id: str, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        async for state in board_states(ws, identity, identity.whoami(request), generation_id):
            yield state, generation_id, gr.update(interactive=state["status"] in UNFINISHED)

    async def on_generate(request: gr.Request, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        ask = form.ask(values)
        made = await asyncio.to_thread(generation.generate, ws, identity.whoami(request), ask)
        async for update in show(made, request):
            yield update

    async def on_again(request: gr.Request, event: gr.EventData) -> AsyncIterator[tuple[Any, ...]]:
        """Run the board's generation again; one output's button asks for a new seed."""
        asked = event._data or {}
        new_seed = None if "output_id" not in asked else (int(asked.get("seed", 0)) + 1_000_003) % SEED_LIMIT
        made = await asyncio.to_thread(
            generation.replay, ws, identity.whoami(request), str(asked.get("generation_id", "")), seed=new_seed
        )
        async for update in show(made, request):
            yield update

    async def on_load(request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        """Show what this person made last, and go on with it if it is still being made."""
        visitor = identity.whoami(request)
        latest = await asyncio.to_thread(history_page, ws.store, visitor.annotator_id, limit=1)
        if not latest:
            yield (gr.skip(),) * len(shown)  # a stream without any yield would empty its outputs
            return
        async for update in show(latest[0].id, request):
            yield update

    def on_load_form(request: gr.Request) -> tuple[Any, ...]:
        latest = history_page(ws.store, identity.whoami(request).annotator_id, limit=1)
        return form.recall(ws, latest[0]) if latest else (gr.skip(),) * len(form.outputs)

    def on_stop(generation_id: str, request: gr.Request) -> None:
        if generation_id:
            generation.cancel(ws, identity.whoami(request), generation_id)

    def on_lock(event: gr.EventData) -> str:
        return str((event._data or {}).get("seed", ""))[:10]

    def on_example(event: gr.EventData) -> tuple[Any, ...]:
        asked = event._data or {}
        chosen = "image" if asked.get("modality") == "image" else "text"
        return str(asked.get("prompt", ""))[:2000], chosen, *form.for_modality(ws, chosen)

    async def on_load_status() -> AsyncIterator[str]:
        """Tell how far the default models are until they are there."""
        for _ in range(600):
            words, waiting = model_words(ws)
            yield words
            if not waiting:
                return
            await asyncio.sleep(0.7)

    page = gr.context.Context.root_block
    assert page is not None, "a tab is built inside a gr.Blocks"
    load = page.load(spoken(on_load), outputs=shown, **PRIVATE)
    page.load(spoken(on_load_form), outputs=form.outputs, **PRIVATE)
    page.load(on_load_status, outputs=status, **PRIVATE)
    made = go.click(spoken(on_generate), inputs=form.inputs, outputs=shown, cancels=[load], **PRIVATE)
    rerun = board.rerun(spoken(on_again), outputs=shown, cancels=[load, made], **PRIVATE)
    again = board.regenerate(spoken(on_again), outputs=shown, cancels=[load, made, rerun], **PRIVATE)
    go.click(None, cancels=[rerun, again], api_visibility="private")
    stop.click(spoken(on_stop), inputs=current, **PRIVATE)
    board.lockseed(on_lock, outputs=form.panel.seed, **PRIVATE)
    board.example(on_example, outputs=[form.prompt, form.modality, *form.modal_outputs], **PRIVATE)
    return CreateView(form, shown, show, [load, made, rerun, again])
