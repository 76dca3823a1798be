"""Named joins: the questions that take more than one table. Knows the tables; returns rows of the nouns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.in_force import is_last, last_acts, live_id
from collab.store.store import Store
from collab.types import UNFINISHED, Act, Generation, GenerationOrigin, Output

_f = schema.feedback
NOT_ASKED_FOR: tuple[GenerationOrigin, ...] = ("study", "imported", "refinement")  # these are in nobody's History


@dataclass(frozen=True, slots=True)
class Tip:
    """The last act of one subject's chain, and the act that is in force because of it (None after a full undo)."""

    tip_id: str
    live_id: str | None


def tip(store: Store, annotator_id: str, subject: str, *, connection: Connection) -> Tip | None:
    """Where the person's chain of acts about `subject` stands, or None when it has not begun."""
    query = (
        sa.select(_f.c.id, live_id())
        .select_from(last_acts())
        .where(_f.c.annotator_id == annotator_id, _f.c.subject == subject, is_last())
    )
    record = connection.execute(query).first()
    return None if record is None else Tip(*record)


def live_acts(
    store: Store, annotator_id: str, generation_ids: Sequence[str], *, connection: Connection | None = None
) -> list[Act]:
    """The acts in force that this person did on these generations, oldest first; retractions never appear."""
    if connection is None:
        with store.reading() as connection:
            return live_acts(store, annotator_id, generation_ids, connection=connection)
    query = (
        sa.select(live_id())
        .select_from(last_acts())
        .where(_f.c.annotator_id == annotator_id, _f.c.generation_id.in_(generation_ids), is_last())
    )
    ids = [act_id for (act_id,) in connection.execute(query) if act_id is not None]
    return store.acts(ids, connection=connection)


def recent_acts(store: Store, annotator_id: str, *, since: datetime, limit: int) -> list[Act]:
    """The acts in force that this person did or restored since then, newest first, without answers to studies."""
    query = (
        sa.select(live_id())
        .select_from(last_acts())
        .where(_f.c.annotator_id == annotator_id, _f.c.created_at >= since, _f.c.task_id.is_(None), is_last())
        .order_by(_f.c.id.desc())
        .limit(limit)
    )
    with store.reading() as connection:
        ids = [act_id for (act_id,) in connection.execute(query) if act_id is not None]
        found = {act.id: act for act in store.acts(ids, connection=connection)}
    return [found[act_id] for act_id in ids]


def own_generations(annotator_id: str | sa.ColumnElement[str]) -> tuple[sa.ColumnElement[bool], ...]:
    """What a generation is of which a person would say it is theirs: none that was made for a study, as a sample of a
    proposal, or imported.

    The origins are written into the SQL, as in the partial index that was made for this.
    """
    g = schema.generations
    made = (g.c.origin != sa.literal_column(f"'{origin}'") for origin in NOT_ASKED_FOR)
    return g.c.requested_by == annotator_id, *made


def in_masked_grid() -> sa.ColumnElement[bool]:
    """Whether a generation is a cell of a grid whose owner may not know yet which cell is which."""
    c, d = schema.grid_cells, schema.grids
    return sa.exists().where(
        c.c.generation_id == schema.generations.c.id, d.c.id == c.c.grid_id, d.c.hidden, d.c.revealed_at.is_(None)
    )


def masked_cells() -> sa.Select[Any]:
    """The generations that are `in_masked_grid`, read once for a whole query rather than looked up for each row."""
    c, d = schema.grid_cells, schema.grids
    masked = d.c.hidden & d.c.revealed_at.is_(None)
    return sa.select(c.c.generation_id).join(d, d.c.id == c.c.grid_id).where(masked)


def masked_among(store: Store, generation_ids: Sequence[str], *, connection: Connection | None = None) -> set[str]:
    """Those of these generations that are `in_masked_grid`."""
    if connection is None:
        with store.reading() as connection:
            return masked_among(store, generation_ids, connection=connection)
    query = masked_cells().where(schema.grid_cells.c.generation_id.in_(generation_ids))
    return {row[0] for row in connection.execute(query).all()}


def locked_outputs(store: Store, generation_ids: Sequence[str]) -> set[str]:
    """Of these generations the outputs that were judged in a hidden grid before it was revealed."""
    c, d = schema.grid_cells, schema.grids
    query = sa.select(d.c.locked).join(c, c.c.grid_id == d.c.id)
    query = query.where(c.c.generation_id.in_(generation_ids), d.c.revealed_at.is_not(None))
    with store.reading() as connection:
        return {output_id for (locked,) in connection.execute(query) for output_id in locked}


def unfinished(store: Store) -> list[Generation]:
    """Every generation that is queued or running, oldest first."""
    g = schema.generations
    # written into the SQL: with bound values SQLite would not use the partial index that was made for this
    states: sa.BindParameter[Any] = sa.bindparam("unfinished", UNFINISHED, expanding=True, literal_execute=True)
    return store.rows(Generation, sa.select(g).where(g.c.status.in_(states)).order_by(g.c.id))


def outputs_of(store: Store, generation_ids: Sequence[str]) -> dict[str, list[Output]]:
    """The outputs of each generation, by position."""
    grouped: dict[str, list[Output]] = {generation_id: [] for generation_id in generation_ids}
    for output in store.find(Output, generation_id=list(generation_ids)):
        grouped[output.generation_id].append(output)
    return {generation_id: sorted(found, key=lambda o: o.position) for generation_id, found in grouped.items()}
