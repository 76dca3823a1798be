"""Writes rows as Parquet, JSON Lines and CSV from one description of the columns. Knows no format's columns."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from collab.exchange.csv_rows import write_csv
from collab.exchange.json_rows import encode_json

if TYPE_CHECKING:
    import pyarrow as pa

_LINE = orjson.OPT_APPEND_NEWLINE

# picture: PNG bytes that `datasets` shows as an image; bytes: the same as a bare binary column;
# turn: one message of a conversation; place: an output's rank; span: a marked piece of text
ColumnKind = Literal[
    "string", "integer", "number", "boolean", "time", "bytes", "picture", "turn", "place", "span"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column of what is written. about: half a sentence for the dataset card. lists: 1 for a list of the kind."""

    name: str
    kind: ColumnKind
    about: str
    lists: int = 0


def arrow_type(column: Column) -> pa.DataType:
    """How Parquet holds this column."""
    import pyarrow as pa

    found = {
        "string": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "time": pa.timestamp("us", "UTC"),
        "bytes": pa.binary(),
        "picture": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "turn": pa.struct({"role": pa.string(), "content": pa.string()}),
        "place": pa.struct({"value": pa.string(), "rank": pa.int64()}),
        "span": pa.struct({"start": pa.int64(), "end": pa.int64(), "label": pa.string()}),
    }[column.kind]
    for _ in range(column.lists):
        found = pa.list_(found)
    return found


def write_tables(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], folder: Path, name: str, *, csv: bool = False
) -> list[Path]:
    """Write `name.parquet`, `name.jsonl` and, if asked, `name.csv`; their paths. CSV leaves pictures out."""
    cells = [[row.get(column.name) for row in rows] for column in columns]
    paths = [folder / f"{name}.parquet", folder / f"{name}.jsonl"]
    _write_parquet(columns, cells, paths[0])
    with paths[1].open("wb") as file:
        names = [column.name for column in columns]
        lines = zip(*(_json_column(c, values) for c, values in zip(columns, cells, strict=True)), strict=True)
        file.writelines(orjson.dumps(dict(zip(names, line, strict=True)), option=_LINE) for line in lines)
    if csv:
        paths.append(folder / f"{name}.csv")
        flat = [(c, values) for c, values in zip(columns, cells, strict=True) if c.kind not in ("bytes", "picture")]
        with paths[2].open("wb") as raw:
            write_csv([c.name for c, _ in flat], [_csv_column(c, values) for c, values in flat], raw)
    return paths


def _write_parquet(columns: Sequence[Column], cells: Sequence[list[Any]], path: Path) -> None:
    """One Parquet file in row groups small enough to be read in steps."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(column.name, arrow_type(column)) for column in columns])
    has_pictures = any(column.kind in ("bytes", "picture") for column in columns)
    if any(column.kind == "picture" for column in columns):
        schema = _with_image_features(schema, [c.name for c in columns if c.kind == "picture"])
    step = 100 if has_pictures else 10_000
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, max(1, len(cells[0])), step):
            parts = [_arrow_cells(c, values[start : start + step]) for c, values in zip(columns, cells, strict=True)]
            arrays = [pa.array(part, type=field.type) for part, field in zip(parts, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _arrow_cells(column: Column, values: list[Any]) -> list[Any]:
    if column.kind == "picture":
        return [None if value is None else {"bytes": value, "path": None} for value in values]
    return values


def _with_image_features(schema: pa.Schema, pictures: Sequence[str]) -> pa.Schema:
    """The schema with the note by which `datasets` decodes these columns as images."""
    from datasets import Features, Image

    features = Features.from_arrow_schema(schema)
    for name in pictures:
        features[name] = Image()
    return schema.with_metadata(features.arrow_schema.metadata)


def _json_column(column: Column, values: list[Any]) -> Iterable[Any]:
    """A column's cells as JSON has them, one after another: times in ISO 8601, bytes in Base64."""
    return map(_json_cell, values) if column.kind in ("bytes", "picture", "time") else values


def _json_cell(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    return [_json_cell(v) for v in value] if isinstance(value, list) else value


def _csv_column(column: Column, values: list[Any]) -> list[Any]:
    """A column's cells as text and numbers: lists, and true and false, as JSON."""
    if column.kind == "time":
        return [None if value is None else value.isoformat() for value in values]
    if not column.lists and column.kind in ("string", "integer", "number"):
        return values
    cells: list[Any] = []
    before, text = object(), ""
    for value in values:
        if value is not before:  # an item's rows share its lists, and encoding is most of the work
            before, text = value, "" if value is None else encode_json(value)
        cells.append(text)
    return cells
