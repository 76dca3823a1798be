"""Votes on pairs of arms, and beside them what they add up to, so that a million are read as a few thousand numbers.

Both are written in one transaction; `studies.verification` tells where they differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isclose
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.pieces import all_rows
from collab.store.store import Store

_v, _n = schema.votes, schema.vote_counts
_KEY = ("study_id", "annotator_id", "arm_a", "arm_b", "winner", "side", "tag")
_ADD = sa.text(
    f"INSERT INTO vote_counts ({', '.join(_KEY)}, votes, weight, weight_squared) "
    f"VALUES ({', '.join(f':{name}' for name in _KEY)}, :votes, :weight, :weight_squared) "
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET votes = vote_counts.votes + excluded.votes, "
    "weight = vote_counts.weight + excluded.weight, "
    "weight_squared = vote_counts.weight_squared + excluded.weight_squared"
)  # known to SQLite and PostgreSQL alike


class CountedVotes(NamedTuple):
    """So many votes of one person on one pair of arms went one way. winner, side: as in schema.votes."""

    annotator_id: str
    arm_a: int
    arm_b: int
    winner: int
    side: int
    votes: int
    weight: float
    weight_squared: float


def add_votes(connection: Connection, votes: Sequence[Mapping[str, Any]]) -> None:
    """Write what answers say about pairs of arms (see schema.votes)."""
    if votes:
        connection.execute(_v.insert(), votes)
        _count(connection, votes)


def drop_votes(connection: Connection, answer_id: str) -> None:
    """Forget what a withdrawn answer said about arms."""
    query = sa.select(*(_v.c[name] for name in _KEY), _v.c.weight).where(_v.c.answer_id == answer_id)
    votes = [row._asdict() for row in connection.execute(query)]
    connection.execute(_v.delete().where(_v.c.answer_id == answer_id))
    _count(connection, votes, -1)


def _count(connection: Connection, votes: Iterable[Mapping[str, Any]], by: int = 1) -> None:
    """Add votes that have been written to what is counted; -1 takes votes out that have been deleted."""
    added: dict[tuple[Any, ...], list[float]] = {}
    for vote in votes:
        numbers = added.setdefault(tuple(vote[name] for name in _KEY), [0, 0.0, 0.0])
        numbers[0] += by
        numbers[1] += by * vote["weight"]
        numbers[2] += by * vote["weight"] ** 2
    if added:
        numbers_of = ("votes", "weight", "weight_squared")
        rows = [dict(zip((*_KEY, *numbers_of), (*key, *added[key]), strict=True)) for key in sorted(added)]
        connection.execute(_ADD, rows)


def counted_votes(
    store: Store, study_id: str, *, tag: str = "", without: Collection[str] = (), connection: Connection | None = None
) -> list[CountedVotes]:
    """The votes of a study, added up. tag: of items with it alone; without: the people whose votes to leave out."""
    if connection is None:
        with store.reading() as connection:
            return counted_votes(store, study_id, tag=tag, without=without, connection=connection)
    key = (_n.c.annotator_id, _n.c.arm_a, _n.c.arm_b, _n.c.winner, _n.c.side)
    sums = [sa.func.sum(column) for column in (_n.c.votes, _n.c.weight, _n.c.weight_squared)]
    query = sa.select(*key, *sums).where(_n.c.study_id == study_id, _n.c.votes > 0)
    if tag:
        query = query.where(_n.c.tag == tag)
    if without:
        query = query.where(_n.c.annotator_id.not_in(list(without)))
    return list(map(CountedVotes._make, all_rows(connection, query.group_by(*key))))


def voted_tags(connection: Connection, study_id: str, without: Collection[str] = ()) -> list[str]:
    """The tags of a study's items that got votes, the most voted on first; without: of people who do not count."""
    votes = sa.func.sum(_n.c.votes)
    query = sa.select(_n.c.tag).where(_n.c.study_id == study_id, _n.c.votes > 0, _n.c.tag != "")
    if without:
        query = query.where(_n.c.annotator_id.not_in(list(without)))
    return [tag for (tag,) in connection.execute(query.group_by(_n.c.tag).order_by(votes.desc(), _n.c.tag))]


def miscounted(connection: Connection, study_id: str) -> list[str]:
    """The people whose votes in a study do not add up to what is counted, by their ids."""
    key = [_v.c[name] for name in _KEY]
    written = sa.select(*key, sa.func.count(), sa.func.sum(_v.c.weight)).where(_v.c.study_id == study_id).group_by(*key)
    counted = sa.select(*(_n.c[name] for name in _KEY), _n.c.votes, _n.c.weight)
    counted = counted.where(_n.c.study_id == study_id, _n.c.votes != 0)
    found = [{tuple(row[:-2]): tuple(row[-2:]) for row in connection.execute(query)} for query in (written, counted)]
    return sorted({
        key[1] for key in found[0].keys() | found[1].keys()
        if not all(map(isclose, found[0].get(key, (0, 0.0)), found[1].get(key, (0, 0.0))))
    })  # fmt: skip
