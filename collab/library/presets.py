"""Settings under a name: one's own, and a few that come with the studio. Knows nothing of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collab.checks import clean_text, is_id
from collab.errors import InvalidSetting, NotFound
from collab.generation import ensure_annotator
from collab.identity import Visitor
from collab.people.consent import check_consent
from collab.store import Conflict
from collab.store.erasing import erase_preset
from collab.types import MODALITIES, Modality, Preset
from collab.workspace import Workspace
from models import base as engine_base
from models.base import ModelError

NAME_LIMIT, PRESETS_LIMIT = 60, 100  # characters, of one person
# each says only what it changes: the model's own defaults fill in the rest
BUILT_IN: Mapping[Modality, Mapping[str, Mapping[str, Any]]] = {
    "text": {
        "Precise": {"temperature": 0.2, "top_p": 0.9},
        "Creative": {"temperature": 1.1, "top_p": 0.97},
        "Fast preview": {"max_new_tokens": 48},
    },
    "image": {
        "Draft": {"num_inference_steps": 8},
        "Careful": {"num_inference_steps": 50},
    },
}


def listed(ws: Workspace, visitor: Visitor) -> list[dict[str, Any]]:
    """The built-in presets, then one's own by name: `{"preset_id", "name", "modality", "settings"}`; "" is built in."""
    own = ws.store.find(Preset, created_by=visitor.annotator_id)
    built_in = [
        {"preset_id": "", "name": name, "modality": modality, "settings": dict(settings)}
        for modality, presets in BUILT_IN.items() for name, settings in presets.items()
    ]  # fmt: skip
    return built_in + [_told(preset) for preset in sorted(own, key=lambda p: p.name.casefold())]


def save(ws: Workspace, visitor: Visitor, name: object, modality: object, settings: object) -> dict[str, Any]:
    """Keep settings under a name; one's preset of that name is replaced. Raises InvalidSetting."""
    said = clean_text(name, "preset's name", limit=NAME_LIMIT, error=InvalidSetting, required=True).strip()
    if modality not in MODALITIES:
        raise InvalidSetting(f"Modality is “{str(modality)[:40]}”: choose text or image.")
    if not isinstance(settings, Mapping) or not settings:
        raise InvalidSetting("A preset needs settings: an object of names and values.")
    if said in BUILT_IN[modality]:
        raise InvalidSetting(f"“{said}” is the name of a built-in preset: choose another.")
    defaults: Mapping[str, Any] = next((e.defaults for e in ws.engine.entries() if e.modality == modality), {})
    try:
        whole = engine_base.canonical_settings(modality, settings, defaults)
    except ModelError as error:
        raise InvalidSetting(str(error)) from error
    kept = {key: whole[key] for key in settings if key in whole}
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                check_consent(ws, visitor, connection)
                mine: dict[str, Any] = {"created_by": visitor.annotator_id}
                found = ws.store.find(Preset, modality=modality, name=said, connection=connection, **mine)
                if found:
                    ws.store.update(Preset, found[0].id, {"settings": kept}, connection=connection)
                    return _told(found[0]) | {"settings": kept}
                if len(ws.store.find(Preset, connection=connection, **mine)) >= PRESETS_LIMIT:
                    raise InvalidSetting(f"There are {PRESETS_LIMIT} presets already: delete one first.")
                made = Preset(name=said, modality=modality, settings=kept, **mine)
                ws.store.add(made, connection=connection)
                return _told(made)
        except Conflict:  # this person's other tab saved it at this moment
            continue
    raise InvalidSetting("That preset is being saved elsewhere: try again.")


def delete(ws: Workspace, visitor: Visitor, preset_id: object) -> dict[str, Any]:
    """Delete one's preset; what it held, so that it can be saved again. Raises NotFound."""
    found = ws.store.find(Preset, id=preset_id, created_by=visitor.annotator_id) if is_id(preset_id) else []
    if not found:
        raise NotFound("There is no such preset of yours: it may be deleted already.")
    with ws.store.writing() as connection:
        erase_preset(connection, found[0].id)
    return _told(found[0])


def _told(preset: Preset) -> dict[str, Any]:
    return {
        "preset_id": preset.id, "name": preset.name, "modality": preset.modality, "settings": dict(preset.settings),
    }  # fmt: skip
