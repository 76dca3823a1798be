"""Many small rows in one piece, long lists of ids in several, lists kept as JSON. Knows databases, no table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

_CHUNK = 5_000  # ids asked for at once: every database takes so many


def chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in order, as many at once as a query may name."""
    for at in range(0, len(ids), _CHUNK):
        yield list(ids[at : at + _CHUNK])


def elements(connection: Connection, listed: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The elements, as text, of a list that is kept as JSON."""
    if connection.dialect.name == "sqlite":
        return sa.select(sa.func.json_each(listed).table_valued("value").c.value)
    return sa.select(sa.func.json_array_elements_text(sa.cast(listed, sa.JSON)).column_valued("element"))


def all_rows(connection: Connection, query: sa.Select[Any]) -> list[list[Any]]:
    """The rows of a query of text and numbers, put together by the database, their order left open.

    Tens of thousands come in half the time, and until they are there the interpreter is free for another thread, which
    would otherwise be asked for it again at every row. Floats keep 15 digits.
    """
    rows = query.subquery()
    if connection.dialect.name == "sqlite":
        whole = sa.func.json_group_array(sa.func.json_array(*rows.c))
    else:
        whole = sa.func.json_agg(sa.func.json_build_array(*rows.c))
    return orjson.loads(connection.execute(sa.select(sa.cast(whole, sa.Text))).scalar_one() or "[]")
