"""Editing pictures: what may be brought, what may start from what, what an edit leaves, and who may touch it."""

from __future__ import annotations

import base64
import io
import json
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from collab import api
from collab.api.study import write_export
from collab.errors import CollabError, InvalidFeedback, InvalidPrompt, NotFound
from collab.feedback import compare, undo
from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.people.erasing import chosen_outputs, delete_my_data, delete_outputs
from collab.people.my_export import export_my_data
from collab.pictures.editing import change, described, edit_image
from collab.pictures.own import FILE_LIMIT, bring_picture, given_bytes, read_picture
from collab.store.verify import problems
from collab.types import Generation, ModelVersion, Output
from collab.ui.picture_acts import started
from collab.workspace import Workspace
from tests.conftest import counts, ended, make
from tests.models.fake import FAKE_IMAGE


def png(
    size: tuple[int, int] = (64, 64), colour: object = "blue", mode: str = "RGB", kind: str = "PNG", **how
) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, kind, **how)  # type: ignore[arg-type]
    return file.getvalue()


def mask(size: tuple[int, int] = (64, 64), white: tuple[int, int, int, int] = (16, 16, 48, 48)) -> str:
    picture = Image.new("L", size, 0)
    picture.paste(255, white)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return text(file.getvalue())


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises far more pixels than its few bytes hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def moving() -> bytes:
    file, frames = io.BytesIO(), [Image.new("RGB", (8, 8), c) for c in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


HOSTILE = {
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not a PNG, JPEG or WebP"),
    "gif": (png(kind="GIF"), "not a PNG, JPEG or WebP"),
    "polyglot": (png() + b"PK\x03\x04 a ZIP behind it", "hidden behind its end"),
    "page": (b"<!doctype html><img src=x>", "not a PNG, JPEG or WebP"),
    "bomb": (bomb(30_000, 30_000), "far too many pixels, 40 million are possible"),
    "large": (bomb(9_000, 9_000), "9,000 × 9,000 pixels, 40 million are possible"),
    "moving": (moving(), "moves: a still one is needed"),
    "cut off": (png()[:-40], "hidden behind its end"),
    "empty pixels": (bomb(400, 400), "cannot be decoded"),
    "heavy": (b"\x89PNG\r\n\x1a\n" + bytes(FILE_LIMIT), "16 are possible"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence_and_nothing_is_kept(ws: Workspace, ann: Visitor, name: str) -> None:
    data, said = HOSTILE[name]
    before = counts(ws.store)
    with pytest.raises(InvalidPrompt, match=said) as refused:
        bring_picture(ws, ann, data)
    assert "\n" not in str(refused.value) and counts(ws.store) == before and not list(ws.blobs.all())


@pytest.mark.parametrize("given", [None, 7, "", "no base64!", {"path": "/etc/passwd"}, {"path": "../x"}, ["x"]])
def test_what_is_sent_as_a_picture_and_is_none_is_refused(given: object, tmp_path: Path) -> None:
    with pytest.raises(InvalidPrompt, match="picture"):
        given_bytes(given, uploads=tmp_path)


def test_every_kind_of_picture_becomes_plain_upright_rgb_without_what_it_said() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera that knows where you live"  # turned by a quarter
    turned = read_picture(png((40, 20), "red", kind="JPEG", exif=exif))
    assert (turned.width, turned.height) == (20, 40) and b"camera" not in turned.png
    kinds = {
        "16 bit": (png(mode="I;16", colour=40_000), (156, 156, 156)),
        "CMYK": (png(mode="CMYK", colour=(0, 255, 255, 0), kind="JPEG", quality=95), (254, 0, 0)),
        "palette": (png(mode="P", colour=0), (0, 0, 0)),
        "grey": (png(mode="L", colour=99), (99, 99, 99)),
        "clear": (png(mode="RGBA", colour=(9, 9, 9, 0)), (255, 255, 255)),
    }
    for kind, (data, colour) in kinds.items():
        read = read_picture(data)
        with Image.open(io.BytesIO(read.png)) as picture:
            assert picture.mode == "RGB" and picture.format == "PNG", kind
            got = picture.getpixel((30, 30))
            assert all(abs(a - b) <= 3 for a, b in zip(got, colour, strict=True)), (kind, got)  # type: ignore[arg-type]
    assert "see-through" in read_picture(kinds["clear"][0]).notes[0]
    large = read_picture(png((5000, 2500)))
    assert (large.width, large.height) == (2048, 1024) and "made smaller" in large.notes[0]


def test_a_change_begins_with_the_picture_what_was_painted_on_it_and_its_mask(ws: Workspace, ann: Visitor) -> None:
    first, (original,) = make(ws, ann, "a {what}", modality="image", variables={"what": "red apple"},
                              settings={"num_inference_steps": 3})  # fmt: skip
    told = described(ws, ann, original.id)
    assert (told["prompt"], told["width"]) == ("a red apple", 64) and "image-to-image" in told["can"]
    how = {"prompt": "a pear {x}", "painted": text(png()), "mask": mask(), "strength": 0.7, "request_id": "once"}
    made = ended(ws, change(ws, ann, original.id, **how))
    assert made.status == "done" and made.settings["strength"] == 0.7 and made.settings["num_inference_steps"] == 3
    assert made.model_version_id == first.model_version_id and made.rendered == "a pear {x}"
    assert made.inputs["parent_output_id"] == original.id
    before = counts(ws.store)
    assert change(ws, ann, original.id, **how) == made.id and counts(ws.store) == before  # sent twice, made once
    brought = {key: ws.store.get(Output, made.inputs[key]) for key in ("init_output_id", "mask_output_id")}
    kinds = [ws.store.get(Generation, o.generation_id).inputs["brought"] for o in brought.values()]
    assert kinds == ["painting", "mask"]
    item = api.history(ws, ann, str)["items"][0]
    assert item["parent"]["image_url"] == original.id and len(api.history(ws, ann, str)["items"]) == 2


def test_an_uploaded_picture_is_drawn_in_its_own_shape(ws: Workspace, ann: Visitor) -> None:
    photo, read = bring_picture(ws, ann, png((800, 600), kind="JPEG"))
    again, _ = bring_picture(ws, ann, png((800, 600), kind="JPEG"))
    assert again.id == photo.id and (read.width, read.height) == (800, 600)
    made = ended(ws, change(ws, ann, photo.id, prompt="a boat", strength=0.5))
    assert (made.settings["width"], made.settings["height"]) == (72, 56)  # the fake model draws 64 × 64 by itself


def test_an_uploaded_picture_is_changed_with_the_model_and_words_of_the_form(ws: Workspace, ann: Visitor) -> None:
    infos = ws.engine.catalog.infos  # type: ignore[attr-defined]
    infos["redraws"] = replace(FAKE_IMAGE, name="Redraws", base="redraws", can=frozenset({"image-to-image"}))
    infos["words"] = replace(FAKE_IMAGE, name="Words only", base="words", can=frozenset({"negative"}))
    photo, _ = bring_picture(ws, ann, png())
    ask = Ask(prompt="a {digit}", negative_prompt="fog", modality="image", model="redraws", variables={"digit": "7"})
    told = started(ws, ann, photo.id, ask, str)
    assert (told["model"], told["can"], told["prompt"], told["notes"]) == ("Redraws", ["image-to-image"], "a 7", [])
    made = ended(ws, change(ws, ann, photo.id, prompt=told["prompt"], model=told["chosen"], strength=0.5))
    assert made.status == "done" and ws.store.get(ModelVersion, made.model_version_id).name == "Redraws"
    (result,) = ws.store.find(Output, generation_id=made.id)
    assert described(ws, ann, result.id)["model"] == "Redraws"  # and so it goes on
    assert started(ws, ann, photo.id, replace(ask, variables={}), str)["prompt"] == "a {digit}"

    told = started(ws, ann, photo.id, replace(ask, model="words"), str)
    assert (told["model"], told["chosen"]) == ("fake-image", "")
    assert told["notes"] == ["Words only cannot start from a picture: fake-image changes this one."]
    told = started(ws, ann, photo.id, replace(ask, model="gone"), str)
    assert told["notes"] == ["The chosen model cannot be used now: fake-image changes this picture."]
    told = started(ws, ann, photo.id, Ask(prompt="a poem", modality="text"), str)
    assert (told["model"], told["prompt"], told["notes"]) == ("fake-image", "", [])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"mask": mask((100, 40))}, "mask is 100 × 40 pixels, the picture 64 × 64"),
        ({"mask": mask(white=(0, 0, 0, 0))}, "marks nothing"),
        ({"mask": "nonsense"}, "picture"),
        ({"painted": text(png((32, 32)))}, "paint on the picture in its own size"),
        ({"strength": "much"}, "Strength is much"),
        ({"strength": 1.5}, "strength"),
        ({"prompt": ""}, "empty"),
        ({"count": 9}, "outputs is 9"),
    ],
)
def test_a_change_that_cannot_be_made_says_why(ws: Workspace, ann: Visitor, how: dict, said: str) -> None:
    photo, _ = bring_picture(ws, ann, png())
    before, files = counts(ws.store), sorted(ws.settings.home.rglob("*"))
    with pytest.raises(CollabError, match=said):
        change(ws, ann, photo.id, **{"prompt": "a boat", "painted": text(png(colour="red")), "mask": mask(), **how})
    assert counts(ws.store) == before and sorted(ws.settings.home.rglob("*")) == files


