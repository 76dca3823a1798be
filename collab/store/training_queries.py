"""What training data are made of: the acts in force of everybody, and texts with all that they were made from.

A fixed number of queries, each in chunks of ids. Knows the tables; says nothing of what the acts mean.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.evidence_queries import acts_in_force
from collab.store.export_queries import json_text
from collab.store.pieces import chunks
from collab.store.store import Store
from collab.types import Act, FeedbackKind, FinishReason, Job, Modality


class Written(NamedTuple):
    """A text with what it was made from. variables, inputs, settings: its generation's, as JSON (`parsed`). revision:
    of the weights that wrote it."""

    output_id: str
    text: str
    seed: int
    finish_reason: FinishReason | None
    variables: str
    inputs: str
    settings: str
    prompt_version_id: str
    revision: str


def acts_on_made(
    store: Store, modality: Modality, study_id: str | None, *, limit: int, connection: Connection,
    annotator_id: str | None = None, about: Sequence[str] | None = None,
) -> list[Act]:  # fmt: skip
    """The acts in force on texts, or on pictures, newest first, at most `limit`. study_id: only the answers of this
    study. annotator_id: only what this person said, outside studies, whose material is not theirs. about: only what
    stands at these generations.

    Answers to gold and to repeated items measure the annotator, so they are left out.
    """
    g, v, p = schema.generations, schema.prompt_versions, schema.prompts
    made = (
        sa.select(g.c.id)
        .join(v, v.c.id == g.c.prompt_version_id)
        .join(p, p.c.id == v.c.prompt_id)
        .where(p.c.modality == modality)
    )
    all_made = schema.feedback.c.generation_id.in_(made)
    here = sa.true() if study_id is None else schema.tasks.c.study_id == study_id
    whose = sa.true() if annotator_id is None else _own(annotator_id)
    only = sa.true() if about is None else schema.feedback.c.generation_id.in_(about)
    return acts_in_force(store, sa.and_(only, all_made, here, whose), limit, connection)


def newest_about(
    store: Store, study_id: str | None, kinds: Collection[FeedbackKind], *, limit: int, connection: Connection,
    annotator_id: str | None = None,
) -> list[str]:  # fmt: skip
    """The generations at which the newest `limit` acts of these kinds stand, in force or not. Narrowed as above."""
    f = schema.feedback
    query = sa.select(f.c.generation_id).where(f.c.kind.in_(kinds)).order_by(f.c.id.desc()).limit(limit)
    if annotator_id is not None:
        query = query.where(_own(annotator_id))
    if study_id is not None:
        query = query.join(schema.tasks, schema.tasks.c.id == f.c.task_id).where(schema.tasks.c.study_id == study_id)
    return list(dict.fromkeys(connection.execute(query).scalars()))


def acts_outside_studies(
    store: Store, modality: Modality, annotator_id: str | None, *, limit: int, connection: Connection,
    kinds: Collection[FeedbackKind] = (),
) -> list[Act]:  # fmt: skip
    """The acts in force on what people had made for themselves, newest first. annotator_id: by this person alone.
    kinds: of these alone, but for those that a retraction put in force again."""
    g, m, f = schema.generations, schema.model_versions, schema.feedback
    made = sa.select(g.c.id).join(m, m.c.id == g.c.model_version_id).where(m.c.modality == modality)
    whose = f.c.task_id.is_(None) if annotator_id is None else _own(annotator_id)
    such = f.c.kind.in_([*kinds, "retraction"]) if kinds else sa.true()
    return acts_in_force(store, sa.and_(f.c.generation_id.in_(made), whose, such), limit, connection)


def _own(annotator_id: str) -> sa.ColumnElement[bool]:
    f = schema.feedback
    return sa.and_(f.c.annotator_id == annotator_id, f.c.task_id.is_(None))


def written_texts(connection: Connection, output_ids: Collection[str]) -> dict[str, Written]:
    """Each of these outputs that is a text."""
    o, g, m = schema.outputs, schema.generations, schema.model_versions
    query = (
        sa.select(
            o.c.id, o.c.text, o.c.seed, o.c.finish_reason, json_text(g.c.variables), json_text(g.c.inputs),
            json_text(g.c.settings), g.c.prompt_version_id, m.c.revision,
        )
        .join(g, g.c.id == o.c.generation_id)
        .join(m, m.c.id == g.c.model_version_id)
        .where(o.c.text.is_not(None))
    )  # fmt: skip
    found: dict[str, Written] = {}
    for ids in chunks(sorted(output_ids)):
        found |= {row[0]: Written._make(row) for row in connection.execute(query.where(o.c.id.in_(ids))).all()}
    return found


def said_so_far(store: Store) -> tuple[object, ...]:
    """Something that is another once anybody said, took back or deleted anything, or an owner left somebody out."""
    f, d = schema.feedback, schema.study_decisions
    with store.reading() as connection:
        return tuple(
            value
            for table in (f, d)
            for value in connection.execute(sa.select(sa.func.count(), sa.func.max(table.c.id))).one()
        )


def people_behind(store: Store, act_ids: Collection[str]) -> int:
    """How many people's these acts are."""
    f, people = schema.feedback, set[str]()
    with store.reading() as connection:
        for ids in chunks(sorted(act_ids)):
            people.update(connection.scalars(sa.select(f.c.annotator_id).where(f.c.id.in_(ids)).distinct()))
    return len(people)


def prompts_of(store: Store, version_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Of each prompt version: its prompt, and the hash of that prompt's first wording, the same whoever typed it."""
    v, found = schema.prompt_versions, dict[str, tuple[str, str]]()
    first = v.alias()
    query = (
        sa.select(v.c.id, v.c.prompt_id, first.c.content_sha256)
        .join(first, sa.and_(first.c.prompt_id == v.c.prompt_id, first.c.parent_id.is_(None)))
        .order_by(first.c.id.desc())  # where several have no parent, the oldest is what stays
    )
    with store.reading() as connection:
        for ids in chunks(sorted(version_ids)):
            found |= {row[0]: (row[1], row[2]) for row in connection.execute(query.where(v.c.id.in_(ids)))}
    return found


def newest_trainings(store: Store, *, limit: int) -> list[Job]:
    """The studio's trainings, whoever began them, newest first."""
    j = schema.jobs
    return store.rows(Job, sa.select(j).where(j.c.kind == "train").order_by(j.c.id.desc()).limit(limit))


def generations_of(store: Store, output_ids: Collection[str]) -> dict[str, tuple[str, str, str, str | None]]:
    """Of each output: its id, its generation, who asked for it, and its text where it has one."""
    o, g = schema.outputs, schema.generations
    query = sa.select(o.c.id, o.c.generation_id, g.c.requested_by, o.c.text).join(g, g.c.id == o.c.generation_id)
    found: dict[str, tuple[str, str, str, str | None]] = {}
    with store.reading() as connection:
        for ids in chunks(sorted(output_ids)):
            found |= {
                row[0]: (row[0], row[1], row[2], row[3]) for row in connection.execute(query.where(o.c.id.in_(ids)))
            }
    return found
