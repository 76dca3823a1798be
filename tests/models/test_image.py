"""The diffusers backend on a real, tiny, randomly initialised Stable Diffusion pipeline."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from models.base import (
    IMAGE_DEFAULTS,
    SCHEDULERS,
    Backend,
    Ended,
    ImageRequest,
    ImageSample,
    InvalidRequest,
    ModelNotFound,
    ModelUnavailable,
    TextRequest,
    canonical_settings,
)
from models.image import MAX_REQUESTS, ImageBackend
from models.pictures import decode_picture
from models.preview import Previewer
from tests.models.tiny_pipeline import info_of, save_tiny_pipeline

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning"),
]

SIZE = 64
STEPS = 6
PICTURES = ("init_image", "mask", "liked", "disliked", "steering")  # what a request has besides settings


@dataclass
class Outcome:
    """Everything that one run of requests sent back."""

    samples: list[ImageSample] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def of(self, request_id: str, position: int = 0) -> list[ImageSample]:
        return [s for s in self.samples if (s.request_id, s.position) == (request_id, position)]

    def pixels(self, request_id: str, position: int = 0) -> np.ndarray:
        """(H, W, 3) in 0…255."""
        last = self.of(request_id, position)[-1]
        assert last.image is not None and last.finish_reason == "stop", self.ended
        return np.asarray(Image.open(io.BytesIO(last.image)), dtype=np.int16)


def request(id_: str = "r", *, prompt: str = "a cat", negative: str = "", count: int = 1, seed: int = 7, **rest):
    pictures = {key: rest.pop(key) for key in PICTURES if key in rest}
    given = {"width": SIZE, "height": SIZE, "num_inference_steps": STEPS, "guidance_scale": 3.0, **rest}
    settings = canonical_settings("image", given, IMAGE_DEFAULTS)
    info = info_of("tiny")
    return ImageRequest(id_, "owner", info, settings, seed, count, prompt=prompt, negative_prompt=negative, **pictures)


def run(backend: Backend, *requests: ImageRequest) -> Outcome:
    for one in requests:
        assert backend.room(one)
        backend.admit(one)
    outcome = Outcome()
    while backend.active():
        for event in backend.step():
            (outcome.ended if isinstance(event, Ended) else outcome.samples).append(event)
    return outcome


def encoded(picture: Image.Image, format_: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def gradient(size: int = SIZE) -> bytes:
    return encoded(Image.linear_gradient("L").resize((size, size)).convert("RGB"))


def centre_mask() -> bytes:
    mask = Image.new("L", (SIZE, SIZE), 0)
    mask.paste(255, (16, 16, 48, 48))
    return encoded(mask)


# ---- stepping ------------------------------------------------------------------------------------------------------


def test_the_image_backend_is_a_backend(backend):
    assert isinstance(backend, Backend)
    assert backend.can == {"image-to-image", "inpaint", "negative", "references"}


def test_previews_arrive_with_the_first_step_and_long_before_the_picture(backend):
    samples = run(backend, request()).of("r")
    assert [(s.step, s.steps) for s in samples] == [(k, STEPS) for k in range(1, STEPS + 1)] + [(STEPS, STEPS)]
    first = Image.open(io.BytesIO(samples[0].preview))
    assert first.format == "JPEG" and max(first.size) <= 256
    assert [s.image is not None for s in samples] == [False] * STEPS + [True]
    assert [s.finish_reason for s in samples] == [None] * STEPS + ["stop"]


def test_a_finished_picture_is_a_plain_png_of_the_asked_size(backend):
    last = run(backend, request(width=96, height=40)).of("r")[-1]
    picture = Image.open(io.BytesIO(last.image))
    assert (picture.format, picture.mode, picture.size, picture.info) == ("PNG", "RGB", (96, 40), {})


def test_requests_of_one_size_share_every_pass_whatever_else_they_want(backend, monkeypatch):
    unet = backend._pipelines["text-to-image"].unet
    monkeypatch.setattr("models.image.SLICE_S", 60)
    whole, rows = unet.forward, []
    monkeypatch.setattr(unet, "forward", lambda sample, *a, **k: rows.append(len(sample)) or whole(sample, *a, **k))
    alike = [
        request("first", scheduler="euler"),
        request("second", count=2, prompt="dog", negative="blue", guidance_scale=5.0),
        request("unguided", guidance_scale=1.0, scheduler="dpm++"),
        request("again", init_image=gradient(), strength=0.99, num_inference_steps=STEPS + 1),
    ]
    for one in alike:
        backend.admit(one)
    for step in range(1, STEPS):
        moved = backend.step()
        assert {(s.request_id, s.step) for s in moved} == {(one.id, step) for one in alike}
    assert rows == [2 + 4 + 1 + 2] * (STEPS - 1)
    backend.admit(request("large", width=96))
    assert {s.request_id for s in backend.step()} == {one.id for one in alike} | {"large"}
    assert rows[-2:] == [9, 2]


def test_a_prompt_is_encoded_once_for_all_who_write_it(backend, monkeypatch):
    encoder = backend._pipelines["text-to-image"].text_encoder
    whole, asked = encoder.forward, []
    monkeypatch.setattr(encoder, "forward", lambda *a, **k: asked.append(1) or whole(*a, **k))
    first = run(backend, request(prompt="never written before")).pixels("r")
    assert len(asked) == 2  # with its negative one
    both = run(backend, request(prompt="never written before"), request("s", prompt="never written before", seed=1))
    assert len(asked) == 2 and np.abs(both.pixels("r") - first).max() <= 1


def test_memory_that_runs_out_makes_the_batch_smaller_for_good(backend, monkeypatch):
    unet = backend._pipelines["text-to-image"].unet
    whole, rows = unet.forward, []

    def cramped(sample, *args, **kwargs):
        if len(sample) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        rows.append(len(sample))
        return whole(sample, *args, **kwargs)

    monkeypatch.setattr(backend, "_batch_pixels", backend._batch_pixels)
    alone = run(backend, request("d", seed=3)).pixels("d")
    rows.clear()
    monkeypatch.setattr(unet, "forward", cramped)
    crowd = run(backend, *(request(name, seed=seed) for seed, name in enumerate("abcd")))
    assert np.abs(crowd.pixels("d") - alone).max() <= 1 and not crowd.ended
    assert rows[:5] == [2, 2, 2, 2, 4] and set(rows[4:]) == {4}


def test_a_light_request_never_waits_behind_someones_eight(backend):
    backend.admit(request("eight", count=8, width=128, height=128, num_inference_steps=4 * STEPS))
    backend.step()
    backend.admit(request("light"))
    turns = 0
    while "light" in backend._running:
        backend.step()
        turns += 1
    assert turns <= 2 * (STEPS + 1) and "eight" in backend._running


def test_a_cancel_frees_the_place_at_once_and_disturbs_nobody(backend):
    alone = run(backend, request("kept", seed=3)).pixels("kept")
    backend.admit(request("cancelled", count=4))
    backend.admit(request("kept", seed=3))
    for _ in range(3):
        backend.step()
    backend.evict("cancelled")
    assert backend.active() == 1
    rest = run(backend)
    assert {s.request_id for s in rest.samples} == {"kept"}
    assert np.abs(rest.pixels("kept") - alone).max() <= 1


def test_evicting_an_unknown_or_unstarted_request_is_harmless(backend):
    backend.evict("nobody")
    backend.admit(request("unstarted"))
    backend.evict("unstarted")
    assert backend.active() == 0


def test_no_thread_outlives_its_request(backend):
    import threading

    run(backend, request(count=2))
    backend.admit(request("dropped", count=3))
    backend.step()
    backend.evict("dropped")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("denoise")]


# ---- seeds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["default", "euler-ancestral"])
def test_four_outputs_equal_four_single_ones_of_consecutive_seeds(backend, scheduler):
    four = run(backend, request(count=4, seed=2**32 - 2, scheduler=scheduler))
    for position in range(4):
        single = run(backend, request(seed=(2**32 - 2 + position) % 2**32, scheduler=scheduler))
        assert np.abs(four.pixels("r", position) - single.pixels("r")).max() <= 1


def test_outputs_that_start_from_a_picture_equal_their_single_ones_too(backend):
    pictures = {"init_image": gradient(), "mask": centre_mask()}
    for given in ({"init_image": pictures["init_image"]}, pictures):
        two = run(backend, request(count=2, seed=5, scheduler="euler-ancestral", **given))
        second = run(backend, request(seed=6, scheduler="euler-ancestral", **given))
        assert np.abs(two.pixels("r", 1) - second.pixels("r")).max() <= 1


def test_a_crowd_changes_no_pixel_by_more_than_one_level(backend):
    alone = run(backend, request("mine", seed=11)).pixels("mine")
    crowd = run(
        backend,
        request("a", count=3, scheduler="dpm++", prompt="dog"),
        request("mine", seed=11),
        request("b", width=128, height=64, scheduler="lms"),
        request("c", init_image=gradient(), strength=0.5),
    )
    assert np.abs(crowd.pixels("mine") - alone).max() <= 1


def test_different_seeds_prompts_and_negatives_give_different_pictures(backend):
    drawn = [
        run(backend, one).pixels("r").tobytes()
        for one in (request(), request(seed=8), request(prompt="a dog"), request(negative="blurry"))
    ]
    assert len(set(drawn)) == 4


# ---- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_every_scheduler_draws_a_finite_picture_with_truthful_steps(backend, scheduler, steps):
    samples = run(backend, request(scheduler=scheduler, num_inference_steps=steps)).of("r")
    assert samples[-1].image is not None
    assert [s.step for s in samples] == [*range(1, samples[0].steps + 1), samples[0].steps]
    assert samples[0].preview is not None or steps == 1  # the picture itself comes as soon
    pixels = decode_picture(samples[-1].image).getextrema()
    assert any(high > low for low, high in pixels), "a flat picture means that the latents blew up"


def test_schedulers_agree_on_an_easy_trajectory(backend):
    """With many steps and no ancestral noise all of them solve one equation: a clipped or misread one would not."""
    reference = run(backend, request(num_inference_steps=30)).pixels("r")
    for scheduler in ("euler", "dpm++", "unipc", "lms", "pndm"):
        drawn = run(backend, request(num_inference_steps=30, scheduler=scheduler)).pixels("r")
        assert np.abs(drawn - reference).mean() < 6, scheduler


def test_guidance_of_one_or_less_draws_without_guidance(backend):
    one = run(backend, request(guidance_scale=1.0)).pixels("r")
    none = run(backend, request(guidance_scale=0.0)).pixels("r")
    assert (one == none).all()


# ---- from a picture ------------------------------------------------------------------------------------------------


def test_image_to_image_takes_the_part_of_the_steps_that_strength_says(backend):
    samples = run(backend, request(init_image=gradient(200), strength=0.5)).of("r")
    assert [s.step for s in samples] == [1, 2, 3, 3] and samples[0].steps == 3


def test_a_strength_that_leaves_no_step_is_refused_with_the_strength_that_would(backend):
    with pytest.raises(InvalidRequest, match=r"at least 0\.17"):
        backend.admit(request(init_image=gradient(), strength=0.1))
    assert backend.active() == 0


@pytest.mark.parametrize("channels", [4, 8])
@pytest.mark.parametrize("scheduler", ["default", "euler", "dpm++"])
def test_inpainting_repaints_the_white_and_keeps_the_black(backend, tmp_path_factory, channels, scheduler):
    if channels == 4:  # the family's own inpainting
        folder = save_tiny_pipeline(tmp_path_factory.mktemp("four"), latent_channels=4)
        backend = ImageBackend.load(info_of(folder), lambda message, fraction: None)
    init = np.asarray(decode_picture(gradient()), dtype=np.int16)
    drawn = run(backend, request(init_image=gradient(), mask=centre_mask(), strength=1.0, scheduler=scheduler)).pixels(
        "r"
    )
    assert (drawn[:14] == init[:14]).all() and (drawn[:, 50:] == init[:, 50:]).all()
    assert np.abs(drawn[20:44, 20:44] - init[20:44, 20:44]).mean() > 5
    other = request(seed=8, init_image=gradient(), mask=centre_mask(), strength=1.0, scheduler=scheduler)
    # and what it paints there is newly drawn, not what the autoencoder makes of the original
    assert np.abs(run(backend, other).pixels("r")[20:44, 20:44] - drawn[20:44, 20:44]).mean() > 1


def test_inpainting_keeps_a_larger_pictures_own_pixels_and_size(backend):
    init = np.asarray(decode_picture(gradient(200)), dtype=np.int16)
    drawn = run(backend, request(init_image=gradient(200), mask=centre_mask(), strength=1.0)).pixels("r")
    assert drawn.shape == init.shape and (drawn[:40] == init[:40]).all() and (drawn[:, 160:] == init[:, 160:]).all()
    assert np.abs(drawn[70:130, 70:130] - init[70:130, 70:130]).mean() > 5


def test_a_mask_without_a_picture_is_refused(backend):
    with pytest.raises(InvalidRequest, match="add the picture"):
        backend.admit(request(mask=centre_mask()))


def test_a_size_that_would_come_out_rounded_is_refused(backend, monkeypatch):
    monkeypatch.setattr("models.planning.size_multiple", lambda pipe: 16)  # as Flux has it
    with pytest.raises(InvalidRequest, match="multiples of 16"):
        backend.admit(request(width=72))


def test_a_text_request_is_refused(backend):
    with pytest.raises(InvalidRequest, match="makes pictures"):
        backend.admit(TextRequest("t", "owner", info_of("tiny"), {}, 1, 1))


# ---- prompts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " ",
        "חתול כחול",
        "قطة زرقاء",
        "🐈‍⬛🏳️‍🌈",
        "\ud83d broken",
        "\x00\x07",
        "猫" * 400,
        "word " * 5000,
        "<b>{{x}}${y}",
    ],
)
def test_no_prompt_of_any_script_or_length_fails(backend, prompt):
    outcome = run(backend, request(prompt=prompt, negative=prompt, num_inference_steps=2))
    assert outcome.of("r")[-1].image is not None


def test_rendered_is_the_prompt_and_names_the_negative_one(backend):
    assert backend.admit(request("a", prompt="a cat")) == "a cat"
    assert backend.admit(request("b", prompt="a cat", negative="blurry")) == "a cat\n\nNegative prompt: blurry"


# ---- room and failures ---------------------------------------------------------------------------------------------


def test_an_idle_backend_has_room_for_anything_and_a_busy_one_for_a_few(backend):
    assert backend.room(request(count=8, width=2048, height=2048))
    for name in range(MAX_REQUESTS):
        assert backend.room(request(str(name)))
        backend.admit(request(str(name)))
    assert not backend.room(request("more"))
    backend.evict("0")
    assert backend.room(request("more")) and not backend.room(request("big", count=8, width=2048, height=2048))


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "Memory ran out"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] can't allocate 99 bytes"), "Memory ran out"),
        (MemoryError(), "Memory ran out"),
        (ValueError("`height` has to be divisible by 64\nand more"), "could not draw this: `height` has to be"),
    ],
)
def test_a_failing_request_ends_alone_with_one_sentence(backend, monkeypatch, error, sentence):
    backend.admit(request("good"))
    backend.admit(request("bad", count=8, width=128, height=128))
    backend.step()
    unet = backend._pipelines["text-to-image"].unet
    whole = unet.forward

    def forward(sample, *args, **kwargs):
        if sample.shape[-1] == 16:
            raise error
        return whole(sample, *args, **kwargs)

    monkeypatch.setattr(unet, "forward", forward)
    rest = run(backend)
    assert [(e.request_id, e.status) for e in rest.ended] == [("bad", "failed")]
    assert sentence in rest.ended[0].error and "\n" not in rest.ended[0].error
    assert rest.of("good")[-1].image is not None


def test_latents_that_are_not_numbers_end_in_a_black_picture(backend, monkeypatch):
    unet = backend._pipelines["text-to-image"].unet
    whole = unet.forward
    monkeypatch.setattr(unet, "forward", lambda *a, **k: tuple(out * torch.nan for out in whole(*a, **k)))
    outcome = run(backend, request())
    assert not outcome.ended and outcome.pixels("r").max() == 0


# ---- loading -------------------------------------------------------------------------------------------------------


def test_loading_reports_progress_in_words(folder):
    heard = []
    ImageBackend.load(info_of(folder), lambda message, fraction: heard.append((message, fraction))).close()
    assert any("tiny" in message for message, _ in heard)


def test_an_empty_folder_and_an_unknown_path_are_not_found(tmp_path):
    for base in (tmp_path, tmp_path / "missing", "no-such-model"):
        with pytest.raises(ModelNotFound):
            ImageBackend.load(info_of(base), lambda message, fraction: None)


def test_damaged_weights_are_unavailable_in_one_sentence(tmp_path):
    folder = save_tiny_pipeline(tmp_path / "damaged")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelUnavailable) as caught:
        ImageBackend.load(info_of(folder, "broken"), lambda message, fraction: None)
    assert "broken" in str(caught.value) and "\n" not in str(caught.value)


def test_half_precision_draws_a_picture_too(folder):
    backend = ImageBackend.load(info_of(folder, precision="bf16"), lambda message, fraction: None)
    assert run(backend, request(count=2)).of("r", 1)[-1].image is not None


# ---- previews ------------------------------------------------------------------------------------------------------


def test_a_large_autoencoder_gets_a_linear_preview_of_the_right_colours(folder, monkeypatch):
    monkeypatch.setattr("models.preview.SMALL_VAE_PARAMETERS", 0)
    vae = AutoencoderKL.from_pretrained(folder / "vae")
    previews = Previewer(vae).previews(torch.randn(2, 8, 16, 16))
    assert [Image.open(io.BytesIO(p)).size for p in previews] == [(16, 16), (16, 16)]


def test_latents_of_an_unknown_shape_get_no_preview(folder):
    previewer = Previewer(AutoencoderKL.from_pretrained(folder / "vae"))
    for shape in ((2, 64, 32), (2, 3, 8, 8), (2, 8, 1, 8, 8), (2, 0, 0)):
        assert previewer.previews(torch.randn(shape)) == [None, None]
    assert Previewer(None).previews(torch.randn(1, 8, 8, 8)) == [None]


# ---- pictures people send ------------------------------------------------------------------------------------------


def bomb_header() -> bytes:
    """A few bytes of PNG that claim 50,000 × 50,000 pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = zlib.compress(b"\0" * 1000)
    idat = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    return b"\x89PNG\r\n\x1a\n" + chunk + idat


