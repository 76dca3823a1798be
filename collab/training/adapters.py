"""Trained adapters on disk: folders under COLLAB_HOME/adapters named by the SHA-256 of what they hold, never changed.

Any peft program loads such a folder. Knows nothing of training; what an adapter came from, its model version tells.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from collab.errors import Unavailable
from collab.settings import Settings
from collab.store import Store
from collab.types import ModelVersion
from models.weights import folder_sha256

_LEAST_FREE = 10_000_000  # bytes, beside the adapter itself


def keep_adapter(settings: Settings, folder: Path) -> str:
    """Copy a finished adapter to its place, whole or not at all; its SHA-256. Keeping the same again costs nothing.

    Raises Unavailable if the disk is full.
    """
    sha256 = folder_sha256(folder, _cache(settings))
    target = _place(settings, sha256)
    if target.is_dir():
        return sha256
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(target.parent).free < size + _LEAST_FREE:
            raise OSError(f"{size / 1e6:.0f} MB do not fit")
        making = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        try:
            for file in sorted(folder.iterdir()):
                _copy_durably(file, making / file.name)
            _sync(making)
            making.replace(target)
            _sync(target.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        if not target.is_dir():  # another process may have kept the same meanwhile
            raise Unavailable(f"The adapter could not be kept ({error}): free some space, then resume.") from error
    return sha256


def adapter_folder(settings: Settings, version: ModelVersion) -> Path:
    """Where a version's adapter is. Raises Unavailable where it is gone or no longer the same."""
    folder = _place(settings, version.adapter_sha256 or "")
    if not folder.is_dir():
        raise Unavailable(f"The adapter of {version.name} is no longer there: choose another model.")
    if folder_sha256(folder, _cache(settings)) != version.adapter_sha256:
        raise Unavailable(f"The adapter of {version.name} is damaged: choose another model.")
    return folder


def adapter_problems(settings: Settings, store: Store) -> Iterator[str]:
    """One sentence for each model version whose adapter is gone or damaged."""
    for version in store.find(ModelVersion):
        if version.adapter_sha256:
            try:
                adapter_folder(settings, version)
            except Unavailable as error:
                yield f"Model version {version.id}: {error}"


def _place(settings: Settings, sha256: str) -> Path:
    return settings.home / "adapters" / sha256


def _cache(settings: Settings) -> Path:
    return settings.home / "models"


def _copy_durably(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written)
        written.flush()
        os.fsync(written.fileno())


def _sync(folder: Path) -> None:
    """A new name in a folder is durable once the folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
