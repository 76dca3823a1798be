"""Re-checks what moves: chains of aliases, the versions they name, trials and their studies. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema

_MODELS = {"text-current": "text", "image-current": "image"}


def loop_problems(connection: Connection) -> Iterator[str]:
    """One sentence for each thing that no foreign key watches over. Damaged JSON is told elsewhere."""
    yield from _chains(connection)
    yield from _named(connection)
    yield from _trials(connection)
    yield from _trained(connection)


def _chains(connection: Connection) -> Iterator[str]:
    """Every name has one first move, each move at most one that follows it, and no name follows another's moves."""
    a, before = schema.aliases, schema.aliases.alias("before")
    firsts = sa.func.count(sa.case((a.c.supersedes_id.is_(None), 1)))
    for name, number in connection.execute(sa.select(a.c.name, firsts).group_by(a.c.name).having(firsts != 1)):
        yield f"The alias {name} has {number} beginnings."
    later = schema.aliases.alias("later")
    last = sa.select(a.c.name, sa.func.count()).where(~sa.exists().where(later.c.supersedes_id == a.c.id))
    for name, number in connection.execute(last.group_by(a.c.name).having(sa.func.count() != 1)):
        yield f"The alias {name} means {number} things at once."
    strangers = sa.select(a.c.id, a.c.name).where(a.c.supersedes_id == before.c.id, a.c.name != before.c.name)
    for move_id, name in connection.execute(strangers):
        yield f"The move {move_id} of the alias {name} follows one of another alias."


def _named(connection: Connection) -> Iterator[str]:
    """What an alias was moved to is there, and is of its kind."""
    a, v, m = schema.aliases, schema.prompt_versions, schema.model_versions
    prompts = dict(
        connection.execute(sa.select(v.c.id, v.c.prompt_id).where(v.c.id.in_(sa.select(a.c.version_id)))).all()
    )
    models = dict(
        connection.execute(sa.select(m.c.id, m.c.modality).where(m.c.id.in_(sa.select(a.c.version_id)))).all()
    )
    for move_id, name, version_id in connection.execute(sa.select(a.c.id, a.c.name, a.c.version_id)):
        known = (
            models.get(version_id) == _MODELS[name]
            if name in _MODELS
            else (version_id in prompts and name == f"prompt:{prompts[version_id]}")
        )
        if not known:
            yield f"The move {move_id} of the alias {name} names {version_id}, which is no version of it."


def _trials(connection: Connection) -> Iterator[str]:
    """A trial has the studies that its stage takes, and its versions are of its prompt."""
    t, v = schema.trials, schema.prompt_versions
    versions: dict[str, str] = dict(connection.execute(
        sa.select(v.c.id, v.c.prompt_id).where(v.c.prompt_id.in_(sa.select(t.c.prompt_id)))
    ).all())  # fmt: skip
    candidates = sa.type_coerce(t.c.candidate_ids, sa.Text).label("candidates")
    query = sa.select(t.c.id, t.c.prompt_id, t.c.champion_id, t.c.leader_id, t.c.stage, t.c.verdict,
                      t.c.confirming_id, candidates)  # fmt: skip
    for row in connection.execute(query):
        if row.stage == "decided" and (row.confirming_id is None or not row.verdict):
            yield f"The trial {row.id} is decided without a study or without a verdict."
        named = _listed(row.candidates)
        if named is None:
            continue
        if row.leader_id is not None and row.leader_id not in named:
            yield f"The leader of the trial {row.id} is none of its candidates."
        for version_id in (row.champion_id, *named):
            if versions.get(version_id) != row.prompt_id:
                yield f"The trial {row.id} names {version_id}, which is no version of its prompt."


def _trained(connection: Connection) -> Iterator[str]:
    """What a model was trained on is there."""
    m, s = schema.model_versions, schema.dataset_snapshots
    missing = sa.select(m.c.id, m.c.snapshot_id).where(
        m.c.snapshot_id.is_not(None), ~sa.exists().where(s.c.id == m.c.snapshot_id)
    )
    for version_id, snapshot_id in connection.execute(missing):
        yield f"The model version {version_id} was trained on the snapshot {snapshot_id}, which is not there."


def _listed(text: str) -> list[Any] | None:
    try:
        return list(json.loads(text))
    except (ValueError, TypeError):
        return None
