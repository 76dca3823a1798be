"""The embedded GAN and VAE: the backend's contract on both, the prompts they read, and their recipe on a few made-up
pictures."""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from models.base import (
    SCHEDULERS,
    Backend,
    ImageRequest,
    ImageSample,
    InvalidRequest,
    ModelUnavailable,
    canonical_settings,
)
from models.catalog import Catalog
from models.digits import load_digits, save_digits
from models.digits_backend import DigitsBackend, as_mnist, named_digit
from models.pictures import encode_png
from models.pretrain.digit_pictures import DigitPictures
from models.pretrain.digits import train_digits

FAMILIES = ("digits-gan", "digits-vae")
BACKENDS: dict[str, DigitsBackend] = {}


@pytest.fixture(params=FAMILIES)
def backend(request: pytest.FixtureRequest, cache_folder: Path) -> DigitsBackend:
    return loaded(request.param, cache_folder)


@pytest.fixture
def vae(cache_folder: Path) -> DigitsBackend:
    return loaded("digits-vae", cache_folder)


def loaded(name: str, cache_folder: Path) -> DigitsBackend:
    if name not in BACKENDS:
        catalog = Catalog(cache_folder)
        BACKENDS[name] = catalog.load(catalog.resolve(name, "image"), lambda message, fraction: None)  # type: ignore[assignment]
    return BACKENDS[name]


def asked(backend: DigitsBackend, prompt: str = "7", *, id: str = "r", count: int = 1, seed: int = 5, **rest):
    own = {key: rest.pop(key) for key in list(rest) if key in ImageRequest.__dataclass_fields__ and key != "settings"}
    settings = canonical_settings("image", rest, backend.info.defaults)
    return ImageRequest(id, "owner", backend.info, settings, seed, count, prompt=prompt, **own)


def run(backend: DigitsBackend, *requests: ImageRequest) -> dict[tuple[str, int], bytes]:
    """The PNGs by request and position."""
    for each in requests:
        assert backend.room(each)
        backend.admit(each)
    made = {}
    while backend.active():
        for sample in backend.step():
            assert isinstance(sample, ImageSample) and sample.image and sample.finish_reason == "stop"
            made[sample.request_id, sample.position] = sample.image
    return made


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=np.int16)


def drawn_seven(side: int = 300, *, dark_on_light: bool = True) -> bytes:
    ground, ink = (255, 20) if dark_on_light else (0, 255)
    picture = Image.new("RGB", (side, side + 40), (ground,) * 3)
    points = [(side * 0.3, side * 0.2), (side * 0.7, side * 0.2), (side * 0.45, side * 0.8)]
    ImageDraw.Draw(picture).line(points, fill=(ink,) * 3, width=side // 14)
    return encode_png(picture)


# ---- the backend's contract ----------------------------------------------------------------------------------------


def test_a_crowd_and_a_cancel_change_nothing(backend):
    assert isinstance(backend, Backend)
    mine = asked(backend, id="mine", seed=2**32 - 1, count=4)
    alone = run(backend, mine)
    assert len(alone) == len(set(alone.values())) == 4
    backend.admit(asked(backend, "3", id="stopped", count=8))
    backend.step()
    backend.evict("stopped")
    backend.evict("nobody")
    assert backend.active() == 0
    backend.admit(asked(backend, "3", id="leaves", count=8))
    together = run(backend, mine, asked(backend, "four", id="other", width=64, height=96))
    assert {key: png for key, png in together.items() if key[0] == "mine"} == alone
    for position in range(4):  # one of several equals a single one of its seed
        single = asked(backend, seed=(2**32 - 1 + position) % 2**32)
        assert run(backend, single)["r", 0] == alone["mine", position]


def test_seeds_and_digits_differ_and_what_means_nothing_is_ignored(backend):
    made = run(backend, asked(backend))["r", 0]
    assert made != run(backend, asked(backend, "8"))["r", 0] and made != run(backend, asked(backend, seed=6))["r", 0]
    for scheduler in SCHEDULERS:
        given = {"scheduler": scheduler, "num_inference_steps": 50, "guidance_scale": 9.0}
        assert run(backend, asked(backend, **given))["r", 0] == made


def test_a_picture_has_the_asked_size_and_the_digit_whole_pixels(backend):
    assert pixels(run(backend, asked(backend))["r", 0]).shape == (224, 224)
    wide = pixels(run(backend, asked(backend, width=128, height=64))["r", 0])
    assert wide.shape == (64, 128) and not wide[:, :36].any() and not wide[:, 92:].any() and wide.max() > 150
    assert (wide[4:60:2, 36:92] == wide[5:60:2, 36:92]).all()


def test_what_cannot_be_done_is_one_sentence_and_nothing_is_taken(backend):
    picture = drawn_seven()
    refused = [
        ({"negative_prompt": "blue"}, "no negative prompt"),
        ({"init_image": picture, "mask": picture}, "cannot do inpaint"),
        ({"liked": (picture,), "steering": 0.5}, "cannot be steered"),
        ({"model": replace(backend.info, adapter="/x")}, "takes no adapter"),
        ({"prompt": "a cat"}, "draws handwritten digits only"),
    ]
    if "image-to-image" in backend.info.can:
        refused.append(({"init_image": encode_png(Image.new("RGB", (50, 50), "grey"))}, "shows no digit"))
        refused.append(({"init_image": b"GIF89a"}, "no PNG, JPEG or WebP|not a PNG"))
    else:
        refused.append(({"init_image": picture}, "cannot do image-to-image"))
    for changes, words in refused:
        with pytest.raises(InvalidRequest, match=words):
            backend.admit(replace(asked(backend), **changes))
    assert backend.active() == 0


# ---- prompts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "digit"),
    [
        ("a handwritten seven", 7), ("7", 7), ("Zero!", 0), ("two sixes", None), ("many sixes", 6), ("٣", 3), ("५", 5),
        ("９", 9), ("一个手写的七", 7), ("手写数字零", 0), ("八", 8), ("one", 1), ("7, seven", 7), ("", None),
        ("a cat", None), ("seventeen", None), ("twenty seven", None), ("42", None), ("七十", None), ("3 or 4", None),
        ("someone", None), ("\ud800 \x00 4", 4), ("½", None), ("cat " * 5000, None),
    ],
)  # fmt: skip
def test_a_prompt_names_one_digit_or_is_told_so(prompt, digit):
    if digit is None:
        with pytest.raises(InvalidRequest, match=r"“Digits” draws .* as in “a handwritten seven”"):
            named_digit(prompt, "Digits")
    else:
        assert named_digit(prompt, "Digits") == digit


