"""Takes rows out of the database for good: what a person made, and what they said. The one place that deletes.

Each function works within the caller's transaction, on what `belongings.py` found may go. Knows the tables and what
refers to what; decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.blobs import Blobs
from collab.store.pieces import chunks
from collab.store.store import Store

_PICTURES = (schema.outputs.c.blob_sha256, schema.edits.c.blob_sha256, schema.edits.c.mask_sha256)


def erase_acts(connection: Connection, act_ids: Iterable[str]) -> None:
    """Acts of feedback, whole chains of them, with all that was worked out from them except a study's counts."""
    newest_first = sorted(act_ids, reverse=True)  # an act goes before the one that it follows
    votes = schema.votes
    for ids in chunks(newest_first):
        connection.execute(votes.delete().where(votes.c.answer_id.in_(ids)))
        for detail in (schema.answers, schema.retractions, schema.ratings, schema.preferences, schema.rankings,
                       schema.edits):  # fmt: skip
            connection.execute(detail.delete().where(detail.c.id.in_(ids)))
    _delete(connection, schema.feedback.c.id, newest_first)


def erase_part_in_study(connection: Connection, study_id: str, annotator_id: str) -> None:
    """A person's tasks in a study and their votes, whose acts are erased already; their places are free again."""
    t, i, s = schema.tasks, schema.study_items, schema.studies
    v, n = schema.votes, schema.vote_counts
    mine = (t.c.study_id == study_id) & (t.c.annotator_id == annotator_id)
    for table in (v, n):
        connection.execute(table.delete().where(table.c.study_id == study_id, table.c.annotator_id == annotator_id))
    held = sa.select(t.c.item_id).where(mine, t.c.purpose == "item", t.c.status.in_(("leased", "answered")))
    answered = sa.select(t.c.item_id).where(mine, t.c.purpose == "item", t.c.status == "answered")
    number = connection.execute(sa.select(sa.func.count()).select_from(answered.subquery())).scalar_one()
    connection.execute(i.update().where(i.c.id.in_(answered)).values(answered=i.c.answered - 1))
    connection.execute(i.update().where(i.c.id.in_(held)).values(room=i.c.room + 1))
    connection.execute(s.update().where(s.c.id == study_id).values(answered=s.c.answered - number))
    connection.execute(t.delete().where(mine))


def erase_studies(connection: Connection, study_ids: Iterable[str]) -> None:
    """Studies in which nobody has any part left, with what they asked."""
    ids = list(study_ids)
    for table in (schema.vote_counts, schema.study_decisions, schema.study_items, schema.study_cases,
                  schema.study_arms):  # fmt: skip
        _delete(connection, table.c.study_id, ids)
    _delete(connection, schema.studies.c.id, ids)


def erase_generations(connection: Connection, generation_ids: Iterable[str]) -> None:
    """Generations with their outputs, on which no act stands any more."""
    ids = list(generation_ids)
    c, grids = schema.grid_cells, set[str]()
    for some in chunks(ids):
        of_these = sa.select(c.c.grid_id).where(c.c.generation_id.in_(some)).distinct()
        grids |= set(connection.execute(of_these).scalars())
    _delete(connection, c.c.generation_id, ids)
    for grid_id in grids:
        if connection.execute(sa.select(c.c.id).where(c.c.grid_id == grid_id).limit(1)).first() is None:
            erase_grid(connection, grid_id)
    for some in chunks(ids):
        outputs = sa.select(schema.outputs.c.id).where(schema.outputs.c.generation_id.in_(some))
        connection.execute(schema.output_tokens.delete().where(schema.output_tokens.c.id.in_(outputs)))
    for column in (schema.outputs.c.generation_id, schema.history_words.c.id, schema.generations.c.id):
        _delete(connection, column, ids)


def erase_outputs(connection: Connection, output_ids: Iterable[str]) -> None:
    """Single outputs of generations that keep others, on which no act stands any more."""
    ids = list(output_ids)
    _delete(connection, schema.output_tokens.c.id, ids)
    _delete(connection, schema.outputs.c.id, ids)


def erase_samples(connection: Connection, version_id: str, metrics: Mapping[str, Any]) -> None:
    """What a trained version was measured at, less what showed the words of those who are gone."""
    versions = schema.model_versions
    connection.execute(versions.update().where(versions.c.id == version_id).values(metrics=dict(metrics)))


def erase_trials(connection: Connection, prompt_ids: Iterable[str]) -> None:
    """The blind tests of prompts, and the moves of their names: before the studies that the tests were."""
    a = schema.aliases
    ids = list(prompt_ids)
    for some in chunks(ids):
        trials = sa.select(schema.trials.c.id).where(schema.trials.c.prompt_id.in_(some))
        moves = a.c.name.in_([f"prompt:{prompt_id}" for prompt_id in some]) | a.c.trial_id.in_(trials)
        moved = connection.execute(sa.select(a.c.id).where(moves)).scalars()
        _delete(connection, a.c.id, sorted(moved, reverse=True))
    _delete(connection, schema.trials.c.prompt_id, ids)