BAD_PICTURES = {
    "nothing": b"",
    "text": b"hello",
    "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>',
    "a cut-off PNG": encoded(Image.effect_noise((99, 99), 90))[:900],
    "a PNG's first bytes": gradient()[:20],
    "a cut-off JPEG": encoded(Image.effect_noise((99, 99), 90).convert("RGB"), "JPEG")[:900],
    "an animated GIF": encoded(Image.new("P", (9, 9)), "GIF", save_all=True, append_images=[Image.new("P", (9, 9), 1)]),
    "a BMP": encoded(Image.new("RGB", (9, 9)), "BMP"),
    "a decompression bomb": bomb_header(),
    "too many pixels": encoded(Image.new("1", (8000, 6000))),
}


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_a_bad_picture_is_refused_with_one_sentence(backend, name):
    with pytest.raises(InvalidRequest) as caught:
        backend.admit(request(init_image=BAD_PICTURES[name]))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    with pytest.raises(InvalidRequest):
        backend.admit(request(init_image=gradient(), mask=BAD_PICTURES[name]))
    assert backend.active() == 0


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    for picture in (clear, clear.convert("LA"), clear.quantize()):
        assert decode_picture(encoded(picture)).getpixel((0, 0)) == (255, 255, 255)


def test_a_rotated_photograph_stands_upright():
    photo = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: rotated a quarter
    assert decode_picture(encoded(photo, "JPEG", exif=exif)).size == (20, 40)


def test_an_animated_webp_gives_its_first_frame():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert decode_picture(data).getpixel((3, 3)) == (255, 0, 0)


def test_sixteen_bit_grey_and_cmyk_keep_their_brightness():
    deep = Image.fromarray(np.full((4, 4), 32896, dtype=np.uint16))
    assert decode_picture(encoded(deep)).getpixel((0, 0)) == (128, 128, 128)
    ink = decode_picture(encoded(Image.new("RGB", (8, 8), (200, 40, 40)).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(np.array(ink.getpixel((4, 4))) - (200, 40, 40)).max() < 8


def test_decoding_a_picture_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, models.pictures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
