"""What all tables are made of: naming rules, times as microseconds, JSON as text. Knows no table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Microseconds(TypeDecorator[datetime]):
    """An aware UTC datetime kept as integer microseconds, the same on every database."""

    impl = BigInteger
    cache_ok = True

    @staticmethod
    def to_driver(value: datetime | None) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return self.to_driver(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


def _plain(value: Any) -> Any:
    """What JSON does not know by itself: a dataclass or another mapping as an object."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)
_make_pieces = getattr(json.encoder, "c_make_encoder", None)
# `encode` makes this anew for each value, which takes longer than what rows hold; not every Python has it
_pieces = _make_pieces and _make_pieces(
    None, _plain, json.encoder.encode_basestring, None, ":", ",", False, False, True
)


_EMPTY: Mapping[str | None, Callable[[], Any]] = {"{}": dict, "[]": list}  # what most cells hold needs no parser


class Json(TypeDecorator[Any]):
    """A JSON value kept as text: key order and number spelling survive, on every database."""

    impl = Text
    cache_ok = True

    @staticmethod
    def to_driver(value: Any) -> str | None:
        if value is None:
            return None
        return "".join(_pieces(value, 0)) if _pieces else _encoder.encode(value)

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return self.to_driver(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return _EMPTY[value]() if value in _EMPTY else None if value is None else json.loads(value)


def make_table(name: str, *columns: Any) -> Table:
    row_id = Column("id", String(36), primary_key=True)
    return Table(name, metadata, row_id, Column("created_at", Microseconds, nullable=False), *columns)


def ref(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, String(36), ForeignKey(f"{target}.id"), nullable=nullable)


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows of which `where` is true: the others take no room in it and no time to write."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def one_of(column: str, *values: str) -> CheckConstraint:
    # not IN, for which SQLite makes a table of the values anew at each row: a third of what writing a row takes
    return CheckConstraint(" OR ".join(f"{column} = {value!r}" for value in values), name=column)
