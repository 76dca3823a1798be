"""A picture tells its maker, who takes it away, how it was made; what strangers' pictures tell is checked."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from collab.errors import InvalidPrompt, NotFound
from collab.identity import Visitor
from collab.pictures.png_parameters import OUR_CHUNK, TEXT_LIMIT, THEIR_CHUNK, read_parameters
from collab.pictures.restoring import Restored, downloaded, restore
from collab.types import new_id
from collab.workspace import Workspace
from tests.conftest import make

A1111 = """a portrait of an old fisherman, {best|good} quality {x}
second line, <lora:detail:0.8>
Negative prompt: blurry, low quality
Steps: 20, Sampler: Euler a, Schedule type: Automatic, CFG scale: 7.5, Seed: 1234567, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5-pruned, Clip skip: 2, Hires upscaler: "Latent, (bicubic)", Version: v1.10.1"""


def png(size: tuple[int, int] = (8, 8), mode: str = "RGB", **chunks: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for name, text in chunks.items():
        info.add_text(name, text)
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def ours(**said: Any) -> bytes:
    return png(**{OUR_CHUNK: json.dumps({"prompt": "an owl", **said})})


def test_a_download_carries_what_made_it_and_the_stored_picture_only_pixels(ws: Workspace, ann: Visitor):
    settings = {"num_inference_steps": 3, "guidance_scale": 4.5, "scheduler": "euler"}
    _, (_, output) = make(ws, ann, "a {what} at 北京", modality="image", negative_prompt="blur", seed=41, count=2,
                          variables={"what": "red fox"}, settings=settings)  # fmt: skip
    stored, data = ws.blobs.get(output.blob_sha256 or ""), downloaded(ws, output.id)
    with Image.open(io.BytesIO(data)) as picture, Image.open(io.BytesIO(stored)) as plain:
        assert picture.tobytes() == plain.tobytes() and plain.text == {}  # type: ignore[attr-defined]
        text = picture.text[THEIR_CHUNK]  # type: ignore[attr-defined]
    assert text == ("a red fox at 北京\nNegative prompt: blur\nSteps: 3, Sampler: Euler, CFG scale: 4.5, Seed: 42, "
                    'Size: 64x64, Model: "fake-image"')  # fmt: skip
    back = restore(ws, data)
    assert (back.prompt, back.negative_prompt, back.variables) == ("a {what} at 北京", "blur", {"what": "red fox"})
    assert back.seed == 42 and back.settings["num_inference_steps"] == 3 and back.settings["scheduler"] == "euler"
    assert back.entry is not None and back.entry.name == "fake-image" and back.left_out == ()


def test_a_picture_of_a1111_gives_back_what_is_known_here_and_says_what_is_not(ws: Workspace):
    back = restore(ws, png(**{THEIR_CHUNK: A1111}))
    assert back.prompt == "a portrait of an old fisherman, {best|good} quality {{x}}\nsecond line, <lora:detail:0.8>"
    assert back.negative_prompt == "blurry, low quality" and back.seed == 1234567 and back.entry is None
    assert back.settings == {"num_inference_steps": 20, "guidance_scale": 7.5, "width": 512, "height": 768,
                             "scheduler": "euler-ancestral"}  # fmt: skip
    told = " ".join(back.left_out)
    assert "v1-5-pruned" in told and "LoRA" in told and "Clip skip" in told and "Hires upscaler" in told
    assert read_parameters(_with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(A1111.encode()))).seed == 1234567


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"settings": {"num_inference_steps": 10**9}}, "num_inference_steps"),
        ({"settings": {"width": "; rm -rf", "evil": 1}}, "width"),
        ({"settings": {"scheduler": ["ddim"]}}, "scheduler"),
        ({"settings": [1, 2]}, ""),
        ({"seed": -1}, "seed -1"),
        ({"seed": "1; DROP"}, "seed 1; DROP"),
        ({"seed": True}, "seed True"),
        ({"model": ["../../etc/passwd"]}, "../../etc/passwd"),
        ({"model": ["x" * 5000]}, "is not listed here"),
        ({"model": {"a": 1}, "variables": "x", "negative_prompt": 7}, ""),
        ({"variables": {"no such": "x", "n": 3}}, ""),
        ({"beside": ["what steered it\x1b[2J"] * 99}, "what steered it"),
    ],
)
def test_forged_values_are_left_out_and_told(ws: Workspace, said: dict[str, Any], told: str):
    back = restore(ws, ours(**said))
    assert back.prompt == "an owl" and back.entry is None
    sentences = " ".join(back.left_out)
    assert told in sentences and len(sentences) < 1500 and sentences.isprintable() and bool(sentences) == bool(told)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (png() + b"PK\x03\x04", "hidden behind its end"),
        (png()[:-20], "not a PNG"),
        (png(), "says nothing of how it was made"),
        (ours(prompt=""), "names no prompt"),
        (ours(prompt="x" * 20_001), "20,001 characters"),
        (ours(prompt="nul \x00"), "control character"),
        (ours(prompt="half \ud800"), "control character"),
        (ours(negative_prompt="x" * 20_001), "negative prompt"),
        (ours(prompt="{a}", variables={"a": "\x07"}), "control character"),
        (png(**{OUR_CHUNK: "[" * 50_000}), "says nothing"),
        (png(**{THEIR_CHUNK: "x" * (TEXT_LIMIT + 1)}), "more than"),
        (png(**{THEIR_CHUNK: "Steps: 3, Seed: 1"}), "names no prompt"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(ws: Workspace, data: bytes, sentence: str):
    with pytest.raises(InvalidPrompt, match=sentence):
        restore(ws, data)


def test_bombs_and_other_kinds_of_picture_are_refused_in_a_sentence(ws: Workspace):
    packed = zlib.compress(b"x" * (50 * TEXT_LIMIT))
    for kind, body in ((b"zTXt", b"parameters\0\0" + packed), (b"iTXt", b"parameters\0\x01\0\0\0" + packed)):
        with pytest.raises(InvalidPrompt, match="more than"):
            read_parameters(_with_chunk(kind, body))
        with pytest.raises(InvalidPrompt):
            restore(ws, _with_chunk(kind, body))
    with pytest.raises(InvalidPrompt, match="cannot be read"):
        restore(ws, _bomb())
    for picture, format, sentence in (
        (Image.new("CMYK", (8, 8)), "JPEG", "only PNG files"),
        (Image.new("RGB", (8, 8)), "WEBP", "only PNG files"),
        (Image.new("RGB", (8, 8)), "GIF", "not a PNG"),
        (Image.new("I;16", (8, 8)), "PNG", "says nothing"),
    ):
        file = io.BytesIO()
        picture.save(file, format)
        with pytest.raises(InvalidPrompt, match=sentence):
            restore(ws, file.getvalue())
    moving = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(moving, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(InvalidPrompt, match="moves"):
        restore(ws, moving.getvalue())


def test_a_hostile_last_line_is_read_in_no_time(ws: Workspace):
    """Nothing in the pattern makes a long line take long: this ends at once, or not at all."""
    for filling in (" " * 150_000, "a" * 150_000, 'a: "' * 40_000, "a:" * 70_000):
        back: Restored = restore(ws, png(**{THEIR_CHUNK: f"an owl\nSteps: 3, {filling}"}))
        assert back.prompt == "an owl"


def test_there_is_no_download_of_what_is_not_there(ws: Workspace, ann: Visitor):
    _, (text,) = make(ws, ann, "a text")
    for output_id in (new_id(), text.id, "../x"):
        with pytest.raises(NotFound):
            downloaded(ws, output_id)


def _with_chunk(kind: bytes, body: bytes) -> bytes:
    plain = png()
    return plain[:33] + _chunk(kind, body) + plain[33:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _bomb() -> bytes:
    """A PNG of 50,000 × 50,000 pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"0")) + _chunk(b"IEND", b"")
