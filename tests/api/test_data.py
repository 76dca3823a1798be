"""What each export would yield, looked at, and written whole or not at all."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from collab.api import data as data_api
from collab.errors import CollabError, Stopped
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.identity import Visitor
from collab.people.erasing import delete_my_data, delete_outputs
from collab.pictures.editing import edit_image
from collab.workspace import Workspace
from tests.conftest import make


def rows(ws: Workspace, visitor: Visitor) -> dict[str, int]:
    return {offer["format"]: offer["rows"] for offer in data_api.offers(ws, visitor)}


def test_each_kind_of_act_gives_the_rows_it_should_and_only_ones_own(each_ws: Workspace, ann: Visitor, bob: Visitor):
    ws = each_ws
    none = rows(ws, ann)
    assert set(none.values()) == {0}
    a, b, c, d = make(ws, ann, count=4)[1]
    edit_text(ws, ann, a.id, f"{a.text} and more")  # an SFT row, and a pair
    assert rows(ws, ann) == {**none, "trl-sft": 1, "trl-dpo": 1, "trl-reward": 1}
    rank(ws, ann, [[b.id], [c.id, d.id]])  # best of n: a pair with each of the others
    told = rows(ws, ann)
    assert (told["trl-dpo"], told["trl-reward"], told["arena"]) == (3, 3, 2)
    compare(ws, ann, c.id, d.id, "a")
    rate(ws, ann, b.id, thumb=1)
    rate(ws, ann, c.id, score=1)  # thumbs and stars: a label each
    told = rows(ws, ann)
    assert (told["trl-kto"], told["table"], told["argilla"], told["arena"]) == (2, 3, 3, 3)
    x, y = make(ws, ann, modality="image", count=2)[1]
    undo(ws, ann, rank(ws, ann, [[y.id], [x.id]]).id)
    assert rows(ws, ann)["pick-a-pic"] == 0  # taken back
    rank(ws, ann, [[x.id], [y.id]])
    assert rows(ws, ann)["pick-a-pic"] == 1
    found = data_api.overview(ws, ann)
    assert found["stars"] == {"1": 1, "2": 0, "3": 0, "4": 0, "5": 0} and found["thumbs"] == {"up": 1, "down": 0}
    assert (
        sum(row["text"] + row["image"] for row in found["kinds"])
        == 6
        == sum(n for day in found["days"] for name, n in day.items() if name != "at")
    )
    assert set(rows(ws, bob).values()) == {0} and data_api.overview(ws, bob)["made"] == {"text": 0, "image": 0}
    owner = replace(bob, is_owner=True)
    assert rows(ws, owner) == rows(ws, ann) and data_api.overview(ws, owner)["people"] == 1
    look = data_api.preview(ws, ann, "pick-a-pic", "compare:image")
    cells = dict(zip(look["columns"], look["rows"][0], strict=True))
    assert "bytes›" in cells["jpg_0"] and {cells["label_0"], cells["label_1"]} == {"1.0", "0.0"}
    for said in ({"format": "nope"}, {"format": "arena", "source": "compare:image"}, {"format": "arena"}):
        with pytest.raises(CollabError):
            data_api.preview(ws, ann, **said)
    assert not [p for p in ws.settings.home.iterdir() if p.name.startswith("tmp")]


@pytest.fixture
def said(ws: Workspace, ann: Visitor) -> dict[str, str]:
    """One of each act by one person, in texts and pictures: an edit, a best of three, stars, a thumb."""
    edited, *three = make(ws, ann, count=4)[1]
    edit_text(ws, ann, edited.id, f"{edited.text} and more")
    rank(ws, ann, [[three[0].id], [three[1].id, three[2].id]])
    rate(ws, ann, three[1].id, score=1)
    rate(ws, ann, three[2].id, thumb=1)
    x, y = make(ws, ann, modality="image", count=2)[1]
    rank(ws, ann, [[x.id], [y.id]])
    painted = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(painted, "PNG")
    edit_image(ws, ann, y.id, base64.b64encode(painted.getvalue()).decode())
    return {
        "edited": f"{edited.text} and more",
        "before": edited.text,
        "best": three[0].text,
        "liked": three[2].text,
        "disliked": three[1].text,
    }


@pytest.mark.parametrize("part", ["all", "parquet", "jsonl"])
def test_every_zip_is_a_dataset_that_the_library_loads_with_a_row_for_each_act(
    ws: Workspace, ann: Visitor, part: data_api.Part, said: dict[str, str], tmp_path: Path
):
    from datasets import concatenate_datasets, disable_progress_bars, load_dataset

    disable_progress_bars()
    found = {}
    sources = {"pick-a-pic": "compare:image", "arena": "compare:text", "table": "rate:text", "argilla": "rate:text"}
    for offer in data_api.offers(ws, ann):
        format = offer["format"]
        path = tmp_path / f"{format}.zip"
        files = data_api.write_archive(ws, ann, format, sources.get(format, ""), part, path)
        kinds = {name.rpartition(".")[2] for name in files if not name.startswith(".")}
        assert {"README.md"} <= set(files) and kinds >= ({part} if part != "all" else {"parquet", "jsonl"})
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / format)
        loaded = load_dataset(str(tmp_path / format), cache_dir=str(tmp_path / "cache"))
        found[format] = concatenate_datasets(list(loaded.values()))
    assert set(found) == {"trl-sft", "trl-dpo", "trl-kto", "trl-reward", "pick-a-pic", "arena", "table", "argilla"}

    def texts(format: str, *columns: str) -> set[tuple[object, ...]]:
        cells = [[row[c] if c == "label" else row[c][-1]["content"] for c in columns] for row in found[format]]
        return {tuple(row) for row in cells}

    before, edited, best = said["before"], said["edited"], said["best"]
    assert (edited,) in texts("trl-sft", "completion")
    pairs = {(edited, before), (best, said["liked"]), (best, said["disliked"])}
    assert texts("trl-dpo", "chosen", "rejected") == texts("trl-reward", "chosen", "rejected") == pairs
    assert texts("trl-kto", "completion", "label") == {(said["liked"], True), (said["disliked"], False)}
    assert [len(found[f]) for f in ("arena", "table", "argilla", "pick-a-pic")] == [2, 2, 2, 2]
    pictures = found["pick-a-pic"][1]  # the edit over what it was made of
    sides = {pictures["label_0"]: pictures["image_0_uid"], pictures["label_1"]: pictures["image_1_uid"]}
    assert set(sides) == {0.0, 1.0} and pictures["best_image_uid"] == sides[1.0]


def test_what_is_stopped_leaves_nothing(ws: Workspace, ann: Visitor, tmp_path: Path):
    rate(ws, ann, make(ws, ann)[1][0].id, score=5)
    for last in ("reading", "writing", "packing"):

        def step(phase: str, last: str = last) -> None:
            if phase == last:
                raise Stopped("no")

        with pytest.raises(Stopped):
            data_api.write_archive(ws, ann, "trl-kto", "", "all", tmp_path / "x.zip", step=step)
        assert not [p.name for p in tmp_path.iterdir() if p.name != "home"]


FULL = """
import resource, sys
from pathlib import Path
from collab.api import data as data_api
from collab.errors import CollabError
from collab.identity import LOCAL
from collab.settings import read_settings
from collab.workspace import open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog
ws = open_workspace(read_settings({"COLLAB_HOME": sys.argv[1]}), engine=Engine(FakeCatalog()))
out = Path(sys.argv[2])
data_api.write_archive(ws, LOCAL, "trl-kto", "", "all", out / "y.zip")  # makes the key of pseudonyms
(out / "y.zip").unlink()
for limit in (0, 2_000, 5_000):  # of a table, of the card, of the ZIP
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        data_api.write_archive(ws, LOCAL, "trl-kto", "", "all", out / "x.zip")
        print("written")
    except CollabError as error:
        print(type(error).__name__, error)
    print(sorted(p.name for p in out.iterdir()))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ws.close()
