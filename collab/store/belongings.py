"""What is a person's: what they made and said, and what of it other people's work rests on. Reads, never changes.

What others judged stays, since their judgements are theirs: the material of a study in which somebody else has a part.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.pieces import chunks, elements

_f, _g, _o, _p, _v, _s, _t, _i, _tr = (
    schema.feedback, schema.generations, schema.outputs, schema.prompts, schema.prompt_versions, schema.studies,
    schema.tasks, schema.study_items, schema.trials,
)  # fmt: skip


@dataclass(slots=True)
class Belongings:
    """Ids of what goes, and how many of which stay. outputs: of all generations that go, and single ones besides.

    taken_part: the studies in which the person has tasks.
    """

    acts: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    generations: set[str] = field(default_factory=set)
    prompts: set[str] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)
    taken_part: set[str] = field(default_factory=set)
    studies_that_stay: int = 0
    outputs_that_stay: int = 0


def all_of(connection: Connection, annotator_id: str) -> Belongings:
    """Everything of a person."""
    found = Belongings()
    found.acts = _ids(connection, sa.select(_f.c.id).where(_f.c.annotator_id == annotator_id))
    mine = sa.exists().where(_t.c.study_id == _s.c.id, _t.c.annotator_id == annotator_id)
    found.taken_part = _ids(connection, sa.select(_s.c.id).where(mine))
    own_studies = _ids(connection, sa.select(_s.c.id).where(_s.c.created_by == annotator_id))
    others = sa.exists().where(_t.c.study_id == _s.c.id, _t.c.annotator_id != annotator_id)
    shared = _ids(connection, sa.select(_s.c.id).where(_s.c.created_by == annotator_id, others))
    own_prompts = _ids(connection, sa.select(_p.c.id).where(_p.c.created_by == annotator_id))
    kept_prompts = own_prompts & _prompts_kept_by(connection, annotator_id, shared)
    tested = sa.select(_tr).where(_tr.c.prompt_id.in_(sa.select(_p.c.id).where(_p.c.created_by == annotator_id)))
    for trial in connection.execute(tested).all():
        if trial.prompt_id in kept_prompts:  # a prompt's tests stay with it
            shared |= {i for i in (trial.screening_id, trial.confirming_id, trial.watch_id) if i} & own_studies
    found.studies = own_studies - shared
    found.studies_that_stay = len(shared)
    judged = _outputs_in(connection, shared)
    own_outputs = {
        output_id: generation_id
        for output_id, generation_id in connection.execute(
            sa.select(_o.c.id, _o.c.generation_id)
            .join(_g, _g.c.id == _o.c.generation_id)
            .where(_g.c.requested_by == annotator_id)
        )
    }
    said_of = sa.select(_f.c.generation_id).join(_g, _g.c.id == _f.c.generation_id)
    said_of = said_of.where(_g.c.requested_by == annotator_id, _f.c.annotator_id != annotator_id).distinct()
    kept = {own_outputs[i] for i in judged if i in own_outputs} | _ids(connection, said_of)
    generations = _ids(connection, sa.select(_g.c.id).where(_g.c.requested_by == annotator_id))
    found.generations = generations - kept
    found.outputs = {i for i, generation_id in own_outputs.items() if generation_id not in kept}
    found.outputs_that_stay = len(own_outputs) - len(found.outputs)
    found.prompts = own_prompts - kept_prompts - _prompts_of(connection, kept)
    return found


def some_of(connection: Connection, annotator_id: str, output_ids: Collection[str]) -> Belongings:
    """Some outputs of a person, with what they said of them. What stands in a study stays."""
    found = Belongings()
    own_studies = _ids(connection, sa.select(_s.c.id).where(_s.c.created_by == annotator_id))
    wanted = set(output_ids)
    judged = wanted & _outputs_in(connection, own_studies, wanted)
    found.outputs = wanted - judged
    found.outputs_that_stay = len(judged)
    outputs: dict[str, set[str]] = {}
    for ids in chunks(sorted(found.outputs)):
        generation_ids = sa.select(_o.c.generation_id).where(_o.c.id.in_(ids))
        query = sa.select(_o.c.generation_id, _o.c.id).where(_o.c.generation_id.in_(generation_ids))
        for generation_id, output_id in connection.execute(query):
            outputs.setdefault(generation_id, set()).add(output_id)
    found.generations = {i for i, members in outputs.items() if members <= found.outputs}
    found.acts = _acts_about(connection, annotator_id, found.outputs)
    prompts = _prompts_of(connection, found.generations)
    found.prompts = {prompt_id for prompt_id in prompts if _is_unused(connection, prompt_id, found.generations)}
    return found


def _acts_about(connection: Connection, annotator_id: str, output_ids: set[str]) -> set[str]:
    """Whole chains of a person's acts that name one of these outputs, answers to tasks aside."""
    r, p, e, k = schema.ratings, schema.preferences, schema.edits, schema.rankings
    mine = (_f.c.annotator_id == annotator_id) & _f.c.task_id.is_(None)
    subjects: set[str] = set()
    for ids in chunks(sorted(output_ids)):
        for detail, named in ((r, r.c.output_id.in_(ids)), (e, e.c.output_id.in_(ids)),
                              (p, p.c.output_a_id.in_(ids)), (p, p.c.output_b_id.in_(ids))):  # fmt: skip
            subjects |= _ids(connection, sa.select(_f.c.subject).join(detail, detail.c.id == _f.c.id)
                             .where(mine, named).distinct())  # fmt: skip
    ranked = sa.select(_f.c.subject, k.c.groups).join(k, k.c.id == _f.c.id)
    ranked = ranked.where(mine, _f.c.subject >= "ranking:", _f.c.subject < "ranking;")
    for subject, groups in connection.execute(ranked):
        if any(output_id in output_ids for group in groups for output_id in group):
            subjects.add(subject)
    return {
        act_id
        for some in chunks(sorted(subjects))
        for act_id in _ids(connection, sa.select(_f.c.id).where(_f.c.annotator_id == annotator_id,
                                                                _f.c.subject.in_(some)))
    }  # fmt: skip


