"""Which generations a person's own feedback (steering.py) or words (branches.py) shaped, as SQL: they tell nothing of
the prompt alone.

One for which there was nothing to steer by is as its prompt made it. Knows the table of generations alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from collab.store import schema
from collab.store.export_queries import json_text
from collab.types import BRANCHED_BY, STEERED_BY


def is_steered() -> sa.ColumnElement[bool]:
    """Whether a generation's inputs hold anything that steers, or go on from what a person wrote."""
    return _holds((*STEERED_BY, *BRANCHED_BY))


def is_branched() -> sa.ColumnElement[bool]:
    """Whether a generation goes on from what a person wrote: it answers more than its prompt."""
    return _holds(BRANCHED_BY)


def _holds(keys: Sequence[str]) -> sa.ColumnElement[bool]:
    inputs = json_text(schema.generations.c.inputs)
    # a quote within a value is escaped: only keys match
    return sa.or_(*(inputs.contains(f'"{key}":', autoescape=True) for key in keys))
