"""Makes a folder of files appear all at once or not at all. Knows nothing of what is in it."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from collab.errors import InvalidStudy, Unavailable


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its place, flushed to disk, when the block ends well.

    Whatever goes wrong, a full disk included, nothing is left. Raises InvalidStudy if `target` already holds
    something, Unavailable if the disk refuses.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidStudy(f"There already is something in {target.name}: choose a new folder to export to.")
    made: list[Path] = []
    temporary: Path | None = None
    try:
        for parent in reversed([p for p in target.parents if not p.exists()]):
            parent.mkdir()
            made.append(parent)
        temporary = target.parent / f".{target.name[:50]}-{secrets.token_hex(8)}"
        temporary.mkdir()
        yield temporary
        for path in [*temporary.rglob("*"), temporary]:
            _flush(path)
        if target.exists():
            target.rmdir()  # it is empty
        temporary.rename(target)
        _flush(target.parent)
    except BaseException as e:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()
        if isinstance(e, OSError):
            why = e.strerror or str(e)
            raise Unavailable(f"The export to {target.name} could not be written ({why}): make room there.") from e
        raise


@contextmanager
def passing_folder(parent: Path) -> Iterator[Path]:
    """A folder within `parent` that is gone when the block ends. Raises Unavailable if the disk refuses to make it."""
    try:
        made = tempfile.TemporaryDirectory(dir=parent)
    except OSError as e:
        why = e.strerror or str(e)
        raise Unavailable(f"No export can be made ({why}): make room on the studio's disk.") from e
    with made as name:
        yield Path(name)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
