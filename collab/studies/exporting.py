"""A study as an exchange set: its items, outputs and answers in force, with where each came from. Writes no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from collab.collector import paused_collector
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet, LeftOut
from collab.store.export_queries import (
    GivenAnswer,
    Origin,
    ReadyItem,
    answered_items,
    given_answers,
    origins_of,
    parsed,
    ready_items,
)
from collab.studies.decisions import Filter, filter_in_force
from collab.studies.names import pseudonym
from collab.studies.presenting import questions_json
from collab.studies.said import as_shown
from collab.studies.spec import read_spec
from collab.types import ModelVersion, PromptVersion, Study, StudyArm
from collab.workspace import Workspace


def export_study(ws: Workspace, study: Study, *, limit: int | None = None) -> JudgedSet:
    """Everything that was judged and answered, people the owner left out aside. Annotators are pseudonyms.

    limit: only so many items, each with an answer, and nothing read of the others.
    """
    with paused_collector():
        return _export(ws, study, limit)


def _export(ws: Workspace, study: Study, limit: int | None) -> JudgedSet:
    spec = read_spec(study.spec)
    with ws.store.reading() as connection:
        chosen = filter_in_force(ws, study, connection=connection)
        answers: dict[str, list[GivenAnswer]] = {}
        only = None if limit is None else answered_items(connection, study.id, chosen.excluded, limit)
        for answer in given_answers(connection, study.id, only):
            if answer.annotator_id not in chosen.excluded:
                answers.setdefault(answer.item_id, []).append(answer)
        items = ready_items(connection, study.id, only)
        origins = origins_of(connection, list({output for item in items for output in item.outputs}))
        arms = ws.store.find(StudyArm, study_id=study.id, connection=connection)
        revisions = _revisions(ws, origins, connection)
        imported = _imported_versions(ws, arms, connection)
    names = {arm.position: arm.name for arm in arms}
    reader = _Reader(ws, study, names, origins, revisions, imported)
    return JudgedSet(
        title=study.title,
        task=study.task,
        modality=study.modality,
        question=spec.question,
        guidelines=spec.guidelines,
        questions=tuple(questions_json(spec)),
        items=[reader.item(item, answers.get(item.id, ())) for item in items],
        left_out=_left_out(chosen),
    )


def _left_out(chosen: Filter) -> LeftOut | None:
    if not chosen.excluded:
        return None
    return LeftOut(people=len(chosen.excluded), reason=chosen.reason, effect=chosen.effect)


class _Reader:
    """Turns rows into the exchange's items."""

    def __init__(
        self, ws: Workspace, study: Study, names: Mapping[int, str], origins: Mapping[str, Origin],
        revisions: Mapping[str, str], imported: frozenset[str],
    ) -> None:  # fmt: skip
        self.ws, self.study, self.names, self.origins = ws, study, names, origins
        self.revisions, self.imported = revisions, imported
        self._pseudonyms: dict[str, str] = {}

    def item(self, item: ReadyItem, answers: Sequence[GivenAnswer]) -> JudgedItem:
        origins = [self.origins[output_id] for output_id in item.outputs]
        came_from_file = origins[0].prompt_version_id in self.imported
        messages = tuple(parsed(origins[0].inputs).get("messages", ())) if came_from_file else ()
        prompt = dict(item.context).get("prompt", "")
        if not prompt and not came_from_file:
            prompt = "\n".join(f"{name}: {value}" for name, value in item.context)
        outputs = [self._output(cell[0], origin) for cell, origin in zip(item.cells, origins, strict=True)]
        return JudgedItem(
            item_id=item.id,
            prompt=prompt,
            messages=messages,
            outputs=tuple(outputs),
            tag=item.tag,
            answers=tuple([self._answer(answer, len(origins)) for answer in answers]),
        )

    def _output(self, arm: int, origin: Origin) -> JudgedOutput:
        image = self.ws.blobs.get(origin.blob_sha256) if origin.blob_sha256 else None
        return JudgedOutput(
            arm=self.names.get(arm, "?"),
            text=origin.text,
            image=image,
            media_type="image/png" if image else "text/plain",
            output_id=origin.output_id,
            seed=origin.seed,
            model_revision=self.revisions[origin.model_version_id],
            prompt_version_id=origin.prompt_version_id,
            settings=parsed(origin.settings),
            turns=tuple(parsed(origin.inputs).get("turns", ())),
        )

    def _answer(self, given: GivenAnswer, outputs: int) -> JudgedAnswer:
        said = dict(given.said)
        comment, blind = said.pop("comment", ""), said.pop("blind", True)
        if given.annotator_id not in self._pseudonyms:
            self._pseudonyms[given.annotator_id] = pseudonym(self.ws, given.annotator_id)
        return JudgedAnswer(
            annotator=self._pseudonyms[given.annotator_id],
            answer=as_shown(self.study.task, said, range(outputs)),
            at=given.at,
            event_id=given.answer_id,
            blind=blind and given.blind is not False,
            comment=comment,
            dwell_ms=given.dwell_ms,
        )


def _revisions(ws: Workspace, origins: Mapping[str, Origin], connection: Connection) -> dict[str, str]:
    ids = list({origin.model_version_id for origin in origins.values()})
    return {m.id: m.revision for m in ws.store.find(ModelVersion, id=ids, connection=connection)}


def _imported_versions(ws: Workspace, arms: Sequence[StudyArm], connection: Connection) -> frozenset[str]:
    ids = list({arm.prompt_version_id for arm in arms})
    found: Any = ws.store.find(PromptVersion, id=ids, origin="imported", connection=connection)
    return frozenset(version.id for version in found)
