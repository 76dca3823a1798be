"""Questions about pictures that take more than one table: what was brought, what rests on what, who prefers which.

Knows the tables; returns rows of the nouns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.evidence_queries import acts_in_force
from collab.store.export_queries import json_text
from collab.store.pieces import chunks
from collab.store.store import Store
from collab.types import Act, Generation, Output

_g, _o = schema.generations, schema.outputs


def brought_before(
    store: Store, annotator_id: str, sha256: str, inputs: Mapping[str, Any], *, connection: Connection
) -> Output | None:
    """The person's output that is this very picture, brought for the same."""
    query = (
        sa.select(_o.c.id)
        .join(_g, _g.c.id == _o.c.generation_id)
        .where(_o.c.blob_sha256 == sha256, _g.c.requested_by == annotator_id, _g.c.origin == "imported")
    )
    ids = list(connection.execute(query).scalars())
    found = store.find(Output, id=ids, connection=connection) if ids else []
    made = {g.id: g for g in store.find(Generation, id=[o.generation_id for o in found], connection=connection)}
    return next((o for o in found if dict(made[o.generation_id].inputs) == dict(inputs)), None)


def own_output_with(store: Store, annotator_id: str, sha256: str) -> Output | None:
    """The person's newest output with these pixels."""
    query = (
        sa.select(_o.c.id)
        .join(_g, _g.c.id == _o.c.generation_id)
        .where(_o.c.blob_sha256 == sha256, _g.c.requested_by == annotator_id)
        .order_by(_o.c.id.desc())
        .limit(1)
    )
    with store.reading() as connection:
        found = connection.execute(query).scalar()
        return store.get(Output, found, connection=connection) if found else None


class Drawn(NamedTuple):
    """A picture with what it was drawn from. model: the name of what drew it."""

    output: Output
    made: Generation
    model: str
    revision: str


def acts_on_pictures(store: Store, *, limit: int, connection: Connection) -> list[Act]:
    """The acts in force on pictures, by anybody, outside studies and in them, newest first, at most `limit`."""
    v, p = schema.prompt_versions, schema.prompts
    made = (
        sa.select(_g.c.id)
        .join(v, v.c.id == _g.c.prompt_version_id)
        .join(p, p.c.id == v.c.prompt_id)
        .where(p.c.modality == "image")
    )
    return acts_in_force(store, schema.feedback.c.generation_id.in_(made), limit, connection)


def drawn_pictures(store: Store, output_ids: set[str], *, connection: Connection) -> dict[str, Drawn]:
    """Each of these outputs that is a picture, by id."""
    m, found = schema.model_versions, dict[str, Drawn]()
    for ids in chunks(sorted(output_ids)):
        outputs = [o for o in store.find(Output, id=ids, connection=connection) if o.blob_sha256]
        made = store.find(Generation, id=list({o.generation_id for o in outputs}), connection=connection)
        by_id = {g.id: g for g in made}
        wanted = list({g.model_version_id for g in made})
        names = connection.execute(sa.select(m.c.id, m.c.name, m.c.revision).where(m.c.id.in_(wanted))).all()
        known = {row[0]: (row[1], row[2]) for row in names}
        for output in outputs:
            generation = by_id[output.generation_id]
            found[output.id] = Drawn(output, generation, *known[generation.model_version_id])
    return found


def drawn_for(connection: Connection, annotator_id: str, output_ids: Collection[str]) -> set[str]:
    """The masks and painted pictures that a person drew on or for these outputs, and that no other output rests on."""
    own = _g.c.requested_by == annotator_id
    brought = connection.execute(
        sa.select(_o.c.id, _g.c.id, _g.c.inputs)
        .join(_g, _g.c.id == _o.c.generation_id)
        .where(own, _g.c.origin == "imported")
    ).all()
    drawn = {row[0]: row[2] for row in brought if row[2].get("brought") in ("painting", "mask")}
    if not drawn:
        return set()
    named = json_text(_g.c.inputs)
    uses = connection.execute(
        sa.select(_g.c.id, named).where(own, _g.c.origin != "imported", named.like("%output_id%"))
    )
    texts = {row[0]: row[1] for row in uses}
    members: dict[str, set[str]] = {}
    for ids in chunks(sorted(texts)):
        for output_id, made_id in connection.execute(
            sa.select(_o.c.id, _o.c.generation_id).where(_o.c.generation_id.in_(ids))
        ):
            members.setdefault(made_id, set()).add(output_id)
    goes = {made_id for made_id, outputs in members.items() if outputs <= set(output_ids)}
    found = set()
    for output_id, inputs in drawn.items():
        users = {made_id for made_id, text in texts.items() if output_id in text}
        if users <= goes and (users or inputs.get("parent_output_id") in output_ids):
            found.add(output_id)
    return found
