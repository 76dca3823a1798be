"""The Create tab: write a prompt, generate, judge. Reads components, calls one feature function, returns."""

from __future__ import annotations

import asyncio
import base64
import html
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab import generation
from collab.errors import InvalidPrompt
from collab.generation import SEED_LIMIT
from collab.identity import Identity
from collab.pictures.restoring import PICTURE_LIMIT, restore
from collab.steering import NOTHING, said
from collab.store.history_queries import latest_generation
from collab.texts import branches
from collab.types import UNFINISHED, Generation, new_id
from collab.ui.acts import board_acts
from collab.ui.boards import Boards
from collab.ui.endpoints import PRIVATE, spoken
from collab.ui.grid import build_grid
from collab.ui.language import language_of, said_here
from collab.ui.library import build_library, join_library
from collab.ui.locales.answers import answer_in
from collab.ui.pickers import model_words
from collab.ui.picture_acts import started
from collab.ui.prompt_form import PromptForm, build_form
from collab.ui.stream import board_states
from collab.ui.web import picture_link
from collab.ui.widgets import output_board
from collab.ui.widgets.drop import picture_drop
from collab.workspace import Workspace

# a newer stream takes the board over, see Boards: so none is refused because an older one is still running
STREAM: dict[str, Any] = {**PRIVATE, "trigger_mode": "multiple"}
EXAMPLES = {
    "text": (
        "Explain why the sky is blue to a ten-year-old, in three sentences.",
        "Write a short poem about a lighthouse in winter.",
        "Give me five names for a café that sells old books.",
    ),
    "image": (
        "a mushroom on a yellow background",
        "an apple in line style",
        "a small tree, noto style, on the left",
        "a flat style house on a blue background",
    ),
}

ENCODED_LIMIT = 2 * PICTURE_LIMIT  # characters of Base64: a little more is told its size, far more is cut off

