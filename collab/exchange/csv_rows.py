"""Reads and writes CSV so that no spreadsheet takes a cell for a formula. Knows nothing of what the columns mean."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from collab.errors import InvalidImport
from collab.exchange.cells import Limits, shown

# What a spreadsheet may take for the start of a formula (OWASP, “CSV injection”), after any apostrophes: one more in
# front makes it text, and taking one away gives back exactly what was written.
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_STARTS = frozenset("'=+-@\t\r＝＋－＠")  # a quick look before the pattern
MARKS = {"item_id", "event_ids"}  # a header with both is one we wrote, whose apostrophes are ours to take away


def guard_cell(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet would compute it."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguard_cell(text: str) -> str:
    """What `guard_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_csv(header: Sequence[str], columns: Sequence[Sequence[Any]], file: BinaryIO) -> None:
    """Columns of text, whole numbers and None, as UTF-8. Every text is in quotation marks, None is nothing at all."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv  # ten times as fast as the standard library's

    arrays = []
    for column in columns:
        guarded = [guard_cell(v) if type(v) is str and v[:1] in _STARTS else v for v in column]
        is_text = any(type(v) is str for v in column)
        arrays.append(pa.array(guarded, type=pa.string() if is_text else pa.int64()))
    arrow_csv.write_csv(pa.Table.from_arrays(arrays, names=[guard_cell(name) for name in header]), file)


def csv_rows(text: str, limits: Limits) -> Iterator[dict[str, Any]]:
    """One mapping a row; cells are text, an empty one is "". Raises InvalidImport naming the row, the first being 1.

    Separated by commas, semicolons or tabs, whichever the first line has most of.
    """
    if (nul := text.find("\0")) >= 0:
        row = text.count("\n", 0, nul)
        raise InvalidImport(f"Row {row:,}: it holds a NUL byte: save the file as CSV in UTF-8.")
    first = text[: (text.find("\n") + 1) or len(text)]
    delimiter = max(",;\t", key=first.count)
    if text.count(delimiter) + text.count("\n") > limits.values:
        raise InvalidImport(f"The file holds more than {limits.values:,} values: split it.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    try:
        header = [unguard_cell(name.strip()) for name in next(reader, [])]
        _check_header(header, limits)
        ours = set(header) >= MARKS
        for cells in reader:
            if not cells or (cells == [""] and len(header) > 1):
                continue  # an empty line
            number += 1
            if number > limits.rows:
                raise InvalidImport(f"The file has more than {limits.rows:,} rows: split it.")
            if len(cells) != len(header):
                raise InvalidImport(
                    f"Row {number:,}: it has {len(cells)} cells and the first line names {len(header)} columns: "
                    "a comma or quotation mark is missing or too many."
                )
            yield dict(zip(header, map(unguard_cell, cells) if ours else cells, strict=True))
    except csv.Error as e:
        raise InvalidImport(f"Row {number + 1:,}: it is not CSV ({e}).") from None


def _check_header(header: list[str], limits: Limits) -> None:
    if not any(header):
        raise InvalidImport("The file has no first line with the names of its columns.")
    if len(header) > limits.columns:
        raise InvalidImport(f"The file has {len(header):,} columns, {limits.columns:,} are possible.")
    for name in header:
        if header.count(name) > 1:
            raise InvalidImport(f"The column {shown(name)} is there twice: rename or remove one.")
