"""Joins rows that are answers to the same thing into one item. Knows no format's columns."""

from __future__ import annotations

from dataclasses import replace

from collab.exchange.cells import refuse
from collab.exchange.judged import JudgedAnswer, JudgedItem


class Gathering:
    """Takes one item with at most one answer a row, in order; gives each item once, with all its answers."""

    def __init__(self) -> None:
        self._found: list[tuple[JudgedItem, list[JudgedAnswer]]] = []
        self._first: dict[str, int] = {}  # place in `_found` of the first thing of that name
        self._others: dict[object, int] = {}  # of what shares its name, or has none, by all that it shows
        self._count: dict[str, int] = {}

    def add(self, row: int, item: JudgedItem, *, own_id: bool = False) -> None:
        """Take what this row holds. own_id: the row's `item_id` is meant to name one item in the whole file.

        Without it an id that stands for several things gets a number behind it; no id at all becomes the row's.
        Raises InvalidImport where two items claim the same id of their own.
        """
        place = self._first.get(item.item_id)
        if place is not None and _content(self._found[place][0]) == _content(item):
            self._found[place][1].extend(item.answers)
            return
        if place is not None or not item.item_id:
            if place is not None and own_id:
                refuse(row, "item_id", "an earlier row with this id shows something else.")
            key = (item.item_id, _content(item))
            if key in self._others:
                self._found[self._others[key]][1].extend(item.answers)
                return
            self._others[key] = len(self._found)
            item = replace(item, item_id=self._unused(item.item_id or f"row-{row}"))
        self._first[item.item_id] = len(self._found)
        self._found.append((item, list(item.answers)))

    def _unused(self, name: str) -> str:
        found = name
        while found in self._first:
            self._count[name] = self._count.get(name, 1) + 1
            found = f"{name}/{self._count[name]}"
        return found

    def items(self) -> tuple[JudgedItem, ...]:
        """All items in the order in which they first came."""
        return tuple(
            item if len(answers) == len(item.answers) else replace(item, answers=tuple(answers))
            for item, answers in self._found
        )


def _content(item: JudgedItem) -> tuple[object, ...]:
    """What makes two rows show the same thing."""
    messages = ((message["role"], message["content"]) for message in item.messages)
    outputs = ((o.arm, o.text if o.image is None else o.image, o.output_id) for o in item.outputs)
    return (item.prompt, *messages, *outputs)
