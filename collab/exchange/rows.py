"""Opens a file or a folder of any kind that datasets come in and gives its rows. Knows no format's columns.

CSV, TSV, JSON, JSON Lines, Parquet; folders made by `datasets.save_to_disk`, and folders of Parquet files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collab.errors import InvalidImport
from collab.exchange.arrow_rows import Wanted, arrow_rows, parquet_rows
from collab.exchange.cells import Limits, shown
from collab.exchange.csv_rows import csv_rows
from collab.exchange.json_rows import json_rows

TABLES = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")


def each_row(path: Path, limits: Limits, wanted: Wanted, seen: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file or folder one after another, numbered from 1. Raises InvalidImport.

    wanted: which columns are read, where the file's kind allows it to skip some. seen: receives the columns' names.
    """
    size = number = 0
    for file in find_tables(path):
        size += file.stat().st_size
        if size > limits.file_bytes:
            raise InvalidImport(f"{shown(path.name)} is larger than {limits.file_bytes // 2**20:,} MB: split it.")
        for row in _rows_of(file, limits, wanted, seen):
            number += 1
            if number > limits.rows:
                raise InvalidImport(f"{shown(path.name)} has more than {limits.rows:,} rows: split it.")
            yield number, row
    if not number:
        raise InvalidImport(f"{shown(path.name)} has no rows.")


def _rows_of(file: Path, limits: Limits, wanted: Wanted, seen: list[str]) -> Iterator[dict[str, Any]]:
    kind = file.suffix.lower()
    if kind == ".parquet":
        return parquet_rows(file, limits, wanted, seen)
    if kind == ".arrow":
        return arrow_rows(file, limits, wanted, seen)
    if kind in (".csv", ".tsv"):
        return csv_rows(read_text(file, limits), limits)
    if kind in TABLES:
        return json_rows(read_text(file, limits), limits)
    raise InvalidImport(f"{shown(file.name)} has none of the endings {', '.join(TABLES)}: name it by its kind.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A whole file. columns: all that it has, in order; rows: of the columns asked for, the first being row 1."""

    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, Any]]]


def read_table(path: Path, limits: Limits, wanted: Wanted = lambda name: True) -> Table:
    """All rows at once, for formats whose columns decide how a row is read. Raises InvalidImport."""
    seen: list[str] = []
    rows = list(each_row(path, limits, wanted, seen))
    columns = tuple(seen) if seen else tuple(dict.fromkeys(name for _, row in rows for name in row))
    return Table(columns=columns, rows=rows)


def find_tables(path: Path) -> list[Path]:
    """The data files to read: the file itself, or what a folder holds. Raises InvalidImport.

    Names come from the folder alone, never from a file in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InvalidImport(f"There is no file or folder {shown(path.name)}.")
    found = [p for p in path.rglob("*") if not any(part.startswith(".") for part in p.relative_to(path).parts)]
    files = sorted(p for p in found if p.is_file())
    # `datasets` also keeps cache-….arrow files there, which are older states of the data
    if tables := [p for p in files if p.suffix == ".arrow" and p.name.startswith(("data-", "dataset."))]:
        return tables
    if tables := [p for p in files if p.suffix.lower() == ".parquet"]:
        return tables
    if len(tables := [p for p in files if p.suffix.lower() in TABLES and p.name not in _NOT_TABLES]) == 1:
        return tables
    raise InvalidImport(
        f"The folder {shown(path.name)} holds {len(tables)} tables and neither Parquet nor Arrow files: name one file."
    )


# JSON files beside the data that describe it
_NOT_TABLES = ("study.json", "dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json")


def read_text(path: Path, limits: Limits) -> str:
    """The file as text. Raises InvalidImport naming the line that is not UTF-8, or that the file is too large."""
    with path.open("rb") as file:
        data = file.read(limits.file_bytes + 1)
    if len(data) > limits.file_bytes:
        raise InvalidImport(f"{shown(path.name)} is larger than {limits.file_bytes // 2**20:,} MB: split it.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidImport(f"{shown(path.name)} is in UTF-16: save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise InvalidImport(f"Line {line:,} of {shown(path.name)} is not UTF-8: save the file as UTF-8.") from None
