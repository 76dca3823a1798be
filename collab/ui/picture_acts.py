"""What the picture editor asks for: a picture to work on, something made of it, how far that is, and to stop it.

Each takes the visitor and what the page sent, and answers JSON; saving an edit is an act like others (see acts.py).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from collab import generation, views
from collab.errors import InvalidPrompt, InvalidSetting
from collab.generation import Ask, own_generation
from collab.identity import Visitor
from collab.pictures.editing import change, described
from collab.pictures.own import bring_picture, given_bytes
from collab.prompts import fill
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]


def _open(ws: Workspace, visitor: Visitor, asked: Mapping[str, Any], link: Link) -> Json:
    told = described(ws, visitor, asked.get("output_id"))
    return {"ok": True, "picture": {**told, "image_url": link(told["output_id"])}}


def _upload(ws: Workspace, visitor: Visitor, asked: Mapping[str, Any], link: Link) -> Json:
    output, picture = bring_picture(ws, visitor, given_bytes(asked.get("data")))
    told = described(ws, visitor, output.id)
    return {"ok": True, "picture": {**told, "image_url": link(output.id), "notes": list(picture.notes)}}


def started(ws: Workspace, visitor: Visitor, output_id: object, ask: Ask, link: Link) -> Json:
    """A brought picture as `picture_open` tells it, to be changed with the model and words that the form says."""
    told = described(ws, visitor, output_id, ask.model if ask.modality == "image" else "")
    if ask.modality == "image":
        words = [str(ask.prompt or ""), str(ask.negative_prompt or "")]
        with suppress(InvalidPrompt):  # a variable without a value: its name stays in the words
            words, _ = fill(words, ask.variables)
        told["prompt"], told["negative_prompt"] = words
    return {**told, "image_url": link(told["output_id"])}


def _make(ws: Workspace, visitor: Visitor, asked: Mapping[str, Any], link: Link) -> Json:
    count = asked.get("count", 1)
    if not isinstance(count, int):
        raise InvalidSetting(f"The number of outputs is {str(count)[:40]}: choose 1 to {generation.MAX_COUNT}.")
    made = change(
        ws, visitor, asked.get("output_id"), prompt=asked.get("prompt"), negative_prompt=asked.get("negative_prompt"),
        painted=asked.get("painted"), mask=asked.get("mask"), strength=asked.get("strength"), count=count,
        model=str(asked.get("model") or ""),
        request_id=str(asked.get("request_id") or ""),
    )  # fmt: skip
    return {"ok": True, "generation_id": made}


def _state(ws: Workspace, visitor: Visitor, asked: Mapping[str, Any], link: Link) -> Json:
    """How far a generation is, with previews while it is being made."""
    made = own_generation(ws, visitor, str(asked.get("generation_id") or ""))
    run = ws.runs.get(made.id)
    if run is None:
        return {"ok": True, "state": views.stored(ws, made, link)}
    state = views.of_run(run, link)
    for shown, progress in zip(state["outputs"], run.progress, strict=True):
        if progress.preview and not shown["finished"]:
            shown["preview"] = f"data:{progress.preview_type};base64,{base64.b64encode(progress.preview).decode()}"
    return {"ok": True, "state": {**state, "ahead": run.ahead, "eta_s": run.eta_s}}


def _stop(ws: Workspace, visitor: Visitor, asked: Mapping[str, Any], link: Link) -> Json:
    generation.cancel(ws, visitor, str(asked.get("generation_id") or ""))
    return {"ok": True}


PICTURE_ACTS: Mapping[str, Callable[[Workspace, Visitor, Mapping[str, Any], Link], Json]] = {
    "picture_open": _open,
    "picture_upload": _upload,
    "picture_make": _make,
    "picture_state": _state,
    "picture_stop": _stop,
}
