"""Named joins over studies: what can be served, and what has been answered. Knows the tables, returns rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.pieces import elements
from collab.store.store import Store
from collab.types import Study, StudyItem, Task

_s, _i, _t, _o = schema.studies, schema.study_items, schema.tasks, schema.outputs


def listed_studies(store: Store, annotator_id: str, *, everything: bool, limit: int = 200) -> list[Study]:
    """Studies a person may choose from, newest first: open and listed, or where they have a task; or all."""
    query = sa.select(_s)
    if not everything:
        mine = sa.exists().where(_t.c.study_id == _s.c.id, _t.c.annotator_id == annotator_id)
        query = query.where(((_s.c.access == "open") & (_s.c.status == "open")) | mine)
    return store.rows(Study, query.order_by(_s.c.id.desc()).limit(limit))


def expired(store: Store, study_id: str, moment: datetime, *, connection: Connection) -> list[Task]:
    """The leases of a study that have run out."""
    query = sa.select(_t).where(_t.c.study_id == study_id, _leased(_t.c.status), _t.c.lease_until < moment)
    return store.rows(Task, query, connection=connection)


def _leased(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    # written into the SQL: with a bound value SQLite would not use the partial index that was made for this
    return column == sa.literal_column("'leased'")


def own_leases(store: Store, study_id: str, annotator_id: str, *, connection: Connection) -> list[Task]:
    """What a person holds and has not answered, oldest first."""
    found = store.find(Task, study_id=study_id, annotator_id=annotator_id, status="leased", connection=connection)
    return found


def lock_study(store: Store, study_id: str, *, connection: Connection) -> Study:
    """The study as it is when everybody else who locks it has finished, until this transaction ends."""
    query = sa.select(_s).where(_s.c.id == study_id).with_for_update(key_share=True)
    return store.rows(Study, query, connection=connection)[0]


def open_leases(store: Store, study_id: str, *, connection: Connection) -> int:
    """How many people hold an item that they have not answered, gold and repeats aside."""
    query = sa.select(sa.func.count()).where(_t.c.study_id == study_id, _leased(_t.c.status), _t.c.purpose == "item")
    return int(connection.execute(query).scalar_one())


def outputs_given(store: Store, study_id: str, annotator_id: str, *, connection: Connection) -> list[str]:
    """The outputs that a person has been given in a study, and others of the same generations that are like them."""
    mine = sa.select(_i.c.outputs).join(_t, _t.c.item_id == _i.c.id)
    mine = mine.where(_t.c.study_id == study_id, _t.c.annotator_id == annotator_id)
    ids = sorted({output_id for (outputs,) in connection.execute(mine) for output_id in outputs})
    alike = _o.alias("alike")
    query = (
        sa.select(alike.c.id)
        .join(_o, _o.c.generation_id == alike.c.generation_id)
        .where(
            _o.c.id.in_(elements(connection, sa.literal(orjson.dumps(ids).decode(), sa.Text))),
            (alike.c.text == _o.c.text) | (alike.c.blob_sha256 == _o.c.blob_sha256),
        )
        .distinct()
    )
    return [output_id for (output_id,) in connection.execute(query)]


def free_item(
    store: Store, study_id: str, annotator_id: str, *, purpose: str = "item", stratum: str | None = None,
    without: Sequence[str] = (), connection: Connection,
) -> StudyItem | None:  # fmt: skip
    """The first item with room that this person has not been given, locked where the database locks rows.

    without: outputs that it must not show.
    """
    taken = sa.exists().where(_t.c.item_id == _i.c.id, _t.c.annotator_id == annotator_id)
    query = sa.select(_i).where(
        _i.c.study_id == study_id, _i.c.purpose == purpose, sa.text("room > 0 AND status = 'ready'"), ~taken
    )
    if stratum is not None:
        query = query.where(_i.c.stratum == stratum)
    if without:  # looked for in the items in their order, until one is found
        shown = elements(connection, _i.c.outputs)
        unwanted = elements(connection, sa.literal(orjson.dumps(list(without)).decode(), sa.Text))
        query = query.where(~shown.where(shown.selected_columns[0].in_(unwanted)).exists())
    query = query.order_by(_i.c.position).limit(1).with_for_update(skip_locked=True, of=_i)
    found = store.rows(StudyItem, query, connection=connection)
    return found[0] if found else None


def take_place(store: Store, item_id: str, *, connection: Connection) -> bool:
    """One person more on an item; False when its last place has gone meanwhile."""
    statement = _i.update().where(_i.c.id == item_id, _i.c.room > 0).values(room=_i.c.room - 1)
    return connection.execute(statement).rowcount == 1


def give_place_back(store: Store, item_id: str, *, connection: Connection) -> None:
    """One person fewer on an item."""
    connection.execute(_i.update().where(_i.c.id == item_id).values(room=_i.c.room + 1))


def count_answer(store: Store, study_id: str, item_id: str, by: int, *, connection: Connection) -> None:
    """One answer more (or, with -1, fewer) in force on an item and its study."""
    connection.execute(_i.update().where(_i.c.id == item_id).values(answered=_i.c.answered + by))
    connection.execute(_s.update().where(_s.c.id == study_id).values(answered=_s.c.answered + by))


def own_counts(store: Store, study_id: str, annotator_id: str, *, connection: Connection) -> dict[tuple[str, str], int]:
    """How many tasks a person has in a study, by (purpose, status)."""
    query = (
        sa.select(_t.c.purpose, _t.c.status, sa.func.count())
        .where(_t.c.study_id == study_id, _t.c.annotator_id == annotator_id)
        .group_by(_t.c.purpose, _t.c.status)
    )
    return {(purpose, status): number for purpose, status, number in connection.execute(query)}


def repeatable(store: Store, study_id: str, annotator_id: str, *, connection: Connection) -> Sequence[str]:
    """The items a person has answered once and has not been given again, oldest first, without their last five.

    None of which they were told what was what: that would be no answer to compare with.
    """
    again = _t.alias("again")
    query = (
        sa.select(_t.c.item_id)
        .where(
            _t.c.study_id == study_id, _t.c.annotator_id == annotator_id, _t.c.status == "answered",
            _t.c.purpose == "item", _t.c.revealed_at.is_(None),
            ~sa.exists().where(again.c.item_id == _t.c.item_id, again.c.annotator_id == annotator_id,
                               again.c.purpose == "repeat"),
        )
        .order_by(_t.c.answered_at)
    )  # fmt: skip
    return [item_id for (item_id,) in connection.execute(query)][:-5]


def item_states(connection: Connection, study_id: str) -> dict[str, int]:
    """How many items of a study are waiting, ready and failed, gold aside."""
    query = (
        sa.select(_i.c.status, sa.func.count())
        .where(_i.c.study_id == study_id, _i.c.purpose == "item")
        .group_by(_i.c.status)
    )
    return {status: number for status, number in connection.execute(query)}


def waiting_items(store: Store, *, limit: int) -> list[tuple[Study, StudyItem]]:
    """Items of open studies whose outputs are still to be made, oldest study first, in the order of serving."""
    query = (
        sa.select(_i)
        .join(_s, _s.c.id == _i.c.study_id)
        .where(sa.text("study_items.status = 'waiting'"), _s.c.status == "open")
        .order_by(_i.c.study_id, _i.c.position)
        .limit(limit)
    )
    items = store.rows(StudyItem, query)
    studies = {study.id: study for study in store.find(Study, id=list({item.study_id for item in items}))}
    return [(studies[item.study_id], item) for item in items]
