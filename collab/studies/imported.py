"""What others generated and judged, as a study: an exchange set's outputs, and the answers it brings, become rows.

An imported set is one prompt, `{prompt}`, whose variable each row fills; each system named in it is a model version of
its own; each output a finished generation. Rows are written in bulk. Reads no files.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from collab.errors import InvalidImport
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.generation import ensure_annotator, own_outputs
from collab.identity import Visitor
from collab.prompts import Wording
from collab.store import Conflict
from collab.studies.acts import act_of
from collab.studies.arms import stratum_of
from collab.studies.said import read_answer, vote_rows
from collab.studies.spec import StudySpec
from collab.types import (
    Act,
    Annotator,
    Answer,
    Generation,
    ModelVersion,
    Output,
    Prompt,
    PromptVersion,
    Row,
    Study,
    StudyArm,
    StudyItem,
    Task,
    now,
)
from collab.workspace import Workspace

_PEOPLE = uuid.UUID("0c3c7c3e-64b5-5b7a-9a5e-3f3e0f6a1b44")  # namespace of annotators known only from files
_WORDING = "{prompt}"


def store_set(ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, judged: JudgedSet,
              gold: Sequence[Mapping[str, Any]] = ()) -> Study:  # fmt: skip
    """Store the study with the set's arms, items and answers, all or nothing; it is closed if it brings answers.

    Raises InvalidImport for an answer that its item does not take, naming the item.
    """
    from collab.studies.creation import in_serving_order

    has_answers = any(item.answers for item in judged.items)
    study = replace(study, status="closed" if has_answers else "open")
    builder = _Builder(ws, visitor, study, spec, judged.title)
    for attempt in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                builder.arms(judged, connection)
                items = [builder.item(number, item) for number, item in enumerate(judged.items, 1)]
                kept = list(in_serving_order(items, builder.gold_items(gold, connection), spec.seed))
                for number, (item, source) in enumerate(zip(kept, judged.items, strict=False), 1):
                    for answer in source.answers:
                        builder.answer(number, item, answer)
                answered = {item_id: 0 for item_id in {task.item_id for task in builder.tasks}}
                for task in builder.tasks:
                    answered[task.item_id] += 1
                kept = [_with_answers(item, answered.get(item.id, 0)) for item in kept]
                builder.people(connection)
                study = replace(study, items=len(items), answered=len(builder.tasks))
                ws.store.add(study, *builder.parents, *builder.generations, *builder.outputs,
                             *builder.study_arms, *kept, *builder.tasks, *builder.acts, *builder.answers,
                             connection=connection)  # fmt: skip
                ws.store.add_votes(builder.votes, connection=connection)
            return study
        except Conflict:
            if attempt == 2:
                raise
            builder = _Builder(ws, visitor, study, spec, judged.title)
    raise AssertionError("unreachable")


def _with_answers(item: StudyItem, answered: int) -> StudyItem:
    return replace(item, room=max(0, item.room - answered), answered=answered) if answered else item


class _Builder:
    """Gathers the rows of one import, in the order in which they refer to each other."""

    def __init__(self, ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, title: str) -> None:
        self.ws, self.visitor, self.study, self.spec, self.title = ws, visitor, study, spec, title
        self.parents: list[Row] = []
        self.generations: list[Generation] = []
        self.outputs: list[Output] = []
        self.study_arms: list[StudyArm] = []
        self.tasks: list[Task] = []
        self.acts: list[Act] = []
        self.answers: list[Answer] = []
        self.votes: list[dict[str, Any]] = []
        self._version_id = ""
        self._models: dict[str, ModelVersion] = {}
        self._arm_of: dict[str, int] = {}
        self._outputs_of: dict[str, list[Output]] = {}
        self._annotators: dict[str, str] = {}

    def arms(self, judged: JudgedSet, connection: Connection) -> None:
        """An arm for each system, in the order of first mention."""
        names = list(dict.fromkeys(output.arm for item in judged.items for output in item.outputs))
        for position, name in enumerate(names):
            self._arm_of[name] = position
            model = self._model(name, connection)
            self.study_arms.append(
                StudyArm(study_id=self.study.id, position=position, name=name[:80] or "unnamed",
                         prompt_version_id=self._version(), model_version_id=model.id)
            )  # fmt: skip

    def _version(self) -> str:
        if not self._version_id:
            wording = Wording(modality=self.study.modality, text=_WORDING)
            prompt = Prompt(title=self.title[:80], modality=self.study.modality, created_by=self.visitor.annotator_id)
            version = PromptVersion(
                prompt_id=prompt.id, text=_WORDING, origin="imported", content_sha256=wording.sha256,
                created_by=self.visitor.annotator_id,
            )  # fmt: skip
            self.parents += [prompt, version]
            self._version_id = version.id
        return self._version_id

    def _model(self, name: str, connection: Connection) -> ModelVersion:
        """The weights behind a name in a file: nothing is known of them but the name."""
        if name not in self._models:
            identity: dict[str, Any] = {
                "base": f"imported:{name}", "revision": "unpinned", "precision": "unknown", "adapter_sha256": None,
                "modality": self.study.modality,
            }  # fmt: skip
            found = self.ws.store.find(ModelVersion, connection=connection, **identity)
            if not found:
                identity["base"] += "" if self.study.modality == "text" else f" ({self.study.modality})"
                found = self.ws.store.find(ModelVersion, connection=connection, **identity)
            if found:
                self._models[name] = found[0]
            else:
                self._models[name] = ModelVersion(name=name or "unnamed", **identity)
                self.parents.append(self._models[name])
        return self._models[name]

    def item(self, number: int, item: JudgedItem) -> StudyItem:
        outputs = [self.output(number, item.prompt, item.messages, output) for output in item.outputs]
        arms = [self._arm_of[output.arm] for output in item.outputs]
        turns = [(str(m.get("role", "")), str(m.get("content", ""))) for m in item.messages]
        made = StudyItem(
            study_id=self.study.id,
            position=0,
            status="ready",
            cells=tuple((arm, number - 1, sample) for sample, arm in enumerate(arms)),
            outputs=tuple(output.id for output in outputs),
            context=(*turns, *((("prompt", item.prompt),) if item.prompt else ())),
            stratum=stratum_of(self.study.task, arms) if len(self._arm_of) <= 99 else "",
            tag=item.tag[:80],
            room=self.spec.overlap,
        )
        self._outputs_of[made.id] = outputs
        return made

    def output(self, number: int, prompt: str, messages: Sequence[Mapping[str, Any]], given: JudgedOutput) -> Output:
        """The output with a finished generation that it came from."""
        seed = given.seed or 0
        inputs: dict[str, Any] = {"messages": [dict(m) for m in messages]} if messages else {}
        if given.turns:
            inputs["turns"] = [dict(turn) for turn in given.turns]
        generation = Generation(
            prompt_version_id=self._version(),
            model_version_id=self._models[given.arm].id,
            variables={"prompt": prompt},
            inputs=inputs,
            rendered=prompt,
            settings=dict(given.settings),
            seed=seed,
            count=1,
            status="done",
            requested_by=self.visitor.annotator_id,
            origin="imported",
        )
        output = Output(
            generation_id=generation.id,
            position=0,
            seed=seed,
            text=given.text if given.image is None else None,
            blob_sha256=self.ws.blobs.put(given.image) if given.image is not None else None,
            media_type="image/png" if given.image is not None else "text/plain",
            finish_reason="stop",
        )
        self.generations.append(generation)
        self.outputs.append(output)
        return output

    def answer(self, number: int, item: StudyItem, given: JudgedAnswer) -> None:
        """The task, act, answer and votes of one judgement."""
        outputs, study = self._outputs_of[item.id], self.study
        try:
            said = read_answer(study.task, self.spec.questions, given.answer, outputs, range(len(outputs)))
        except Exception as error:
            raise InvalidImport(f"Item {number}: {error}") from error
        at = given.at or now()
        annotator_id = self.annotator(given.annotator)
        task = Task(
            created_at=at, study_id=study.id, item_id=item.id, annotator_id=annotator_id,
            token=secrets.token_urlsafe(16), arrangement=tuple(range(len(outputs))), status="answered",
            lease_until=at, answered_at=at, dwell_ms=given.dwell_ms,
        )  # fmt: skip
        act = act_of(study.task, self.spec.questions, said, outputs, task_id=task.id, dwell_ms=given.dwell_ms,
                     comment=given.comment, blind=given.blind)  # fmt: skip
        act = replace(act, annotator_id=annotator_id, created_at=at)
        self.tasks.append(replace(task, answer_id=act.id))
        self.acts.append(act)
        self.answers.append(
            Answer(id=act.id, created_at=at, study_id=study.id, item_id=item.id, task_id=task.id, said=said)
        )
        self.votes += vote_rows(study, item, task, said, act.id, side_known=False)

    def annotator(self, name: str) -> str:
        """The id of somebody known only by the name in a file: the same for the same name."""
        if name not in self._annotators:
            self._annotators[name] = str(uuid.uuid5(_PEOPLE, name))
        return self._annotators[name]

    def people(self, connection: Connection) -> None:
        """The annotators that are not there yet, before everything that names them."""
        known = {a.id for a in self.ws.store.find(Annotator, id=list(self._annotators.values()), connection=connection)}
        fresh = [
            Annotator(id=annotator_id, display_name=name[:80])
            for name, annotator_id in self._annotators.items()
            if annotator_id not in known
        ]
        self.parents = [*fresh, *self.parents]

    def gold_items(self, gold: Sequence[Mapping[str, Any]], connection: Connection) -> list[StudyItem]:
        return [self._gold(number, entry, connection) for number, entry in enumerate(gold, 1)]

    def _gold(self, number: int, entry: Mapping[str, Any], connection: Connection) -> StudyItem:
        from collab.studies.gold import check_expected, gold_prompt, gold_texts

        prompt = gold_prompt(entry, number)
        if ids := entry.get("output_ids"):
            outputs = own_outputs(self.ws, self.visitor, ids)
        else:
            self._model("gold", connection)
            outputs = [
                self.output(number, prompt, (), JudgedOutput(arm="gold", text=text))
                for text in gold_texts(entry, number)
            ]
        return StudyItem(
            study_id=self.study.id,
            position=0,
            purpose="gold",
            status="ready",
            cells=tuple((-1, number - 1, sample) for sample in range(len(outputs))),
            outputs=tuple(output.id for output in outputs),
            context=(("prompt", prompt),) if prompt else (),
            room=1_000_000,
            expected=check_expected(self.study, self.spec, number, entry.get("expected"), outputs),
        )


def gold_items(
    ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, gold: Sequence[Mapping[str, Any]],
    connection: Connection,
) -> list[StudyItem]:  # fmt: skip
    """The gold items of a study, their inline texts stored as outputs of a model called “gold”."""
    builder = _Builder(ws, visitor, study, spec, f"Gold of {study.title}")
    items = builder.gold_items(gold, connection)
    ws.store.add(*builder.parents, *builder.generations, *builder.outputs, connection=connection)
    return items
