"""The prompt library beside Create's form, with presets of settings: joins the widget to the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.errors import InvalidPrompt
from collab.generation import wording_of
from collab.identity import Identity, Visitor
from collab.library import presets
from collab.library import saved as library
from collab.prompts import check_wording
from collab.types import new_id
from collab.ui.answering import answering
from collab.ui.endpoints import PRIVATE, spoken
from collab.ui.prompt_form import PromptForm
from collab.ui.widgets.library import library_panel
from collab.workspace import Workspace

Json = dict[str, Any]


def build_library(ws: Workspace, identity: Identity) -> gr.HTML:
    """The panel; `join_library` connects it once the form is there. Called inside a `gr.Blocks`."""
    return library_panel(library_acts(ws, identity), elem_id="library")


def library_acts(ws: Workspace, identity: Identity) -> Callable[[dict, gr.Request], dict]:
    """The server function of the panel."""

    def act(visitor: Visitor, said: Mapping[str, Any]) -> Json:
        match said.get("act"):
            case "list":
                return {"prompts": library.listed(ws, visitor), "presets": presets.listed(ws, visitor)}
            case "tree":
                return {"tree": library.tree(ws, visitor, said.get("prompt_id"))}
            case "restore":
                return library.restore(ws, visitor, said.get("prompt_version_id"))
            case "change":
                changes = said.get("changes")
                return library.change(
                    ws, visitor, said.get("prompt_id"), changes if isinstance(changes, Mapping) else {}
                )
            case "save_preset":
                asked = said.get("name"), said.get("modality"), said.get("settings")
                return {"preset": presets.save(ws, visitor, *asked)}
            case "delete_preset":
                return {"preset": presets.delete(ws, visitor, said.get("preset_id"))}
            case other:
                raise InvalidPrompt(f"There is no act named “{str(other)[:40]}”.")

    return answering(identity, act)


def join_library(ws: Workspace, identity: Identity, panel: gr.HTML, form: PromptForm) -> None:
    """What the panel and the form do to each other."""

    def on_save(request: gr.Request, event: gr.EventData, *values: Any) -> Json:
        said = _said(event)
        ask = form.ask([*values[:-1], ""])  # whatever stands in the seed is no part of a prompt
        wording = check_wording(
            "image" if ask.modality == "image" else "text", ask.prompt, negative_text=ask.negative_prompt,
            system_text=ask.system_text, examples=ask.examples,
        )  # fmt: skip
        saved = library.save(ws, identity.whoami(request), wording, name=said.get("name"), tags=said.get("tags") or (),
                             parent_id=said.get("parent_id") or "")  # fmt: skip
        ticket = str(said.get("ticket"))[:40]  # by which the page knows its own answer
        return {"opened": new_id(), "loaded": saved | {"text": wording.text}, "said": ticket}

    def on_load(
        request: gr.Request, event: gr.EventData, modality: str, names: list[str], *values: str
    ) -> tuple[Any, ...]:
        version = library.own_version(ws, identity.whoami(request), _said(event).get("prompt_version_id"))
        wording = wording_of(ws.store, version)
        told = library.tree(ws, identity.whoami(request), version.prompt_id)
        number = next(v["number"] for v in told["versions"] if v["prompt_version_id"] == version.id)
        loaded = {"prompt_id": version.prompt_id, "prompt_version_id": version.id, "number": number,
                  "text": wording.text}  # fmt: skip
        value = {"opened": new_id(), "loaded": loaded, "said": None}
        typed = dict(zip(names, values, strict=False))
        return value, *form.with_wording(ws, wording, typed, keep_settings=wording.modality == modality)

    def on_apply(modality: str, event: gr.EventData) -> list[Any]:
        settings = _said(event).get("settings")
        kept, _ = form.panel.possible(settings if isinstance(settings, Mapping) else {})
        return form.panel.values_for(modality, kept)

    def on_keep(modality: str, request: gr.Request, event: gr.EventData, *values: Any) -> Json:
        settings = form.panel.settings_of(modality, values)
        saved = presets.save(ws, identity.whoami(request), _said(event).get("name"), modality, settings)
        return {"opened": new_id(), "loaded": None, "said": None, "preset": saved}

    def on_open() -> Json:
        return {"opened": new_id(), "loaded": None, "said": None}

    def on_model(modality: str, model: str) -> Json:
        return on_open() | {"ignored": sorted(form.ignored(modality, model or ""))}

    panel.save(spoken(on_save), inputs=form.inputs, outputs=panel, **PRIVATE)
    panel.load_version(spoken(on_load), inputs=[form.modality, form.names, *form.boxes],
                       outputs=[panel, *form.outputs], **PRIVATE)  # fmt: skip
    panel.apply(spoken(on_apply), inputs=form.modality, outputs=form.panel.components, **PRIVATE)
    panel.keep(spoken(on_keep), inputs=[form.modality, *form.panel.components], outputs=panel, **PRIVATE)
    page = gr.context.Context.root_block
    assert page is not None, "a panel is built inside a gr.Blocks"
    page.load(on_open, outputs=panel, **PRIVATE)
    form.model.change(on_model, inputs=[form.modality, form.model], outputs=panel, **PRIVATE)


def _said(event: gr.EventData) -> Mapping[str, Any]:
    said = event._data
    return said if isinstance(said, Mapping) else {}
