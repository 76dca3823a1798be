"""How much feedback has been collected: the acts in force by kind, day and modality. Knows the tables alone."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

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


class Said(NamedTuple):
    """Changes with whatever changes what was said, who is heard, or what may be seen of it."""

    newest: str | None
    acts: int
    deletions: int
    decisions: int
    grids: int
    revealed: int


def what_was_said(store: Store) -> Said:
    """Where the store stands: counts that an index gives, and the newest act, as a deletion and an act may balance."""
    f, d, t, g = schema.feedback, schema.study_decisions, schema.tombstones, schema.grids
    counted = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in (f, t, d, g)]
    revealed = sa.select(sa.func.count(g.c.revealed_at)).scalar_subquery()
    with store.reading() as connection:
        newest = sa.select(sa.func.max(f.c.id)).scalar_subquery()
        return Said._make(connection.execute(sa.select(newest, *counted, revealed)).one())


def collected(store: Store, annotator_id: str | None) -> Collected:
    """What has been said, by everybody or by one person, and what was made for it (a person's: what is theirs)."""
    live, g, m = schema.feedback.alias("live"), schema.generations, schema.model_versions
    said = sa.select(live_id().label("id")).select_from(last_acts()).where(is_last())
    if annotator_id is not None:
        said = said.where(schema.feedback.c.annotator_id == annotator_id)
    in_force = said.subquery()
    day = (sa.type_coerce(live.c.created_at, sa.BigInteger) // _DAY).label("day")
    r, o = schema.ratings, schema.outputs
    # outer joins, so that the database begins with the acts in force and looks up the rest by its key: SQLite began
    # elsewhere, and went through all acts once for each rating
    acts = (
        sa.select(live.c.kind, m.c.modality, day, r.c.score, r.c.thumb, sa.func.count())
        .select_from(in_force)
        .outerjoin(live, live.c.id == in_force.c.id)
        .outerjoin(g, g.c.id == live.c.generation_id)
        .outerjoin(m, m.c.id == g.c.model_version_id)
        .outerjoin(r, r.c.id == in_force.c.id)
        .group_by(live.c.kind, m.c.modality, day, r.c.score, r.c.thumb)
    )
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
        .outerjoin(live, live.c.id == in_force.c.id)
    )
    found = Collected(Counter(), Counter(), Counter(), Counter(), Counter(), 0)
    with store.reading() as connection:
        for kind, modality, at, score, thumb, number in connection.execute(acts):
            if kind is None:
                continue  # chains that were taken back wholly
            found.kinds[kind, modality] += number
            found.days[int(at), kind] += number
            if score is not None:
                found.stars[score] += number
            if thumb is not None:
                found.thumbs[thumb] += number
        found.made.update({modality: number for modality, number in connection.execute(made).all()})
        return found._replace(people=connection.execute(people).scalar_one())