def _outputs_in(connection: Connection, study_ids: Collection[str], wanted: Collection[str] | None = None) -> set[str]:
    """The outputs that the items of these studies show."""
    found: set[str] = set()
    for some in chunks(sorted(study_ids)):
        shown = elements(connection, _i.c.outputs)
        query = sa.select(_i.c.outputs).where(_i.c.study_id.in_(some))
        if wanted is not None and len(wanted) <= 500:
            query = query.where(shown.where(shown.selected_columns[0].in_(list(wanted))).exists())
        for (outputs,) in connection.execute(query):
            found.update(outputs)
    return found


def _prompts_kept_by(connection: Connection, annotator_id: str, studies: Collection[str]) -> set[str]:
    """The prompts that studies ask, or that somebody else decided something about."""
    arms, kept = schema.study_arms, set[str]()
    for some in chunks(sorted(studies)):
        asked = sa.select(_v.c.prompt_id).join(arms, arms.c.prompt_version_id == _v.c.id)
        kept |= _ids(connection, asked.where(arms.c.study_id.in_(some)).distinct())
    for table in (schema.trials, schema.decisions, schema.refinements, _v):
        kept |= _ids(connection, sa.select(table.c.prompt_id).where(table.c.created_by != annotator_id).distinct())
    return kept


def _prompts_of(connection: Connection, generation_ids: Collection[str]) -> set[str]:
    return {
        prompt_id
        for some in chunks(sorted(generation_ids))
        for prompt_id in _ids(connection, sa.select(_v.c.prompt_id).join(_g, _g.c.prompt_version_id == _v.c.id)
                              .where(_g.c.id.in_(some)).distinct())
    }  # fmt: skip


def _is_unused(connection: Connection, prompt_id: str, gone: Collection[str]) -> bool:
    """Whether nothing but these generations came from a prompt, and nothing was decided about it."""
    versions = sa.select(_v.c.id).where(_v.c.prompt_id == prompt_id)
    if not _ids(connection, sa.select(_g.c.id).where(_g.c.prompt_version_id.in_(versions))) <= set(gone):
        return False
    arms = schema.study_arms
    if connection.execute(sa.select(arms.c.id).where(arms.c.prompt_version_id.in_(versions)).limit(1)).first():
        return False
    return all(
        connection.execute(sa.select(table.c.id).where(table.c.prompt_id == prompt_id).limit(1)).first() is None
        for table in (schema.trials, schema.decisions, schema.refinements, schema.saved_prompts)
    )


def _ids(connection: Connection, query: sa.Select[Any]) -> set[str]:
    return set(connection.execute(query).scalars())
