"""Which generations a person's own feedback shaped (steering.py), as SQL: they tell nothing of the prompt alone.

One for which there was nothing to steer by is as its prompt made it. Knows the table of generations alone.
"""

from __future__ import annotations

import sqlalchemy as sa

from collab.store import schema
from collab.store.export_queries import json_text
from collab.types import STEERED_BY


def is_steered() -> sa.ColumnElement[bool]:
    """Whether a generation's inputs hold anything that steers. A quote within a value is escaped: only keys match."""
    inputs = json_text(schema.generations.c.inputs)
    return sa.or_(*(inputs.contains(f'"{key}":', autoescape=True) for key in STEERED_BY))
