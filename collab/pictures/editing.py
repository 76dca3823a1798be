"""Change a picture: have it filled in or redrawn by its model, and keep what came of it as one's edit of it.

An edit is also a preference, the edited over the original (see datasets/picture_pairs.py). Knows no pages.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from collab import generation
from collab.chain import do
from collab.errors import InvalidFeedback, InvalidPrompt, InvalidSetting
from collab.generation import Ask
from collab.identity import Visitor
from collab.inputs import own_outputs
from collab.pictures.own import ReadPicture, bring_picture, given_bytes, read_picture
from collab.pictures.repaintings import edit_distance
from collab.pictures.sizes import check_mask, picture_size
from collab.prompts import fill, without_variables
from collab.store.picture_queries import own_output_with
from collab.store.queries import locked_outputs
from collab.types import Edit, Generation, Output, PromptVersion
from collab.workspace import Workspace


def own_picture(ws: Workspace, visitor: Visitor, output_id: object) -> tuple[Output, bytes]:
    """One's own finished picture with its bytes. Raises NotFound or InvalidFeedback."""
    (output,) = own_outputs(ws, visitor, [str(output_id or "")])
    if output.blob_sha256 is None:
        if output.media_type.startswith("text/"):
            raise InvalidFeedback("That output is a text: edit it as a text.")
        raise InvalidFeedback("That picture is not finished: wait until it is, or make it again.")
    return output, ws.blobs.get(output.blob_sha256)


def described(ws: Workspace, visitor: Visitor, output_id: object, wanted: str = "") -> dict[str, Any]:
    """What whoever starts to change a picture needs to know of it: its size, prompt, and what its model can do.

    wanted: the model for a picture that no model drew. `chosen` names it for `change`; a note says if another serves.
    """
    output, data = own_picture(ws, visitor, output_id)
    made = ws.store.get(Generation, output.generation_id)
    version = ws.store.get(PromptVersion, made.prompt_version_id)
    width, height = picture_size(data)
    chosen, model, note = drawing_model(ws, visitor, made, wanted)
    (prompt, negative), _ = fill([version.text, version.negative_text], made.variables)
    return {
        "output_id": output.id, "generation_id": made.id, "width": width, "height": height, "prompt": prompt,
        "negative_prompt": negative, "model": model.name, "can": sorted(model.can), "chosen": chosen,
        "notes": [note] if note else [], "strength": model.defaults["strength"], "brought": made.inputs.get("brought"),
    }  # fmt: skip


def drawing_model(ws: Workspace, visitor: Visitor, made: Generation, wanted: str = "") -> tuple[str, Any, str]:
    """The model that changes what this generation holds: its own, or the studio's where none drew it or it is gone.

    Its name for `Ask`, what it is, and for a picture that no model drew a sentence where it is not the wanted one.
    """
    from collab.errors import CollabError
    from collab.model_versions import resolve_model

    if made.origin != "imported":
        try:
            model = resolve_model(ws, visitor, made.model_version_id, "image")
            return made.model_version_id, model, ""
        except CollabError:  # its files have changed, or it is no longer open to all
            wanted = ""
    usual = resolve_model(ws, visitor, "", "image")
    if not wanted:
        return "", usual, ""
    try:
        model = resolve_model(ws, visitor, wanted, "image")
    except CollabError:
        return "", usual, f"The chosen model cannot be used now: {usual.name} changes this picture."
    if "image-to-image" in model.can or "image-to-image" not in usual.can:
        return wanted, model, ""
    return "", usual, f"{model.name} cannot start from a picture: {usual.name} changes this one."


