"""Judged sets in files: other tools' formats in, ours out. Knows nothing of the store, of the page or of models.

`read_set` and `write_set` are all that the rest of the product needs; a format is one module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collab.collector import paused_collector
from collab.errors import InvalidImport
from collab.exchange import arena, argilla, open_webui, pick_a_pic, table
from collab.exchange.judged import JudgedAnswer, JudgedItem, JudgedOutput, JudgedSet, TaskKind
from collab.types import Modality

__all__ = [
    "FORMATS", "Format", "JudgedAnswer", "JudgedItem", "JudgedOutput", "JudgedSet", "read_set", "write_set",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format. tasks and modalities: what it can hold. read or write is None where it only goes the other way."""

    name: str
    title: str
    tasks: tuple[TaskKind, ...]
    modalities: tuple[Modality, ...]
    read: Callable[[Path], JudgedSet] | None
    write: Callable[[JudgedSet, Path], list[Path]] | None


_ALL: tuple[TaskKind, ...] = ("compare", "rank", "rate", "edit")

FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        Format(
            name=table.NAME,
            title="Table (CSV, JSON, Parquet, datasets)",
            tasks=_ALL,
            modalities=("text", "image"),
            read=table.read,
            write=table.write,
        ),
        Format(
            name=arena.NAME,
            title="Chatbot Arena",
            tasks=("compare",),
            modalities=("text",),
            read=arena.read,
            write=arena.write,
        ),
        Format(
            name=pick_a_pic.NAME,
            title="Pick-a-Pic",
            tasks=("compare",),
            modalities=("image",),
            read=pick_a_pic.read,
            write=pick_a_pic.write,
        ),
        Format(
            name=argilla.NAME,
            title="Argilla",
            tasks=_ALL,
            modalities=("text", "image"),
            read=argilla.read,
            write=argilla.write,
        ),
        Format(
            name=open_webui.NAME,
            title="Open WebUI feedback",
            tasks=("compare", "rate"),
            modalities=("text",),
            read=open_webui.read,
            write=None,
        ),
    )
}


def read_set(format: str, path: Path) -> JudgedSet:
    """What the file or folder holds. Raises InvalidImport naming the row and the column; then nothing was read."""
    read = _format(format).read
    if read is None:
        raise InvalidImport(f"The format {format} is only written here: import another one.")
    with paused_collector():
        return read(path)


def write_set(format: str, judged: JudgedSet, folder: Path) -> list[Path]:
    """Write the set into a new folder, all at once or not at all; the paths of its files, data first.

    Raises InvalidStudy where the format cannot hold the study or the folder is in use, Unavailable where the disk
    refuses, InvalidImport for an unknown format.
    """
    write = _format(format).write
    if write is None:
        raise InvalidImport(f"The format {format} is only read here: export as another one.")
    with paused_collector():
        return write(judged, folder)


def _format(name: str) -> Format:
    if not isinstance(name, str) or name not in FORMATS:
        raise InvalidImport(f"There is no format {str(name)[:40]!r}: take one of {', '.join(FORMATS)}.")
    return FORMATS[name]
