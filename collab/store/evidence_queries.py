"""What a proposer reads: the acts in force about a prompt's outputs and about a person's, and what they were made from.

A fixed number of queries, each in chunks of ids. Knows the tables; says nothing of what the acts mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.in_force import is_last, last_acts, live_id
from collab.store.pieces import chunks
from collab.store.queries import masked_cells, own_generations
from collab.store.steered import is_branched, is_steered
from collab.store.store import Store
from collab.types import Act, FeedbackKind, Modality, PromptVersion

_f, _g, _v, _p, _o = (
    schema.feedback, schema.generations, schema.prompt_versions, schema.prompts, schema.outputs,
)  # fmt: skip


class Made(NamedTuple):
    """An output with what it was made from. steered: whether the asker's own feedback or words shaped it beside
    the prompt; branched: whether it goes on from their words."""

    output_id: str
    text: str | None
    blob_sha256: str | None
    prompt_version_id: str
    prompt_id: str
    modality: Modality
    variables: Mapping[str, str]
    settings: Mapping[str, Any]
    requested_by: str
    steered: bool
    branched: bool


def acts_on_prompt(store: Store, prompt_id: str, *, limit: int, connection: Connection) -> list[Act]:
    """The acts in force, by anybody, that stand at a generation of any version of the prompt; the newest `limit`."""
    made = sa.select(_g.c.id).where(_g.c.prompt_version_id.in_(_versions_of(prompt_id)))
    return acts_in_force(store, _f.c.generation_id.in_(made), limit, connection)


def acts_beside_prompt(
    store: Store, prompt_id: str, annotator_id: str, modality: Modality, *, limit: int, connection: Connection
) -> list[Act]:
    """The acts in force that stand at the person's other generations of this modality; the newest `limit`.

    Their own, and whatever compares outputs: one of those may be the prompt's, as an act that names several stands at
    the generation of the first.
    """
    made = (
        sa.select(_g.c.id)
        .join(_v, _v.c.id == _g.c.prompt_version_id)
        .join(_p, _p.c.id == _v.c.prompt_id)
        .where(_g.c.requested_by == annotator_id, _p.c.id != prompt_id, _p.c.modality == modality)
    )
    theirs = (_f.c.annotator_id == annotator_id) | _f.c.kind.in_(("preference", "ranking", "retraction"))
    return acts_in_force(store, _f.c.generation_id.in_(made) & theirs, limit, connection)


def own_acts(store: Store, annotator_id: str, modality: Modality, *, limit: int, connection: Connection) -> list[Act]:
    """The acts in force that the person did on what they made for themselves in this modality; the newest `limit`."""
    made = (
        sa.select(_g.c.id)
        .join(_v, _v.c.id == _g.c.prompt_version_id)
        .join(_p, _p.c.id == _v.c.prompt_id)
        .where(*own_generations(annotator_id), _p.c.modality == modality)
    )
    theirs = (_f.c.annotator_id == annotator_id) & _f.c.generation_id.in_(made)
    return acts_in_force(store, theirs, limit, connection)


def made_from(connection: Connection, output_ids: Collection[str]) -> dict[str, Made]:
    """Each of these outputs that holds something, with what it was made from."""
    query = (
        sa.select(
            _o.c.id, _o.c.text, _o.c.blob_sha256, _g.c.prompt_version_id, _v.c.prompt_id, _p.c.modality,
            _g.c.variables, _g.c.settings, _g.c.requested_by, is_steered(), is_branched(),
        )
        .join(_g, _g.c.id == _o.c.generation_id)
        .join(_v, _v.c.id == _g.c.prompt_version_id)
        .join(_p, _p.c.id == _v.c.prompt_id)
        .where(_o.c.text.is_not(None) | _o.c.blob_sha256.is_not(None))
    )  # fmt: skip
    found: dict[str, Made] = {}
    for ids in chunks(sorted(output_ids)):
        found |= {row[0]: Made._make(row) for row in connection.execute(query.where(_o.c.id.in_(ids))).all()}
    return found


def versions(store: Store, version_ids: Collection[str], *, connection: Connection) -> dict[str, PromptVersion]:
    """The prompt versions with these ids."""
    return {
        version.id: version
        for ids in chunks(sorted(version_ids))
        for version in store.find(PromptVersion, id=ids, connection=connection)
    }


def _versions_of(prompt_id: str) -> sa.Select[Any]:
    return sa.select(_v.c.id).where(_v.c.prompt_id == prompt_id)


def acts_in_force(store: Store, which: sa.ColumnElement[bool], limit: int, connection: Connection) -> list[Act]:
    """What the last acts of their chains put in force (see chain.py), newest first.

    Answers to gold and to repeated items measure the annotator, so they are left out, and so is what was said of cells
    of a hidden grid until it is revealed: whatever rests on it could tell which cell is which.
    """
    task = schema.tasks
    query = (
        sa.select(live_id(), _f.c.kind)
        .select_from(last_acts().outerjoin(task, task.c.id == _f.c.task_id))
        .where(which, is_last(), _f.c.generation_id.not_in(masked_cells()))
        .where(task.c.id.is_(None) | task.c.purpose.in_(("item", "adjudication")))
        .order_by(_f.c.id.desc())
        .limit(limit)
    )
    by_kind: dict[FeedbackKind, list[str]] = {}
    for act_id, kind in connection.execute(query).all():
        if act_id is not None:
            by_kind.setdefault(kind, []).append(act_id)
    acts: list[Act] = []
    for kind, ids in by_kind.items():
        for some in chunks(ids):
            # of what a retraction puts in force again, the kind is still to be looked up
            acts += store.acts(some, None if kind == "retraction" else kind, connection=connection)
    return sorted(acts, key=attrgetter("id"), reverse=True)
