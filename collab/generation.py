"""Turns a prompt version into stored outputs: checks, stores and starts generations. Knows nothing of Gradio."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from collab import steering
from collab.aliases import serving_id
from collab.checks import clean_request_id, clean_text, is_id
from collab.errors import InvalidPrompt, InvalidSetting, NotFound, Unavailable
from collab.identity import Visitor
from collab.inputs import check_inputs, own_generation, size_to_draw
from collab.inputs import own_outputs as own_outputs
from collab.model_versions import model_version, resolve_model
from collab.people.consent import check_consent
from collab.prompts import Wording, check_wording, fill, typed_version
from collab.runs import LEASE
from collab.store import Conflict, Store
from collab.store.history_words import keep_words
from collab.types import (
    MODALITIES,
    UNFINISHED,
    Annotator,
    Example,
    Generation,
    GenerationOrigin,
    Modality,
    Output,
    Prompt,
    PromptVersion,
    now,
)
from collab.workspace import Workspace
from models import base as engine_base
from models.base import ImageRequest, Message, ModelError, ModelInfo, TextRequest

MAX_COUNT = 8
SEED_LIMIT = 2**32
# a study's hundreds and samples of proposals wait in lanes of their own: whoever asked for them is not held up by them
_LANES: Mapping[GenerationOrigin, str] = {"study": "study ", "refinement": "refine "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asks for, unchecked. model: "" is the current default; a catalog name, hub id, folder, remote or
    model version id else. prompt_version_id: “prompt:ID” is the version of that prompt that serves. seed None: drawn
    at random. settings: only those that differ from the model's defaults."""

    prompt: str = ""
    modality: str = "text"
    model: str = ""
    count: int = 1
    seed: int | None = None
    settings: Mapping[str, Any] | None = None
    negative_prompt: str = ""
    system_text: str = ""
    examples: Sequence[Any] | None = None
    prompt_version_id: str = ""
    variables: Mapping[str, Any] | None = None
    inputs: Mapping[str, Any] | None = None
    request_id: str = ""
    origin: GenerationOrigin = "person"


def generate(ws: Workspace, visitor: Visitor, ask: Ask) -> str:
    """Check, store and start a generation; its id. Repeating a `request_id` returns the first one's id.

    Raises a CollabError with one sentence, in which case nothing is stored; only a full engine leaves a generation
    that says it failed. May take a second: a local model's files are hashed the first time.
    """
    request_id = clean_request_id(ask.request_id, InvalidPrompt)
    if request_id:
        earlier = ws.store.find(Generation, requested_by=visitor.annotator_id, request_id=request_id)
        if earlier:
            return earlier[0].id
    plan, filled, extra = _planned(ws, visitor, ask)
    for _ in range(3):
        try:
            generation, outputs, made = _store(ws, visitor, plan)
            break
        except Conflict:  # this person's other tab stored the same prompt, model or request at this moment
            continue
    else:
        raise Unavailable("The store is very busy with the same request: try again in a moment.")
    if made:
        request = _request(generation, visitor, plan.model, plan.wording, filled, extra)
        ws.runs.start(generation, outputs, request)
    return generation.id


def check(ws: Workspace, visitor: Visitor, ask: Ask) -> None:
    """Raise what `generate` would refuse this for, for whoever has something else to store before."""
    _planned(ws, visitor, ask)


def _planned(ws: Workspace, visitor: Visitor, ask: Ask) -> tuple[_Plan, list[str], dict[str, Any]]:
    """What is to be stored, the filled texts, and what the request has beside them. Raises a CollabError."""
    request_id = clean_request_id(ask.request_id, InvalidPrompt)
    version, wording = version_asked_for(ws, visitor, ask)
    count, seed = _check_count(ask.count), _check_seed(ask.seed)
    model = resolve_model(ws, visitor, ask.model, wording.modality)
    settings = check_settings(
        wording.modality,
        {**wording.settings, **size_to_draw(ws, visitor, ask.inputs, model), **_mapping(ask.settings)},
        model,
    )
    texts = [wording.text, wording.negative_text, wording.system_text]
    filled, variables = fill(texts, ask.variables)
    inputs, extra = check_inputs(
        ws, visitor, ask.inputs, modality=wording.modality, asked=filled[0], model=model, origin=ask.origin
    )
    plan = _Plan(version, wording, model, count, seed, settings, variables, inputs, request_id, ask.origin)
    return plan, filled, extra


