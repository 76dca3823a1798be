"""How much feedback has been collected: the acts in force by kind, day and modality. Knows the tables alone."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import sqlalchemy as sa

from collab.store import schema
from collab.store.in_force import is_last, last_acts, live_id
from collab.store.store import Store

_DAY = 86_400_000_000  # microseconds


class Collected(NamedTuple):
    """kinds: (kind, modality) → acts in force; days: (day since 1970 in UTC, kind) → acts; stars: score → ratings;
    thumbs: −1 or 1 → ratings; made: modality → outputs that hold something; people: who said anything."""

    kinds: Counter[tuple[str, str]]
    days: Counter[tuple[int, str]]
    stars: Counter[int]
    thumbs: Counter[int]
    made: Counter[str]
    people: int


def collected(store: Store, annotator_id: str | None) -> Collected:
    """What has been said, by everybody or by one person, and what was made for it (a person's: what is theirs)."""
    live, g, m = schema.feedback.alias("live"), schema.generations, schema.model_versions
    said = sa.select(live_id().label("id")).select_from(last_acts()).where(is_last())
    if annotator_id is not None:
        said = said.where(schema.feedback.c.annotator_id == annotator_id)
    in_force = said.subquery()
    day = (sa.type_coerce(live.c.created_at, sa.BigInteger) // _DAY).label("day")
    acts = (
        sa.select(live.c.kind, m.c.modality, day, sa.func.count())
        .select_from(in_force)
        .join(live, live.c.id == in_force.c.id)
        .join(g, g.c.id == live.c.generation_id)
        .join(m, m.c.id == g.c.model_version_id)
        .group_by(live.c.kind, m.c.modality, day)
    )
    r, o = schema.ratings, schema.outputs

    def rated(column: sa.ColumnElement[Any]) -> sa.Select[Any]:
        query = sa.select(column, sa.func.count()).join(in_force, in_force.c.id == r.c.id)
        return query.where(column.is_not(None)).group_by(column)

    made = (
        sa.select(m.c.modality, sa.func.count())
        .select_from(o)
        .join(g, g.c.id == o.c.generation_id)
        .join(m, m.c.id == g.c.model_version_id)
        .where(o.c.text.is_not(None) | o.c.blob_sha256.is_not(None))
        .group_by(m.c.modality)
    )
    if annotator_id is not None:
        made = made.where(g.c.requested_by == annotator_id)
    people = (
        sa.select(sa.func.count(live.c.annotator_id.distinct()))
        .select_from(in_force)
        .join(live, live.c.id == in_force.c.id)
    )
    found = Collected(Counter(), Counter(), Counter(), Counter(), Counter(), 0)
    with store.reading() as connection:
        for kind, modality, at, number in connection.execute(acts):
            found.kinds[kind, modality] += number
            found.days[int(at), kind] += number
        for column, into in ((r.c.score, found.stars), (r.c.thumb, found.thumbs)):
            into.update({value: number for value, number in connection.execute(rated(column)).all()})
        found.made.update({modality: number for modality, number in connection.execute(made).all()})
        return found._replace(people=connection.execute(people).scalar_one())
