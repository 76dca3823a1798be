"""Reads Parquet files and the Arrow files of `datasets.save_to_disk`, in bounded steps. Knows no format.

A small file may claim to unpack to terabytes (one long value repeated by a dictionary), so rows are taken in steps that
are small where values may be long, and the sum of what was unpacked is limited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collab.errors import InvalidImport
from collab.exchange.cells import Limits, refuse, shown

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Wanted = Callable[[str], bool]

_STEP_ROWS = 1_000


def parquet_rows(path: Path, limits: Limits, wanted: Wanted, seen: list[str]) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file; `seen` receives the names of its columns. Raises InvalidImport."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
            # never `row_group(i).column(j)`: on a broken page index it ends the whole process (pyarrow 26)
            size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
            _check_size(path, metadata.num_rows, size, limits)
            columns = _columns(path, schema, limits, wanted, seen)
            yield from _rows(_steps(path, file, columns, limits), schema, columns, limits)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as e:  # names that are no UTF-8 are ValueErrors
        raise InvalidImport(f"{shown(path.name)} is not a Parquet file that can be read ({_reason(e)}).") from None


def _steps(path: Path, file: pq.ParquetFile, columns: list[str], limits: Limits) -> Iterator[pa.RecordBatch]:
    """The file in steps of as many rows as fit if each held the longest text of its dictionary."""
    import pyarrow.parquet as pq

    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
    with pq.ParquetFile(path, read_dictionary=texts) as probe:
        for group in range(file.metadata.num_row_groups):
            one = next(probe.iter_batches(batch_size=1, row_groups=[group], columns=columns), None)
            longest = sum(map(_dictionary_bytes, one.columns)) if one is not None else 0
            yield from file.iter_batches(batch_size=_step(longest, limits), row_groups=[group], columns=columns)


def _step(longest: int, limits: Limits) -> int:
    """How many rows are unpacked at once where a row may need so many bytes."""
    return max(1, min(_STEP_ROWS, limits.unpacked_bytes // 8 // max(1, longest)))


def _dictionary_bytes(array: pa.Array) -> int:
    """How large the dictionaries in this column are."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        return array.dictionary.nbytes
    if pa.types.is_struct(array.type):
        return sum(_dictionary_bytes(array.field(i)) for i in range(array.type.num_fields))
    is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    return _dictionary_bytes(array.values) if is_list else 0


def arrow_rows(path: Path, limits: Limits, wanted: Wanted, seen: list[str]) -> Iterator[dict[str, Any]]:
    """The rows of one `data-….arrow` file of a saved dataset. Raises InvalidImport."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as stream:
            columns = _columns(path, stream.schema, limits, wanted, seen)
            yield from _rows(iter(stream), stream.schema, columns, limits)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as e:
        raise InvalidImport(f"{shown(path.name)} is not an Arrow file that can be read ({_reason(e)}).") from None


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return "".join(c for c in lines[0] if c.isprintable())[:120]


def _check_size(path: Path, rows: int, size: int, limits: Limits) -> None:
    if rows > limits.rows:
        raise InvalidImport(f"{shown(path.name)} has {rows:,} rows, {limits.rows:,} are possible: split it.")
    if size > limits.unpacked_bytes:
        raise InvalidImport(f"{shown(path.name)} unpacks to {size / 2**30:.1f} GiB: split it.")


def _columns(path: Path, schema: pa.Schema, limits: Limits, wanted: Wanted, seen: list[str]) -> list[str]:
    """Which of the file's columns are read."""
    if len(schema.names) > limits.columns:
        raise InvalidImport(f"{shown(path.name)} has {len(schema.names):,} columns, {limits.columns:,} are possible.")
    for name in schema.names:
        if schema.names.count(name) > 1:
            raise InvalidImport(f"The column {shown(name)} is there twice: rename or remove one.")
    seen.extend(name for name in schema.names if name not in seen)
    return [name for name in schema.names if wanted(name)]


def _rows(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, columns: list[str], limits: Limits
) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    names_of = {name: names for name, names in _class_labels(schema).items() if name in columns}
    number, unpacked = 0, 0
    for whole in batches:
        whole = whole.select(columns)
        whole.validate(full=True)  # offsets that point outside would be read as they are
        dictionaries = sum(c.dictionary.nbytes for c in whole.columns if pa.types.is_dictionary(c.type))
        step = _step(dictionaries, limits)
        for start in range(0, whole.num_rows, step):
            batch = _plain(whole.slice(start, step))
            unpacked += batch.nbytes
            if unpacked > limits.unpacked_bytes:
                raise InvalidImport(f"The file unpacks to more than {limits.unpacked_bytes / 2**30:.1f} GiB: split it.")
            for row in _python(batch, number):
                number += 1
                if number > limits.rows:
                    raise InvalidImport(f"The file has more than {limits.rows:,} rows: split it.")
                for name, names in names_of.items():
                    row[name] = _class_name(row[name], names, number, name)
                yield row


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch without dictionaries, and with times that Python's datetime can hold."""
    import pyarrow as pa

    arrays = []
    for array in batch.columns:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        elif pa.types.is_timestamp(array.type):  # nanoseconds need pandas, and a zone's name may be anything
            array = array.cast(pa.timestamp("us", "UTC" if array.type.tz else None), safe=False)
        elif _holds_dictionary(array.type):
            raise InvalidImport("A column holds lists of dictionary-encoded values: save it as plain text.")
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def _holds_dictionary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_dictionary(kind) or any(_holds_dictionary(kind.field(i).type) for i in range(kind.num_fields))


def _python(batch: pa.RecordBatch, before: int) -> list[dict[str, Any]]:
    """The batch's rows; `before` of them came earlier."""
    try:
        return batch.to_pylist()
    except (ValueError, OverflowError):  # UnicodeDecodeError is one: find the cell
        for offset in range(batch.num_rows):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                try:
                    column[offset].as_py()
                except (ValueError, OverflowError) as e:
                    refuse(before + offset + 1, name, f"it cannot be read ({_reason(e)}).")
        raise


def _class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """The words behind the numbers of `datasets` class labels, by column."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {
            name: feature["names"]
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature["names"], list)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}  # no features are told, or not in a form that `datasets` would take: numbers stay numbers


def _class_name(value: object, names: list[str], row: int, column: str) -> str | None:
    if value is None or value == -1:  # `datasets` writes -1 for no label
        return None
    if not isinstance(value, int) or not 0 <= value < len(names):
        refuse(row, column, f"{shown(value)} is none of its {len(names)} class labels.")
    return names[value]
