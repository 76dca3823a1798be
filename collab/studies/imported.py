"""What others generated and judged, as a study: an exchange set's outputs, and the answers it brings, become rows.

An imported set is one prompt, `{prompt}`, whose variable each row fills; each system named in it is a model version of
its own; each output a finished generation. Rows are written in bulk. Reads no files.
"""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection

from collab.collector import paused_collector
from collab.errors import CollabError, InvalidImport, Unavailable
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet
from collab.generation import ensure_annotator, own_outputs
from collab.identity import Visitor
from collab.prompts import Wording
from collab.store import Conflict, schema
from collab.store.records import insert_copies, insert_values
from collab.studies.acts import act_of
from collab.studies.arms import stratum_of
from collab.studies.said import WINNER_CODES, arm_votes, read_answer
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
    new_id,
    now,
)
from collab.workspace import Workspace

_PEOPLE = uuid.UUID("0c3c7c3e-64b5-5b7a-9a5e-3f3e0f6a1b44")  # namespace of annotators known only from files
_WORDING = "{prompt}"
_AT_ONCE = 2_000  # items whose rows are made and written together: few enough to stay in the processor's cache
# what rows of an import do not share
_GENERATION = ("id", "model_version_id", "variables", "inputs", "rendered", "settings", "seed")
_ITEM = ("id", "position", "cells", "outputs", "context", "stratum", "tag", "room", "answered")
_TASK = ("id", "created_at", "item_id", "annotator_id", "token", "arrangement", "lease_until", "answer_id",
         "answered_at", "dwell_ms")  # fmt: skip
_ANSWER = ("id", "created_at", "item_id", "task_id", "said")
_COUNTED = ("annotator_id", "arm_a", "arm_b", "winner", "tag", "votes", "weight", "weight_squared")
_VOTE = ("answer_id", "item_id", "annotator_id", "arm_a", "arm_b", "winner", "tag", "voted_at")


def store_set(ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, judged: JudgedSet,
              gold: Sequence[Mapping[str, Any]] = ()) -> Study:  # fmt: skip
    """Store the study with the set's arms, items and answers, all or nothing; it is closed if it brings answers.

    Raises InvalidImport for an answer that its item does not take, naming the item.
    """
    from collab.studies.creation import serving_order

    positions = serving_order(len(judged.items), spec.seed)
    answered = sum(len(item.answers) for item in judged.items)
    blind = all(answer.blind for item in judged.items for answer in item.answers)
    spec = replace(spec, blind=blind)
    study = replace(study, status="closed" if answered else "open", items=len(positions), answered=answered,
                    spec=spec.as_json())  # fmt: skip
    for attempt in range(3):
        builder = _Builder(ws, visitor, study, spec, judged.title)
        try:
            with ws.store.writing() as connection, paused_collector():
                ensure_annotator(ws, visitor, connection)
                ws.store.add(study, connection=connection)
                builder.people(judged, connection)
                builder.arms(judged, connection)
                gold_rows = builder.gold(gold, _labels(judged), connection, at=len(positions))
                for start in range(0, len(positions), _AT_ONCE):
                    for at, item in enumerate(judged.items[start : start + _AT_ONCE], start):
                        builder.item(at + 1, item, positions[at])
                    builder.write(connection)
                builder.write_counts(connection)
                ws.store.add(*gold_rows, connection=connection)
            return study
        except Conflict as conflict:
            if attempt == 2:
                raise Unavailable("The store is very busy with the same import: try again in a moment.") from conflict
    raise AssertionError("unreachable")


