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
from models.base import DIFFUSION


def entry_of(ws: Workspace, modality: str, name: str) -> Any:
    """The catalog entry of that name or base, of a model version's id its base's; the modality's default for "" and for
    what is not listed. The name of what serves ("text-current") means what it is now."""
    entries = ws.engine.entries(modality)  # type: ignore[arg-type]
    wanted = _base_of(ws, name) or (ws.settings.text_model if modality == "text" else ws.settings.image_model)
    return next((e for e in entries if wanted in (e.name, e.base)), entries[0])


def ignored(ws: Workspace, modality: str, name: str) -> frozenset[str]:
    """What of the form that model ignores: "negative" and settings; nothing of one that is not listed."""
    entry = _listed(ws, modality, name) if modality == "image" else None
    return (DIFFUSION | {"negative"}) - entry.can if entry else frozenset()


def _listed(ws: Workspace, modality: str, name: str) -> Any | None:
    entry, base = entry_of(ws, modality, name), _base_of(ws, name)
    return entry if not base or base in (entry.name, entry.base) else None


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


def model_words(ws: Workspace, modality: str, name: str, say: Callable[[str], str] = str) -> tuple[str, bool]:
    """A line of HTML on how far that model is, and whether there is anything to wait for. say: translates."""
    entry = _listed(ws, modality, name)
    title, base = (entry.title, entry.base) if entry else (name, _base_of(ws, name))
    known = ws.engine.status()
    # only the one that is chosen: what somebody else asked for is nobody's business
    state = next((s for s in known if s.base == base or s.name == title), None)
    if state and state.state == "loading":
        percent = f" {state.fraction:.0%}" if state.fraction is not None else ""
        words = f"{say(state.message or state.name)}{percent}{say('; you can write already')}"
        return f'<p class="loading" role="status">{html.escape(words)}</p>', True
    if not known:
        words = f"{'Starting the engine' if 'torch' in sys.modules else 'Loading torch'}; you can write already"
        return f'<p class="loading" role="status">{html.escape(say(words))}</p>', True
    if state is None:
        words = f"{title} is loaded when it is first asked for"
    else:
        words = f"{state.name} is ready" if state.state == "ready" else state.message
    return f'<p role="status">{html.escape(say(words))}</p>', False
