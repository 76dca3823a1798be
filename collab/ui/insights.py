"""The Insights tab: an owner's studies, their results, and the form for a new one. Reads, dispatches, keeps nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.aliases import MODELS
from collab.api import study as study_api
from collab.errors import NotAllowed
from collab.identity import Identity, Visitor
from collab.store.history_queries import history_page
from collab.store.queries import outputs_of
from collab.types import MODALITIES, PromptVersion, new_id
from collab.ui.endpoints import PRIVATE, spoken
from collab.ui.pickers import model_choices
from collab.ui.study_acts import composer_acts, insights_acts
from collab.ui.web import picture_link
from collab.ui.widgets import insights_board, study_composer
from collab.views import names
from collab.workspace import Workspace

RECENT = 40  # generations whose prompts and outputs the form offers


@dataclass(frozen=True, slots=True)
class InsightsView:
    """board: the results; composer: the form, with the events `rate` and `insights`. show(request, study_id) and
    compose(request) give the values of `shown`: what stands in front, then the two; refresh is `show` as a handler."""

    board: gr.HTML
    composer: gr.HTML
    shown: list[Any]
    show: Callable[..., tuple[Any, ...]]
    compose: Callable[..., tuple[Any, ...]]
    refresh: Callable[..., tuple[Any, ...]]


def build(ws: Workspace, identity: Identity) -> InsightsView:
    """The tab's components. Called inside a `gr.Blocks`."""
    with gr.Column(visible=True) as results_column:
        board = insights_board(insights_acts(ws, identity), elem_id="insights")
    with gr.Column(visible=False) as form_column:
        with gr.Row():
            back = gr.Button("← All studies", elem_id="back-to-studies", scale=0, min_width=160)
        composer = study_composer(composer_acts(ws, identity), elem_id="composer")
    shown = [results_column, form_column, board, composer]
    link = picture_link(identity)

    def show(request: gr.Request, study_id: str = "") -> tuple[Any, ...]:
        visitor = identity.whoami(request)
        if not visitor.is_owner:
            raise NotAllowed("Only the studio's owner sees a study's results.")
        value = {"studies": study_api.own_studies(ws, visitor), "open": study_id or None, "results": None}
        return gr.update(visible=True), gr.update(visible=False), value, gr.skip()

    def compose(request: gr.Request) -> tuple[Any, ...]:
        visitor = identity.whoami(request)
        return gr.update(visible=False), gr.update(visible=True), gr.skip(), choices(ws, visitor, link)

    def on_new(request: gr.Request) -> tuple[Any, ...]:
        return compose(request)

    def on_back(request: gr.Request) -> tuple[Any, ...]:
        return show(request)

    board.compose(spoken(on_new), outputs=shown, **PRIVATE)
    refresh = spoken(on_back)
    back.click(refresh, outputs=shown, **PRIVATE)
    return InsightsView(board, composer, shown, show, compose, refresh)


def choices(ws: Workspace, visitor: Visitor, link: Callable[[str], str]) -> dict[str, Any]:
    """What a new study may be made of: one's recent prompts and outputs, and the models."""
    recent = history_page(ws.store, visitor.annotator_id, limit=RECENT)
    found, outputs = names(ws, recent), outputs_of(ws.store, [g.id for g in recent])
    modality_of = {g.prompt_version_id: found.models[g.model_version_id].modality for g in recent}
    versions: list[PromptVersion] = [found.versions[v] for v in dict.fromkeys(g.prompt_version_id for g in recent)]
    shown = []
    for generation in recent:
        for output in outputs[generation.id]:
            content: dict[str, Any] = {"text": output.text} if output.text is not None else {}
            if output.blob_sha256:
                content = {"image_url": link(output.id)}
            if content:
                version = generation.prompt_version_id
                shown.append({"output_id": output.id, **content, "prompt": found.versions[version].text,
                              "modality": modality_of[version]})  # fmt: skip
    return {
        "modality": "text",
        "prompts": [
            {"prompt_version_id": v.id, "text": v.text, "modality": modality_of[v.id], "title": v.text.strip()[:60]}
            for v in versions
        ],
        "models": [
            {"name": name, "title": title, "modality": modality}
            for modality in MODALITIES
            for title, name in model_choices(ws, modality, owner=visitor.is_owner)
            if name not in MODELS  # what serves is among them by its own name
        ],
        "outputs": shown[:120],
        "draft": None,
        "opened": new_id(),  # a form opened again is a new one: the browser does not notice a value that is the same
    }
