"""A training before it is begun: what it will do in words, the command that does it, and how long it may take.

Starts nothing. How long is told from trainings that there were here, and is not known before the first.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from typing import Any

from collab.aliases import current, of_model
from collab.identity import Visitor
from collab.store.training_queries import newest_trainings, prompts_of
from collab.training.mixing import weighed
from collab.training.starting import check_asked
from collab.training.teaching import Lesson
from collab.training.telling import pace_s
from collab.types import Modality, ModelVersion, Prompt, SavedPrompt
from collab.workspace import Workspace
from models.recipe import DEFAULTS, MIX_MOST, RANGES, WEIGHT_MOST, in_words, range_of, settings_of

Json = dict[str, Any]
INT8 = ":int8"
_LOOK_BACK = 20  # trainings that are looked at for their pace


def modality_of(kind: str) -> Modality:
    """What a model of this kind of training makes."""
    return "image" if kind.startswith("image") else "text"


def choices(ws: Workspace, kind: str) -> Json:
    """The recipe's names with their defaults and ranges, the models that can be trained, and the earlier versions."""
    usual = asdict(DEFAULTS[kind])  # type: ignore[index]  # of the kinds that there are
    modality, ranks = modality_of(kind), kind == "reward"
    return {
        "settings": [
            {"name": name, "value": usual[name], **_range(kind, name)}
            for name in settings_of(kind)  # type: ignore[arg-type]
            if name in RANGES or isinstance(usual.get(name), bool)
        ],
        "models": [{"name": e.name, "title": e.title, "base": e.base} for e in trainable(ws, modality)],
        "earlier": [
            {"version_id": v.id, "name": v.name, "base": v.base}
            for v in reversed(ws.store.find(ModelVersion, modality=modality))
            if v.adapter_sha256 and (v.recipe.get("kind") == "reward") == ranks
        ],
    }  # fmt: skip


def _range(kind: str, name: str) -> Json:
    spec = range_of(kind, name)  # type: ignore[arg-type]
    return {"kind": spec.kind, "low": spec.low, "high": spec.high} if spec else {"kind": "bool"}


def mixes(ws: Workspace, visitor: Visitor, lessons: Sequence[Lesson]) -> dict[str, Json]:
    """For each kind that several prompts teach, what a mix may weigh: the prompts with most rows, by the visitor's own
    name for them or else their first line; and how much the others have, which weigh 1."""
    taught = {each.kind: each.parts for each in lessons if len(each.parts) > 1}
    listed = {kind: parts[:MIX_MOST] for kind, parts in taught.items()}
    own, titles = _names(ws, visitor, {part.prompt_ids[0] for parts in listed.values() for part in parts})
    return {
        kind: {
            "prompts": [
                {
                    "name": next((own[i] for i in part.prompt_ids if i in own), titles.get(part.prompt_ids[0], "")),
                    "prompt_id": part.prompt_ids[0],
                    "rows": part.rows,
                }
                for part in parts
            ],
            "others": {"prompts": len(taught[kind]) - len(parts), "rows": sum(p.rows for p in taught[kind][MIX_MOST:])},
            "most": WEIGHT_MOST,
        }
        for kind, parts in listed.items()
    }


def weighing(ws: Workspace, visitor: Visitor, mix: Mapping[str, float]) -> list[Json]:
    """The prompts that a recipe's mix weighs, by the names that `mixes` has for them; "" for one that was deleted."""
    prompt_ids = {name: prompt_id for name, (prompt_id, _) in prompts_of(ws.store, mix).items()}
    own, titles = _names(ws, visitor, {prompt_ids.get(name, name) for name in mix})
    names = titles | own
    return [{"name": names.get(prompt_ids.get(name, name), ""), "weight": weight} for name, weight in mix.items()]


def _names(ws: Workspace, visitor: Visitor, prompt_ids: Set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The visitor's own names for prompts, and these prompts' first lines."""
    own = {saved.prompt_id: saved.name for saved in ws.store.find(SavedPrompt, created_by=visitor.annotator_id)}
    found = ws.store.find(Prompt, id=sorted(prompt_ids)) if prompt_ids else []
    return own, {prompt.id: prompt.title for prompt in found}


def trainable(ws: Workspace, modality: Modality) -> list[Any]:
    """The listed models whose weights can be had to be trained, that of what serves first."""
    listed = [e for e in ws.engine.entries(modality)
              if e.adapters and not e.base.startswith("remote:") and not e.name.endswith(INT8)]  # fmt: skip
    tip = current(ws, of_model(modality))
    own = ws.settings.text_model if modality == "text" else ws.settings.image_model
    own = ws.store.get(ModelVersion, tip.version_id).base if tip else own
    return sorted(listed, key=lambda e: own not in (e.name, e.base)) if own else listed


def plan(ws: Workspace, visitor: Visitor, lesson: Lesson, settings: object) -> Json:
    """What a training with these settings would do. Raises what starting it would, but for too few rows."""
    asked = check_asked(ws, visitor, lesson.kind, settings)
    recipe, given = asked.recipe, dict(settings) if isinstance(settings, Mapping) else {}
    learn = lesson.learn
    if recipe.mix:
        learn = len(weighed(ws, [{"prompt_version_id": each} for each in lesson.asked], recipe.mix, recipe.seed))
    steps = math.ceil(learn / recipe.batch_size * recipe.epochs)
    steps = min(steps, recipe.max_steps) if recipe.max_steps else steps
    pace = _pace(ws, lesson.kind, asked.base.base)
    return {
        "said": in_words(recipe, asked.base.name, learn, lesson.held_out),
        "recipe": recipe.as_json(),
        "base": asked.base.name,
        "learn": learn,
        "held_out": lesson.held_out,
        "command": command(lesson.kind, given),
        "steps": steps,
        "seconds": round(pace * steps * recipe.batch_size, 1) if pace else None,
    }


def command(kind: str, settings: Mapping[str, Any]) -> str:
    """What one would type to have the same: settings that differ from the defaults, and the model."""
    usual = asdict(DEFAULTS[kind])  # type: ignore[index]
    told = {name: value for name, value in settings.items() if value not in ("", None) and usual.get(name) != value}
    words = ["python", "-m", "collab", "train", kind]
    return shlex.join([*words, "--settings", json.dumps(told)] if told else words)


def _pace(ws: Workspace, kind: str, base: str) -> float | None:
    """Seconds a row of the newest training of this kind and base that got anywhere."""
    for job in newest_trainings(ws.store, limit=_LOOK_BACK):
        if job.spec.get("kind") == kind and job.spec.get("base") == base and (found := pace_s(ws.settings, job)):
            return found / max(1, int(job.spec["recipe"]["batch_size"]))
    return None
