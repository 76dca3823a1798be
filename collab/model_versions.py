"""Which weights answer: from the name a person gave to a model the engine can load, and to its stored version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from collab.aliases import current, history, of_model
from collab.checks import clean_text, is_id
from collab.errors import CollabError, InvalidPrompt, NotAllowed, NotFound, Unavailable
from collab.identity import Visitor
from collab.store import Conflict, Store
from collab.training.adapters import adapter_folder
from collab.types import Modality, ModelVersion
from collab.workspace import Workspace
from models.base import InvalidRequest, ModelError, ModelInfo, ModelNotFound

NAME_LIMIT = 400  # characters: a path or a URL may be long


def resolve_model(ws: Workspace, visitor: Visitor, name: object, modality: Modality) -> ModelInfo:
    """The model by whatever name: "" the default, a catalog name, hub id, folder, remote or model version id.

    The default is the version that was promoted, else the one the studio was set up with. Only an owner may have a
    model loaded that is neither promoted nor in the operator's catalog, or an adapter that never was promoted. Raises
    NotAllowed, NotFound or Unavailable, the last also when a version's files are no longer the same: nothing else
    answers in a promoted version's name.
    """
    asked = clean_text(name, "model", limit=NAME_LIMIT, error=NotFound).strip()
    earlier: ModelVersion | None = None
    promoted = None if asked and not is_id(asked) else current(ws, of_model(modality))
    if promoted and not asked:
        asked = promoted.version_id
    is_promoted = promoted is not None and asked == promoted.version_id
    if is_id(asked):
        found = ws.store.find(ModelVersion, id=asked)
        if not found:
            raise NotFound(f"There is no model version “{asked}”: choose one from the list.")
        earlier, asked = found[0], found[0].base
    known = {entry.name for entry in ws.engine.entries()} | {entry.base for entry in ws.engine.entries()}
    if asked and asked not in known and not visitor.is_owner and not is_promoted:
        raise NotAllowed(
            f"The model “{asked[:80]}” is not in this studio's list: choose one that is, or ask its owner."
        )
    once = {move.version_id for move in history(ws, of_model(modality))} if earlier and not visitor.is_owner else set()
    if earlier and earlier.adapter_sha256 and not visitor.is_owner and earlier.id not in once:
        raise NotAllowed(f"{earlier.name} is not open to all: choose a model from the list, or ask its owner.")
    try:
        info = ws.engine.resolve(asked, modality)
    except ModelError as error:
        raise translate(error) from error
    if earlier and (info.revision, info.precision) != (earlier.revision, earlier.precision):
        raise Unavailable(
            f"The files of {earlier.name} are no longer those of that time ({earlier.revision[:12]}, "
            f"{earlier.precision}; now {info.revision[:12]}, {info.precision}): choose the present one instead."
        )
    if earlier and earlier.adapter_sha256:
        if earlier.recipe.get("kind") == "reward":
            raise InvalidPrompt(f"{earlier.name} ranks texts and writes none: choose a model that writes.")
        return replace(info, name=earlier.name, adapter=str(adapter_folder(ws.settings, earlier)))
    return info


def model_version(store: Store, model: ModelInfo, *, connection: Connection) -> ModelVersion:
    """The stored version with these weights, made at their first use. Raises Conflict in a race: try again."""
    identity: dict[str, Any] = {
        "base": model.base,
        "revision": model.revision,
        "precision": model.precision,
        "adapter_sha256": Path(model.adapter).name if model.adapter else None,
    }
    found = store.find(ModelVersion, connection=connection, **identity)
    if found:
        return found[0]
    if model.adapter:  # registered when it was trained: without its lineage it is none
        raise NotFound(f"There is no model version with the adapter {Path(model.adapter).name[:12]}: train it anew.")
    version = ModelVersion(name=model.name, modality=model.modality, **identity)
    store.add(version, connection=connection)
    return version


def stored_version(ws: Workspace, info: ModelInfo) -> ModelVersion:
    """`model_version` in a transaction of its own. Raises Unavailable in an endless race."""
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                return model_version(ws.store, info, connection=connection)
        except Conflict:  # somebody used it for the first time at this moment
            continue
    raise Unavailable("The store is very busy: try again in a moment.")


def translate(error: ModelError) -> CollabError:
    """A model's error as one of ours, its sentence kept."""
    if isinstance(error, ModelNotFound):
        return NotFound(str(error))
    if isinstance(error, InvalidRequest):
        return InvalidPrompt(str(error))
    return Unavailable(str(error))
