"""Which acts of feedback are in force, as SQL: the one place that says how a chain of acts ends (see chain.py).

`sa.select(live_id()).select_from(last_acts()).where(is_last(), …)` gives the ids of the acts in force, and NULL for a
chain that was taken back wholly. Knows the tables of feedback alone.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from collab.store import schema

_f, _undone = schema.feedback, schema.retractions
_later = schema.feedback.alias("later")


def last_acts() -> sa.Join:
    """All acts, each with what it takes back, if it does."""
    return _f.outerjoin(_undone, _undone.c.id == _f.c.id)


def is_last() -> sa.ColumnElement[bool]:
    """Whether no act follows this one in its chain."""
    return ~sa.exists().where(_later.c.supersedes_id == _f.c.id)


def live_id() -> sa.ColumnElement[Any]:
    """Of the last act of a chain: the act in force because of it, or NULL."""
    return sa.case((_f.c.kind == "retraction", _undone.c.restores_id), else_=_f.c.id)
