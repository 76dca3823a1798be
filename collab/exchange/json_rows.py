"""Reads JSON from a stranger: arrays of objects, objects one after another, and JSON inside a cell. Knows no format.

Refused beyond what JSON itself refuses: NaN and infinities, a key given twice, and nesting too deep to walk.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import orjson

from collab.errors import InvalidImport
from collab.exchange.cells import Limits, refuse, shown

_SPACE = re.compile(r"[ \t\n\r]*")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON: write null where there is none")


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{shown(digits)} is too large a number")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shown(twice)} is there twice: keep one")
    return found


def encode_json(value: Any) -> str:
    """The value in one line, as other tools read it."""
    return orjson.dumps(value).decode()


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_number, object_pairs_hook=_object)


def _depth(value: object) -> int:
    """How many lists and objects are inside one another."""
    deepest, level = 0, [value]
    while level := [v for v in level if isinstance(v, (dict, list))]:
        deepest += 1
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return deepest


def _decode(text: str, at: int, limits: Limits) -> tuple[Any, int]:
    """The value that begins there, and where it ends. Raises ValueError with the reason."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as e:
        line, column = text.count("\n", at, e.pos) + 1, e.pos - text.rfind("\n", at, e.pos)
        place = f"character {e.pos - at + 1}" if line == 1 else f"its line {line}, character {column}"
        raise ValueError(f"it is not JSON at {place} ({e.msg})") from None
    except RecursionError:
        raise ValueError(f"it is nested deeper than {limits.depth} levels") from None
    if text.count("[", at, end) + text.count("{", at, end) > limits.depth and _depth(value) > limits.depth:
        raise ValueError(f"it is nested deeper than {limits.depth} levels")
    return value, end


def json_cell(value: object, row: int, column: str, limits: Limits) -> Any:
    """A cell that holds a list or an object, as such or as JSON text; None where it is empty. Raises InvalidImport."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    try:
        found, end = _decode(text, 0, limits)
    except ValueError as e:
        refuse(row, column, f"{e}.")
    if end != len(text):
        refuse(row, column, f"after its JSON comes {shown(text[end:])}: remove it.")
    return found


def json_document(text: str, what: str, limits: Limits) -> dict[str, Any]:
    """The one object in a small file such as a settings file. Raises InvalidImport."""
    try:
        found, end = _decode(text, _after_space(text, 0), limits)
    except ValueError as e:
        raise InvalidImport(f"{what} cannot be read: {e}.") from None
    if not isinstance(found, dict) or _after_space(text, end) != len(text):
        raise InvalidImport(f"{what} must hold one JSON object and nothing else.")
    return found


def _after_space(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]


def json_rows(text: str, limits: Limits) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, or of JSON Lines. Raises InvalidImport naming the row, the first being 1."""
    if text.count(",") > limits.values:
        raise InvalidImport(f"The file holds more than {limits.values:,} values: split it.")
    at, number = _after_space(text, 0), 0
    in_array = text.startswith("[", at)
    if in_array:
        at = _after_space(text, at + 1)
        if text.startswith("]", at):
            return
    while at < len(text):
        number += 1
        if number > limits.rows:
            raise InvalidImport(f"The file has more than {limits.rows:,} rows: split it.")
        try:
            value, at = _decode(text, at, limits)
        except ValueError as e:
            raise InvalidImport(f"Row {number:,}: {e}.") from None
        if not isinstance(value, dict):
            raise InvalidImport(f"Row {number:,}: it is not an object with columns: write {{…}} for each row.")
        yield value
        at = _after_space(text, at)
        if in_array:
            if text.startswith("]", at):
                at = _after_space(text, at + 1)
                if at < len(text):
                    raise InvalidImport(f"After the last row comes {shown(text[at:])}: remove it.")
                return
            if not text.startswith(",", at):
                raise InvalidImport(f"Row {number:,}: after it comes neither a comma nor the end: the file is cut off.")
            at = _after_space(text, at + 1)
    if in_array:
        raise InvalidImport(f"Row {number + 1:,}: the file ends before its last bracket: it is cut off.")
