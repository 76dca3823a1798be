"""Named joins about refining: versions with what was made and said of them, jobs, proposals. Returns plain rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.in_force import is_last, last_acts, live_id
from collab.store.queries import own_generations
from collab.store.steered import is_steered
from collab.store.store import Store
from collab.types import UNFINISHED, Generation, Job

_AT_ONCE = 5_000  # values bound in one statement


def newest_jobs(store: Store, annotator_id: str, kind: str, *, limit: int) -> list[Job]:
    """One person's jobs of a kind, newest first."""
    j = schema.jobs
    query = sa.select(j).where(j.c.created_by == annotator_id, j.c.kind == kind).order_by(j.c.id.desc()).limit(limit)
    return store.rows(Job, query)


def known_acts(connection: Connection, event_ids: Collection[str]) -> set[str]:
    """Those of the ids that are acts of feedback."""
    ids, found = list(set(event_ids)), set()
    for at in range(0, len(ids), _AT_ONCE):
        query = sa.select(schema.feedback.c.id).where(schema.feedback.c.id.in_(ids[at : at + _AT_ONCE]))
        found |= {row_id for (row_id,) in connection.execute(query)}
    return found


@dataclass(frozen=True, slots=True)
class VersionCounts:
    """What there is about one version. liking: −1 … 1, the mean of all stars and thumbs in force; None without.

    making: outputs that are being made as a sample of it.
    """

    outputs: int = 0
    acts: int = 0
    liking: float | None = None
    making: int = 0


def version_counts(connection: Connection, version_ids: Sequence[str]) -> dict[str, VersionCounts]:
    """Outputs with content, acts of feedback in force about them by anybody, and how they are liked, of each version.

    Outputs that were steered are none of the version's. A ranking across versions counts for the version of its first
    output alone.
    """
    g, o, f = schema.generations, schema.outputs, schema.feedback
    there = o.c.text.is_not(None) | o.c.blob_sha256.is_not(None)
    made = (
        sa.select(g.c.prompt_version_id, sa.func.count())
        .join(o, o.c.generation_id == g.c.id)
        .where(g.c.prompt_version_id.in_(version_ids), ~is_steered(), there)
        .group_by(g.c.prompt_version_id)
    )
    live, last = live_id(), last_acts()
    about = (
        sa.select(g.c.prompt_version_id.label("version"), live.label("act"))
        .select_from(last)
        .join(g, g.c.id == f.c.generation_id)
        .where(g.c.prompt_version_id.in_(version_ids), ~is_steered(), live.is_not(None), is_last())
    )
    p = schema.preferences
    second = (  # a comparison is about both its outputs, and names the generation of one
        sa.select(g.c.prompt_version_id, live)
        .select_from(last.join(p, p.c.id == live).join(o, o.c.id == p.c.output_b_id))
        .join(g, g.c.id == o.c.generation_id)
        .where(g.c.prompt_version_id.in_(version_ids), ~is_steered(), is_last())
    )
    both = sa.union(about, second).subquery()
    said = sa.select(both.c.version, sa.func.count()).group_by(both.c.version)
    r = schema.ratings
    stars, thumb = (r.c.score - 3) / sa.literal(2.0), r.c.thumb * sa.literal(1.0)
    value = sa.case((r.c.score.is_(None), thumb), (r.c.thumb.is_(None), stars), else_=(stars + thumb) / sa.literal(2.0))
    liked = (
        sa.select(g.c.prompt_version_id, sa.func.avg(value))
        .select_from(last.join(r, r.c.id == live).join(g, g.c.id == f.c.generation_id))
        .where(g.c.prompt_version_id.in_(version_ids), ~is_steered(), is_last())
        .where(r.c.score.is_not(None) | r.c.thumb.is_not(None))
        .group_by(g.c.prompt_version_id)
    )
    unfinished: sa.BindParameter[Any] = sa.bindparam("unfinished", UNFINISHED, expanding=True, literal_execute=True)
    under_way = (
        sa.select(g.c.prompt_version_id, sa.func.sum(g.c.count))
        .where(g.c.prompt_version_id.in_(version_ids), g.c.status.in_(unfinished), g.c.origin == "refinement")
        .group_by(g.c.prompt_version_id)
    )
    outputs, acts, liking, making = (_pairs(connection, query) for query in (made, said, liked, under_way))
    return {
        version: VersionCounts(
            outputs.get(version, 0), acts.get(version, 0), _rounded(liking.get(version)), making.get(version, 0)
        )
        for version in version_ids
    }


