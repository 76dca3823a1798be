"""What a person's own feedback of this sitting says about their next generation: resolved once, recorded, replayable.

Personal by construction: it reads one person's acts on their own outputs, and studies never use it. Knows neither
models nor pages; how pictures steer stands in models/fabric.py.

Pictures are steered by what was said in this sitting. Texts are steered by all that one said of one's own (see
refinement/memory.py), first by what was said in this sitting. The strength of a text's steering is how much of that it
is sent: at 0 nothing; above, the best-supported of RULES_LIMIT rules, one more with each sixth of the way to 1; from a
third on one example as well, from two thirds on two. Without any rule, the best example at any strength.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import ceil, floor
from typing import Any

from collab.checks import clean_text
from collab.errors import InvalidPrompt, InvalidSetting, Unavailable
from collab.identity import Visitor
from collab.store.queries import recent_acts
from collab.types import (
    STEERED_BY,
    Act,
    Example,
    Generation,
    GenerationOrigin,
    Modality,
    Output,
    Preference,
    Ranking,
    Rating,
    now,
)
from collab.workspace import Workspace
from models.base import ModelInfo

SITTING = timedelta(hours=2)
JUDGED_LIMIT = 40  # outputs, the newest
REFERENCES = 4  # pictures of each kind
RULES_LIMIT, RULE_LIMIT = 6, 500  # rules, characters
DEMONSTRATIONS_LIMIT, TURN_LIMIT = 2, 20_000  # demonstrations, characters
KEYS: Mapping[Modality, tuple[str, ...]] = {
    "text": ("steer", *STEERED_BY[:2]),
    "image": ("steer", *STEERED_BY[2:]),
}
NOTHING = "Nothing to steer by yet: rate, edit or compare something first."


def resolved(
    ws: Workspace, visitor: Visitor, inputs: Mapping[str, Any], *, modality: Modality, asked: str, model: ModelInfo,
    origin: GenerationOrigin,
) -> dict[str, Any]:  # fmt: skip
    """The inputs with what steers written out, if a strength is given and nothing is recorded yet.

    asked: the filled prompt. A replay keeps what it recorded, be it nothing. Raises InvalidSetting for a strength that
    is none, InvalidPrompt for references without one and outside a person's own generations, and Unavailable for a
    model that cannot be steered.
    """
    strength = _check_strength(inputs.get("steer"))
    rest = {key: value for key, value in inputs.items() if key != "steer"}
    means = [key for key in KEYS[modality][1:] if rest.get(key)]
    if not strength:
        if means and inputs.get("steer") in (None, ""):
            raise InvalidPrompt(f"The input “{means[0]}” needs a strength: add steer, a number from 0 to 1.")
        return {key: value for key, value in rest.items() if key not in means}
    if origin not in ("person", "replay"):
        raise InvalidPrompt("Steering is by one person's taste, for their own generations only: leave steer out.")
    if modality == "image" and "references" not in model.can:
        raise Unavailable(
            f"{model.name} cannot be steered by pictures: turn steering off, or choose a Stable Diffusion model."
        )
    recorded = {**rest, "steer": strength}
    if means or origin == "replay":
        return recorded
    found = _pictures(ws, visitor) if modality == "image" else _words(ws, visitor, asked, strength)
    return {**recorded, **{key: value for key, value in found.items() if value}}


def check_recorded(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The words and the lists of ids among inputs, in their stored shape. Raises InvalidPrompt naming what is wrong."""
    checked: dict[str, Any] = {}
    for key in ("liked", "disliked"):
        ids = inputs.get(key, [])
        if not isinstance(ids, list | tuple) or len(ids) > REFERENCES or len(set(map(str, ids))) < len(ids):
            raise InvalidPrompt(f"The input “{key}” must be a list of at most {REFERENCES} different output ids.")
        checked[key] = list(ids)
    if both := set(map(str, checked["liked"])) & set(map(str, checked["disliked"])):
        raise InvalidPrompt(f"The output “{min(both)[:60]}” is given as liked and as disliked: choose one.")
    rules, shown = inputs.get("rules", []), inputs.get("demonstrations", [])
    if not isinstance(rules, list | tuple) or len(rules) > RULES_LIMIT:
        raise InvalidPrompt(f"The input “rules” must be a list of at most {RULES_LIMIT} sentences.")
    checked["rules"] = [clean_text(r, "rule", limit=RULE_LIMIT, error=InvalidPrompt, required=True) for r in rules]
    if not isinstance(shown, list | tuple) or len(shown) > DEMONSTRATIONS_LIMIT or not all(map(_is_turns, shown)):
        raise InvalidPrompt(
            f"The input “demonstrations” must be a list of at most {DEMONSTRATIONS_LIMIT} objects, each with user and "
            "assistant."
        )
    checked["demonstrations"] = [
        {role: clean_text(turns[role], f"demonstration's {role}", limit=TURN_LIMIT, error=InvalidPrompt, required=True)
         for role in ("user", "assistant")}
        for turns in shown
    ]  # fmt: skip
    return {key: value for key, value in checked.items() if value}


