"""Promotes weights that answer by default, on a blind study of both with the same prompt; takes promotions back.

A model that was never promoted over is the one the studio was set up with. Knows nothing of prompts' trials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from collab import aliases
from collab.errors import CollabError, InvalidStudy, NotAllowed, NotFound
from collab.identity import Visitor
from collab.model_versions import stored_version, translate
from collab.refinement.trying.trial_votes import bounded, evidence_of
from collab.store.trial_queries import studies_of_models
from collab.studies.spec import read_spec
from collab.training.gates import check_testable
from collab.types import Alias, AliasMove, Modality, ModelVersion, Study, StudyArm
from collab.workspace import Workspace
from models.base import ModelError


def promote(ws: Workspace, visitor: Visitor, name: str, version_id: str) -> Alias:
    """Let `text-current` or `image-current` mean these weights. Raises NotAllowed without a study that shows them to
    be better than what serves now, or where they did not pass their checks, InvalidStudy if they serve already,
    NotFound for unknown ones."""
    new, tip, evidence = _promotable(ws, visitor, name, version_id)
    return _move(ws, visitor, name, new.id, "promote", tip, evidence=evidence)


def why_not_promoted(ws: Workspace, visitor: Visitor, name: str, version_id: str) -> str:
    """Why `promote` would refuse now, in a sentence; "" where it would not."""
    try:
        _promotable(ws, visitor, name, version_id)
    except CollabError as error:
        return str(error)
    return ""


def why_not_rolled_back(ws: Workspace, name: str) -> str:
    """Why `rollback` would refuse now; "" where it would not."""
    try:
        _target(ws, name, aliases.current(ws, name))
    except CollabError as error:
        return str(error)
    return ""


def serving_model(ws: Workspace, modality: Modality) -> ModelVersion:
    """The weights that answer by default. Raises Unavailable if they cannot be had now."""
    tip = aliases.current(ws, aliases.of_model(modality))
    return ws.store.get(ModelVersion, tip.version_id) if tip else _set_up_with(ws, aliases.of_model(modality))


def _promotable(
    ws: Workspace, visitor: Visitor, name: str, version_id: str
) -> tuple[ModelVersion, Alias | None, Mapping[str, Any]]:
    """The version, the move in force, and the evidence that the one is better than what serves by the other."""
    modality = aliases.MODELS[name]
    found = ws.store.find(ModelVersion, id=str(version_id), modality=modality)
    if not found:
        raise NotFound(f"There is no {modality} model version “{str(version_id)[:60]}”: check the id.")
    new = found[0]
    tip = aliases.current(ws, name)
    serving = ws.store.get(ModelVersion, tip.version_id) if tip else _set_up_with(ws, name)
    if serving.id == new.id:
        raise InvalidStudy(f"{new.name} serves already.")
    check_testable(new)
    evidence = _evidence(ws, visitor, new, serving)
    if evidence is None:
        raise NotAllowed(
            f"No blind study of yours shows that {new.name} is better than {serving.name}, which serves: compare just "
            "the two on one prompt first."
        )
    return new, tip, evidence


def rollback(ws: Workspace, visitor: Visitor, name: str, reason: str = "") -> Alias:
    """Let the name mean again what served before. Raises InvalidStudy where nothing did."""
    tip = aliases.current(ws, name)
    target = _target(ws, name, tip)
    return _move(ws, visitor, name, target, "rollback", tip, reason=reason)


def _target(ws: Workspace, name: str, tip: Alias | None) -> str:
    """The version that a rollback leads to."""
    target = aliases.served_before(ws, name, _set_up_with(ws, name).id) if tip else None
    if target is None:
        raise InvalidStudy(f"Nothing was promoted as {name}: there is nothing to roll back to.")
    return target


def _move(
    ws: Workspace, visitor: Visitor, name: str, version_id: str, how: AliasMove, tip: Alias | None, **kept: Any
) -> Alias:
    return aliases.move(ws, visitor, name, version_id, how, after=tip.id if tip else None, **kept)


def _set_up_with(ws: Workspace, name: str) -> ModelVersion:
    """The weights that answer where nothing was promoted. Raises Unavailable if they cannot be had now."""
    try:
        info = ws.engine.resolve("", aliases.MODELS[name])
    except ModelError as error:
        raise translate(error) from error
    return stored_version(ws, info)


def _evidence(ws: Workspace, visitor: Visitor, new: ModelVersion, old: ModelVersion) -> Mapping[str, Any] | None:
    """What the newest of the owner's studies of just these two says, both having answered the same prompt version,
    if it is that the new one is better. One that says otherwise ends the search: votes are not picked over."""
    for study, challenger in comparisons(ws, visitor, new, old):
        found = evidence_of(ws, study.id, challenger, 1 - challenger)
        if found["verdict"] != "undecided":
            return bounded(found) if found["verdict"] == "better" else None
    return None


def comparisons(ws: Workspace, visitor: Visitor, new: ModelVersion, old: ModelVersion) -> Iterator[tuple[Study, int]]:
    """The owner's blind studies of just these two on one prompt version, newest first; the new one's place in each."""
    for study_id in studies_of_models(ws.store, visitor.annotator_id, (new.id, old.id)):
        study = ws.store.get(Study, study_id)
        arms = sorted(ws.store.find(StudyArm, study_id=study_id), key=lambda arm: arm.position)
        if len(arms) == 2 and len({arm.prompt_version_id for arm in arms}) == 1 and read_spec(study.spec).blind:
            yield study, next(arm.position for arm in arms if arm.model_version_id == new.id)
