"""What a generation starts from besides its words: one's own outputs, a beginning, what steers it. Checked, then given
both as it is stored and as the engine takes it. Knows no prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab import steering
from collab.checks import clean_text, is_id
from collab.errors import InvalidPrompt, NotAllowed, NotFound
from collab.identity import Visitor
from collab.pictures.sizes import check_mask, fitting_size, picture_size
from collab.store.queries import masked_among
from collab.texts import conversation
from collab.types import STEERED_BY, Generation, GenerationOrigin, Modality, Output
from collab.workspace import Workspace
from models.base import ModelInfo

PREFIX_LIMIT = 20_000  # characters
_KEYS: Mapping[Modality, tuple[str, ...]] = {
    "text": ("prefix", "parent_output_id", "messages", *steering.KEYS["text"]),
    "image": ("init_output_id", "mask_output_id", "parent_output_id", *steering.KEYS["image"]),
}


def own_generation(ws: Workspace, visitor: Visitor, generation_id: str) -> Generation:
    """The person's own generation. Raises NotFound, alike for unknown ids and for other people's."""
    found = ws.store.find(Generation, id=generation_id) if is_id(generation_id) else []
    if not found or found[0].requested_by != visitor.annotator_id:
        raise NotFound(f"There is no generation “{str(generation_id)[:60]}” of yours: check the id.")
    if masked_among(ws.store, [generation_id]):
        raise NotAllowed("That is a cell of a hidden grid: reveal the grid first.")
    return found[0]


def own_outputs(ws: Workspace, visitor: Visitor, output_ids: Sequence[str], *, masked: bool = False) -> list[Output]:
    """The person's own outputs in the order asked for. Raises NotFound naming the first that is not theirs.

    masked: cells of a hidden grid too, for whoever judges or deletes them; else NotAllowed, since what is made from
    one, or told of it, could say which it is.
    """
    found = {o.id: o for o in ws.store.find(Output, id=[i for i in output_ids if is_id(i)])}
    generations = {g.id for g in ws.store.find(
        Generation, id=list({o.generation_id for o in found.values()}), requested_by=visitor.annotator_id
    )}  # fmt: skip
    for output_id in output_ids:
        if not is_id(output_id) or output_id not in found or found[output_id].generation_id not in generations:
            raise NotFound(f"There is no output “{str(output_id)[:60]}” of yours: check the id.")
    if not masked and masked_among(ws.store, sorted(generations)):
        raise NotAllowed("That is a cell of a hidden grid: reveal the grid first.")
    return [found[output_id] for output_id in output_ids]


def check_inputs(
    ws: Workspace, visitor: Visitor, inputs: object, *, modality: Modality, asked: str, model: ModelInfo,
    origin: GenerationOrigin,
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    """The inputs as stored, with what steers written out, and as the request's fields.

    asked: the filled prompt. Raises a CollabError naming the first that is wrong.
    """
    if inputs is None:
        inputs = {}
    if not isinstance(inputs, Mapping):
        raise InvalidPrompt("Inputs must be an object of names and values.")
    for key in inputs:
        if key not in (*_KEYS[modality], "replay_of"):
            raise InvalidPrompt(f"Unknown input “{str(key)[:40]}” for {modality}: use {' or '.join(_KEYS[modality])}.")
    given = steering.resolved(ws, visitor, inputs, modality=modality, asked=asked, model=model, origin=origin)
    stored: dict[str, Any] = {k: v for k, v in given.items() if v not in (None, "") and k not in STEERED_BY}
    stored |= steering.check_recorded(given)
    fields: dict[str, Any] = {}
    if "replay_of" in stored:
        own_generation(ws, visitor, stored["replay_of"])
    if "prefix" in stored:
        stored["prefix"] = clean_text(stored["prefix"], "beginning", limit=PREFIX_LIMIT, error=InvalidPrompt)
        fields["prefix"] = stored["prefix"]
    if modality == "text" and "parent_output_id" in stored:
        (parent,) = own_outputs(ws, visitor, [stored["parent_output_id"]])
        if "messages" not in stored:
            stored["messages"] = conversation.before(ws, visitor, parent, whole="prefix" not in stored)
    if turns := conversation.check_turns(stored.pop("messages", ())):
        stored["messages"] = turns
        fields["earlier"] = conversation.as_messages(turns)
    for key, name in (("init_output_id", "init_image"), ("mask_output_id", "mask")):
        if key in stored:
            (fields[name],) = _pictures(ws, visitor, [stored[key]])
    if modality == "image" and "parent_output_id" in stored:
        _pictures(ws, visitor, [stored["parent_output_id"]])
    if "mask" in fields and "init_image" in fields:
        check_mask(fields["mask"], fields["init_image"])
    for key in ("liked", "disliked"):
        if key in stored:
            fields |= {key: _pictures(ws, visitor, stored[key]), "steering": stored["steer"]}
    return stored, fields


def size_to_draw(ws: Workspace, visitor: Visitor, inputs: object, model: ModelInfo) -> dict[str, int]:
    """The size that goes with the picture that inputs begin with, unless another is asked for; nothing without one.

    What was generated is drawn in its own size again, what was brought in about the model's. Raises like
    `check_inputs`.
    """
    if not isinstance(inputs, Mapping) or not (init_id := inputs.get("init_output_id")) or model.modality != "image":
        return {}
    ids = [init_id, inputs.get("parent_output_id") or init_id]  # what was painted over is drawn in the original's size
    outputs = own_outputs(ws, visitor, ids)
    if outputs[0].blob_sha256 is None:
        return {}  # `check_inputs` says what is wrong
    width, height = picture_size(ws.blobs.get(outputs[0].blob_sha256))
    for output in outputs:
        made = ws.store.get(Generation, output.generation_id)
        if made.origin != "imported" and (made.settings.get("width"), made.settings.get("height")) == (width, height):
            return {"width": width, "height": height}
    return fitting_size((width, height), model.defaults)


def _pictures(ws: Workspace, visitor: Visitor, output_ids: Sequence[str]) -> tuple[bytes, ...]:
    """The files of one's own pictures. Raises NotFound for what is not one's own, InvalidPrompt for texts."""
    files = []
    for output in own_outputs(ws, visitor, output_ids):
        if output.blob_sha256 is None:
            raise InvalidPrompt(f"The output “{output.id}” is not a picture: choose one that is.")
        files.append(ws.blobs.get(output.blob_sha256))
    return tuple(files)
