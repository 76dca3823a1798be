"""Named questions about trials and the names that move: where a name stands, what is under way, what was filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.store import Store
from collab.types import TRIALS_UNDER_WAY, Alias, Trial

_a, _r, _s, _t, _i = schema.aliases, schema.trials, schema.studies, schema.tasks, schema.study_items


def alias_moves(store: Store, name: str, *, connection: Connection | None = None) -> list[Alias]:
    """All moves of a name from its first to the one in force, each following the one before."""
    follows = {move.supersedes_id: move for move in store.find(Alias, name=name, connection=connection)}
    moves: list[Alias] = []
    while (move := follows.pop(moves[-1].id if moves else None, None)) is not None:
        moves.append(move)
    return moves


def alias_tip(store: Store, name: str, *, connection: Connection | None = None) -> Alias | None:
    """The move of a name that is in force, or None."""
    found = store.rows(Alias, sa.select(_a).where(_a.c.name == name, _is_tip()).limit(1), connection=connection)
    return found[0] if found else None


def serving_versions(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """Which version each of these names points to; one that never moved is left out."""
    query = sa.select(_a.c.name, _a.c.version_id).where(_a.c.name.in_(list(names)), _is_tip())
    return {name: version_id for name, version_id in connection.execute(query)}


def _is_tip() -> sa.ColumnElement[bool]:
    later = _a.alias("later")
    return ~sa.exists().where(later.c.supersedes_id == _a.c.id)


def lock_prompt(connection: Connection, prompt_id: str) -> None:
    """Let nobody else begin a trial of this prompt until the transaction ends; SQLite has one writer anyway."""
    prompts = schema.prompts
    connection.execute(sa.select(prompts.c.id).where(prompts.c.id == prompt_id).with_for_update())


def open_trials(store: Store) -> list[Trial]:
    """The trials that are under way, oldest first."""
    return sorted(store.rows(Trial, sa.select(_r).where(_under_way())), key=lambda trial: trial.id)


def open_trial_stages(connection: Connection, prompt_ids: Collection[str]) -> dict[str, str]:
    """The stage of each prompt's trial that is under way."""
    query = sa.select(_r.c.prompt_id, _r.c.stage).where(_r.c.prompt_id.in_(list(prompt_ids)), _under_way())
    return {prompt_id: stage for prompt_id, stage in connection.execute(query)}


def _under_way() -> sa.ColumnElement[bool]:
    # written into the SQL, as in the partial index that was made for this
    return sa.or_(*(_r.c.stage == sa.literal_column(f"'{stage}'") for stage in TRIALS_UNDER_WAY))


def watched_trials(store: Store) -> list[Trial]:
    """The trials whose promotion is still watched by an open study, oldest first."""
    query = sa.select(_r).join(_s, _s.c.id == _r.c.watch_id)
    query = query.where(sa.text("watch_id IS NOT NULL"), _s.c.status == "open")
    # sorted here: asked to, SQLite would walk through all trials in the order of their ids
    return sorted(store.rows(Trial, query), key=lambda trial: trial.id)


def has_work_left(connection: Connection, study_id: str, moment: datetime, members: Collection[str] = ()) -> bool:
    """Whether an open study may still get an answer: outputs to be made, a place on an item, a lease that runs.

    members: the only people whose answers are wanted, or none for anybody's.
    """
    items = sa.select(_i.c.status, sa.func.count(), sa.func.sum(_i.c.room))
    items = items.where(_i.c.study_id == study_id, _i.c.purpose == "item").group_by(_i.c.status)
    states = {status: (number, room) for status, number, room in connection.execute(items)}
    if "waiting" in states:
        return True
    ready, room = states.get("ready", (0, 0))
    leased = sa.select(_t.c.annotator_id).where(
        _t.c.study_id == study_id, _t.c.status == "leased", _t.c.lease_until > moment, _t.c.purpose == "item"
    )
    if members:
        leased = leased.where(_t.c.annotator_id.in_(members))
    if connection.execute(leased.limit(1)).first():
        return True
    if not members:
        return bool(room)
    done = sa.select(_t.c.annotator_id, sa.func.count()).where(
        _t.c.study_id == study_id, _t.c.annotator_id.in_(members), _t.c.status.in_(("answered", "skipped")),
        _t.c.purpose == "item",
    )  # fmt: skip
    had = {who: number for who, number in connection.execute(done.group_by(_t.c.annotator_id))}
    return bool(room) and any(had.get(who, 0) < ready for who in members)


def variables_used(store: Store, prompt_id: str, *, limit: int) -> list[Mapping[str, Any]]:
    """What people filled the prompt's variables with in their last so many generations, newest first."""
    g, v = schema.generations, schema.prompt_versions
    query = (
        sa.select(g.c.variables)
        .join(v, v.c.id == g.c.prompt_version_id)
        .where(v.c.prompt_id == prompt_id, g.c.origin == "person")
        .order_by(g.c.id.desc())
        .limit(limit)
    )
    with store.reading() as connection:
        return [variables for (variables,) in connection.execute(query)]


def studies_of_models(store: Store, created_by: str, model_ids: Collection[str]) -> list[str]:
    """The ids of one owner's comparing studies that have arms with each of these models, newest first."""
    arms = schema.study_arms
    query = (
        sa.select(_s.c.id)
        .join(arms, arms.c.study_id == _s.c.id)
        .where(_s.c.created_by == created_by, _s.c.task == "compare", arms.c.model_version_id.in_(model_ids))
        .group_by(_s.c.id)
        .having(sa.func.count(arms.c.model_version_id.distinct()) == len(set(model_ids)))
        .order_by(_s.c.id.desc())
    )
    with store.reading() as connection:
        return [study_id for (study_id,) in connection.execute(query)]