class _Builder:
    """Gathers the rows of one import, and writes them in the order in which they refer to each other."""

    def __init__(self, ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, title: str) -> None:
        self.ws, self.visitor, self.study, self.spec, self.title = ws, visitor, study, spec, title
        self._moment, self._ids = now(), _ids()
        self._version_id = ""
        self._models: dict[str, ModelVersion] = {}
        self._arm_of: dict[str, int] = {}
        self._annotators: dict[str, str] = {}
        self._parents: list[Row] = []
        self._generations: list[Any] = []
        self._outputs: list[Output] = []
        self._items: list[Any] = []
        self._tasks: list[Any] = []
        self._acts: list[Act] = []
        self._answers: list[Any] = []
        self._votes: list[Any] = []
        self._counted: Counter[tuple[str, int, int, int, str]] = Counter()

    def write(self, connection: Connection) -> None:
        """Write what has been gathered since the last time, what others refer to first."""
        common: dict[str, Any] = {"created_at": self._moment, "study_id": self.study.id}
        generation = Generation(
            created_at=self._moment, prompt_version_id=self._version_id, model_version_id="", settings={}, seed=0,
            count=1, status="done", requested_by=self.visitor.annotator_id, origin="imported",
        )  # fmt: skip
        item = StudyItem(**common, position=0, status="ready", cells=(), room=0)
        task = Task(**common, item_id="", annotator_id="", token="", arrangement=(), status="answered",
                    lease_until=self._moment)  # fmt: skip
        answer = Answer(**common, item_id="", task_id="", said={})
        self.ws.store.add(*self._parents, connection=connection)
        insert_copies(connection, generation, _GENERATION, self._generations)
        self.ws.store.add(*self._outputs, connection=connection)
        insert_copies(connection, item, _ITEM, self._items)
        insert_copies(connection, task, _TASK, self._tasks)
        self.ws.store.add(*self._acts, connection=connection)
        insert_copies(connection, answer, _ANSWER, self._answers)
        same = {"study_id": self.study.id, "side": 0, "weight": 1.0}
        insert_values(connection, schema.votes, same, _VOTE, self._votes)
        for written in (self._parents, self._generations, self._outputs, self._items, self._tasks, self._acts,
                        self._answers, self._votes):  # fmt: skip
            written.clear()

    def write_counts(self, connection: Connection) -> None:
        """Write what all the votes of this new study add up to (see store/vote_counts.py)."""
        rows = [(*key, votes, float(votes), float(votes)) for key, votes in sorted(self._counted.items())]
        insert_values(connection, schema.vote_counts, {"study_id": self.study.id, "side": 0}, _COUNTED, rows)

    def people(self, judged: JudgedSet, connection: Connection) -> None:
        """The annotators, known only by the name in a file: the same name is the same person in every import."""
        names = dict.fromkeys(name for item in judged.items for name in _who_answered(item))
        self._annotators = {name: str(uuid.uuid5(_PEOPLE, name)) for name in names}
        ids, known = list(self._annotators.values()), set[str]()
        for start in range(0, len(ids), _AT_ONCE):
            some = self.ws.store.find(Annotator, id=ids[start : start + _AT_ONCE], connection=connection)
            known.update(annotator.id for annotator in some)
        for name, annotator_id in self._annotators.items():
            if annotator_id not in known:
                self._parents.append(Annotator(id=annotator_id, display_name=name[:80]))

    def arms(self, judged: JudgedSet, connection: Connection) -> None:
        """An arm for each system, in the order of first mention."""
        names = list(dict.fromkeys(output.arm for item in judged.items for output in item.outputs))
        for position, name in enumerate(names):
            self._arm_of[name] = position
            model = self._model(name, connection)
            self._parents.append(
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
            self._parents += [prompt, version]
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
                self._parents.append(self._models[name])
        return self._models[name]

    def item(self, number: int, item: JudgedItem, position: int) -> None:
        """An item with its outputs and what was answered about it. number: its place in the file, from 1."""
        outputs = [self._output(item.prompt, item.messages, output) for output in item.outputs]
        arms = [self._arm_of[output.arm] for output in item.outputs]
        turns = [(str(m.get("role", "")), str(m.get("content", ""))) for m in item.messages]
        item_id = next(self._ids)
        cells = [(arm, number - 1, sample) for sample, arm in enumerate(arms)]
        context = [*turns, ("prompt", item.prompt)] if item.prompt else turns  # labelled as `_labels` says
        stratum = stratum_of(self.study.task, arms) if len(self._arm_of) <= 99 else ""
        tag, answered = item.tag[:80], len(item.answers)
        room = max(0, self.spec.overlap - answered)
        self._items.append(
            (item_id, position, cells, [output.id for output in outputs], context, stratum, tag, room, answered)
        )
        for answer, name in zip(item.answers, _who_answered(item), strict=True):
            self._answer(number, item_id, arms, tag, outputs, answer, self._annotators[name])

    def _output(self, prompt: str, messages: Sequence[Mapping[str, Any]], given: JudgedOutput) -> Output:
        """The output with a finished generation that it came from."""
        seed, generation_id = given.seed or 0, next(self._ids)
        inputs: dict[str, Any] = {"messages": [dict(m) for m in messages]} if messages else {}
        if given.turns:
            inputs["turns"] = [dict(turn) for turn in given.turns]
        self._generations.append(
            (generation_id, self._models[given.arm].id, {"prompt": prompt}, inputs, prompt, given.settings, seed)
        )
        output = Output(
            id=next(self._ids),
            created_at=self._moment,
            generation_id=generation_id,
            position=0,
            seed=seed,
            text=given.text if given.image is None else None,
            blob_sha256=self.ws.blobs.put(given.image) if given.image is not None else None,
            media_type="image/png" if given.image is not None else "text/plain",
            finish_reason="stop",
        )
        self._outputs.append(output)
        return output

    def _answer(
        self, number: int, item_id: str, arms: Sequence[int], tag: str, outputs: Sequence[Output], given: JudgedAnswer,
        who: str,
    ) -> None:  # fmt: skip
        """The task, act, answer and votes of one judgement."""
        task, arrangement = self.study.task, range(len(outputs))
        try:
            said = read_answer(task, self.spec.questions, given.answer, outputs, arrangement)
        except CollabError as error:
            raise InvalidImport(f"Item {number}: {error}") from error
        at = given.at or self._moment
        task_id, act_id, token = next(self._ids), next(self._ids), secrets.token_urlsafe(16)
        self._tasks.append((task_id, at, item_id, who, token, [*arrangement], at, act_id, at, given.dwell_ms))
        self._acts.append(
            act_of(task, self.spec.questions, said, outputs, task_id=task_id, dwell_ms=given.dwell_ms,
                   comment=given.comment, blind=given.blind, annotator_id=who, id=act_id, created_at=at)
        )  # fmt: skip
        kept = {**said, "comment": given.comment} if given.comment else said
        if not given.blind:
            kept = {**kept, "blind": False}
        self._answers.append((act_id, at, item_id, task_id, kept))
        for vote in arm_votes(task, said, arms):
            winner = WINNER_CODES[vote.winner]
            self._votes.append((act_id, item_id, who, vote.arm_a, vote.arm_b, winner, tag, at))
            self._counted[who, vote.arm_a, vote.arm_b, winner, tag] += 1

    def gold(
        self, gold: Sequence[Mapping[str, Any]], labels: Sequence[str], connection: Connection, *, at: int = 0
    ) -> list[StudyItem]:
        """The gold items, to be written after all else; their positions are counted from `at`."""
        return [self._gold(number, entry, labels, connection, at) for number, entry in enumerate(gold, 1)]

    def _gold(
        self, number: int, entry: Mapping[str, Any], labels: Sequence[str], connection: Connection, at: int
    ) -> StudyItem:
        from collab.studies.gold import check_expected, check_kind, gold_context, gold_prompt, gold_texts

        prompt = gold_prompt(entry, number)
        if ids := entry.get("output_ids"):
            outputs = own_outputs(self.ws, self.visitor, ids)
        else:
            self._version()
            self._model("gold", connection)
            texts = gold_texts(entry, number)
            outputs = [self._output(prompt, (), JudgedOutput(arm="gold", text=text)) for text in texts]
        check_kind(self.study, number, outputs)
        return StudyItem(
            study_id=self.study.id,
            position=at + number - 1,
            purpose="gold",
            status="ready",
            cells=tuple((-1, number - 1, sample) for sample in range(len(outputs))),
            outputs=tuple(output.id for output in outputs),
            context=gold_context(entry, number, labels),
            room=1_000_000,
            expected=check_expected(self.study, self.spec, number, entry.get("expected"), outputs),
        )


def gold_items(
    ws: Workspace, visitor: Visitor, study: Study, spec: StudySpec, gold: Sequence[Mapping[str, Any]],
    labels: Sequence[str], connection: Connection,
) -> list[StudyItem]:  # fmt: skip
    """The gold items of a study, their inline texts stored as outputs of a model called “gold”.

    labels: what its other items show beside their outputs.
    """
    builder = _Builder(ws, visitor, study, spec, f"Gold of {study.title}")
    items = builder.gold(gold, labels, connection)
    builder.write(connection)
    return items


def _labels(judged: JudgedSet) -> tuple[str, ...]:
    """What most of the items show beside their outputs."""
    shown = Counter(
        (*(str(m.get("role", "")) for m in item.messages), *(["prompt"] if item.prompt else []))
        for item in judged.items
    )
    return shown.most_common(1)[0][0]


def _who_answered(item: JudgedItem) -> list[str]:
    """Who gave each answer. One person answers an item once: whoever did it again counts as another, "name (2)"."""
    names = [answer.annotator for answer in item.answers]
    if len(set(names)) < len(names):
        for at in range(len(names) - 1, 0, -1):
            if before := names[:at].count(names[at]):
                names[at] = f"{names[at]} ({before + 1})"
    return names


def _ids() -> Iterator[str]:
    """Fresh UUIDv7s of one moment, each one more than the one before (RFC 9562, section 6.2, method 2).

    Half a million drawn one by one would take seconds; the last 48 bits leave room for 2**47 of them.
    """
    first = new_id()
    head = first[:24]
    for tail in itertools.count(int(first[24:], 16) >> 1):
        yield f"{head}{tail:012x}"