def erase_prompts(connection: Connection, prompt_ids: Iterable[str]) -> None:
    """Prompts from which nothing is left, with their versions and all that was decided about them."""
    v = schema.prompt_versions
    ids = list(prompt_ids)
    for table in (schema.decisions, schema.refinements, schema.saved_prompts):
        _delete(connection, table.c.prompt_id, ids)
    versions = [
        version_id
        for some in chunks(ids)
        for version_id in connection.execute(sa.select(v.c.id).where(v.c.prompt_id.in_(some))).scalars()
    ]
    _delete(connection, v.c.id, sorted(versions, reverse=True))  # a version goes before the one that it came from
    _delete(connection, schema.prompts.c.id, ids)


def erase_library(connection: Connection, annotator_id: str) -> None:
    """What a person kept by name: their saved prompts, presets and grids, whatever these were made of."""
    c, g = schema.grid_cells, schema.grids
    connection.execute(c.delete().where(c.c.grid_id.in_(sa.select(g.c.id).where(g.c.created_by == annotator_id))))
    for table in (g, schema.presets, schema.saved_prompts):
        connection.execute(table.delete().where(table.c.created_by == annotator_id))


def erase_grid(connection: Connection, grid_id: str) -> None:
    """A grid and its cells' places; what was generated for it stays."""
    connection.execute(schema.grid_cells.delete().where(schema.grid_cells.c.grid_id == grid_id))
    connection.execute(schema.grids.delete().where(schema.grids.c.id == grid_id))


def erase_preset(connection: Connection, preset_id: str) -> None:
    """One preset of settings."""
    connection.execute(schema.presets.delete().where(schema.presets.c.id == preset_id))


def erase_consents(connection: Connection, annotator_id: str) -> None:
    """What a person agreed to, when nothing is left that rests on it."""
    connection.execute(schema.consents.delete().where(schema.consents.c.annotator_id == annotator_id))


def erase_jobs(connection: Connection, annotator_id: str) -> None:
    """The long work that a person asked for."""
    connection.execute(schema.jobs.delete().where(schema.jobs.c.created_by == annotator_id))


def pictures_of(connection: Connection, output_ids: Collection[str], act_ids: Collection[str]) -> set[str]:
    """The SHA-256 of the pictures that these outputs and acts hold."""
    o, e = schema.outputs, schema.edits
    found: set[str | None] = set()
    for ids in chunks(sorted(output_ids)):
        found |= set(connection.execute(sa.select(o.c.blob_sha256).where(o.c.id.in_(ids))).scalars())
    for ids in chunks(sorted(act_ids)):
        for row in connection.execute(sa.select(e.c.blob_sha256, e.c.mask_sha256).where(e.c.id.in_(ids))):
            found |= set(row)
    return {sha256 for sha256 in found if sha256}


def generations_of(connection: Connection, act_ids: Collection[str]) -> set[str]:
    """The generations whose outputs these acts are about."""
    f, found = schema.feedback, set[str]()
    for ids in chunks(sorted(act_ids)):
        found |= set(connection.execute(sa.select(f.c.generation_id).where(f.c.id.in_(ids))).scalars())
    return found


def hold_off_writers(connection: Connection) -> None:
    """Until this transaction ends nobody writes a row that names a picture. To be asked for before any other lock."""
    if connection.dialect.name == "postgresql":  # SQLite lets in one writer anyway
        connection.exec_driver_sql("LOCK TABLE outputs, edits IN SHARE ROW EXCLUSIVE MODE")


def without_owner(connection: Connection, pictures: Collection[str]) -> set[str]:
    """Which of the pictures no row names."""
    kept: set[Any] = set()
    for some in chunks(sorted(pictures)):
        for column in _PICTURES:
            kept |= set(connection.execute(sa.select(column).where(column.in_(some)).distinct()).scalars())
    return set(pictures) - kept


def settle_pictures(store: Store, blobs: Blobs, stray: Iterable[str] = ()) -> None:
    """Finish what a crash interrupted: pictures that were set aside come back if a row names them, else they go.

    stray: others that may have no row, because their generation was deleted while they were being made.
    """
    left = {*blobs.set_aside_before(), *stray}
    if not left:
        return
    with store.writing() as connection:
        hold_off_writers(connection)
        gone = without_owner(connection, left)
        for sha256 in left - gone:
            blobs.put_back(sha256)
        for sha256 in gone:
            blobs.set_aside(sha256)
            blobs.forget(sha256)


def _delete(connection: Connection, column: sa.ColumnElement[Any], ids: Collection[str]) -> None:
    """The rows whose column is one of these, in the order of the list."""
    table: Any = column.table
    for some in chunks(list(ids)):
        connection.execute(table.delete().where(column.in_(some)))
