"""Pictures that a person brings: uploaded, painted over, or drawn as a mask. Each becomes an output of theirs.

The output belongs to a generation of origin `imported` whose inputs say what it is, so whatever reaches outputs
reaches it: who may use it, links, export, deletion, `verify`. Bytes are read by exchange/pictures.py alone.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from collab.errors import InvalidImport, InvalidPrompt, Unavailable
from collab.exchange.pictures import plain_picture
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.inputs import own_outputs
from collab.people.consent import check_consent
from collab.prompts import Wording
from collab.store import Conflict
from collab.store.picture_queries import brought_before
from collab.types import Generation, ModelVersion, Output, Prompt, PromptVersion
from collab.workspace import Workspace

FILE_LIMIT = 16 * 2**20  # bytes
SIDE_LIMIT = 2048  # pixels: the largest that is generated
Brought = Literal["upload", "painting", "mask"]
_BASE = "by hand"  # of the model version that stands where no model drew


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPicture:
    """A picture as it is kept: PNG in RGB without metadata. notes: what was changed of it, a sentence each."""

    png: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()


def given_bytes(given: object, *, uploads: Path | None = None) -> bytes:
    """A picture's bytes as a client sends them: Base64 text, a data URL, or a file that Gradio has received.

    uploads: the only folder in which a file may lie. Raises InvalidPrompt.
    """
    if isinstance(given, Mapping):
        path = Path(str(given.get("path") or "")).resolve()
        if uploads is None or not path.is_relative_to(uploads.resolve()) or not path.is_file():
            raise InvalidPrompt("The picture is no file that was sent here: upload it, or send it as Base64 text.")
        if path.stat().st_size > FILE_LIMIT:
            raise InvalidPrompt(_too_large(path.stat().st_size))
        return path.read_bytes()
    if not isinstance(given, str) or not given:
        raise InvalidPrompt("The picture is missing: send a PNG, JPEG or WebP file, or its bytes as Base64 text.")
    encoded = given.partition(",")[2] if given.startswith("data:") else given
    if len(encoded) > FILE_LIMIT * 4 // 3 + 4:
        raise InvalidPrompt(_too_large(len(encoded) * 3 // 4))
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPrompt("The picture is not Base64 text: send a PNG, JPEG or WebP file.") from None


def read_picture(data: bytes) -> ReadPicture:
    """A stranger's file as a picture to work on: upright, without metadata, on white, at most 2,048 pixels a side.

    Raises InvalidPrompt with one sentence: not a picture, moving, hiding something, too large.
    """
    from PIL import Image

    if len(data) > FILE_LIMIT:
        raise InvalidPrompt(_too_large(len(data)))
    try:
        plain = plain_picture(data)
    except InvalidImport as error:
        raise InvalidPrompt(f"The picture cannot be used: {error}") from error
    notes = []
    with Image.open(io.BytesIO(plain), formats=("PNG",)) as opened:
        picture: Image.Image = opened.copy()
    if picture.mode == "RGBA":
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture, mask=picture.getchannel("A"))
        if picture.getchannel("A").getextrema() != (255, 255):
            notes.append("What was see-through is white now.")
        picture = white
    if max(picture.size) > SIDE_LIMIT:
        width, height = picture.size
        picture.thumbnail((SIDE_LIMIT, SIDE_LIMIT), Image.Resampling.LANCZOS)
        smaller = f"{picture.width:,} × {picture.height:,}"
        notes.append(f"It was made smaller, from {width:,} × {height:,} to {smaller} pixels.")
    file = io.BytesIO()
    picture.convert("RGB").save(file, "PNG")
    return ReadPicture(png=file.getvalue(), width=picture.width, height=picture.height, notes=tuple(notes))


def bring_picture(
    ws: Workspace, visitor: Visitor, data: bytes | ReadPicture, *, kind: Brought = "upload", parent_output_id: str = ""
) -> tuple[Output, ReadPicture]:
    """Keep a picture of the person's own as an output; the same one again is the same output.

    data: a stranger's file, or what `read_picture` made of it. parent_output_id: the own picture that was painted over,
    or on which the mask was drawn. Raises InvalidPrompt or NotFound, in which case nothing is stored.
    """
    if kind not in get_args(Brought):
        raise InvalidPrompt(f"A picture is brought as “{str(kind)[:40]}”: choose {', '.join(get_args(Brought))}.")
    if parent_output_id:
        own_outputs(ws, visitor, [parent_output_id])
    picture = read_picture(data) if isinstance(data, bytes) else data
    inputs: dict[str, Any] = {"brought": kind}
    if parent_output_id:
        inputs["parent_output_id"] = parent_output_id
    for _ in range(3):
        try:
            return _store(ws, visitor, picture, inputs), picture
        except Conflict:  # the person's other tab brought its first picture at this moment
            continue
    raise Unavailable("The store is very busy: try again in a moment.")


def _store(ws: Workspace, visitor: Visitor, picture: ReadPicture, inputs: Mapping[str, Any]) -> Output:
    import hashlib

    sha256 = hashlib.sha256(picture.png).hexdigest()
    with ws.store.writing() as connection:
        if earlier := brought_before(ws.store, visitor.annotator_id, sha256, inputs, connection=connection):
            return earlier
        ensure_annotator(ws, visitor, connection)
        check_consent(ws, visitor, connection)
        wording = Wording(modality="image", text="")
        mine: dict[str, Any] = {"created_by": visitor.annotator_id, "origin": "imported"}
        found = ws.store.find(PromptVersion, content_sha256=wording.sha256, connection=connection, **mine)
        if found:
            version = found[0]
        else:
            prompt = Prompt(title="Pictures of one's own", modality="image", created_by=visitor.annotator_id)
            version = PromptVersion(prompt_id=prompt.id, text="", content_sha256=wording.sha256, **mine)
            ws.store.add(prompt, version, connection=connection)
        hand: dict[str, Any] = {"base": _BASE, "revision": "unpinned", "precision": "none"}
        models = ws.store.find(ModelVersion, connection=connection, **hand)
        model = models[0] if models else ModelVersion(name="by hand", modality="image", **hand)
        if not models:
            ws.store.add(model, connection=connection)
        brought = Generation(
            prompt_version_id=version.id, model_version_id=model.id, inputs=dict(inputs), seed=0, count=1,
            settings={"width": picture.width, "height": picture.height}, status="done",
            requested_by=visitor.annotator_id, origin="imported",
        )  # fmt: skip
        output = Output(
            generation_id=brought.id, position=0, seed=0, blob_sha256=sha256, media_type="image/png",
            finish_reason="stop",
        )  # fmt: skip
        ws.store.add(brought, output, connection=connection)
        # after the row, which a deletion at this moment waits for: it cannot take these bytes for unused
        ws.blobs.put(picture.png)
    return output


def _too_large(size: int) -> str:
    return f"The picture has {size / 2**20:.0f} MB, {FILE_LIMIT // 2**20} are possible: save it smaller."