def replay(
    ws: Workspace, visitor: Visitor, generation_id: str, *, seed: int | None = None, request_id: str = ""
) -> str:
    """Run a generation again: same prompt version, weights, settings and, unless a new one is given, seed.

    Raises NotFound for another person's, InvalidPrompt for a picture that a person brought, and Unavailable when the
    model's files are no longer the same.
    """
    earlier = own_generation(ws, visitor, generation_id)
    if "brought" in earlier.inputs:
        raise InvalidPrompt("No model made this picture, so it cannot be made again: press its pencil to change it.")
    ask = Ask(
        prompt_version_id=earlier.prompt_version_id,
        model=earlier.model_version_id,
        count=earlier.count,
        seed=earlier.seed if seed is None else seed,
        settings=earlier.settings,
        variables=earlier.variables,
        inputs={key: value for key, value in earlier.inputs.items() if key != "replay_of"},
        request_id=request_id,
        origin="replay" if seed is None else "person",
    )
    if not ws.store.find(Output, id=earlier.inputs.get("parent_output_id", "")):  # deleted since: it stands alone now
        ask = replace(ask, inputs={k: v for k, v in (ask.inputs or {}).items() if k != "parent_output_id"})
    if seed is None:
        ask = replace(ask, inputs={**(ask.inputs or {}), "replay_of": earlier.id})
    return generate(ws, visitor, ask)


def cancel(ws: Workspace, visitor: Visitor, generation_id: str) -> Generation:
    """Stop one's own generation; what its texts have by then is kept. Stopping what has ended changes nothing.

    Raises Unavailable for one that another process, a command line say, is carrying out.
    """
    generation = own_generation(ws, visitor, generation_id)
    if generation.status in UNFINISHED and not ws.runs.cancel(generation_id) and generation.worker != ws.runs.worker:
        raise Unavailable("Another program on this studio is making that: stop it where it was started.")
    return generation


# ---- checking what was asked for ------------------------------------------------------------------------------------


def version_asked_for(ws: Workspace, visitor: Visitor, ask: Ask) -> tuple[PromptVersion | None, Wording]:
    """The stored version that was named, or None, and the checked wording. Raises InvalidPrompt or NotFound."""
    if not ask.prompt_version_id:
        if ask.modality not in MODALITIES:
            raise InvalidPrompt(f"Modality is “{str(ask.modality)[:40]}”: choose text or image.")
        return None, check_wording(
            ask.modality,
            ask.prompt,
            negative_text=ask.negative_prompt,
            system_text=ask.system_text,
            examples=ask.examples,
        )
    if ask.prompt:
        raise InvalidPrompt("A prompt and a prompt version were both given: give one of them.")
    asked = serving_id(ws, ask.prompt_version_id)
    found = ws.store.find(PromptVersion, id=asked) if is_id(asked) else []
    if not found or found[0].created_by != visitor.annotator_id:
        raise NotFound(f"There is no prompt version “{str(ask.prompt_version_id)[:60]}” of yours: check the id.")
    return found[0], wording_of(ws.store, found[0])


def wording_of(store: Store, version: PromptVersion) -> Wording:
    """A stored version as a wording."""

    modality = store.get(Prompt, version.prompt_id).modality
    return Wording(
        modality=modality,
        text=version.text,
        negative_text=version.negative_text,
        system_text=version.system_text,
        examples=version.examples,
        settings=version.settings,
    )


def _check_count(count: object) -> int:
    number = isinstance(count, int | float) and not isinstance(count, bool)
    if not number or not 1 <= count <= MAX_COUNT or count != int(count):  # type: ignore[operator,call-overload]
        raise InvalidSetting(f"The number of outputs is {str(count)[:40]}: choose 1 to {MAX_COUNT}.")
    return int(count)  # type: ignore[call-overload]


def _check_seed(seed: object) -> int:
    if seed is None:
        return secrets.randbelow(SEED_LIMIT)
    whole = isinstance(seed, int | float) and not isinstance(seed, bool) and seed == seed and abs(seed) != float("inf")
    if not whole or seed != int(seed) or not 0 <= seed < SEED_LIMIT:  # type: ignore[operator,call-overload]
        raise InvalidSetting(f"The seed is {str(seed)[:40]}: choose a whole number from 0 to {SEED_LIMIT - 1}.")
    return int(seed)  # type: ignore[call-overload]


def _mapping(settings: object) -> Mapping[str, Any]:
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise InvalidSetting("Settings must be an object of names and values.")
    return settings


