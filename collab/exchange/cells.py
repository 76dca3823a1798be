"""What every cell of a foreign file must pass, and how a refusal names its row and column. Knows no format."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn, TypeVar

from collab.checks import clean_text
from collab.errors import InvalidImport

T = TypeVar("T")

_CONTROL = bytes([*range(9), *range(11, 32), 127])  # all but tab and line feed: a carriage return is made \n slowly
_C1 = re.compile(rb"\xc2[\x80-\x9f]")  # U+0080 to U+009F in UTF-8
_YEAR_2100 = 4_102_444_800  # in Unix seconds: more is milliseconds, or nonsense
_INTEGER = re.compile(r"[+-]?\d{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a file is taken: more is refused before it is unpacked. unpacked_bytes: of the whole file."""

    file_bytes: int = 512 * 2**20
    rows: int = 200_000
    columns: int = 1_000
    characters: int = 100_000  # in one cell
    image_bytes: int = 25 * 2**20
    image_pixels: int = 40_000_000
    unpacked_bytes: int = 2 * 2**30
    values: int = 32_000_000  # in one JSON or CSV file
    depth: int = 64  # of JSON


LIMITS = Limits()


def shown(value: object) -> str:
    """The value for an error's sentence: short, and printable whatever it holds."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:61])
    return f"“{text[:60]}…”" if len(text) > 60 else f"“{text}”"


def refuse(row: int, column: str, why: str) -> NoReturn:
    """Raise InvalidImport for this cell. row: the first row of data is 1."""
    name = column if column.isprintable() and len(column) <= 60 else shown(column)
    raise InvalidImport(f"Row {row:,}, column {name}: {why}")


def clean(value: object, row: int, column: str, limits: Limits) -> str:
    """A cell's text as it may be stored; an empty cell is "". Raises InvalidImport.

    The rules are `collab.checks.clean_text`'s; ordinary text passes at about a nanosecond a character.
    """
    if value is None:
        return ""
    if type(value) is str and len(value) <= limits.characters:
        if len(value) < 100 and value.isprintable():
            return value
        try:
            data = value.encode()
        except UnicodeEncodeError:  # a lone surrogate: the slow way names it
            pass
        else:
            plain = len(data.translate(None, _CONTROL)) == len(data)
            if plain and (len(data) == len(value) or b"\xc2" not in data or not _C1.search(data)):
                return value
    return clean_text(value, f"text in row {row:,}, column {column}", limit=limits.characters, error=InvalidImport)


def name_cell(value: object, row: int, column: str, limits: Limits) -> str:
    """A short name or id: a number is taken as its digits. Raises InvalidImport for more than 200 characters."""
    if value is None:
        return ""
    if type(value) is str and len(value) < 100 and value.isprintable() and value == value.strip():
        return value
    if type(value) is int:
        value = str(value)
    text = clean(value, row, column, limits).strip()
    if len(text) > 200:
        refuse(row, column, f"{shown(text)} has {len(text):,} characters, a name or id has at most 200: shorten it.")
    return text


def whole(value: object, row: int, column: str, *, low: int = -(2**63), high: int = 2**63 - 1) -> int | None:
    """A whole number, also as text or as 3.0; None where the cell is empty. Raises InvalidImport."""
    if value is None or value == "":
        return None
    if type(value) is int and low <= value <= high:
        return value
    number: int | None = None
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        number = int(value)
    if number is None or not low <= number <= high:
        between = f" from {low} to {high}" if (low, high) != (-(2**63), 2**63 - 1) else ""
        refuse(row, column, f"{shown(value)} is not a whole number{between}.")
    return number


def flag(value: object, row: int, column: str, *, default: bool) -> bool:
    """Yes or no, also as text or 0 and 1; `default` where the cell is empty. Raises InvalidImport."""
    if value is None or value == "":
        return default
    if value is True or value is False:
        return value
    known = {1: True, 0: False, "true": True, "false": False, "1": True, "0": False}
    try:
        return known[value.strip().lower() if isinstance(value, str) else value]
    except (KeyError, TypeError):
        refuse(row, column, f"{shown(value)} is neither true nor false.")


def moment(value: object, row: int, column: str) -> datetime | None:
    """A time: a datetime, ISO 8601 text (without a zone: UTC), or Unix seconds. Raises InvalidImport."""
    if value is None or value == "":
        return None
    try:
        if type(value) is float and 0 <= value < _YEAR_2100:
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?", value):
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime):
            if value.tzinfo is UTC:
                return value
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            seconds = float(value)
            if 0 <= seconds < _YEAR_2100:
                return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        pass
    refuse(row, column, f"{shown(value)} is not a time: give ISO 8601 or Unix seconds.")


def one_of(value: object, row: int, column: str, known: Mapping[str, T]) -> T:
    """What a closed vocabulary means by this word. Raises InvalidImport for every other word, and for none."""
    if isinstance(value, str) and value in known:
        return known[value]
    words = ", ".join(known)
    if value is None or value == "":
        refuse(row, column, f"it is empty, one of {words} is needed.")
    refuse(row, column, f"{shown(value)} is none of {words}.")


def require(row: Mapping[str, Any], number: int, column: str) -> Any:
    """The cell, which must be there. Raises InvalidImport."""
    value = row.get(column)
    if value is None:
        refuse(number, column, "it is missing.")
    return value
