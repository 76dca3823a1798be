"""Pixels, kept as content-addressed files. Knows nothing of the database or of who owns what."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from collab.errors import NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ASIDE = ".aside-"


class Blobs:
    """Files named by the SHA-256 of their bytes under one folder; written by fsync + rename, so never half there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, data: bytes) -> str:
        """Keep the bytes durably; their SHA-256 in hexadecimal. Keeping the same bytes again costs nothing."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        for folder in (path.parent, self.folder):  # a rename is durable once its folder is
            directory = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises NotFound."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"The stored picture {sha256[:12]}… is missing: run `python -m collab verify`.") from None

    # Erasing goes along with a transaction: set aside before it commits, forgotten after, put back if it does not.

    def set_aside(self, sha256: str) -> None:
        """Hide these bytes, if they are there, until it is known whether they go."""
        with suppress(FileNotFoundError):
            os.replace(self.path(sha256), self._aside(sha256))

    def put_back(self, sha256: str) -> None:
        """Undo `set_aside`."""
        with suppress(FileNotFoundError):
            os.replace(self._aside(sha256), self.path(sha256))

    def forget(self, sha256: str) -> None:
        """Delete what was set aside."""
        self._aside(sha256).unlink(missing_ok=True)

    def set_aside_before(self) -> list[str]:
        """What a crash between `set_aside` and its end left."""
        found = (path.name.removeprefix(_ASIDE) for path in self.folder.glob(f"??/{_ASIDE}*"))
        return [sha256 for sha256 in found if _SHA256.fullmatch(sha256)]

    def _aside(self, sha256: str) -> Path:
        return self.path(sha256).with_name(f"{_ASIDE}{sha256}")

    def path(self, sha256: str) -> Path:
        """Where these bytes are or would be. Raises NotFound for anything that is not a SHA-256, so never a path."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound("That is not the SHA-256 of a stored picture.")
        return self.folder / sha256[:2] / sha256

    def all(self) -> Iterator[str]:
        """The SHA-256 that each stored file claims by its name."""
        for path in sorted(self.folder.glob("??/*")):
            if _SHA256.fullmatch(path.name) and path == self.path(path.name):
                yield path.name