def newest_made(store: Store, prompt_id: str, annotator_id: str) -> Generation | None:
    """What a person last had made of a prompt, in whichever version, unless it was for a study or as a sample."""
    g, v = schema.generations, schema.prompt_versions
    query = (
        sa.select(g)
        .join(v, v.c.id == g.c.prompt_version_id)
        .where(v.c.prompt_id == prompt_id, g.c.status == "done", *own_generations(annotator_id))
        .order_by(g.c.id.desc())
        .limit(1)
    )
    return next(iter(store.rows(Generation, query)), None)


def _pairs(connection: Connection, query: sa.Select) -> dict:
    return {record[0]: record[1] for record in connection.execute(query)}


def _rounded(value: object) -> float | None:
    return None if value is None else round(float(value), 4)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Sample:
    """One output with what its prompt's {variables} were filled with."""

    output_id: str
    prompt_version_id: str
    variables: Mapping[str, str]
    text: str | None
    blob_sha256: str | None


def newest_samples(
    connection: Connection, version_ids: Sequence[str], *, each: int, hidden_studies: Collection[str] = ()
) -> list[Sample]:
    """The newest outputs with content of each version, without those made for `hidden_studies` and those steered."""
    g, o = schema.generations, schema.outputs
    place = sa.func.row_number().over(partition_by=g.c.prompt_version_id, order_by=o.c.id.desc())
    query = (
        sa.select(o.c.id, g.c.prompt_version_id, g.c.variables, o.c.text, o.c.blob_sha256, place.label("place"))
        .join(g, g.c.id == o.c.generation_id)
        .where(
            g.c.prompt_version_id.in_(version_ids),
            o.c.text.is_not(None) | o.c.blob_sha256.is_not(None),
            ~is_steered(),
            *(~sa.func.coalesce(g.c.request_id, "").startswith(f"study:{study}:") for study in hidden_studies),
        )
        .subquery()
    )
    found = connection.execute(sa.select(query).where(query.c.place <= each).order_by(query.c.id.desc()))
    return [Sample(r.id, r.prompt_version_id, r.variables, r.text, r.blob_sha256) for r in found]


def versions_of_outputs(connection: Connection, output_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Of each output: which prompt version made it, and its text ("" of a picture)."""
    g, o = schema.generations, schema.outputs
    query = sa.select(o.c.id, g.c.prompt_version_id, o.c.text).join(g, g.c.id == o.c.generation_id)
    ids, found = list(output_ids), {}
    for at in range(0, len(ids), _AT_ONCE):
        for output_id, version_id, text in connection.execute(query.where(o.c.id.in_(ids[at : at + _AT_ONCE]))):
            found[output_id] = (version_id, text or "")
    return found


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """One prompt of a person's in a list. touched_id: the newest of its versions and acts."""

    prompt_id: str
    versions: int
    acts: int
    touched_id: str


def prompt_counts(connection: Connection, annotator_id: str) -> list[PromptCounts]:
    """All prompts of a person with their versions and the acts in force about what they made unsteered, last touched
    first."""
    g, v, p, f = schema.generations, schema.prompt_versions, schema.prompts, schema.feedback
    versions = (
        sa.select(v.c.prompt_id, sa.func.count(), sa.func.max(v.c.id))
        .join(p, p.c.id == v.c.prompt_id)
        .where(p.c.created_by == annotator_id)
        .group_by(v.c.prompt_id)
    )
    acts = (
        sa.select(v.c.prompt_id, sa.func.count(), sa.func.max(f.c.id))
        .select_from(last_acts())
        .join(g, g.c.id == f.c.generation_id)
        .join(v, v.c.id == g.c.prompt_version_id)
        .join(p, p.c.id == v.c.prompt_id)
        .where(p.c.created_by == annotator_id, ~is_steered(), live_id().is_not(None), is_last())
        .group_by(v.c.prompt_id)
    )
    said = {prompt_id: (number, newest) for prompt_id, number, newest in connection.execute(acts)}
    found = []
    for prompt_id, number, newest in connection.execute(versions):
        count, last = said.get(prompt_id, (0, ""))
        found.append(PromptCounts(prompt_id, number, count, max(newest, last)))
    return sorted(found, key=lambda counts: counts.touched_id, reverse=True)