Updates = AsyncIterator[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class CreateView:
    """What other tabs may use. show(generation_id, request) streams a generation onto `shown`."""

    form: PromptForm
    shown: list[gr.components.Component]
    show: Callable[[str, gr.Request], Updates]


def build(ws: Workspace, identity: Identity) -> CreateView:
    """The tab's components and handlers. Called inside a `gr.Blocks`."""
    current = gr.State("")  # id of the generation on the board
    boards, statuses = Boards(), Boards()
    with gr.Row(elem_id="collab-writing"):
        with gr.Column(scale=3, min_width=320, elem_id="collab-form"):
            form = build_form(ws, identity)
            actions = gr.Row(elem_id="collab-actions")
        with gr.Column(scale=1, min_width=280, elem_id="collab-library"):
            join_library(ws, identity, build_library(ws, identity), form)
    with actions:
        go = gr.Button("Generate", variant="primary", elem_id="generate", scale=0, min_width=220)
        stop = gr.Button("Stop", elem_id="stop", interactive=False, scale=0, min_width=120)
        unlock = gr.Button("", visible=False, elem_id="seed-lock", scale=0, size="sm", min_width=160)
        spread = gr.Button("Grid …", elem_id="grid-open", scale=0, min_width=100)
        drop = picture_drop(board_acts(ws, identity), elem_id="picture-drop")
        status = gr.HTML("", elem_id="model-status")
    build_grid(ws, identity, form, spread)
    board = output_board(board_acts(ws, identity), elem_id="board")
    shown = [board, current, stop]

    async def show(generation_id: str, request: gr.Request) -> Updates:
        session = str(request.session_hash)
        claim = boards.claim(session)
        try:
            async for state in board_states(ws, identity, identity.whoami(request), generation_id):
                if not boards.holds(session, claim):
                    # Gradio repeats a stream's last values at its end: let that change nothing
                    yield (gr.skip(),) * len(shown)
                    return
                spoken_state = answer_in(language_of(request.headers), state)
                yield spoken_state, generation_id, gr.update(interactive=state["status"] in UNFINISHED)
        finally:
            boards.release(session, claim)

    async def on_generate(request: gr.Request, *values: Any) -> Updates:
        ask = form.ask(values)
        made = await asyncio.to_thread(generation.generate, ws, identity.whoami(request), ask)
        if said(ws.store.get(Generation, made).inputs) == NOTHING:
            gr.Info(said_here(NOTHING))
        async for update in show(made, request):
            yield update

    async def on_again(request: gr.Request, event: gr.EventData, *, new_seeds: bool) -> Updates:
        asked = str((event._data or {}).get("generation_id", ""))
        seed = secrets.randbelow(SEED_LIMIT) if new_seeds else None
        made = await asyncio.to_thread(generation.replay, ws, identity.whoami(request), asked, seed=seed)
        async for update in show(made, request):
            yield update

    async def on_rerun(request: gr.Request, event: gr.EventData) -> Updates:
        async for update in on_again(request, event, new_seeds=False):
            yield update

    async def on_regenerate(request: gr.Request, event: gr.EventData) -> Updates:
        async for update in on_again(request, event, new_seeds=True):
            yield update

    async def go_on(request: gr.Request, event: gr.EventData, grow: Callable[..., str], said_as: str) -> Updates:
        asked, who = event._data or {}, identity.whoami(request)
        parent, words, count = str(asked.get("output_id", "")), asked.get(said_as), asked.get("count", 1)
        made = await asyncio.to_thread(grow, ws, who, parent, words, count=count)
        async for update in show(made, request):
            yield update

    async def on_branch(request: gr.Request, event: gr.EventData) -> Updates:
        async for update in go_on(request, event, branches.continue_text, "prefix"):
            yield update

    async def on_reply(request: gr.Request, event: gr.EventData) -> Updates:
        async for update in go_on(request, event, branches.reply, "text"):
            yield update

    async def on_show(request: gr.Request, event: gr.EventData) -> Updates:
        async for update in show(str((event._data or {}).get("generation_id", "")), request):
            yield update

    async def on_load(request: gr.Request) -> Updates:
        """Show what this person made last, no single cell of a grid, and go on with it if it is still being made."""
        visitor = identity.whoami(request)
        latest = await asyncio.to_thread(latest_generation, ws.store, visitor.annotator_id)
        if latest is None:
            yield (gr.skip(),) * len(shown)  # a stream without any yield would empty its outputs
            return
        async for update in show(latest.id, request):
            yield update

    async def on_status(modality: str, model: str, request: gr.Request) -> AsyncIterator[Any]:
        """Tell how far the chosen model is until it is there, or another is chosen."""
        session = str(request.session_hash)
        claim = statuses.claim(session)
        try:
            for _ in range(600):
                words, waiting = model_words(ws, modality, model or "", said_here)
                yield words if statuses.holds(session, claim) else gr.skip()
                if not waiting or not statuses.holds(session, claim):
                    return
                await asyncio.sleep(0.7)
        finally:
            statuses.release(session, claim)

    def on_stop(generation_id: str, request: gr.Request) -> None:
        if generation_id:
            generation.cancel(ws, identity.whoami(request), generation_id)

    def on_picture(event: gr.EventData) -> tuple[Any, ...]:
        try:
            data = base64.b64decode(str((event._data or {}).get("data", ""))[:ENCODED_LIMIT], validate=True)
        except ValueError as error:
            raise InvalidPrompt("The picture did not arrive whole: drop it again.") from error
        restored = restore(ws, data)
        updates, left_out = form.restore(ws, restored)
        gr.Info(said_here("Prompt, settings and seed are as the picture says."))
        if left_out:
            gr.Warning(html.escape(said_here("Not restored: " + " ".join(left_out))))
        return updates

    def on_start(request: gr.Request, event: gr.EventData, *values: Any) -> dict[str, Any]:
        ask = form.ask([*values[:-1], ""])  # whatever stands in the seed is no part of it
        asked = str((event._data or {}).get("output_id", ""))
        picture = started(ws, identity.whoami(request), asked, ask, picture_link(identity))
        return answer_in(language_of(request.headers), {"opened": new_id(), "picture": picture})

    def on_lock(event: gr.EventData) -> str:
        return str((event._data or {}).get("seed", ""))[:10]

    def on_seed(seed: str | None) -> Any:
        kept = (seed or "").strip()
        return gr.update(visible=bool(kept), value=f"seed {kept[:12]} ✕")

    page = gr.context.Context.root_block
    assert page is not None, "a tab is built inside a gr.Blocks"
    page.load(spoken(on_load), outputs=shown, **STREAM)
    chosen = [form.modality, form.model]
    gr.on([page.load, form.model.change], on_status, inputs=chosen, outputs=status, **STREAM)
    made = go.click(spoken(on_generate), inputs=form.inputs, outputs=shown, **STREAM)
    made.then(on_status, inputs=chosen, outputs=status, **STREAM)  # a model is loaded by who first asks for it
    board.rerun(spoken(on_rerun), outputs=shown, **STREAM)
    board.regenerate(spoken(on_regenerate), outputs=shown, **STREAM)
    board.branch(spoken(on_branch), outputs=shown, **STREAM)
    board.reply(spoken(on_reply), outputs=shown, **STREAM)
    stop.click(spoken(on_stop), inputs=current, **PRIVATE)
    board.lockseed(on_lock, outputs=form.panel.seed, **PRIVATE)
    form.panel.seed.change(on_seed, inputs=form.panel.seed, outputs=unlock, **PRIVATE)
    unlock.click(lambda: "", outputs=form.panel.seed, **PRIVATE)
    for shows in (board, drop):
        shows.show(spoken(on_show), outputs=shown, **STREAM)
    drop.start(spoken(on_start), inputs=form.inputs, outputs=drop, **PRIVATE)
    drop.picture(spoken(on_picture), outputs=form.outputs, **PRIVATE)
    board.example(next_example, inputs=[form.modality, form.prompt], outputs=form.prompt, **PRIVATE)
    return CreateView(form, shown, show)


def next_example(modality: str, prompt: str) -> str:
    """Something to try: another each time."""
    examples = EXAMPLES["image" if modality == "image" else "text"]
    return examples[(examples.index(prompt) + 1) % len(examples) if prompt in examples else 0]
