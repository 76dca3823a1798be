"""An export's folder as one ZIP, in Parquet or in JSON Lines, and a look at its first rows. Knows no format."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from collab.errors import Unavailable

Part = Literal["all", "parquet", "jsonl"]
CELL_LIMIT = 300  # characters shown of a cell


def write_zip(folder: Path, path: Path, part: Part = "all", step: Callable[[str], None] = lambda _: None) -> list[str]:
    """Pack the folder's files; their names. part: tables in this form alone, to which the card then points.

    Raises Unavailable where the disk has no room, and whatever `step` raises; then no file is left.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    dropped = {"parquet": {".jsonl", ".csv"}, "jsonl": {".parquet", ".csv"}, "all": set[str]()}[part]
    kept = [p for p in files if p.suffix not in dropped]
    if not any(p.suffix in (".parquet", ".jsonl") for p in kept):
        kept = files  # a format that has its own form
    names = [str(p.relative_to(folder)) for p in kept]
    with whole_or_none(path), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file, name in zip(kept, names, strict=True):
            step("packing")
            if part == "jsonl" and kept is not files and file.name == "README.md":
                archive.writestr(name, file.read_text(encoding="utf-8").replace('.parquet"', '.jsonl"'))
            else:
                archive.write(file, name)
    return names


@contextmanager
def whole_or_none(path: Path) -> Iterator[None]:
    """Within it an archive is written: if that fails no file is left. Raises Unavailable where the disk refuses."""
    try:
        yield
    except BaseException as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise Unavailable("The export could not be written: see that the disk has room, then try again.") from error
        raise


def as_shown(folder: Path, limit: int) -> dict[str, Any]:
    """The first rows of the folder's table, each cell as text: `{"columns", "rows"}`."""
    import pyarrow.parquet as pq

    tables = sorted(folder.rglob("*.parquet"))
    if not tables:
        (lines, *_) = sorted(folder.rglob("*.jsonl"))
        rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()[:limit]]
    else:
        rows = pq.read_table(tables[0]).slice(0, limit).to_pylist()
    columns = list(rows[0]) if rows else []
    return {"columns": columns, "rows": [[_cell(row.get(name)) for name in columns] for row in rows]}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bytes):
        text = f"‹{len(value):,} bytes›"
    else:
        text = json.dumps(value, ensure_ascii=False, default=_plain)
    return text if len(text) <= CELL_LIMIT else text[: CELL_LIMIT - 1] + "…"


def _plain(value: Any) -> str:
    return f"‹{len(value):,} bytes›" if isinstance(value, bytes) else str(value)
