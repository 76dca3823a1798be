"""What may be asked of the diffusers backend: every setting and prompt, a picture to start from; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from models.base import SCHEDULERS, InvalidRequest, TextRequest
from models.image import ImageBackend
from models.pictures import decode_picture
from tests.models.drawing import centre_mask, gradient, request, run
from tests.models.tiny_pipeline import info_of, save_tiny_pipeline

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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


# ---- refused -------------------------------------------------------------------------------------------------------


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
