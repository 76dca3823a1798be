"""What the model picker offers, and how far the models are. Reads catalog, store and engine; loads nothing."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import Any

from collab.aliases import MODELS, current, history, of_model
from collab.checks import is_id
from collab.types import Modality, ModelVersion
from collab.ui.language import said_here
from collab.workspace import Workspace


def entry_of(ws: Workspace, modality: str, name: str) -> Any:
    """The catalog entry of that name or base, of a model version's id its base's; the modality's default for "" and for
    what is not listed. The name of what serves ("text-current") means what it is now."""
    entries = ws.engine.entries(modality)  # type: ignore[arg-type]
    wanted = _base_of(ws, name) or (ws.settings.text_model if modality == "text" else ws.settings.image_model)
    return next((e for e in entries if wanted in (e.name, e.base)), entries[0])


def _base_of(ws: Workspace, name: str) -> str:
    version = _served(ws, MODELS[name]) if name in MODELS else None
    if is_id(name):
        version = next(iter(ws.store.find(ModelVersion, id=name)), None)
    return version.base if version else "" if name in MODELS else name


def _served(ws: Workspace, modality: Modality) -> ModelVersion | None:
    """What was promoted, or None where what the studio was set up with serves."""
    tip = current(ws, of_model(modality))
    version = ws.store.get(ModelVersion, tip.version_id) if tip else None
    if version and not version.adapter_sha256 and version.base == entry_of(ws, modality, "").base:
        return None
    return version


def model_choices(ws: Workspace, modality: str, *, owner: bool = False, also: str = "") -> list[tuple[str, str]]:
    """(title, name) of what was promoted, of each model listed for a modality, and for an owner of each trained one.

    also: the id of a version that is to be among them.
    """
    kind: Modality = "image" if modality == "image" else "text"
    served = _served(ws, kind)
    first = [(said_here(f"{served.name} (serves now)"), of_model(kind))] if served else []
    trained = ws.store.find(ModelVersion, modality=kind) if owner else []
    if is_id(also):
        trained += [v for v in ws.store.find(ModelVersion, id=also) if v.id not in {t.id for t in trained}]
    return [
        *first,
        *((e.title, e.name) for e in ws.engine.entries(kind)),
        *((v.name, v.id) for v in reversed(trained) if v.adapter_sha256 and v.recipe.get("kind") != "reward"),
    ]


def usual_model(ws: Workspace, modality: str) -> str:
    """What the picker says where nobody chose: what was promoted, else the studio's default."""
    kind: Modality = "image" if modality == "image" else "text"
    return of_model(kind) if _served(ws, kind) else entry_of(ws, kind, "").name


def name_of_version(ws: Workspace, version: ModelVersion) -> str:
    """What the picker says of just these weights."""
    listed = {e.base: e.name for e in ws.engine.entries(version.modality)}
    return version.id if version.adapter_sha256 else listed.get(version.base, version.base)


def name_to_go_on_with(ws: Workspace, version: ModelVersion) -> str:
    """What the picker says to who made something with these weights last: what serves now, if they served then."""
    once = {move.version_id for move in history(ws, of_model(version.modality))}
    default = not version.adapter_sha256 and version.base == entry_of(ws, version.modality, "").base
    return usual_model(ws, version.modality) if default or version.id in once else name_of_version(ws, version)


def model_words(ws: Workspace, say: Callable[[str], str] = str) -> tuple[str, bool]:
    """A line of HTML on how far the models are, and whether there is anything to wait for. say: translates."""
    defaults = {entry_of(ws, modality, "").title for modality in ("text", "image")}
    # only the studio's own defaults: what somebody else asked for is nobody's business
    states = [s for s in ws.engine.status() if s.name in defaults]
    loading = [s for s in states if s.state == "loading"]
    if loading:
        percent = f" {loading[0].fraction:.0%}" if loading[0].fraction is not None else ""
        words = f"{say(loading[0].message or loading[0].name)}{percent}{say('; you can write already')}"
        return f'<p class="loading" role="status">{html.escape(words)}</p>', True
    if not states:
        words = f"{'Starting the engine' if 'torch' in sys.modules else 'Loading torch'}; you can write already"
        return f'<p class="loading" role="status">{html.escape(say(words))}</p>', True
    ready = [s.name for s in states if s.state == "ready"]
    failed = [s.message for s in states if s.state == "failed"]
    words = " · ".join(map(say, [*(f"{name} is ready" for name in ready), *failed]))
    return f'<p role="status">{html.escape(words)}</p>', False
