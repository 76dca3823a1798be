"""The plain kinds of value that a study's spec and answers are made of. Each raises InvalidStudy with one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.checks import clean_text
from collab.errors import InvalidStudy


def an_object(value: object, what: str) -> dict[str, Any]:
    """The value as an object of names and values."""
    if not isinstance(value, Mapping):
        raise InvalidStudy(f"The {what} must be an object of names and values.")
    return dict(value)


def a_list(value: object, what: str, limit: int) -> Sequence[Any]:
    """The value as a list of at most `limit`."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidStudy(f"The {what} must be a list.")
    if len(value) > limit:
        raise InvalidStudy(f"There are {len(value):,} {what}: at most {limit:,} are possible.")
    return value


def some_names(value: object, what: str, limit: int) -> list[str]:
    """The value as a list of at most `limit` names, none of them empty."""
    return [
        clean_text(name, f"name in the {what}", limit=80, error=InvalidStudy, required=True).strip()
        for name in a_list(value, what, limit)
    ]


def one_of(value: object, what: str, allowed: Sequence[Any]) -> Any:
    """The value, if it is one of those allowed."""
    if value not in allowed:
        raise InvalidStudy(f"The {what} is “{str(value)[:40]}”: choose {', '.join(allowed[:-1])} or {allowed[-1]}.")
    return value


def a_text(given: Mapping[str, Any], name: str, limit: int) -> str:
    """The text of that name, "" where there is none."""
    return clean_text(given.get(name), name, limit=limit, error=InvalidStudy).strip()


def yes_or_no(given: Mapping[str, Any], name: str) -> bool:
    """The truth of that name, false where there is none."""
    value = given.get(name)
    if value not in (None, True, False):
        raise InvalidStudy(f"“{name}” is {str(value)[:40]}: say true or false.")
    return bool(value)


def a_number(given: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """The number of that name, within `low` and `high`, or the default."""
    value = given.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidStudy(f"“{name}” is {str(value)[:40]}: choose {low:g} to {high:g}.")
    return float(value)


def a_whole(given: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """The whole number of that name."""
    value = a_number(given, name, default, low, high)
    if value != int(value):
        raise InvalidStudy(f"“{name}” is {value:g}: choose a whole number.")
    return int(value)
