"""Named questions about what a study's people did, added up in the database. Returns plain rows of numbers.

Each reads one index, so that a million answers are counted in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema

_t, _v, _i = schema.tasks, schema.votes, schema.study_items
DWELL_STEP_MS = 500  # how finely the time on an item is counted
DWELL_STEPS = 600  # beyond five minutes all count alike


@dataclass(frozen=True, slots=True)
class Work:
    """How many tasks of one person have one status, purpose and match. dwell: {step of half a second: tasks}."""

    annotator_id: str
    status: str
    purpose: str
    matched: bool | None
    tasks: int
    dwell: Mapping[int, int]


def work_of(connection: Connection, study_id: str) -> list[Work]:
    """What each person did, with how long they looked, added up."""
    step = sa.func.coalesce(_t.c.dwell_ms // DWELL_STEP_MS, -1)
    bucket = sa.case((step > DWELL_STEPS, DWELL_STEPS), else_=step)
    key = (_t.c.annotator_id, _t.c.status, _t.c.purpose, _t.c.matched)
    query = (
        sa.select(*key, bucket.label("step"), sa.func.count())
        .where(_t.c.study_id == study_id)
        .group_by(*key, sa.literal_column("step"))
    )
    found: dict[tuple[Any, ...], dict[int, int]] = {}
    for annotator_id, status, purpose, matched, at, number in connection.execute(query):
        steps = found.setdefault((annotator_id, status, purpose, matched), {})
        steps[int(at)] = steps.get(int(at), 0) + number
    return [
        Work(who, status, purpose, matched, sum(steps.values()), {at: n for at, n in steps.items() if at >= 0})
        for (who, status, purpose, matched), steps in found.items()
    ]


def sides_of(connection: Connection, study_id: str) -> dict[str, tuple[int, int]]:
    """How often each person chose the left and the right one."""
    query = (
        sa.select(_v.c.annotator_id, _v.c.side, sa.func.count())
        .where(_v.c.study_id == study_id)
        .group_by(_v.c.annotator_id, _v.c.side)
    )
    found: dict[str, list[int]] = {}
    for annotator_id, side, number in connection.execute(query):
        if side:
            found.setdefault(annotator_id, [0, 0])[side - 1] = number
    return {annotator_id: (left, right) for annotator_id, (left, right) in found.items()}


def last_answers(connection: Connection, study_id: str) -> dict[str, datetime]:
    """When each person answered last."""
    query = (
        sa.select(schema.tasks.c.annotator_id, sa.func.max(_t.c.answered_at))
        .where(_t.c.study_id == study_id, _t.c.status == "answered")
        .group_by(_t.c.annotator_id)
    )
    return {annotator_id: at for annotator_id, at in connection.execute(query) if at is not None}


def answers_over_time(connection: Connection, study_id: str, every: timedelta) -> list[tuple[datetime, int]]:
    """How many answers each stretch of time brought, oldest first."""
    width = every // timedelta(microseconds=1)
    stretch = (sa.type_coerce(_t.c.answered_at, sa.BigInteger) // width).label("stretch")
    query = (
        sa.select(stretch, sa.func.count())
        .where(_t.c.study_id == study_id, _t.c.answered_at.is_not(None))
        .group_by(sa.literal_column("stretch"))
        .order_by(sa.literal_column("stretch"))
    )
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [(epoch + int(n) * every, number) for n, number in connection.execute(query)]


def first_and_last_answer(connection: Connection, study_id: str) -> tuple[datetime, datetime] | None:
    """When the first and the last answer came."""
    answered = sa.select(_t.c.answered_at).where(_t.c.study_id == study_id, _t.c.answered_at.is_not(None)).limit(1)
    first = connection.execute(answered.order_by(_t.c.answered_at)).scalar()
    last = connection.execute(answered.order_by(_t.c.answered_at.desc())).scalar()
    return (first, last) if first is not None and last is not None else None


def vote_patterns(
    connection: Connection, study_id: str, without: Collection[str] = ()
) -> list[tuple[int, int, int, int, int]]:
    """How people voted on the same pair of the same item: (a, b, tie, both bad, how many pairs got just that)."""
    each = [sa.func.sum(sa.case((_v.c.winner == code, 1), else_=0)).label(f"n{code}") for code in (1, 2, 3, 4)]
    inner = sa.select(*each).where(_v.c.study_id == study_id)
    if without:
        inner = inner.where(_v.c.annotator_id.not_in(list(without)))
    pattern = inner.group_by(_v.c.item_id, _v.c.arm_a, _v.c.arm_b).subquery()
    names: list[Any] = [pattern.c[f"n{code}"] for code in (1, 2, 3, 4)]
    query = sa.select(*names, sa.func.count().label("times")).group_by(*names)
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3]), int(row[4])) for row in connection.execute(query)]


def disputed_items(connection: Connection, study_id: str, *, limit: int) -> list[str]:
    """Items on whose one pair two or more people voted and no answer has more than half, in the order of their ids."""
    each = [sa.func.sum(sa.case((_v.c.winner == code, 1), else_=0)) for code in (1, 2, 3, 4)]
    total = sa.func.count()
    query = (
        sa.select(_v.c.item_id)
        .where(_v.c.study_id == study_id)
        .group_by(_v.c.item_id)
        .having(total >= 2, *(2 * number <= total for number in each))
        .order_by(_v.c.item_id)
        .limit(limit)
    )
    return [item_id for (item_id,) in connection.execute(query)]


def agreement_with_others(connection: Connection, study_id: str, items: int) -> dict[str, tuple[int, int]]:
    """(votes like another person's on the same pair of an item, such pairs of votes) of each person.

    items: only the first so many in the order of serving, which was drawn at random.
    """
    other = _v.alias("other")
    query = (
        sa.select(
            _v.c.annotator_id,
            sa.func.sum(sa.case((_v.c.winner == other.c.winner, 1), else_=0)),
            sa.func.count(),
        )
        .select_from(_i)
        .join(_v, (_v.c.study_id == _i.c.study_id) & (_v.c.item_id == _i.c.id))
        .join(
            other,
            (other.c.study_id == _v.c.study_id) & (other.c.item_id == _v.c.item_id) & (other.c.arm_a == _v.c.arm_a)
            & (other.c.arm_b == _v.c.arm_b) & (other.c.annotator_id != _v.c.annotator_id),
        )
        .where(_i.c.study_id == study_id, _i.c.position < items)
        .group_by(_v.c.annotator_id)
    )  # fmt: skip
    return {annotator_id: (int(same), int(both)) for annotator_id, same, both in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class FirstVote:
    """One of a person's votes on a pair. winner: as in schema.votes."""

    id: int
    annotator_id: str
    item_id: str
    winner: int


def first_votes(
    connection: Connection, study_id: str, pair: tuple[int, int], people: Sequence[str], most: int | None
) -> list[FirstVote]:
    """The first `most` votes (all for None) of each of these people on the pair, in the order they came."""
    found: list[FirstVote] = []
    for annotator_id in people:
        query = (
            sa.select(_v.c.id, _v.c.annotator_id, _v.c.item_id, _v.c.winner)
            .where(_v.c.study_id == study_id, _v.c.annotator_id == annotator_id,
                   _v.c.arm_a == pair[0], _v.c.arm_b == pair[1])
            .order_by(_v.c.id)
        )  # fmt: skip
        found += [FirstVote(*row) for row in connection.execute(query.limit(most) if most else query)]
    return sorted(found, key=lambda vote: vote.id)


def people_who_voted(connection: Connection, study_id: str) -> list[str]:
    """The ids of everyone with a vote in the study."""
    query = sa.select(_v.c.annotator_id).where(_v.c.study_id == study_id).distinct()
    return [annotator_id for (annotator_id,) in connection.execute(query)]


def answers_in_force(
    connection: Connection, study_id: str, purposes: Sequence[str] = ("item",)
) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(item, annotator, answer, what was said) of every answer in force."""
    a = schema.answers
    query = (
        sa.select(_t.c.item_id, _t.c.annotator_id, a.c.id, a.c.said)
        .join(a, a.c.id == _t.c.answer_id)
        .where(_t.c.study_id == study_id, _t.c.status == "answered", _t.c.purpose.in_(purposes))
    )
    for row in connection.execute(query):
        yield row[0], row[1], row[2], row[3]


def answers_on_items(
    connection: Connection, study_id: str, item_ids: Sequence[str]
) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(item, annotator, answer, what was said) of the answers in force on these items."""
    a = schema.answers
    query = (
        sa.select(_t.c.item_id, _t.c.annotator_id, a.c.id, a.c.said)
        .join(_t, _t.c.answer_id == a.c.id)
        .where(a.c.study_id == study_id, a.c.item_id.in_(item_ids), _t.c.purpose == "item")
        .order_by(a.c.id)
    )
    for row in connection.execute(query):
        yield row[0], row[1], row[2], row[3]


def items_complete(connection: Connection, study_id: str, overlap: int) -> int:
    """How many items have all the answers they are to have."""
    query = sa.select(sa.func.count()).where(
        _i.c.study_id == study_id, _i.c.purpose == "item", _i.c.answered >= overlap
    )
    return int(connection.execute(query).scalar_one())


def tags_of(connection: Connection, study_id: str) -> list[str]:
    """The tags of a study's items, sorted."""
    query = (
        sa.select(_i.c.tag).where(_i.c.study_id == study_id, _i.c.tag != "").distinct().order_by(_i.c.tag).limit(100)
    )
    return [tag for (tag,) in connection.execute(query)]


def flagged(connection: Connection, study_id: str) -> list[tuple[str, str]]:
    """(item, note) of every flag, oldest first."""
    query = sa.select(_t.c.item_id, _t.c.flag).where(_t.c.study_id == study_id, sa.text("flag <> ''"))
    return [(item_id, note) for item_id, note in connection.execute(query.order_by(_t.c.id).limit(500))]
