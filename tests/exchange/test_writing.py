"""An export is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from collab.errors import InvalidStudy, Unavailable
from collab.exchange import FORMATS, write_set
from collab.exchange.new_folder import new_folder
from tests.exchange import sets

ROOT = Path(__file__).parent.parent.parent


FULL = """
import resource, shutil, signal, sys
from pathlib import Path
from collab.errors import Unavailable
from collab.exchange import write_set
from tests.exchange import sets

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
home = Path(sys.argv[2])
sizes = sorted(path.stat().st_size for path in write_set(sys.argv[1], sets.compare_texts(), home / "first"))
shutil.rmtree(home / "first")
for room in (0, *(size - 1 for size in sizes)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        write_set(sys.argv[1], sets.compare_texts(), home / "deep" / "er" / "out")
        sys.exit(f"room for {room} bytes was enough")
    except Unavailable as e:
        assert "could not be written" in str(e) and "make room" in str(e), e
    assert not list(home.iterdir()), room
"""


@pytest.mark.parametrize("format", ["table", "arena", "argilla"])
def test_a_full_disk_leaves_nothing_and_is_told(format: str, tmp_path: Path):
    """No file may grow past so many bytes, which the system tells as it tells a full disk; each file fails in turn."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, format, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_in_use_is_left_alone(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    for format in FORMATS.values():
        if format.write:
            make = sets.compare_pictures if format.name == "pick-a-pic" else sets.compare_texts
            with pytest.raises(InvalidStudy, match="There already is something in out: choose a new folder"):
                write_set(format.name, make(), tmp_path / "out")
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path):
    (tmp_path / "out").mkdir()
    write_set("arena", sets.compare_texts(), tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "README.md",
        "arena.jsonl",
        "arena.parquet",
        "study.json",
    ]


def test_nobody_sees_a_folder_half_full(tmp_path: Path):
    target, seen, stop = tmp_path / "out", set(), threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if target.exists():
                seen.add(len(list(target.iterdir())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    write_set("table", sets.compare_texts(), target)
    stop.set()
    watcher.join()
    assert seen <= {5}


def test_an_interruption_leaves_nothing(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "a" / "out") as folder:
        (folder / "half").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable, match="The export to out could not be written"):
        write_set("table", sets.compare_texts(), tmp_path / "file" / "out")


def test_importing_the_package_stays_light():
    heavy = ["pyarrow", "datasets", "pandas", "numpy", "PIL", "gradio", "sqlalchemy", "torch"]
    code = f"import sys, collab.exchange; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
