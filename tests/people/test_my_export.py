"""Everything a person gave, in one file, and nothing of anybody else's."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from collab import feedback
from collab.cli import app
from collab.errors import NotFound, Unavailable
from collab.identity import LOCAL, Visitor
from collab.people.my_export import export_my_data
from collab.pictures.png_parameters import OUR_CHUNK
from collab.types import Generation
from collab.workspace import Workspace
from tests.conftest import make


def read(path: Path) -> dict[str, Any]:
    """The files of a ZIP; of JSON lines, their objects."""
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        return {
            name: [json.loads(line) for line in file.read(name).splitlines()]
            if name.endswith(".jsonl")
            else file.read(name)
            for name in file.namelist()
        }


def test_all_that_one_gave_is_in_it_and_nothing_of_others(each_ws: Workspace, ann: Visitor, bob: Visitor, tmp_path):
    ws = each_ws
    make(ws, bob, "bob's secret")
    _, (one, _two) = make(ws, ann, "Say {it}", variables={"it": "北京"}, count=2)
    _, (picture,) = make(ws, ann, "an owl", modality="image")
    first = feedback.rate(ws, ann, one.id, score=2, comment="dull")
    later = feedback.rate(ws, ann, one.id, score=5)
    counts = export_my_data(ws, ann, tmp_path / "mine.zip")
    files = read(tmp_path / "mine.zip")
    assert counts == {"generations": 2, "feedback": 2, "prompts": 2, "answers": 0, "decisions": 2, "pictures": 1}
    text, drawn = files["generations.jsonl"]
    assert (text["prompt"], text["variables"], text["model"]["name"]) == ("Say {it}", {"it": "北京"}, "fake-text")
    assert text["outputs"][0]["text"] == one.text and drawn["outputs"][0]["picture"] in files
    assert [act["id"] for act in files["feedback.jsonl"]] == [first.id, later.id]
    with Image.open(io.BytesIO(files[f"pictures/{picture.id}.png"])) as image:
        assert json.loads(image.text[OUR_CHUNK])["prompt"] == "an owl"  # type: ignore[attr-defined]
    assert b"generations.jsonl" in files["README.md"] and b"bob" not in repr(files).encode()


def test_a_few_can_be_taken_alone(ws: Workspace, ann: Visitor, tmp_path: Path):
    make(ws, ann, "not this")
    _, (one, two) = make(ws, ann, "this", modality="image", count=2)
    feedback.rate(ws, ann, two.id, score=5)
    assert export_my_data(ws, ann, tmp_path / "few.zip", outputs=[two])["pictures"] == 1
    files = read(tmp_path / "few.zip")
    (made,) = files["generations.jsonl"]
    assert [o["id"] for o in made["outputs"]] == [two.id] and f"pictures/{one.id}.png" not in files
    assert "prompts.jsonl" not in files and len(files["feedback.jsonl"]) == 1


def test_where_there_is_nothing_or_no_room_no_file_is_left(ws: Workspace, ann: Visitor, tmp_path: Path, monkeypatch):
    with pytest.raises(NotFound, match="nothing to export"):
        export_my_data(ws, ann, tmp_path / "none.zip")
    make(ws, ann, "an owl", modality="image")
    usage = namedtuple("usage", "total used free")
    rooms = iter([10**12, 1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(0, 0, next(rooms, 1000)))
    with pytest.raises(Unavailable, match="almost full, so the export was stopped"):
        export_my_data(ws, ann, tmp_path / "full.zip")
    with pytest.raises(Unavailable, match="make room before"):
        export_my_data(ws, ann, tmp_path / "full.zip")
    assert list(tmp_path.glob("*.zip")) == []


def test_the_command_line_counts_exports_and_deletes_its_own(ws: Workspace, ann: Visitor, tmp_path: Path):
    make(ws, LOCAL, "a quetzal")
    make(ws, ann, "an owl")

    def run(*words: str) -> Any:
        done = CliRunner().invoke(app, ["my-data", *words], env={"COLLAB_HOME": str(ws.settings.home)})
        return done.exit_code, done.output

    assert run("count")[1].split()[:2] == ["1", "outputs"]
    out = str(tmp_path / "all.zip")
    assert run("export", "--out", out)[0] == 0 and read(Path(out))["generations.jsonl"][0]["prompt"] == "a quetzal"
    assert run("export", "--out", out)[0] == 1
    assert run("delete")[0] == 1 and len(ws.store.find(Generation)) == 2
    code, said = run("delete", "--confirm", "delete", "--json")
    assert code == 0 and json.loads(said.splitlines()[-1])["deleted"]["outputs"] == 1
    assert [g.requested_by for g in ws.store.find(Generation)] == [ann.annotator_id]
