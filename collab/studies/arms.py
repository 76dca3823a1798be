"""The arms of a study and the items that its cases make of them. Stores arms and items, generates nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from collab.checks import is_id
from collab.errors import CollabError, InvalidStudy
from collab.generation import Ask, check_settings, version_asked_for
from collab.identity import Visitor
from collab.model_versions import model_version, resolve_model
from collab.prompts import Wording, fill, placeholders, typed_version
from collab.studies.cases import Case
from collab.studies.spec import Asked, StudySpec
from collab.training.gates import check_testable
from collab.types import ModelVersion, PromptVersion, Study, StudyArm, StudyItem, StudyTask
from collab.workspace import Workspace
from models.base import ModelInfo


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm as asked for, resolved. settings: only those that differ from the model's defaults."""

    name: str
    wording: Wording
    version: PromptVersion | None
    model: ModelInfo


def resolve_arms(ws: Workspace, visitor: Visitor, asked: Asked) -> list[Arm]:
    """The arms with their checked prompts and models. Raises InvalidStudy naming the arm."""
    arms: list[Arm] = []
    for number, arm in enumerate(asked.arms, 1):
        try:
            arms.append(_resolve_arm(ws, visitor, arm, asked.modality or "text", number))
        except CollabError as error:
            raise type(error)(f"Arm {number}: {error}") from error
    modalities = {arm.wording.modality for arm in arms}
    if len(modalities) > 1:
        raise InvalidStudy("The arms mix texts and pictures: give all of them one modality.")
    if asked.modality and asked.modality not in modalities:
        raise InvalidStudy(f"The study is of {asked.modality}s but its arms make {modalities.pop()}s: change one.")
    seen: dict[tuple[str, str, str, str | None], int] = {}
    for number, found in enumerate(arms, 1):
        same = (found.wording.sha256, found.model.base, found.model.revision, found.model.adapter)
        if same in seen and asked.task in ("compare", "rank"):
            raise InvalidStudy(f"Arms {seen[same]} and {number} have the same prompt, settings and model: change one.")
        seen[same] = number
    _check_variables(asked.cases, arms)
    return _named(arms)


def _resolve_arm(ws: Workspace, visitor: Visitor, arm: Mapping[str, Any], modality: str, number: int) -> Arm:
    ask = Ask(
        prompt=arm.get("prompt") or "",
        modality=modality,
        negative_prompt=arm.get("negative_prompt") or "",
        system_text=arm.get("system_text") or "",
        examples=arm.get("examples"),
        prompt_version_id=arm.get("prompt_version_id") or "",
    )
    version, wording = version_asked_for(ws, visitor, ask)
    asked = arm.get("model") or ""
    for trained in ws.store.find(ModelVersion, id=asked) if is_id(asked) else ():
        check_testable(trained)
    model = resolve_model(ws, visitor, asked, wording.modality)
    if model.precision == "int8":
        raise InvalidStudy(f"{model.name} is rounded and not the model that a study is about: choose it in full.")
    given = arm.get("settings") or {}
    if not isinstance(given, Mapping):
        raise InvalidStudy("its settings must be an object of names and values.")
    check_settings(wording.modality, {**wording.settings, **given}, model)
    if given:  # settings belong to what is compared, so they become part of the wording that is
        wording = replace(wording, settings={**wording.settings, **given})
        version = None
    return Arm(str(arm.get("name") or "").strip(), wording, version, model)


def _named(arms: Sequence[Arm]) -> list[Arm]:
    """The arms with a name each: by what tells them apart, else by letter."""
    models = {arm.model.name for arm in arms}
    prompts = {arm.wording.sha256 for arm in arms}
    named: list[Arm] = []
    taken = {arm.name for arm in arms if arm.name}
    for number, arm in enumerate(arms):
        name = arm.name
        if not name:
            one_each = len(models) == len(arms) and len(prompts) == 1
            name = arm.model.name if one_each else f"Prompt {number + 1}" if len(models) == 1 else f"Arm {number + 1}"
            while name in taken:
                name += "′"
        taken.add(name)
        named.append(replace(arm, name=name[:80]))
    return named


def _check_variables(cases: Sequence[Case], arms: Sequence[Arm]) -> None:
    wanted = {
        name: number
        for number, arm in reversed(list(enumerate(arms, 1)))
        for text in (arm.wording.text, arm.wording.negative_text, arm.wording.system_text)
        for name in placeholders(text)
    }
    for number, case in enumerate(cases, 1):
        for name in case.variables:
            if name not in wanted:
                raise InvalidStudy(f"Case {number} has a value for {{{name[:60]}}}, which no arm's prompt mentions.")
        for name, arm in wanted.items():
            if name not in case.variables:
                raise InvalidStudy(f"Case {number} has no value for {{{name}}}, which arm {arm} needs: add one.")


def arm_variables(wording: Wording, case: Mapping[str, str]) -> dict[str, str]:
    """Those of the case's variables that this wording mentions."""
    texts = (wording.text, wording.negative_text, wording.system_text)
    return {name: case[name] for text in texts for name in placeholders(text)}


def store_arms(
    ws: Workspace, visitor: Visitor, study: Study, arms: Sequence[Arm], connection: Connection
) -> list[StudyArm]:
    return [
        StudyArm(
            study_id=study.id,
            position=position,
            name=arm.name,
            prompt_version_id=(arm.version or typed_version(ws.store, arm.wording, visitor, connection=connection)).id,
            model_version_id=model_version(ws.store, arm.model, connection=connection).id,
        )
        for position, arm in enumerate(arms)
    ]


def arm_sets(task: StudyTask, arms: int) -> list[tuple[int, ...]]:
    """Which arms meet in one item: every pair to compare, all of them to rank, each alone to rate or edit."""
    if task == "compare":
        return list(itertools.combinations(range(arms), 2))
    return [tuple(range(arms))] if task == "rank" else [(arm,) for arm in range(arms)]


def items_of_cases(study: Study, spec: StudySpec, cases: Sequence[Case], arms: Sequence[Arm]) -> Iterator[StudyItem]:
    """Waiting items: each set of arms that meets, for each case and sample, with the same seed in every arm."""
    for number, case in enumerate(cases):
        context = _shared_context(case, arms)
        for sample in range(spec.samples):
            for together in arm_sets(study.task, len(arms)):
                yield StudyItem(
                    study_id=study.id,
                    position=0,
                    cells=tuple((arm, number, sample) for arm in together),
                    context=context,
                    stratum=stratum_of(study.task, together),
                    tag=case.tag,
                    room=spec.overlap,
                )


def stratum_of(task: StudyTask, arms: Sequence[int]) -> str:
    """Which pair of arms an item compares, as text; "" where that is not the question."""
    return ":".join(map(str, sorted(arms))) if task == "compare" else ""


def _shared_context(case: Case, arms: Sequence[Arm]) -> tuple[tuple[str, str], ...]:
    """What may be shown beside the outputs without telling the arms apart: the prompt where all share it."""
    prompts = {fill([arm.wording.text], _mentioned(arm.wording.text, case))[0][0] for arm in arms}
    if len(prompts) == 1:
        return (("prompt", prompts.pop()),)
    return tuple(case.variables.items())


def _mentioned(text: str, case: Case) -> dict[str, str]:
    return {name: case.variables[name] for name in placeholders(text)}
