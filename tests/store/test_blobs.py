"""Pixels on disk: content-addressed, durable, never a path of somebody's choosing."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from collab.errors import NotFound
from collab.store import Blobs

DATA = b"\x89PNG pixels"
SHA256 = hashlib.sha256(DATA).hexdigest()


def test_bytes_come_back_by_their_hash(blobs: Blobs):
    assert blobs.put(DATA) == SHA256
    assert blobs.get(SHA256) == DATA
    assert Blobs(blobs.folder).get(SHA256) == DATA


def test_the_same_bytes_are_kept_once(blobs: Blobs):
    before = blobs.put(DATA)
    stamp = blobs.path(before).stat().st_mtime_ns
    assert blobs.put(DATA) == before and list(blobs.all()) == [SHA256]
    assert blobs.path(before).stat().st_mtime_ns == stamp


def test_many_threads_may_keep_the_same_bytes_at_once(blobs: Blobs):
    threads = [threading.Thread(target=blobs.put, args=(DATA,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [p.name for p in blobs.folder.rglob("*") if p.is_file()] == [SHA256]


@pytest.mark.parametrize(
    "name",
    ["", "../../etc/passwd", "/etc/passwd", SHA256.upper(), SHA256[:-1], SHA256 + "\n", f"{SHA256}/..", "é" * 64],
)
def test_what_is_no_hash_is_never_a_path(blobs: Blobs, name: str):
    blobs.put(DATA)
    with pytest.raises(NotFound):
        blobs.get(name)


def test_missing_bytes_are_not_found_and_the_message_says_what_to_do(blobs: Blobs):
    with pytest.raises(NotFound, match="python -m collab verify"):
        blobs.get(SHA256)


def test_bytes_are_flushed_before_they_get_their_name_and_the_name_before_it_is_told(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
):
    done: list[str] = []
    fsync, rename = os.fsync, os.replace

    def seen_fsync(descriptor: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def seen_rename(source: str, target: Path) -> None:
        done.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_rename)
    blobs.put(DATA)
    assert done == ["file", "rename", "folder", "folder"]


def test_a_write_that_fails_leaves_nothing_behind(blobs: Blobs, monkeypatch: pytest.MonkeyPatch):
    def full(_source: str, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        blobs.put(DATA)
    assert not [p for p in blobs.folder.rglob("*") if p.is_file()] and not list(blobs.all())


def test_half_written_and_misplaced_files_are_not_blobs(blobs: Blobs):
    folder = blobs.path(blobs.put(DATA)).parent
    (folder / ".new-abc").write_bytes(b"half")
    misplaced = blobs.folder / "00"
    misplaced.mkdir()
    (misplaced / SHA256).write_bytes(DATA)
    assert list(blobs.all()) == [SHA256]


def test_the_folder_is_the_owners_alone(blobs: Blobs):
    assert blobs.folder.stat().st_mode & 0o777 == 0o700
