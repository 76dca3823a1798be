"""Named questions about what a study's people did, added up in the database. Returns plain rows of numbers.

Each reads one index, so that a million answers are counted in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.pieces import all_rows, chunks
from collab.store.study_schema import outcome_of

_t, _v, _i = schema.tasks, schema.votes, schema.study_items
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = 15  # of a number of people on one item: 32,767, far above any overlap


@dataclass(frozen=True, slots=True)
class Work:
    """How many tasks of one person have one status, purpose and match. dwell: {step of half a second: tasks}."""

    annotator_id: str
    status: str
    purpose: str
    matched: bool | None
    tasks: int
    dwell: Mapping[int, int]
    last_at: datetime | None


def work_of(connection: Connection, study_id: str) -> list[Work]:
    """What each person did, with how long they looked and when they answered last, added up."""
    key = (_t.c.annotator_id, _t.c.outcome)
    query = sa.select(*key, sa.func.count(), sa.func.max(_t.c.answered_at)).where(_t.c.study_id == study_id)
    found: dict[tuple[Any, ...], tuple[dict[int | None, int], list[int]]] = {}
    for who, outcome, number, answered_us in all_rows(connection, query.group_by(*key)):
        *kind, step = outcome_of(outcome)
        steps, moments = found.setdefault((who, *kind), ({}, []))
        steps[step] = number
        moments.append(answered_us or 0)
    return [
        Work(
            annotator_id=who,
            status=status,
            purpose=purpose,
            matched=matched,
            tasks=sum(steps.values()),
            dwell={step: number for step, number in steps.items() if step is not None},
            last_at=_EPOCH + timedelta(microseconds=max(moments)) if max(moments) else None,
        )
        for (who, status, purpose, matched), (steps, moments) in found.items()
    ]


def people_holding(connection: Connection, study_id: str, until: datetime) -> int:
    """How many people hold an item of a study for longer than `until`."""
    # written into the SQL, for the partial index on what is leased (study_queries.py)
    leased = _t.c.status == sa.literal_column("'leased'")
    who = sa.func.count(_t.c.annotator_id.distinct())
    return int(
        connection.execute(
            sa.select(who).where(_t.c.study_id == study_id, leased, _t.c.lease_until > until)
        ).scalar_one()
    )


def answers_over_time(
    connection: Connection, study_id: str, every: timedelta, first: datetime, last: datetime
) -> list[tuple[datetime, int]]:
    """How many answers each stretch of time from `first` to `last` brought that brought any, oldest first.

    Counting range after range is several times as quick as sorting a million answers into ranges.
    """
    width, at = every // timedelta(microseconds=1), sa.type_coerce(_t.c.answered_at, sa.BigInteger)
    stretch = sa.select(sa.literal((first - _EPOCH) // every, sa.BigInteger).label("n")).cte("stretch", recursive=True)
    stretch = stretch.union_all(sa.select(stretch.c.n + 1).where(stretch.c.n < (last - _EPOCH) // every))
    within = sa.select(sa.func.count()).where(
        _t.c.study_id == study_id, at >= stretch.c.n * width, at < (stretch.c.n + 1) * width
    )
    query = sa.select(stretch.c.n, within.correlate(stretch).scalar_subquery())
    return [(_EPOCH + n * every, number) for n, number in connection.execute(query) if number]


def first_and_last_answer(connection: Connection, study_id: str) -> tuple[datetime, datetime] | None:
    """When the first and the last answer came."""
    answered = sa.select(_t.c.answered_at).where(_t.c.study_id == study_id, _t.c.answered_at.is_not(None)).limit(1)
    first = connection.execute(answered.order_by(_t.c.answered_at)).scalar()
    last = connection.execute(answered.order_by(_t.c.answered_at.desc())).scalar()
    return (first, last) if first is not None and last is not None else None


def vote_patterns(
    connection: Connection, study_id: str, without: Collection[str] = (), *, one_pair: bool = False
) -> list[tuple[int, int, int, int, int]]:
    """How people voted on the same pair of the same item: (a, b, tie, both bad, how many pairs got just that).

    one_pair: whether every item has a single pair, as where two are compared; that is quicker.
    """
    # the four numbers side by side in one integer of 64 bits: one sum takes half as long as four
    ones = sa.case(
        *((_v.c.winner == code, sa.literal(1 << _BITS * (code - 1), sa.BigInteger)) for code in (1, 2, 3, 4))
    )
    inner = sa.select(sa.cast(sa.func.sum(ones), sa.BigInteger).label("packed")).where(_v.c.study_id == study_id)
    if without:
        inner = inner.where(_v.c.annotator_id.not_in(list(without)))
    pair = () if one_pair else (_v.c.arm_a, _v.c.arm_b)
    pattern = inner.group_by(_v.c.item_id, *pair).subquery()
    query = sa.select(pattern.c.packed, sa.func.count()).group_by(pattern.c.packed)
    low = (1 << _BITS) - 1
    return [
        (packed & low, packed >> _BITS & low, packed >> 2 * _BITS & low, packed >> 3 * _BITS, times)
        for packed, times in connection.execute(query)
    ]


def disputed_pairs(connection: Connection, study_id: str, without: Collection[str] = (), *, limit: int) -> list[str]:
    """Items on whose one pair two or more people voted and no answer has more than half, in the order of their ids.

    without: whose votes do not count.
    """
    each = [sa.func.sum(sa.case((_v.c.winner == code, 1), else_=0)) for code in (1, 2, 3, 4)]
    total = sa.func.count()
    query = (
        sa.select(_v.c.item_id)
        .where(_v.c.study_id == study_id, _v.c.annotator_id.not_in(list(without)) if without else sa.true())
        .group_by(_v.c.item_id)
        .having(total >= 2, *(2 * number <= total for number in each))
        .order_by(_v.c.item_id)
        .limit(limit)
    )
    return [item_id for (item_id,) in connection.execute(query)]


def disputed_rankings(
    connection: Connection, study_id: str, least: Fraction, without: Collection[str] = (), *, limit: int
) -> list[str]:
    """Items whose rankings are `least` or more apart, the farthest first: the mean of Kendall's distance (1938) over
    all pairs of people, in 0 … 1, where a pair of arms that one of them ties counts half (Fagin et al. 2006, p = ½).

    Added up from each item's votes on pairs: what `a` people put one way and `b` the other differs a·b times.
    """
    a, b = (sa.func.sum(sa.case((_v.c.winner == code, 1), else_=0)) for code in (1, 2))
    inner = sa.select(_v.c.item_id, a.label("a"), b.label("b"), sa.func.count().label("people"))
    inner = inner.where(_v.c.study_id == study_id)
    if without:
        inner = inner.where(_v.c.annotator_id.not_in(list(without)))
    pair = inner.group_by(_v.c.item_id, _v.c.arm_a, _v.c.arm_b).subquery()
    ordered = pair.c.a + pair.c.b
    differ = sa.func.sum(2 * pair.c.a * pair.c.b + ordered * (pair.c.people - ordered))
    compared = sa.func.sum(pair.c.people * (pair.c.people - 1))
    query = (
        sa.select(pair.c.item_id)
        .group_by(pair.c.item_id)
        .having(compared > 0, differ * least.denominator >= compared * least.numerator)
        .order_by((1.0 * differ / compared).desc(), pair.c.item_id)
        .limit(limit)
    )
    return [item_id for (item_id,) in connection.execute(query)]


def agreement_with_others(connection: Connection, study_id: str, items: int) -> dict[str, tuple[int, int]]:
    """(votes like another person's on the same pair of an item, such pairs of votes) of each person.

    items: only the first so many in the order of serving, which was drawn at random.
    """
    first = sa.select(_i.c.id).where(_i.c.study_id == study_id, _i.c.position < items)
    pair = (_v.c.item_id, _v.c.arm_a, _v.c.arm_b)
    both = sa.func.count().over(partition_by=pair) - 1
    same = sa.func.count().over(partition_by=(*pair, _v.c.winner)) - 1
    vote = (
        sa.select(_v.c.annotator_id, same.label("same"), both.label("both"))
        .where(_v.c.study_id == study_id, _v.c.item_id.in_(first))
        .subquery()
    )
    query = sa.select(vote.c.annotator_id, sa.func.sum(vote.c.same), sa.func.sum(vote.c.both))
    return {
        annotator_id: (int(alike), int(others))
        for annotator_id, alike, others in connection.execute(query.group_by(vote.c.annotator_id))
        if others
    }


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
    turn = sa.func.row_number().over(partition_by=_v.c.annotator_id, order_by=_v.c.id).label("turn")
    for some in chunks(people):
        on_pair = (
            sa.select(_v.c.id, turn)
            .where(_v.c.study_id == study_id, _v.c.annotator_id.in_(some),
                   _v.c.arm_a == pair[0], _v.c.arm_b == pair[1])
        ).subquery()  # fmt: skip
        query = sa.select(_v.c.id, _v.c.annotator_id, _v.c.item_id, _v.c.winner).join(on_pair, on_pair.c.id == _v.c.id)
        found += [FirstVote(*row) for row in connection.execute(query.where(on_pair.c.turn <= most) if most else query)]
    return sorted(found, key=lambda vote: vote.id)


def people_who_voted(connection: Connection, study_id: str) -> list[str]:
    """The ids of everyone with a vote in the study, from one to the next: their votes are not walked through."""
    mine = sa.select(sa.func.min(_v.c.annotator_id)).where(_v.c.study_id == study_id)
    people = mine.cte("people", recursive=True)
    who = people.columns[0]
    after = mine.where(_v.c.annotator_id > who).correlate(people).scalar_subquery()
    people = people.union_all(sa.select(after).where(who.is_not(None)))
    query = sa.select(people.columns[0]).where(people.columns[0].is_not(None))
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


def answers_on_items(connection: Connection, item_ids: Sequence[str]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(item, annotator, answer, what was said) of the answers in force on these items."""
    a = schema.answers
    query = (
        sa.select(_t.c.item_id, _t.c.annotator_id, a.c.id, a.c.said)
        .join(a, a.c.id == _t.c.answer_id)
        .where(_t.c.item_id.in_(item_ids), _t.c.purpose == "item", _t.c.status == "answered")
        .order_by(a.c.id)
    )
    for row in connection.execute(query):
        yield row[0], row[1], row[2], row[3]


def items_complete(connection: Connection, study_id: str, overlap: int, without: Collection[str] = ()) -> int:
    """How many items have all the answers they are to have, those of the people in `without` aside."""
    complete = [_i.c.study_id == study_id, _i.c.status == "ready", _i.c.purpose == "item", _i.c.answered >= overlap]
    query = sa.select(sa.func.count()).where(*complete)
    if without:
        theirs = (
            sa.select(_t.c.item_id, sa.func.count().label("answers"))
            .where(_t.c.study_id == study_id, _t.c.annotator_id.in_(list(without)),
                   _t.c.status == "answered", _t.c.purpose == "item")
            .group_by(_t.c.item_id)
            .subquery()
        )  # fmt: skip
        left = _i.c.answered - sa.func.coalesce(theirs.c.answers, 0)
        query = query.select_from(_i.outerjoin(theirs, theirs.c.item_id == _i.c.id)).where(left >= overlap)
    return int(connection.execute(query).scalar_one())


def tags_of(connection: Connection, study_id: str) -> list[str]:
    """The tags of a study's items, sorted."""
    query = (
        sa.select(_i.c.tag)
        .where(_i.c.study_id == study_id, sa.text("tag <> ''"))
        .distinct()
        .order_by(_i.c.tag)
        .limit(100)
    )
    return [tag for (tag,) in connection.execute(query)]


def flagged(connection: Connection, study_id: str) -> list[tuple[str, str]]:
    """(item, note) of the flags, oldest first."""
    query = sa.select(_t.c.item_id, _t.c.flag).where(_t.c.study_id == study_id, sa.text("flag <> ''"))
    return [(item_id, note) for item_id, note in connection.execute(query.order_by(_t.c.id).limit(500))]