def steered(system: str, inputs: Mapping[str, Any]) -> tuple[str, list[Example]]:
    """The system text with the recorded rules, and the recorded demonstrations as examples."""
    rules = inputs.get("rules", ())
    if rules:
        prefers = "The person prefers:\n" + "\n".join(f"- {rule}" for rule in rules)
        system = f"{system}\n\n{prefers}" if system.strip() else prefers
    return system, [Example(user=t["user"], assistant=t["assistant"]) for t in inputs.get("demonstrations", ())]


# ---- in words -------------------------------------------------------------------------------------------------------


def said(inputs: Mapping[str, Any]) -> str:
    """What steered a generation, for its card: “Steered by 2 liked, 1 disliked”; "" when steering was off."""
    if not inputs.get("steer"):
        return ""
    rules, shown = len(inputs.get("rules", ())), len(inputs.get("demonstrations", ()))
    liked, disliked = len(inputs.get("liked", ())), len(inputs.get("disliked", ()))
    parts = [f"{liked} liked"] if liked else []
    parts += [f"{disliked} disliked"] if disliked else []
    parts += [f"{rules} rule{'s' * (rules != 1)}"] if rules else []
    parts += [f"{shown} example{'s' * (shown != 1)} of yours"] if shown else []
    return f"Steered by {', '.join(parts)}" if parts else NOTHING


_TOLD = {
    "prefix": "Begun by you with", "parent_output_id": "Goes on from output",
    "init_output_id": "Began with the picture",
    "mask_output_id": "Repainted where this mask is white", "brought": "Brought as",
}  # fmt: skip


