"""The columns after a format's own ones: where an output came from, who answered, and what may not be split.

Knows nothing of any format's own columns. What belongs to outputs is a list with one entry for each output in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.exchange.cells import Limits, clean, flag, name_cell, refuse, shown, whole
from collab.exchange.json_rows import encode_json, json_cell
from collab.exchange.judged import JudgedAnswer, JudgedItem
from collab.exchange.table_files import Column
from collab.split_groups import joined

OF_OUTPUTS = (
    Column("prompt_version_id", "string", "the prompt version behind each output, in order", 1),
    Column("model_revision", "string", "the exact weights behind each output", 1),
    Column("seed", "integer", "the seed of each output", 1),
    Column("settings", "string", "the generation settings of each output, as JSON", 1),
    Column("output_ids", "string", "the id of each output", 1),
)
OF_ITEMS = (
    Column("item_id", "string", "what was judged: rows with the same id show the same outputs"),
    Column("tag", "string", "the group that the item belongs to"),
    Column("split_group", "string", "rows of one group share a prompt or an annotator: never split them"),
)
OF_ANSWERS = (
    Column("annotator", "string", "a pseudonym"),
    Column("event_ids", "string", "the recorded act behind the row", 1),
    Column("blind", "boolean", "whether the annotator could not know who made what"),
    Column("comment", "string", "what the annotator added in words"),
    Column("dwell_ms", "integer", "milliseconds from showing to answering"),
)
PROVENANCE = (*OF_OUTPUTS, *OF_ITEMS, *OF_ANSWERS)
_OUTPUT_FIELDS = [(c.name, "output_id" if c.name == "output_ids" else c.name) for c in OF_OUTPUTS]
NAMES = frozenset(column.name for column in PROVENANCE)


def outputs_columns(item: JudgedItem) -> dict[str, Any]:
    """The cells about an item's outputs."""
    return {
        "prompt_version_id": [o.prompt_version_id for o in item.outputs],
        "model_revision": [o.model_revision for o in item.outputs],
        "seed": [o.seed for o in item.outputs],
        "settings": [encode_json(o.settings) if o.settings else "{}" for o in item.outputs],
        "output_ids": [o.output_id for o in item.outputs],
    }


def answer_columns(answer: JudgedAnswer) -> dict[str, Any]:
    """The cells about one answer, its content and time excepted: these are columns of the format's own."""
    return {
        "annotator": answer.annotator,
        "event_ids": [answer.event_id] if answer.event_id else [],
        "blind": answer.blind,
        "comment": answer.comment,
        "dwell_ms": answer.dwell_ms,
    }


def split_groups(items: Sequence[JudgedItem]) -> list[str]:
    """For each item the name of its group, so that no two groups share a prompt or an annotator."""
    return joined(
        [
            ("prompt", item.prompt, *((m["role"], m["content"]) for m in item.messages)),
            *(("annotator", name) for name in {answer.annotator for answer in item.answers}),
        ]
        for item in items
    )


def read_outputs(row: Mapping[str, Any], number: int, *, count: int, limits: Limits) -> list[dict[str, Any]]:
    """What the columns say of each of `count` outputs, as keyword arguments. Raises InvalidImport."""
    found: list[dict[str, Any]] = [{} for _ in range(count)]
    if NAMES.isdisjoint(row):  # another's file: there are many rows
        return found
    for column, name in _OUTPUT_FIELDS:
        cells = row.get(column)
        if cells is None or cells == "":
            continue
        if isinstance(cells, str) and cells.lstrip().startswith("["):
            cells = json_cell(cells, number, column, limits)
        elif not isinstance(cells, list) and (count == 1 or name != "output_id"):
            cells = [cells] * count  # others' tables say once what holds for all outputs
        if not isinstance(cells, list) or len(cells) != count:
            refuse(number, column, f"{shown(cells)} is not a list of {count}, one for each output.")
        for one, cell in zip(found, cells, strict=True):
            if name == "seed":
                one[name] = whole(cell, number, column)
            elif name == "settings":
                one[name] = read_settings(cell, number, limits)
            else:
                one[name] = name_cell(cell, number, column, limits)
    return found


def read_settings(value: object, number: int, limits: Limits) -> dict[str, Any]:
    """Generation settings, as an object or as JSON text. Raises InvalidImport."""
    if value == "{}":
        return {}
    settings = json_cell(value, number, "settings", limits)
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        refuse(number, "settings", f"{shown(value)} is not an object.")
    _check_words(settings, number, limits)
    return settings


def _check_words(value: object, number: int, limits: Limits) -> None:
    """Refuse control characters in any word of the settings, its keys included."""
    if isinstance(value, str):
        clean(value, number, "settings", limits)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_words(key, number, limits)
            _check_words(inner, number, limits)
    elif isinstance(value, list):
        for inner in value:
            _check_words(inner, number, limits)


def read_answer(row: Mapping[str, Any], number: int, *, annotator: str, limits: Limits) -> dict[str, Any]:
    """What the columns say of the answer, as keyword arguments. annotator: the format's own column's word for it."""
    if NAMES.isdisjoint(row):
        return {"annotator": annotator}
    events = row.get("event_ids")
    if isinstance(events, str):
        events = json_cell(events, number, "event_ids", limits) if events.lstrip().startswith("[") else [events]
    if not isinstance(events, (list, type(None))) or len(events or []) > 1:
        refuse(number, "event_ids", f"{shown(events)} is not a list of at most one id.")
    own = row.get("annotator")
    return {
        "annotator": name_cell(own, number, "annotator", limits) if own not in (None, "") else annotator,
        "event_id": name_cell(events[0] if events else None, number, "event_ids", limits),
        "comment": clean(row.get("comment"), number, "comment", limits),
        "dwell_ms": whole(row.get("dwell_ms"), number, "dwell_ms", low=0),
        "blind": flag(row.get("blind"), number, "blind", default=True),
    }
