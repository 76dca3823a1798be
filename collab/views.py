"""Generations as JSON, for the endpoints, the command line and the page alike. Reads the store, changes nothing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from collab import steering
from collab.feedback import TAGS
from collab.generation import own_generation
from collab.identity import Visitor
from collab.runs import Progress, Run
from collab.store.queries import live_acts, outputs_of
from collab.texts.branches import kind_of
from collab.texts.conversation import asked_of
from collab.types import (
    Act,
    Edit,
    Feedback,
    Generation,
    ModelVersion,
    Output,
    Prompt,
    PromptVersion,
    Ranking,
    Rating,
)
from collab.workspace import Workspace

Link = Callable[[str], str]  # output id -> URL that its holder may fetch the picture from


def answer(generation: Generation, outputs: Sequence[Output], link: Link, progress: Sequence[Progress] = ()) -> dict:
    """What `/generate` streams: the state of a generation and of each output, text so far included."""
    return {
        "generation_id": generation.id,
        "status": generation.status,
        "error": generation.error or None,
        "prompt_version_id": generation.prompt_version_id,
        "model_version_id": generation.model_version_id,
        "seed": generation.seed,
        "settings": dict(generation.settings),
        "outputs": [_output(o, link, progress[o.position] if progress else None) for o in outputs],
    }


def stored(ws: Workspace, generation: Generation, link: Link) -> dict[str, Any]:
    """`answer` for a generation that is not under way here."""
    return answer(generation, outputs_of(ws.store, [generation.id])[generation.id], link)


def of_run(run: Run, link: Link) -> dict[str, Any]:
    """`answer` for a generation under way in this process."""
    return answer(run.generation, run.outputs, link, run.progress)


def _output(output: Output, link: Link, progress: Progress | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "output_id": output.id,
        "position": output.position,
        "seed": output.seed,
        "finished": output.finish_reason is not None,
        "finish_reason": output.finish_reason,
        "seconds": output.seconds if output.seconds is not None else progress.seconds if progress else None,
    }
    if output.media_type.startswith("image/"):
        shown["image_url"] = link(output.id) if output.blob_sha256 else None
        if download := getattr(link, "download", None):  # a command line's link is to the stored pixels
            shown["download_url"] = download(output.id) if output.blob_sha256 else None
        if progress:
            shown |= {"step": progress.step, "steps": progress.steps}
    else:
        shown["text"] = output.text if output.text is not None else (progress.text or "") if progress else ""
        shown["prompt_tokens"] = output.prompt_tokens
        shown["completion_tokens"] = output.completion_tokens or (progress.completion_tokens if progress else None)
    return shown


# ---- with what a person thinks of it --------------------------------------------------------------------------------


def card(
    ws: Workspace, generation: Generation, shown: dict[str, Any], acts: Sequence[Act], names: Names, link: Link
) -> dict:
    """An `answer` with everything a page shows beside it: prompt, model, one's own feedback on each output."""
    version, model = names.versions[generation.prompt_version_id], names.models[generation.model_version_id]
    modality = model.modality
    mine: dict[str, dict[str, Any]] = {o["output_id"]: {"rating": None, "edit": None} for o in shown["outputs"]}
    ranking = None
    for act in acts:
        if isinstance(act, Rating) and act.output_id in mine:
            mine[act.output_id]["rating"] = feedback_json(act)
        elif isinstance(act, Edit) and act.output_id in mine:
            mine[act.output_id]["edit"] = edit_json(act, link)
        elif isinstance(act, Ranking) and act.subject == f"ranking:{generation.id}":  # of this generation alone
            ranking = feedback_json(act)
    for output in shown["outputs"]:
        output["feedback"] = mine[output["output_id"]]
        output["tokens"] = output.get("completion_tokens") or 0
        output.setdefault("text", None)
        output.setdefault("image_url", None)
        output.setdefault("step", 0)
        output.setdefault("steps", 0)
        output["preview"] = None
    return {
        **shown,
        "created_at": generation.created_at.isoformat(timespec="seconds"),
        "origin": generation.origin,
        "modality": modality,
        "prompt": version.text,
        "prompt_id": version.prompt_id,
        "model": model.name,
        "count": generation.count,
        "width": generation.settings.get("width"),
        "height": generation.settings.get("height"),
        "steered": steering.said(generation.inputs),
        "parent": parent_json(generation, link),
        "note": "",
        "ahead": 0,
        "eta_s": None,
        "ranking": ranking,
        "kind": kind_of(generation) if modality == "text" else "root",
        "prefix": generation.inputs.get("prefix", ""),
        "messages": [dict(turn) for turn in generation.inputs.get("messages", ())],
        "asked": asked_of(version, generation)
        if generation.variables or (generation.root_id and modality == "text")
        else version.text,
        "aspects": list(ws.settings.text_aspects if modality == "text" else ws.settings.image_aspects),
        "tags": list(TAGS[modality]),
    }


def live_card(ws: Workspace, run: Run, base: dict[str, Any], link: Link, note: str) -> dict[str, Any]:
    """`base` (a card made earlier) brought up to date with a run: no query, so it may be made many times a second."""
    shown = of_run(run, link)
    outputs = []
    for before, output, progress in zip(base["outputs"], shown["outputs"], run.progress, strict=True):
        preview = None
        if progress.preview and not output["finished"]:
            encoded = base64.b64encode(progress.preview).decode()
            preview = f"data:{progress.preview_type};base64,{encoded}"
        tokens = output.get("completion_tokens") or 0
        outputs.append({**before, **output, "tokens": tokens, "preview": preview})
    return {**base, **shown, "outputs": outputs, "note": note, "ahead": run.ahead, "eta_s": run.eta_s}