def test_a_mask_of_another_size_but_the_same_shape_is_scaled(ws: Workspace, ann: Visitor) -> None:
    photo, _ = bring_picture(ws, ann, png())
    assert ended(ws, change(ws, ann, photo.id, prompt="x", mask=mask((256, 256)))).status == "done"


def test_an_edit_is_a_preference_in_the_export_until_it_is_undone(ws: Workspace, ann: Visitor, tmp_path: Path) -> None:
    owner = replace(ann, is_owner=True)
    _, (original, other) = make(ws, ann, "a red apple", modality="image", count=2)
    made = ended(ws, change(ws, ann, original.id, prompt="a green apple", mask=mask()))
    (result,) = ws.store.find(Output, generation_id=made.id)
    act = edit_image(ws, ann, original.id, result.id, mask(), request_id="one")
    assert edit_image(ws, ann, original.id, result.id, mask(), request_id="one").id == act.id
    assert act.blob_sha256 == result.blob_sha256 and act.mask_sha256 in set(ws.blobs.all())
    compare(ws, ann, other.id, original.id, "a")
    rows = exported(ws, owner, tmp_path / "first")
    edited = next(row for row in rows if row["model_0"] == "edited by hand")
    assert edited["caption"] == "a red apple" and (edited["label_0"], edited["label_1"]) == (1, 0)
    assert base64.b64decode(edited["jpg_0"]) == ws.blobs.get(act.blob_sha256)
    assert edited["image_1_uid"] == original.id and len(rows) == 2
    undo(ws, ann, act.id)
    assert [row["image_0_uid"] for row in exported(ws, owner, tmp_path / "second")] == [other.id]


