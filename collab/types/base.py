"""What every stored noun has: an id that sorts by time of making, and that time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import uuid6


def new_id() -> str:
    """A fresh UUIDv7 in text form: sorts by time of making."""
    return str(uuid6.uuid7())


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every stored noun has."""

    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
