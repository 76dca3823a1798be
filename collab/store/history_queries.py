"""What a person made, found again: newest first, by words in any script and by what was said of it.

Knows the tables; says nothing of how a question is written (see collab/finding.py).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.export_queries import json_text
from collab.store.history_words import holds
from collab.store.in_force import is_last, last_acts, live_id
from collab.store.pieces import elements
from collab.store.queries import in_masked_grid, own_generations
from collab.store.store import Store
from collab.types import Generation, Modality

_g, _v, _w, _m, _f = (
    schema.generations, schema.prompt_versions, schema.history_words, schema.model_versions, schema.feedback,
)  # fmt: skip
_TAGGED_LIMIT = 2_000  # ratings looked through for the tags in use, the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What History is narrowed to; what is empty narrows nothing.

    words: each of them must stand in the prompt, a variable, an output, a correction, a comment or a tag, in whatever
    capitals. model: its name. stars: at least so many on one of the outputs. tag: on one of the outputs.
    """

    words: tuple[str, ...] = ()
    modality: Modality | None = None
    model: str = ""
    prompt_id: str = ""
    stars: int = 0
    edited: bool = False
    tag: str = ""


EVERYTHING = Wanted()


def history_page(
    store: Store, annotator_id: str, *, limit: int, before_id: str = "", wanted: Wanted = EVERYTHING
) -> list[Generation]:
    """One person's generations, newest first, without what was made for studies."""
    with store.reading() as connection:
        narrowed = _conditions(connection, annotator_id, wanted)
        if not wanted.words:
            page = sa.select(_g).where(*own_generations(annotator_id), *narrowed)
            if before_id:
                page = page.where(_g.c.id < before_id)
            return store.rows(Generation, page.order_by(_g.c.id.desc()).limit(limit), connection=connection)
        found = sa.select(_w.c.id).where(_w.c.annotator_id == annotator_id)
        found = found.where(*(holds(connection, word) for word in wanted.words))
        if before_id:
            found = found.where(_w.c.id < before_id)
        if narrowed:
            found = found.where(sa.exists().where(_g.c.id == _w.c.id, *narrowed))
        ids = connection.execute(found.order_by(_w.c.id.desc()).limit(limit)).scalars().all()
        return store.find(Generation, id=ids, connection=connection)[::-1]


def latest_generation(store: Store, annotator_id: str) -> Generation | None:
    """The newest generation that a person asked for by itself: no cell of a grid, nothing made for a study."""
    c = schema.grid_cells
    alone = ~sa.exists().where(c.c.generation_id == _g.c.id)
    newest = sa.select(_g).where(*own_generations(annotator_id), alone).order_by(_g.c.id.desc()).limit(1)
    with store.reading() as connection:
        found = store.rows(Generation, newest, connection=connection)
    return found[0] if found else None


def _conditions(connection: Connection, annotator_id: str, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    """What must be true of a generation besides the words."""
    conditions: list[sa.ColumnElement[bool]] = [~in_masked_grid()]
    if wanted.modality or wanted.model:
        models = sa.select(_m.c.id)
        if wanted.modality:
            models = models.where(_m.c.modality == wanted.modality)
        if wanted.model:
            models = models.where(_m.c.name == wanted.model)
        conditions.append(_g.c.model_version_id.in_(models))
    if wanted.prompt_id:
        conditions.append(_g.c.prompt_version_id.in_(sa.select(_v.c.id).where(_v.c.prompt_id == wanted.prompt_id)))
    r, e = schema.ratings, schema.edits
    if wanted.stars:
        conditions.append(_said(annotator_id, r, r.c.score >= wanted.stars))
    if wanted.edited:
        conditions.append(_said(annotator_id, e, sa.true()))
    if wanted.tag:
        listed = elements(connection, r.c.tags)
        conditions.append(_said(annotator_id, r, listed.where(listed.selected_columns[0] == wanted.tag).exists()))
    return conditions


def _said(annotator_id: str, detail: sa.Table, what: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether this person has said such a thing of a generation, and it is in force."""
    acts = last_acts().join(detail, detail.c.id == live_id())
    return (
        sa.exists()
        .select_from(acts)
        .where(_f.c.generation_id == _g.c.id, _f.c.annotator_id == annotator_id, is_last(), what)
    )


class Choices(NamedTuple):
    """What a person can narrow their History by: (name, modality) of models, (id, title) of prompts, tags."""

    models: list[tuple[str, Modality]]
    prompts: list[tuple[str, str]]
    tags: list[str]


def history_choices(store: Store, annotator_id: str, *, limit: int = 50) -> Choices:
    """The models one has used, one's newest prompts, and the tags one gives most, at most `limit` of each."""
    p, r = schema.prompts, schema.ratings
    used = sa.exists().where(*own_generations(annotator_id), _g.c.model_version_id == _m.c.id)
    models = sa.select(_m.c.name, _m.c.modality).where(used).distinct().order_by(_m.c.name).limit(limit)
    newest = sa.select(_v.c.prompt_id, sa.func.max(_v.c.id).label("last")).where(_v.c.created_by == annotator_id)
    newest_lines = newest.group_by(_v.c.prompt_id).order_by(sa.desc("last")).limit(limit).subquery()
    prompts = sa.select(p.c.id, p.c.title).join(newest_lines, newest_lines.c.prompt_id == p.c.id)
    tagged = (
        sa.select(json_text(r.c.tags))
        .select_from(last_acts().join(r, r.c.id == live_id()))
        .where(_f.c.annotator_id == annotator_id, _f.c.subject >= "rating:", _f.c.subject < "rating;")
        .where(is_last(), json_text(r.c.tags) != "[]")
        .order_by(_f.c.id.desc())
        .limit(_TAGGED_LIMIT)
    )
    with store.reading() as connection:
        given = Counter(tag for (tags,) in connection.execute(tagged) for tag in orjson.loads(tags))
        return Choices(
            models=[(name, modality) for name, modality in connection.execute(models)],
            prompts=[(prompt_id, title) for prompt_id, title in
                     connection.execute(prompts.order_by(newest_lines.c.last.desc()))],
            tags=[tag for tag, _ in given.most_common(limit)],
        )  # fmt: skip