def exported(ws: Workspace, owner: Visitor, folder: Path) -> list[dict]:
    write_export(ws, owner, "pick-a-pic", "", folder)
    return [json.loads(line) for line in (folder / "pick-a-pic.jsonl").read_text().splitlines()]


def test_an_edit_that_changes_nothing_or_is_about_a_text_is_refused(ws: Workspace, ann: Visitor) -> None:
    photo, read = bring_picture(ws, ann, png())
    _, (words,) = make(ws, ann)
    for about, image, said in [
        (photo.id, text(read.png), "as it was"), (photo.id, photo.id, "as it was"), (photo.id, None, "missing"),
        (words.id, text(png()), "edit it as a text"), (photo.id, words.id, "is a text"),
        (photo.id, text(HOSTILE["svg"][0]), "not a PNG"),
    ]:  # fmt: skip
        with pytest.raises((InvalidFeedback, InvalidPrompt), match=said):
            edit_image(ws, ann, about, image)


def test_nobody_else_can_use_or_edit_what_a_person_brought(ws: Workspace, ann: Visitor, bob: Visitor) -> None:
    photo, _ = bring_picture(ws, ann, png())
    mine, _ = bring_picture(ws, bob, png((64, 64), "red"))
    before = counts(ws.store)
    for attempt in (
        lambda: described(ws, bob, photo.id),
        lambda: change(ws, bob, photo.id, prompt="x"),
        lambda: edit_image(ws, bob, photo.id, text(png(colour="red"))),
        lambda: edit_image(ws, bob, mine.id, photo.id),
        lambda: bring_picture(ws, bob, png(), kind="mask", parent_output_id=photo.id),
        *(
            lambda key=key: generate(ws, bob, Ask(prompt="x", modality="image", inputs={key: photo.id}))
            for key in ("init_output_id", "mask_output_id", "parent_output_id")
        ),
    ):
        with pytest.raises(NotFound, match="of yours"):
            attempt()
    assert counts(ws.store) == before


@pytest.mark.each_database
def test_export_deletion_and_verify_reach_everything_that_was_brought(
    ws: Workspace, ann: Visitor, bob: Visitor, tmp_path: Path
) -> None:
    photo, _ = bring_picture(ws, ann, png())
    theirs, _ = bring_picture(ws, bob, png())  # the same pixels, of somebody else
    change_id = change(ws, ann, photo.id, prompt="x", painted=text(png(colour="red")), mask=mask())
    made = ended(ws, change_id)
    (result,) = ws.store.find(Output, generation_id=made.id)
    edit_image(ws, ann, photo.id, result.id, mask())
    export_my_data(ws, ann, tmp_path / "mine.zip")
    with zipfile.ZipFile(tmp_path / "mine.zip") as file:
        names = file.namelist()
    needed = [photo.id, made.inputs["init_output_id"], made.inputs["mask_output_id"], result.id]
    assert {f"pictures/{i}.png" for i in needed} <= set(names) and sum(n.startswith("edits/") for n in names) == 2
    assert not list(problems(ws.store, ws.blobs))
    delete_outputs(ws, ann, chosen_outputs(ws, ann, [made.id], []))
    drawn = [made.inputs["init_output_id"], made.inputs["mask_output_id"]]
    assert not ws.store.find(Output, id=drawn)  # what was drawn for it alone goes along
    delete_my_data(ws, ann, "delete")
    assert list(ws.blobs.all()) == [theirs.blob_sha256] and not list(problems(ws.store, ws.blobs))