# ---- from a picture ------------------------------------------------------------------------------------------------


def test_an_uploaded_digit_is_read_alike_whatever_its_size_and_colours():
    read = [
        as_mnist(Image.open(io.BytesIO(drawn_seven(side, dark_on_light=dark))))
        for side, dark in ((300, True), (900, True), (300, False))
    ]
    assert all(each.shape == (28, 28) and each.dtype == np.float32 and each.max() > 0.8 for each in read)
    assert max(np.abs(each - read[0]).mean() for each in read) < 0.03


def test_strength_goes_from_the_reconstruction_to_a_free_sample(vae):
    picture = drawn_seven()
    given = as_mnist(Image.open(io.BytesIO(picture))) * 255
    native = {"width": 32, "height": 32}

    def redrawn(strength: float, seed: int = 5) -> np.ndarray:
        made = run(vae, asked(vae, init_image=picture, strength=strength, seed=seed, **native))
        return pixels(made["r", 0])[2:-2, 2:-2]

    rebuilt, free = redrawn(0.0), redrawn(1.0)
    assert (rebuilt == redrawn(0.0, seed=6)).all()
    assert np.abs(rebuilt - given).mean() < 0.6 * np.abs(free - given).mean()
    assert (free == pixels(run(vae, asked(vae, **native))["r", 0])[2:-2, 2:-2]).all()


# ---- folders and the recipe ----------------------------------------------------------------------------------------


def test_a_broken_folder_is_one_sentence(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "DigitsVAE"}')
    catalog = Catalog(tmp_path / "cache")
    info = catalog.resolve(str(tmp_path), "image")
    assert info.can == {"image-to-image"} and info.precision == "fp32" and info.defaults["width"] == 224
    with pytest.raises(ModelUnavailable, match="broken or not all there"):
        catalog.load(info, lambda message, fraction: None)


@pytest.mark.parametrize("family", ["gan", "vae"])
def test_the_recipe_trains_resumes_and_writes_what_the_backend_reads(family, tmp_path, monkeypatch):
    monkeypatch.setattr("models.pretrain.digits.SAVE_EVERY_S", 0)
    torch.manual_seed(0)
    made_up = DigitPictures(torch.rand(40, 1, 28, 28).round(), torch.arange(10).repeat(4))
    options = argparse.Namespace(family=family, run=tmp_path, seed=0, batch=8, minutes=0.01)
    train_digits(made_up, options)
    first = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert first["step"] > 0 and list((tmp_path / "grids").glob("*.png"))
    options.minutes = 0.02
    digits = train_digits(made_up, options)
    again = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert again["step"] > first["step"] and again["spent_s"] > first["spent_s"]
    save_digits(digits, tmp_path / "out")
    read = load_digits(tmp_path / "out")
    for name, part in digits.parts.items():
        for key, value in part.state_dict().items():
            assert torch.allclose(read.parts[name].state_dict()[key].float(), value.float(), atol=1e-2), key