@dataclass(frozen=True, slots=True)
class Names:
    """The prompt versions and model versions that some generations refer to, by id."""

    versions: dict[str, PromptVersion]
    models: dict[str, ModelVersion]


def names(ws: Workspace, generations: Sequence[Generation]) -> Names:
    """Look up what the generations refer to, in two queries."""
    versions = ws.store.find(PromptVersion, id=list({g.prompt_version_id for g in generations}))
    models = ws.store.find(ModelVersion, id=list({g.model_version_id for g in generations}))
    return Names({v.id: v for v in versions}, {m.id: m for m in models})


def cards(ws: Workspace, visitor: Visitor, generations: Sequence[Generation], link: Link) -> list[dict[str, Any]]:
    """The generations with their outputs and the person's feedback, in a fixed number of queries."""
    ids = [g.id for g in generations]
    outputs, found = outputs_of(ws.store, ids), names(ws, generations)
    acts: dict[str, list[Act]] = {generation_id: [] for generation_id in ids}
    for act in live_acts(ws.store, visitor.annotator_id, ids):
        acts[act.generation_id].append(act)
    made = []
    for generation in generations:
        run = ws.runs.get(generation.id)
        shown = of_run(run, link) if run else answer(generation, outputs[generation.id], link)
        made.append(card(ws, generation, shown, acts[generation.id], found, link))
    return made


def feedback_json(act: Act) -> dict[str, Any]:
    """An act as its own fields and its id; what it is about and who did it are left to the reader's context."""
    common = {f: None for f in Feedback.__dataclass_fields__}
    content = {name: value for name, value in asdict(act).items() if name not in common}
    kind = type(act).__name__.lower()
    return {"feedback_id": act.id, "kind": kind, "created_at": act.created_at.isoformat(timespec="seconds"), **content}


def edit_json(act: Edit, link: Link) -> dict[str, Any]:
    """An edit as `feedback_json` tells it; of a picture with the URL of what it keeps."""
    told = feedback_json(act)
    if act.blob_sha256 and (edited := getattr(link, "edited", None)):  # a command line's link has no such page
        told["image_url"] = edited(act.id)
        told["mask_url"] = link.edited_mask(act.id) if act.mask_sha256 else None  # type: ignore[attr-defined]
    return told


def parent_json(generation: Generation, link: Link) -> dict[str, Any] | None:
    """The pictures that a generation began with, None where it began with words alone. A deleted one's URL is dead."""
    init_id = generation.inputs.get("init_output_id")
    if not init_id:
        return None
    parent_id, mask_id = generation.inputs.get("parent_output_id") or init_id, generation.inputs.get("mask_output_id")
    return {
        "output_id": parent_id, "image_url": link(parent_id), "mask_url": link(mask_id) if mask_id else None,
        "painted_url": link(init_id) if init_id != parent_id else None,
    }  # fmt: skip


def provenance(ws: Workspace, visitor: Visitor, generation_id: str) -> list[tuple[str, str]]:
    """Everything a generation came from, as (label, value) pairs for a person to read."""
    generation = own_generation(ws, visitor, generation_id)
    version = ws.store.get(PromptVersion, generation.prompt_version_id)
    prompt = ws.store.get(Prompt, version.prompt_id)
    model = ws.store.get(ModelVersion, generation.model_version_id)
    rows: list[tuple[str, str]] = [
        ("Made", generation.created_at.strftime("%Y-%m-%d %H:%M:%S UTC")),
        ("Prompt", version.text),
        ("Negative prompt", version.negative_text),
        ("System text", version.system_text),
        *((f"Example {n}", f"{e.user}\n→ {e.assistant}") for n, e in enumerate(version.examples, 1)),
        *((f"Variable {{{name}}}", value) for name, value in generation.variables.items()),
        *steering.told(generation.inputs),
        ("Sent to the model", generation.rendered),
        ("Model", model.name),
        ("Weights", f"{model.base} @ {model.revision}"),
        ("Adapter", model.adapter_sha256 or ""),
        ("Precision", model.precision),
        *((name.replace("_", " ").capitalize(), str(value)) for name, value in generation.settings.items()),
        ("Seed", f"{generation.seed} (the next output adds one)" if generation.count > 1 else str(generation.seed)),
        ("Outputs", str(generation.count)),
        ("Status", generation.status + (f": {generation.error}" if generation.error else "")),
        ("Origin", generation.origin),
        *((f"Seconds: {name}", f"{seconds:.2f}") for name, seconds in generation.timings.items()),
        ("Prompt id", prompt.id),
        ("Prompt version id", version.id),
        ("Wording SHA-256", version.content_sha256),
        ("Model version id", model.id),
        ("Generation id", generation.id),
    ]
    return [(label, value) for label, value in rows if value not in ("", "[]")]


def replays(ws: Workspace, visitor: Visitor, generation_id: str) -> list[dict[str, Any]]:
    """The replays of a generation, each with whether it gave the same outputs (None while unfinished)."""
    generation = own_generation(ws, visitor, generation_id)
    siblings = ws.store.find(
        Generation,
        requested_by=visitor.annotator_id,
        prompt_version_id=generation.prompt_version_id,
        model_version_id=generation.model_version_id,
        origin="replay",
    )
    made = [g for g in siblings if g.inputs.get("replay_of") == generation_id]
    outputs = outputs_of(ws.store, [generation_id, *(g.id for g in made)])
    original = [(o.text, o.blob_sha256) for o in outputs[generation_id]]
    return [
        {
            "generation_id": g.id,
            "same": [(o.text, o.blob_sha256) for o in outputs[g.id]] == original if g.status == "done" else None,
        }
        for g in made
    ]