"""


def test_a_full_disk_is_one_sentence_and_nothing_half_done(ws: Workspace, ann: Visitor, tmp_path: Path):
    """No file may grow beyond a few bytes, which a write then says as it would say a full disk."""
    for output in make(ws, ann, " ".join(f"w{n}" for n in range(200)), count=8)[1]:
        rate(ws, ann, output.id, score=1)
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run([sys.executable, "-c", FULL, str(ws.settings.home), str(out)], cwd=Path(__file__).parents[2],
                          capture_output=True, text=True, timeout=100)  # fmt: skip
    said = done.stdout.splitlines()
    assert done.returncode == 0 and len(said) == 6, done.stderr[-2000:]
    assert all(line.startswith("Unavailable ") and "room" in line for line in said[::2]), said
    assert said[1::2] == ["[]"] * 3, json.dumps(said)


def test_counts_are_right_after_what_is_said_taken_back_and_deleted(ws: Workspace, ann: Visitor, bob: Visitor):
    owner = replace(bob, is_owner=True)
    a, b, c = make(ws, ann, count=3)[1]
    kept = rate(ws, ann, a.id, score=5)
    undone = rate(ws, ann, b.id, score=5)
    assert rows(ws, owner)["trl-sft"] == rows(ws, owner)["table"] == 2
    undo(ws, ann, undone.id)
    assert rows(ws, owner)["trl-sft"] == rows(ws, ann)["table"] == 1
    rate(ws, ann, c.id, score=1)
    look = data_api.preview(ws, owner, "trl-sft")  # the newest act gives no row of it
    assert [row[look["columns"].index("event_ids")] for row in look["rows"]] == [f'["{kept.id}"]']
    delete_outputs(ws, ann, [a])
    assert rows(ws, owner)["trl-sft"] == 0 and rows(ws, owner)["table"] == 1
    delete_my_data(ws, ann, "delete")
    assert set(rows(ws, owner).values()) == {0}