def told(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A generation's inputs as (label, value) pairs for its provenance."""
    rows = []
    for key, value in inputs.items():
        if key == "steer":
            nothing = ", nothing to steer by" if said(inputs) == NOTHING else ""
            rows.append(("Steering", f"strength {value:g}{nothing}"))
        elif key in ("liked", "disliked"):
            rows.append((f"Steered by {key}", "\n".join(value)))
        elif key == "rules":
            rows.append(("Steered by rules", "\n".join(f"- {rule}" for rule in value)))
        elif key == "demonstrations":
            rows += [(f"Steered by example {n}", f"{d['user']}\n→ {d['assistant']}") for n, d in enumerate(value, 1)]
        elif key == "messages":
            rows += [(f"Earlier turn {n}, {m['role']}", m["content"]) for n, m in enumerate(value, 1)]
        else:
            rows.append((_TOLD.get(key, f"Input: {key}"), str(value)))
    return rows


# ---- what there is to steer by --------------------------------------------------------------------------------------


def _pictures(ws: Workspace, visitor: Visitor) -> dict[str, list[str]]:
    """Ids of the newest liked and disliked pictures of this sitting."""
    verdicts = _verdicts(recent_acts(ws.store, visitor.annotator_id, since=now() - SITTING, limit=4 * JUDGED_LIMIT))
    newest = dict(list(verdicts.items())[:JUDGED_LIMIT])
    outputs = {o.id: o for o in ws.store.find(Output, id=list(newest)) if o.blob_sha256} if newest else {}
    mine = {g.id for g in ws.store.find(
        Generation, id=list({o.generation_id for o in outputs.values()}), requested_by=visitor.annotator_id
    )} if outputs else set()  # fmt: skip
    usable = [(i, likes) for i, likes in newest.items() if i in outputs and outputs[i].generation_id in mine]
    return {
        "liked": [i for i, likes in usable if likes][:REFERENCES],
        "disliked": [i for i, likes in usable if not likes][:REFERENCES],
    }


def _verdicts(acts: Sequence[Act]) -> dict[str, bool]:
    """output id -> liked or not, as the acts (newest first) say. A rating outweighs comparisons, which only say which
    of some outputs was better; among acts of one kind the newest counts."""
    rated: dict[str, bool] = {}
    compared: dict[str, bool] = {}
    order: dict[str, None] = {}
    for act in acts:
        found: dict[str, bool] = {}
        if isinstance(act, Rating):
            if act.thumb is not None:
                found = {act.output_id: act.thumb == 1}
            elif act.score is not None and act.score != 3:
                found = {act.output_id: act.score >= 4}
        elif isinstance(act, Preference):
            a, b = act.output_a_id, act.output_b_id
            found = {"a": {a: True, b: False}, "b": {b: True, a: False}, "both_bad": {a: False, b: False}}.get(
                act.winner, {}
            )
        elif isinstance(act, Ranking) and len(act.groups) > 1:
            found = dict.fromkeys(act.groups[-1], False) | dict.fromkeys(act.groups[0], True)
        of_kind = rated if isinstance(act, Rating) else compared
        for output_id, likes in found.items():
            of_kind.setdefault(output_id, likes)
            order.setdefault(output_id)
    return {output_id: rated.get(output_id, compared.get(output_id, False)) for output_id in order}


def _words(ws: Workspace, visitor: Visitor, asked: str, strength: float) -> dict[str, list[Any]]:
    """Rules and demonstrations out of the person's own memory, as many as the strength says (see above)."""
    from collab.refinement import memory

    since = now() - SITTING
    rules = memory.rules_for(ws, visitor, asked, limit=ceil(strength * RULES_LIMIT), since=since)
    wanted = min(DEMONSTRATIONS_LIMIT, floor(strength * (DEMONSTRATIONS_LIMIT + 1)))
    if not rules:  # the least that steers
        wanted = max(wanted, 1)
    shown: Sequence[Example] = (
        memory.demonstrations_for(ws, visitor, asked, limit=wanted, since=since) if wanted else ()
    )
    demonstrations = [{"user": e.user, "assistant": e.assistant} for e in shown]
    return {
        "rules": [rule.instruction[:RULE_LIMIT] for rule in rules],
        "demonstrations": [d for d in demonstrations if all(map(_is_sendable, d.values()))],
    }


def _check_strength(value: object) -> float:
    if value in (None, ""):
        return 0.0
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:  # type: ignore[operator]
        raise InvalidSetting(f"Steering is {str(value)[:40]}: choose a number from 0 (off) to 1.")
    return float(value)  # type: ignore[arg-type]


def _is_sendable(text: str) -> bool:
    """Whether a text would pass as typed: what a model wrote may hold anything."""
    try:
        return bool(clean_text(text, "text", limit=TURN_LIMIT, error=InvalidPrompt, required=True))
    except InvalidPrompt:
        return False


def _is_turns(turns: object) -> bool:
    return isinstance(turns, Mapping) and set(turns) == {"user", "assistant"}
