"""The cases of a study: what {variables} are filled with, as listed or drawn. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from collab.checks import clean_text
from collab.errors import InvalidStudy
from collab.studies.plain import a_list, a_whole, an_object

CASES_LIMIT = 2_000
TEXT_LIMIT, TAG_LIMIT = 20_000, 80  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What an arm's {variables} are filled with for one item. tag: what kind of case it is, to filter by."""

    variables: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""


def check_cases(given: Mapping[str, Any], rng: Random) -> tuple[Case, ...]:
    """The cases as listed, or combinations of the variables' values: all of them, or `draws` of them at random.

    Raises InvalidStudy.
    """
    listed, lists = given.get("cases"), given.get("variables")
    draws = a_whole(given, "draws", 0, 0, CASES_LIMIT)
    if listed and lists:
        raise InvalidStudy("Both cases and variables were given: give one of them.")
    if draws and listed:
        raise InvalidStudy(f"The cases are listed, so there are no {draws:,} to draw: leave “draws” out.")
    if draws and not lists:
        raise InvalidStudy(
            f"There is nothing to make {draws:,} draws from: give variables with their values, for prompts "
            "{“prompt”: […]} with arms that say {prompt}."
        )
    if listed:
        return tuple(_check_case(n, case) for n, case in enumerate(a_list(listed, "cases", CASES_LIMIT), 1))
    if not lists:
        return (Case(),)
    values = {
        str(name): [
            clean_text(value, f"value of {{{name}}}", limit=TEXT_LIMIT, error=InvalidStudy, required=True)
            for value in a_list(options, f"values of {{{name}}}", CASES_LIMIT)
        ]
        for name, options in an_object(lists, "variables").items()
    }
    possible = 1
    for options in values.values():
        possible *= len(options)
    if not possible:
        raise InvalidStudy("A variable has no values: list at least one for each.")
    if not draws and possible > CASES_LIMIT:
        raise InvalidStudy(f"The variables make {possible:,} combinations: set draws to at most {CASES_LIMIT:,}.")
    wanted = range(possible) if not draws or draws >= possible else sorted(rng.sample(range(possible), draws))
    return tuple(Case(variables=_combination(values, index)) for index in wanted)


def _combination(values: Mapping[str, Sequence[str]], index: int) -> dict[str, str]:
    chosen = {}
    for name, options in values.items():
        index, at = divmod(index, len(options))
        chosen[name] = options[at]
    return chosen


def _check_case(number: int, case: object) -> Case:
    entry = an_object(case, f"case {number}")
    if not set(entry) <= {"variables", "tag"}:
        raise InvalidStudy(f"Case {number} may hold variables and a tag only.")
    variables = an_object(entry.get("variables") or {}, f"variables of case {number}")
    return Case(
        variables={
            str(name): clean_text(
                str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value,
                f"{{{name}}} of case {number}",
                limit=100_000,
                error=InvalidStudy,
                required=True,
            )
            for name, value in variables.items()
        },
        tag=clean_text(entry.get("tag"), f"tag of case {number}", limit=TAG_LIMIT, error=InvalidStudy).strip(),
    )
