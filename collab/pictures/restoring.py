"""From a picture to what made it, and back: one's own picture with its parameters, and the parameters of any picture.

What a picture says is checked like anything typed, part by part: what cannot be used is left out and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collab import steering
from collab.checks import clean_text
from collab.errors import CollabError, InvalidImport, InvalidPrompt, NotFound
from collab.exchange.pictures import plain_picture
from collab.generation import SEED_LIMIT
from collab.pictures.png_parameters import Parameters, read_parameters, with_parameters
from collab.prompts import PROMPT_LIMIT, VARIABLE_LIMIT, check_wording, fill, placeholders, without_variables
from collab.store.queries import masked_among
from collab.types import Generation, ModelVersion, Output, PromptVersion
from collab.workspace import Workspace
from models.base import IMAGE_DEFAULTS, SETTINGS, ModelError, canonical_settings
from models.catalog import CatalogEntry

PICTURE_LIMIT = 16 * 2**20  # bytes of a file that parameters are read from


def downloaded(ws: Workspace, output_id: str) -> bytes:
    """A picture as the person who made it takes it away: the stored pixels, and how they were made.

    Whose it is was settled when the link was made. A cell of a hidden grid tells nothing yet. Raises NotFound.
    """
    found = ws.store.find(Output, id=output_id)
    if not found or not found[0].blob_sha256 or found[0].media_type != "image/png":
        raise NotFound("There is no such picture any more: open the page again.")
    output = found[0]
    if masked_among(ws.store, [output.generation_id]):
        return ws.blobs.get(output.blob_sha256 or "")
    made = ws.store.get(Generation, output.generation_id)
    version = ws.store.get(PromptVersion, made.prompt_version_id)
    model = ws.store.get(ModelVersion, made.model_version_id)
    texts, _ = fill([version.text, version.negative_text], made.variables)
    parameters = Parameters(
        prompt=version.text, negative_prompt=version.negative_text, settings=made.settings, seed=output.seed,
        model=(model.name, model.base), variables=made.variables,
    )  # fmt: skip
    began = {
        "What steered it": steering.said(made.inputs),
        "The picture it began with": made.inputs.get("init_output_id"),
    }
    beside = [words for words, used in began.items() if used]
    details = {
        "sent": texts[0], "beside": beside, "output_id": output.id, "made": made.created_at.isoformat(),
        "model_revision": model.revision, "model_precision": model.precision,
    }  # fmt: skip
    return with_parameters(ws.blobs.get(output.blob_sha256 or ""), parameters, details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What the form can be filled with. entry: the model, where this studio lists it. left_out: a sentence each."""

    prompt: str
    negative_prompt: str
    variables: Mapping[str, str]
    settings: Mapping[str, Any]
    seed: int | None
    entry: CatalogEntry | None
    left_out: tuple[str, ...] = field(default=())


def restore(ws: Workspace, data: bytes) -> Restored:
    """What a picture says of how it was made. Raises InvalidPrompt with one sentence where that cannot be used."""
    if len(data) > PICTURE_LIMIT:
        raise InvalidPrompt(f"The picture has {len(data) / 2**20:.0f} MB, {PICTURE_LIMIT // 2**20} are possible.")
    try:
        plain_picture(data)  # a bomb, a moving, broken or double-bottomed file says so here
    except InvalidImport as error:
        raise InvalidPrompt(f"The picture cannot be read: {error}") from error
    said = read_parameters(data)
    left_out = [f"{word[:60]} is not used here." for word in said.unknown]
    prompt, negative, variables = _wording(said)
    settings: dict[str, Any] = {}
    for key, value in said.settings.items():
        try:
            settings[key] = canonical_settings("image", {key: value}, IMAGE_DEFAULTS)[key]
        except ModelError as error:
            left_out.append(str(error))
        if len(left_out) > len(SETTINGS["image"]) + 6:
            break
    seed = said.seed if isinstance(said.seed, int) and not isinstance(said.seed, bool) else None
    if seed is None or not 0 <= seed < SEED_LIMIT:
        seed = None
        if said.seed is not None:
            left_out.append(f"The seed {str(said.seed)[:40]} is none that can be used here.")
    entry = next((e for e in ws.engine.entries("image") if {e.name, e.base, e.title} & set(said.model)), None)
    if said.model and entry is None:
        left_out.append(f"The model “{said.model[0][:60]}” is not listed here: the studio's own is chosen.")
    if "<lora:" in prompt:
        left_out.append("A LoRA that the prompt names is not loaded.")
    return Restored(prompt=prompt, negative_prompt=negative, variables=variables, settings=settings, seed=seed,
                    entry=entry, left_out=tuple(_printable(sentence) for sentence in left_out))  # fmt: skip


def _wording(said: Parameters) -> tuple[str, str, dict[str, str]]:
    """The prompt and the negative prompt, checked as typed ones are, and the values of their variables."""
    prompt, negative = said.prompt, said.negative_prompt
    if said.variables is None:  # another program's: it knows no variables
        prompt, negative = without_variables(prompt), without_variables(negative)
    negative = clean_text(negative, "negative prompt", limit=PROMPT_LIMIT, error=InvalidPrompt)
    if not prompt.strip():
        raise InvalidPrompt("The picture names no prompt: there is nothing to restore.")
    wording = check_wording("image", prompt, negative_text=negative)
    names = {*placeholders(wording.text), *placeholders(wording.negative_text)}
    given = {name: value for name, value in (said.variables or {}).items() if name in names and isinstance(value, str)}
    values = {
        name: clean_text(value, f"variable {{{name}}}", limit=VARIABLE_LIMIT, error=InvalidPrompt)
        for name, value in given.items()
    }
    return wording.text, wording.negative_text, values


def _printable(sentence: str) -> str:
    return str(CollabError(sentence))
