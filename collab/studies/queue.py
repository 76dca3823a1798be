"""The items on which people disagree, for the owner to decide: what was shown, and what each said. Reads the store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection

from collab.store.result_queries import answers_on_items, disputed_pairs, disputed_rankings
from collab.studies.consensus import DISTANCE, disputed_ratings, disputed_texts, middle_first
from collab.studies.decisions import adjudicated, queue_arrangement
from collab.studies.judgements import Judgement
from collab.studies.names import names_of
from collab.studies.presenting import questions_json
from collab.studies.said import LABELS, as_shown
from collab.studies.spec import StudySpec
from collab.types import Output, Study, StudyItem
from collab.views import Link
from collab.workspace import Workspace

Json = dict[str, Any]
QUEUE = 12  # items shown at once


def adjudication_queue(
    ws: Workspace, study: Study, spec: StudySpec, judgements: Sequence[Judgement], without: Collection[str],
    link: Link, connection: Connection,
) -> list[Json]:  # fmt: skip
    """The items on which people disagree and the owner has not decided, with what each said; the people of `without`
    aside. judgements: those of ratings and corrections."""
    settled = adjudicated(ws, study, connection=connection)
    disputes = _disputes(study, spec, judgements, without, QUEUE + len(settled), connection)
    open_ones = [item_id for item_id in disputes if item_id not in settled][:QUEUE]
    items = {i.id: i for i in ws.store.find(StudyItem, id=open_ones, connection=connection)}
    outputs = {o.id: o for o in ws.store.find(
        Output, id=[output for item in items.values() for output in item.outputs], connection=connection
    )}  # fmt: skip
    said: dict[str, list[tuple[str, Json]]] = {item_id: [] for item_id in open_ones}
    if open_ones:
        for item_id, annotator_id, _, answer in answers_on_items(connection, open_ones):
            if annotator_id not in without:
                said[item_id].append((annotator_id, answer))
    names = names_of(ws, [who for answers in said.values() for who, _ in answers], connection=connection)
    return [
        _disputed_item(
            study, spec, items[item_id], outputs, [(names[who], answer) for who, answer in said[item_id]], link
        )
        for item_id in open_ones
        if item_id in items
    ]


def _disputes(
    study: Study, spec: StudySpec, judgements: Sequence[Judgement], without: Collection[str], limit: int,
    connection: Connection,
) -> list[str]:  # fmt: skip
    match study.task:
        case "compare":
            return disputed_pairs(connection, study.id, without, limit=limit)
        case "rank":
            return disputed_rankings(connection, study.id, DISTANCE, without, limit=limit)
        case "rate":
            return disputed_ratings(spec.questions, judgements, limit=limit)
        case "edit":
            return disputed_texts(judgements, limit=limit)


def _disputed_item(
    study: Study, spec: StudySpec, item: StudyItem, outputs: Mapping[str, Output],
    answers: Sequence[tuple[str, Json]], link: Link,
) -> Json:  # fmt: skip
    arrangement = queue_arrangement(item)
    options: list[Json] = []
    for label, at in zip(LABELS, arrangement, strict=False):
        output = outputs[item.outputs[at]]
        content = {"image_url": link(output.id)} if output.blob_sha256 else {"text": output.text or ""}
        options.append({"label": label, **content})
    if study.task == "edit":  # what the owner starts from
        answers = [answers[at] for at in middle_first([said["text"].strip() for _, said in answers])]
    return {
        "item_id": item.id,
        "context": [list(pair) for pair in item.context],
        "options": options,
        "answers": [{"annotator": who, "said": as_shown(study.task, said, arrangement)} for who, said in answers],
        "questions": questions_json(spec),
    }
