"""Items made of outputs that are there already. Reads the owner's generations, makes none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collab.errors import InvalidStudy
from collab.generation import own_outputs
from collab.identity import Visitor
from collab.prompts import fill, placeholders
from collab.studies.arms import stratum_of
from collab.studies.spec import Asked, StudySpec
from collab.types import Generation, Modality, ModelVersion, Output, PromptVersion, Study, StudyArm, StudyItem
from collab.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Groups:
    """Outputs to be judged together, with where each came from."""

    modality: Modality
    groups: list[list[Output]]
    generations: dict[str, Generation]
    names: dict[tuple[str, str], str]  # (prompt version, model version) -> the arm's name
    prompts: dict[str, str]  # generation -> its prompt, filled in

    def arm(self, output: Output) -> int:
        """The position of the output's arm."""
        made = self.generations[output.generation_id]
        return list(self.names).index((made.prompt_version_id, made.model_version_id))


def read_groups(ws: Workspace, visitor: Visitor, asked: Asked) -> Groups:
    """The owner's outputs that the spec names. Raises NotFound or InvalidStudy."""
    flat = own_outputs(ws, visitor, [output_id for group in asked.groups for output_id in group])
    for output in flat:
        if output.text is None and output.blob_sha256 is None:
            raise InvalidStudy(f"The output “{output.id}” holds nothing to judge: leave it out.")
    kinds = {"image" if output.blob_sha256 else "text" for output in flat}
    if len(kinds) > 1:
        raise InvalidStudy("The outputs mix texts and pictures: choose one kind.")
    generations = {g.id: g for g in ws.store.find(Generation, id=list({output.generation_id for output in flat}))}
    pairs = list(dict.fromkeys(
        (generations[o.generation_id].prompt_version_id, generations[o.generation_id].model_version_id) for o in flat
    ))  # fmt: skip
    versions = {v.id: v for v in ws.store.find(PromptVersion, id=list({version for version, _ in pairs}))}
    models = {m.id: m for m in ws.store.find(ModelVersion, id=list({model for _, model in pairs}))}
    names = {
        (version, model): f"{versions[version].text.strip()[:40]} · {models[model].name}"[:80]
        for version, model in pairs
    }
    by_id = iter(flat)
    groups = [[next(by_id) for _ in group] for group in asked.groups]
    prompts = {g.id: _prompt(versions[g.prompt_version_id], g) for g in generations.values()}
    return Groups(kinds.pop(), groups, generations, names, prompts)  # type: ignore[arg-type]


def _prompt(version: PromptVersion, generation: Generation) -> str:
    mentioned = {name: generation.variables[name] for name in placeholders(version.text)}
    return fill([version.text], mentioned)[0][0]


def arms_of_groups(study: Study, groups: Groups) -> list[StudyArm]:
    """An arm for each prompt and model that the outputs come from."""
    return [
        StudyArm(study_id=study.id, position=position, name=name, prompt_version_id=version, model_version_id=model)
        for position, ((version, model), name) in enumerate(groups.names.items())
    ]


def items_of_groups(study: Study, spec: StudySpec, groups: Groups) -> Iterator[StudyItem]:
    """An item, ready at once, for each group."""
    for number, group in enumerate(groups.groups):
        arms = [groups.arm(output) for output in group]
        prompts = {groups.prompts[output.generation_id] for output in group}
        variables = [groups.generations[output.generation_id].variables for output in group]
        shared = tuple(variables[0].items()) if all(v == variables[0] for v in variables) else ()
        yield StudyItem(
            study_id=study.id,
            position=0,
            status="ready",
            cells=tuple((arm, number, sample) for sample, arm in enumerate(arms)),
            outputs=tuple(output.id for output in group),
            context=(("prompt", prompts.pop()),) if len(prompts) == 1 else shared,
            stratum=stratum_of(study.task, arms),
            room=spec.overlap,
        )
