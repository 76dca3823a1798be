"""From what each act says to what is trained on: equal rows merged, contradictions settled, nobody heard too much.

Everything left out is counted under its reason. Pure, and the same for the same rows in the same order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from collab.datasets.rows import LeftOut, Row

PER_ANNOTATOR = 500  # rows resting on one person alone


@dataclass(frozen=True, slots=True)
class Sifted:
    """The rows in the order of their first acts; how many of what was left out or merged, by reason."""

    rows: tuple[Row, ...]
    counts: Counter[str]


def sift(said: Iterable[Row | LeftOut], per_annotator: int = PER_ANNOTATOR) -> Sifted:
    """Merge rows that say the same; where people contradict each other the majority stands, and a draw says nothing.

    A row that several people agree on counts for each of them; of a person's rows beyond `per_annotator`, those that
    rest on nobody else are left out, the oldest first.
    """
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    for each in said:
        if isinstance(each, LeftOut):
            counts[f"left out: {each}"] += 1
        else:
            rows.append(each)
    merged = sorted(_merged(rows, counts), key=lambda row: row.event_ids[0])  # ids are in the order of their moments
    settled = _settled(merged, counts)
    return Sifted(tuple(_capped(settled, per_annotator, counts)), counts)


def _merged(rows: Iterable[Row], counts: Counter[str]) -> list[Row]:
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        key = _claim(row)
        if key in found:
            first = found[key]
            counts["merged: rows that say the same"] += 1
            found[key] = replace(
                first, people=(*first.people, *row.people), event_ids=(*first.event_ids, *row.event_ids),
                blind=first.blind and row.blind,
            )  # fmt: skip
        else:
            found[key] = row
    return list(found.values())


def _settled(rows: Sequence[Row], counts: Counter[str]) -> list[Row]:
    """Without rows that more people, or as many, say the opposite of."""
    said: dict[object, int] = {_claim(row): len(set(row.people)) for row in rows}
    kept = [row for row in rows if said.get(_opposite(row), 0) < said[_claim(row)]]
    if len(kept) < len(rows):
        counts["left out: as many people or more say the opposite"] += len(rows) - len(kept)
    return kept


def _claim(row: Row) -> tuple[object, ...]:
    return row.messages, row.answer.strip(), (row.rejected or "").strip(), row.good


def _opposite(row: Row) -> tuple[object, ...] | None:
    """The claim against a pair or a label; a text to imitate has none."""
    if row.rejected is not None:
        return row.messages, row.rejected.strip(), row.answer.strip(), row.good
    return None if row.good is None else (row.messages, row.answer.strip(), "", not row.good)


def _capped(rows: Sequence[Row], most: int, counts: Counter[str]) -> list[Row]:
    heard: Counter[str] = Counter()
    alone: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        people = set(row.people)
        heard.update(people)
        if len(people) == 1:
            alone[row.people[0]].append(place)
    out: set[int] = set()
    for person, places in alone.items():
        out.update(places[: max(0, heard[person] - most)])
    if out:
        counts[f"left out: beyond {most:,} rows of one person"] += len(out)
    return [row for place, row in enumerate(rows) if place not in out]