def change(
    ws: Workspace, visitor: Visitor, output_id: object, *, prompt: object, negative_prompt: object = "",
    painted: object = None, mask: object = None, strength: object = None, count: int = 1, seed: int | None = None,
    model: str = "", request_id: str = "",
) -> str:  # fmt: skip
    """Start a generation from one's own picture; its id. Its inputs name the picture, and what was drawn on it.

    painted: the picture as it was painted over, encoded (`given_bytes`). mask: encoded, white where to repaint; without
    one the whole is redrawn. model: as `described` takes it. Raises a CollabError with one sentence.
    """
    if request_id and (earlier := ws.store.find(Generation, requested_by=visitor.annotator_id, request_id=request_id)):
        return earlier[0].id
    output, data = own_picture(ws, visitor, output_id)
    made = ws.store.get(Generation, output.generation_id)
    chosen, drawn_by, _ = drawing_model(ws, visitor, made, model)
    if strength is not None and not isinstance(strength, int | float):
        raise InvalidSetting(f"Strength is {str(strength)[:40]}: choose a number from 0 to 1.")
    drawn = read_picture(given_bytes(mask)) if mask else None
    if drawn is not None:  # before anything is kept
        check_mask(drawn.png, data)
    over = read_picture(given_bytes(painted)) if painted else None
    if over is not None:
        _check_same_size(over, data)
    inputs: dict[str, Any] = {"init_output_id": output.id, "parent_output_id": output.id}
    settings = {} if made.origin == "imported" else {k: v for k, v in made.settings.items() if k in _KEPT}
    if strength is not None:
        settings["strength"] = strength
    words = [without_variables(str(text or "")) for text in (prompt, negative_prompt)]
    ask = Ask(
        prompt=words[0], negative_prompt=words[1] if "negative" in drawn_by.can else "", modality="image", model=chosen,
        count=count, seed=seed, settings=settings, inputs=inputs, request_id=request_id,
    )  # fmt: skip
    generation.check(ws, visitor, ask)  # before anything is kept; what was drawn fits, so the original stands for it
    if over is not None:
        inputs["init_output_id"] = bring_picture(
            ws, visitor, over, kind="painting", parent_output_id=output.id
        )[0].id  # fmt: skip
    if drawn is not None:
        inputs["mask_output_id"] = bring_picture(
            ws, visitor, drawn, kind="mask", parent_output_id=output.id
        )[0].id  # fmt: skip
    return generation.generate(ws, visitor, replace(ask, inputs=inputs))


_KEPT = ("num_inference_steps", "guidance_scale", "scheduler")  # of the settings that the original was made with


def _check_same_size(picture: ReadPicture, original: bytes) -> None:
    """Raise InvalidPrompt for what was painted in another size than the original's."""
    if (picture.width, picture.height) != picture_size(original):
        raise InvalidPrompt(
            f"The painted picture is {picture.width} × {picture.height} pixels, the original "
            f"{' × '.join(map(str, picture_size(original)))}: paint on the picture in its own size."
        )


def edit_image(
    ws: Workspace, visitor: Visitor, output_id: str, image: object, mask: object = None, *, request_id: str = "",
    uploads: Any = None,
) -> Edit:  # fmt: skip
    """Keep what a person made of a picture, with the mask of what changed where one is given.

    image: an encoded picture (see `given_bytes`), or the id of an own output whose pixels it is. Raises a CollabError.
    """
    output, original = own_picture(ws, visitor, output_id)
    if output.id in locked_outputs(ws.store, [output.generation_id]):
        raise InvalidFeedback("This was judged before its grid was revealed, so it can no longer be changed.")
    png, drawn = _picture_given(ws, visitor, image, uploads), None
    sha256 = hashlib.sha256(png).hexdigest()
    if sha256 == output.blob_sha256 or _same_pixels(png, original):
        raise InvalidFeedback("The picture is as it was: change something before saving, or undo the edit.")
    if mask not in (None, ""):
        drawn = _picture_given(ws, visitor, mask, uploads)
        check_mask(drawn, original)
    new = Edit(
        annotator_id="", subject="", generation_id=output.generation_id, output_id=output.id, blob_sha256=sha256,
        mask_sha256=hashlib.sha256(drawn).hexdigest() if drawn else None, edit_distance=edit_distance(original, png),
    )  # fmt: skip
    act = do(ws, visitor, f"edit:{output.id}", lambda _live: _kept(ws, png, drawn, new), request_id)
    # a deletion at this moment may have taken the bytes for unused before the row was there: this brings them back
    _kept(ws, png, drawn, new)
    return act


def _kept(ws: Workspace, png: bytes, mask: bytes | None, act: Edit) -> Edit:
    for data in (png, mask):
        if data is not None:
            ws.blobs.put(data)
    return act


def _picture_given(ws: Workspace, visitor: Visitor, given: object, uploads: Any) -> bytes:
    from collab.checks import is_id

    if is_id(given):
        return own_picture(ws, visitor, given)[1]
    return read_picture(given_bytes(given, uploads=uploads)).png


def _same_pixels(a: bytes, b: bytes) -> bool:
    import io

    from PIL import Image

    first, second = (Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")).convert("RGB") for data in (a, b))
    return first.size == second.size and first.tobytes() == second.tobytes()


def made_in(ws: Workspace, visitor: Visitor, sha256: str) -> str | None:
    """The own generation that drew the pixels of an edit, so that how it was made can be told; None if painted."""
    found = own_output_with(ws.store, visitor.annotator_id, sha256)
    made = ws.store.get(Generation, found.generation_id) if found else None
    return made.id if made and made.origin != "imported" else None
