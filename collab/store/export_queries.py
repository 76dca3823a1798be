"""What an export reads of a study, in few large queries. Returns plain rows; knows no format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.pieces import chunks


class Origin(NamedTuple):
    """An output with what it came from. settings, inputs, variables: its generation's, as JSON (`parsed`)."""

    output_id: str
    text: str | None
    blob_sha256: str | None
    seed: int
    settings: str
    inputs: str
    prompt_version_id: str
    model_version_id: str
    variables: str


def origins_of(connection: Connection, output_ids: Sequence[str]) -> dict[str, Origin]:
    """Each of these outputs with its generation."""
    o, g = schema.outputs, schema.generations
    raw = [json_text(g.c.settings), json_text(g.c.inputs)]
    found: dict[str, Origin] = {}
    for ids in chunks(output_ids):
        query = (
            sa.select(o.c.id, o.c.text, o.c.blob_sha256, o.c.seed, *raw, g.c.prompt_version_id, g.c.model_version_id)
            .add_columns(json_text(g.c.variables))
            .join(g, g.c.id == o.c.generation_id)
            .where(o.c.id.in_(ids))
        )
        found |= {row[0]: Origin._make(row) for row in connection.execute(query).all()}
    return found


@lru_cache(maxsize=4096)
def parsed(text: str) -> Mapping[str, Any]:
    """A JSON object that thousands of rows spell alike."""
    return dict(orjson.loads(text))


def json_text(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A JSON column as the text it is kept as."""
    return sa.type_coerce(column, sa.Text)


class ReadyItem(NamedTuple):
    """What an export tells of an item (types.StudyItem)."""

    id: str
    cells: list[list[int]]
    outputs: list[str]
    context: list[list[str]]
    tag: str


def ready_items(connection: Connection, study_id: str) -> list[ReadyItem]:
    """The items of a study whose outputs are there, gold aside, in the order of their cases and samples."""
    i = schema.study_items
    query = sa.select(i.c.id, json_text(i.c.cells), json_text(i.c.outputs), json_text(i.c.context), i.c.tag).where(
        i.c.study_id == study_id, i.c.purpose == "item", i.c.status == "ready"
    )
    read = orjson.loads
    found = [
        ReadyItem(item_id, read(cells), read(outputs), read(context), tag)
        for item_id, cells, outputs, context, tag in connection.execute(query).all()
    ]
    return sorted(found, key=lambda item: (item.cells[0][1:], item.id))


class GivenAnswer(NamedTuple):
    """One answer in force. said: in the item's own order. blind: None where that was not asked."""

    item_id: str
    annotator_id: str
    answer_id: str
    said: Mapping[str, Any]
    at: datetime
    dwell_ms: int | None
    propensity: float
    blind: bool | None


def given_answers(connection: Connection, study_id: str) -> Iterator[GivenAnswer]:
    """Every answer in force on the items of a study, gold and repeats aside, in the order they were given."""
    t, a, p = schema.tasks, schema.answers, schema.preferences
    query = (
        sa.select(
            t.c.item_id, t.c.annotator_id, a.c.id, json_text(a.c.said), a.c.created_at, t.c.dwell_ms, t.c.propensity
        )
        .add_columns(p.c.blind)
        .select_from(t)
        .join(a, a.c.id == t.c.answer_id)
        .outerjoin(p, p.c.id == a.c.id)
        .where(t.c.study_id == study_id, t.c.status == "answered", t.c.purpose == "item")
        .order_by(a.c.id)
    )
    for item_id, who, answer_id, said, at, dwell_ms, propensity, blind in connection.execute(query).all():
        yield GivenAnswer(item_id, who, answer_id, parsed(said), at, dwell_ms, propensity, blind)
