"""Snapshots of what people said of pictures: rows name blobs, are the same again, and go with what is deleted."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from collab.datasets import snapshots
from collab.datasets.building import build_kind
from collab.errors import NotFound
from collab.feedback import compare, rank, rate
from collab.identity import Visitor
from collab.people.erasing import delete_my_data
from collab.pictures.editing import edit_image
from collab.store.verify import problems
from collab.training.teaching import lesson
from collab.types import DatasetSnapshot, Output
from collab.workspace import Workspace
from tests.conftest import make
from tests.models import fake
from tests.studies.people import people


def drawn(ws: Workspace, person: Visitor, prompt: str, count: int = 3, **more: object) -> list[Output]:
    return make(ws, person, prompt, modality="image", count=count, **more)[1]


def encoded(picture: Image.Image, kind: str = "PNG", **how: int) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return base64.b64encode(file.getvalue()).decode()


def painted(colour: str) -> str:
    return encoded(Image.new("RGB", (64, 64), colour))


def judged(ws: Workspace, number: int) -> list[tuple[Visitor, list[Output]]]:
    """Each of so many people edits, rates and orders pictures of their own."""
    found = []
    for n, person in enumerate(people(number)):
        a, b, c = drawn(ws, person, f"a picture of subject {n}", negative_prompt="fog" if n else "", seed=n * 10)
        edit_image(ws, person, a.id, painted("red"))
        rate(ws, person, b.id, thumb=1 if n % 2 else -1)
        rate(ws, person, c.id, score=3)
        rank(ws, person, [[b.id], [c.id]])
        found.append((person, [a, b, c]))
    return found


def photo(seed: int | bytes, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """Soft blobs of colour, as unlike those of another seed as two pictures are."""
    seed = seed if isinstance(seed, int) else int.from_bytes(seed)
    spots = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)


def with_box(picture: Image.Image, box: tuple[int, int, int, int], colour: str) -> Image.Image:
    changed = picture.copy()
    changed.paste(colour, box)
    return changed


@pytest.mark.each_database
def test_pictures_give_rows_that_name_blobs_and_are_the_same_again(ws: Workspace, owner: Visitor):
    said = judged(ws, 4)
    made = {kind: snapshots.make(ws, owner, kind) for kind in ("image-sft", "image-dpo", "image-kto")}
    rows = {kind: snapshots.rebuild(ws, snapshot) for kind, snapshot in made.items()}
    _, (a, b, c) = said[1]
    by_prompt = {kind: [r for r in (*data.train, *data.test) if r["prompt"] == "a picture of subject 1"]
                 for kind, data in rows.items()}  # fmt: skip
    assert all(row["negative_prompt"] == "fog" for some in by_prompt.values() for row in some)
    edited = next(r["image"] for r in by_prompt["image-sft"] if r["image"] != b.blob_sha256)
    assert {r["image"] for r in by_prompt["image-sft"]} == {edited, b.blob_sha256} and ws.blobs.get(edited)
    assert {(r["chosen"], r["rejected"]) for r in by_prompt["image-dpo"]} == {
        (edited, a.blob_sha256), (b.blob_sha256, c.blob_sha256),
    }  # fmt: skip
    assert [(r["image"], r["label"]) for r in by_prompt["image-kto"]] == [(b.blob_sha256, True)]
    for kind, snapshot in made.items():
        assert snapshot.kind == kind and snapshots.told(ws, snapshot)["kind"] == kind
        assert snapshots.make(ws, owner, kind).id == snapshot.id
        assert rows[kind].sha256 == snapshot.sha256 == build_kind(ws, kind).sha256  # type: ignore[arg-type]
    assert list(snapshots.snapshot_problems(ws.settings, ws.store)) == list(problems(ws.store, ws.blobs)) == []
    judged(ws, 1)  # what is said later changes nothing about it
    again = snapshots.rebuild(ws, ws.store.get(DatasetSnapshot, made["image-dpo"].id))
    assert again.train == rows["image-dpo"].train and again.test == rows["image-dpo"].test
    person = said[2][0]
    delete_my_data(ws, person, "delete")
    assert snapshots.why_not_rebuildable(ws, made["image-dpo"]) == "not rebuildable: 2 rows deleted"
    assert not [r for r in build_kind(ws, "image-dpo").train if r["prompt"] == "a picture of subject 2"]


def test_ties_and_pictures_of_two_prompts_prefer_nothing_and_texts_are_no_pictures(
    ws: Workspace, owner: Visitor, ann: Visitor
):
    (a, b), (other,) = drawn(ws, ann, "a hat", 2), drawn(ws, ann, "a hat", 1, negative_prompt="fog")
    compare(ws, ann, a.id, b.id, "tie")
    compare(ws, ann, a.id, other.id, "a")
    text, second = make(ws, ann, "some words", count=2)[1]
    compare(ws, ann, text.id, second.id, "a")
    with pytest.raises(NotFound) as refusal:
        snapshots.make(ws, owner, "image-dpo")
    said = str(refusal.value)
    assert "a row of image-dpo: compare or rank two pictures of one prompt" in said
    assert "a tie, which prefers nothing" in said and "a pair whose two pictures had different prompts" in said
    few = snapshots.make(ws, owner, "dpo")
    assert few.kind == "dpo" and few.train_count == 1
    rate(ws, ann, a.id, thumb=1)
    assert snapshots.lacking(snapshots.make(ws, owner, "image-kto")) == (
        "1 rows are too few to learn from: 23 more rows of image-kto and 5 more pictures called good and 6 more "
        "pictures called bad are needed."
    )


def test_of_one_prompt_with_and_without_a_negative_nothing_is_split(ws: Workspace):
    for n, person in enumerate(people(12)):
        a, b = drawn(ws, person, f"subject {n // 2}", 2, negative_prompt="fog" if n % 2 else "", seed=n * 10)
        compare(ws, person, a.id, b.id, "a")
    data = build_kind(ws, "image-dpo")
    train, test = ({row["prompt"] for row in rows} for rows in (data.train, data.test))
    assert test and not train & test


def test_very_small_and_very_large_edits_of_pictures_are_left_out_and_counted(
    ws: Workspace, owner: Visitor, ann: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fake, "_encoded", lambda colour, size, kind: base64.b64decode(encoded(photo(colour, size))))
    outputs = [o for n in range(3) for o in drawn(ws, ann, f"a picture of subject {n}", seed=10 * n)]
    mask = encoded(with_box(Image.new("L", (64, 64), 0), (8, 8, 40, 40), "white"))
    double = (128, 128)
    edits: dict[str, list[Callable[[Image.Image], str]]] = {
        "an edit of less than 0.1% of the picture": [
            lambda was: encoded(was, "JPEG", quality=50),
            lambda was: encoded(was, "WEBP", quality=50),
            lambda was: encoded(was.resize(double, Image.Resampling.BICUBIC)),
        ],
        "an edit of more than 80% of the picture": [
            lambda was: encoded(photo(1)),
            lambda was: encoded(photo(2, (320, 100))),
            lambda was: encoded(Image.new("RGB", was.size, "white")),
        ],
        "": [
            lambda was: encoded(with_box(was, (8, 8, 40, 40), "red")),  # as an inpainting of the mask would
            lambda was: encoded(with_box(was.resize(double), (16, 16, 80, 80), "red")),
            lambda was: encoded(was.point(lambda value: value // 2)),  # its tone: each pixel changes and no form
        ],
    }  # fmt: skip
    made = [(why, change) for why, some in edits.items() for change in some]
    for output, (why, change) in zip(outputs, made, strict=True):
        was = Image.open(io.BytesIO(ws.blobs.get(output.blob_sha256 or "")))
        edit_image(ws, ann, output.id, change(was), None if why else mask)
    for kind in ("image-sft", "image-dpo"):
        snapshot = snapshots.make(ws, owner, kind)
        assert snapshot.train_count + snapshot.test_count == len(edits[""])
        left_out = {f"left out: {why}": len(some) for why, some in edits.items() if why}
        assert dict(snapshot.counts).items() >= left_out.items() and lesson(ws, owner, kind).left_out == left_out
        assert snapshots.rebuild(ws, snapshot).sha256 == snapshot.sha256
