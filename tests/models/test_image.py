"""The diffusers backend on a real, tiny, randomly initialised Stable Diffusion pipeline: many are drawn side by side,
each as if alone, and one that fails or is stopped ends alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from models.base import Backend
from models.image import MAX_REQUESTS
from tests.models.drawing import STEPS, centre_mask, gradient, request, run

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning"),
]


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
