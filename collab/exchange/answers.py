"""Whether an answer from a file is one that its task takes, and in which form it is kept. Knows no format.

The forms are those an annotator sends: {"winner"}, {"groups"}, {"values"}, {"text"} (see judged.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.checks import clean_text
from collab.errors import InvalidImport, InvalidStudy
from collab.exchange.cells import Limits, clean, refuse, shown, whole
from collab.exchange.json_rows import json_cell
from collab.exchange.judged import LABELS, QUESTION_KINDS, JudgedSet

_QUESTION_KEYS = {"name", "title", "kind", "options", "required"}


def check_groups(value: object, row: int, column: str, *, count: int, limits: Limits) -> list[list[str]]:
    """A ranking of `count` outputs: groups of labels, best first, each label once. Raises InvalidImport."""
    groups = json_cell(value, row, column, limits)
    if isinstance(groups, list) and all(isinstance(group, list) and group for group in groups):
        labels = [label for group in groups for label in group]
        if all(isinstance(label, str) for label in labels) and sorted(labels) == list(LABELS[:count]):
            return groups
    refuse(row, column, f"{shown(value)} does not rank each of {', '.join(LABELS[:count])} once: write [[best], …].")


def check_value(
    question: Mapping[str, Any], value: object, row: int, column: str, *, text: str | None, limits: Limits
) -> Any:
    """The answer to one question of a rating; None where there is none. text: the output, for spans.

    Raises InvalidImport.
    """
    kind, options = question["kind"], question["options"]
    if value is None or value == "":
        return None
    if kind == "stars":
        return whole(value, row, column, low=1, high=5)
    if kind == "thumb":
        thumb = whole(value, row, column)
        if thumb not in (1, -1):
            refuse(row, column, f"{shown(value)} is neither 1 (up) nor -1 (down).")
        return thumb
    if kind == "text":
        return clean(value, row, column, limits)
    if kind == "choice":
        if value not in options:
            refuse(row, column, f"{shown(value)} is none of {', '.join(options)}.")
        return value
    found = json_cell(value, row, column, limits)
    if not isinstance(found, list):
        refuse(row, column, f"{shown(value)} is not a list.")
    if kind == "multi_choice":
        left = list(options)
        for option in found:
            if option not in left:
                refuse(row, column, f"{shown(option)} is none of {', '.join(options)}, or there twice.")
            left.remove(option)
        return found
    return [_check_span(span, options, row, column, text=text or "", limits=limits) for span in found]


def _check_span(
    span: object, options: Sequence[str], row: int, column: str, *, text: str, limits: Limits
) -> dict[str, Any]:
    if not isinstance(span, Mapping) or not {"start", "end"} <= set(span):
        refuse(row, column, f"{shown(span)} is not a span: write {{start, end, label}}.")
    start = whole(span["start"], row, column, low=0)
    end = whole(span["end"], row, column, low=1, high=len(text))
    if start is None or end is None or start >= end:
        refuse(row, column, f"the span {shown(span)} has no characters.")
    label = clean(span.get("label"), row, column, limits)
    if options and label not in options:
        refuse(row, column, f"{shown(label)} is none of {', '.join(options)}.")
    return {"start": start, "end": end, "label": label}


def check_questions(questions: object) -> tuple[dict[str, Any], ...]:
    """A study's questions as its spec has them, all keys filled in. Raises InvalidImport."""
    if not isinstance(questions, list) or len(questions) > 100:
        raise InvalidImport("The questions are not a list of at most 100.")
    checked: list[dict[str, Any]] = []
    for number, question in enumerate(questions, start=1):
        if not isinstance(question, dict) or not set(question) <= _QUESTION_KEYS:
            raise InvalidImport(f"Question {number} has other keys than {', '.join(sorted(_QUESTION_KEYS))}.")
        name, kind, options = question.get("name"), question.get("kind"), question.get("options") or []
        if not isinstance(name, str) or not name or name in [q["name"] for q in checked]:
            raise InvalidImport(f"Question {number} has no name of its own.")
        if kind not in QUESTION_KINDS:
            raise InvalidImport(f"Question {number} is of kind {shown(kind)}, not {', '.join(QUESTION_KINDS)}.")
        if not isinstance(options, list) or len(options) > 1_000 or not all(isinstance(o, str) and o for o in options):
            raise InvalidImport(f"The options of question {number} are not a list of at most 1,000 words.")
        title, required = question.get("title") or name, question.get("required", True)
        for words in (name, title, *options):
            clean_text(words, f"wording of question {number}", limit=10_000, error=InvalidImport)
        if not isinstance(required, bool):
            raise InvalidImport(f"Whether question {number} is required is neither true nor false.")
        checked.append({"name": name, "title": title, "kind": kind, "options": options, "required": required})
    return tuple(checked)


def require_task(judged: JudgedSet, format: str, tasks: Sequence[str], modalities: Sequence[str]) -> None:
    """Raise InvalidStudy, with a sentence that names what to take instead, where the format cannot hold this study."""
    if judged.task not in tasks or judged.modality not in modalities:
        raise InvalidStudy(
            f"The format {format} holds only {' and '.join(tasks)} of {' and '.join(modalities)}, and this study is "
            f"{judged.task} of {judged.modality}: export it as `table` or `argilla`."
        )