def check_settings(modality: Modality, given: Mapping[str, Any], model: ModelInfo) -> dict[str, Any]:
    """The settings with the model's defaults filled in. Raises InvalidSetting naming the first that is wrong."""
    try:
        settings = engine_base.canonical_settings(modality, given, model.defaults)
    except ModelError as error:
        raise InvalidSetting(str(error)) from error
    for stop in settings.get("stop", ()):
        clean_text(stop, "stop string", limit=64, error=InvalidSetting)
    return settings


# ---- storing and starting -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was asked for, checked. version None: the wording was typed."""

    version: PromptVersion | None
    wording: Wording
    model: ModelInfo
    count: int
    seed: int
    settings: dict[str, Any]
    variables: dict[str, str]
    inputs: dict[str, Any]
    request_id: str | None
    origin: GenerationOrigin


def _store(ws: Workspace, visitor: Visitor, plan: _Plan) -> tuple[Generation, list[Output], bool]:
    """The generation with its outputs, in one transaction with all it refers to; and whether it is new."""
    with ws.store.writing() as connection:
        if plan.request_id:
            mine: dict[str, Any] = {"requested_by": visitor.annotator_id, "request_id": plan.request_id}
            if earlier := ws.store.find(Generation, connection=connection, **mine):
                return earlier[0], [], False
        ensure_annotator(ws, visitor, connection)
        check_consent(ws, visitor, connection)
        root_id = _root_of(ws, plan.inputs.get("parent_output_id"), connection)
        version = plan.version or typed_version(ws.store, plan.wording, visitor, connection=connection)
        weights = model_version(ws.store, plan.model, connection=connection)
        generation = Generation(
            prompt_version_id=version.id,
            model_version_id=weights.id,
            variables=plan.variables,
            inputs=plan.inputs,
            settings=plan.settings,
            seed=plan.seed,
            count=plan.count,
            requested_by=visitor.annotator_id,
            request_id=plan.request_id,
            origin=plan.origin,
            lease_until=now() + LEASE,
            worker=ws.runs.worker,
            root_id=root_id,
        )
        media_type = "text/plain" if plan.wording.modality == "text" else "image/png"
        outputs = [
            Output(
                generation_id=generation.id,
                position=position,
                seed=(plan.seed + position) % SEED_LIMIT,
                media_type=media_type,
            )
            for position in range(plan.count)
        ]
        ws.store.add(generation, *outputs, connection=connection)
        keep_words(ws.store, generation.id, connection=connection)
    return generation, outputs, True


def _root_of(ws: Workspace, parent_output_id: str | None, connection: Any) -> str | None:
    """The generation that the line of branches and replies began with to which a child of this output belongs."""
    if parent_output_id is None:
        return None
    parents = ws.store.find(Output, id=parent_output_id, connection=connection)
    if not parents:
        raise NotFound("The text that this goes on from is no longer there: it was deleted at this moment.")
    made = ws.store.get(Generation, parents[0].generation_id, connection=connection)
    return made.root_id or made.id


def ensure_annotator(ws: Workspace, visitor: Visitor, connection: Any) -> None:
    """Make the visitor's row at their first act: who only looks leaves no trace. Raises Conflict in a race."""
    if not ws.store.find(Annotator, id=visitor.annotator_id, connection=connection):
        row = Annotator(id=visitor.annotator_id, origin=visitor.origin, display_name=visitor.display_name)
        ws.store.add(row, connection=connection)


def _request(
    generation: Generation,
    visitor: Visitor,
    model: ModelInfo,
    wording: Wording,
    filled: Sequence[str],
    extra: Mapping[str, Any],
) -> TextRequest | ImageRequest:
    text, negative, system = filled
    common: dict[str, Any] = {
        "id": generation.id,
        "owner": f"{_LANES.get(generation.origin, '')}{visitor.annotator_id}",
        "model": model,
        "settings": generation.settings,
        "seed": generation.seed,
        "count": generation.count,
    }
    if wording.modality == "image":
        return ImageRequest(**common, prompt=text, negative_prompt=negative, **extra)
    system, shown = steering.steered(system, generation.inputs)
    more = dict(extra)
    messages = messages_of(system, (*wording.examples, *shown), text, more.pop("earlier", ()))
    return TextRequest(**common, messages=messages, **more)


def messages_of(
    system: str, examples: Sequence[Example], text: str, earlier: Sequence[Message] = ()
) -> tuple[Message, ...]:
    """What a text model is sent: the system text, if any, the examples as turns, the earlier turns of a conversation,
    then what is asked."""
    messages = [Message("system", system)] if system.strip() else []
    for example in examples:
        messages += [Message("user", example.user), Message("assistant", example.assistant)]
    return *messages, *earlier, Message("user", text)
