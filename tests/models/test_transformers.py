"""Requests share the passes of a transformer as they share those of a UNet."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.image import ImageBackend
from models.planning import accepted
from models.sharing import shared_place
from tests.models.drawing import STEPS, gradient, request, run
from tests.models.tiny_pipeline import info_of
from tests.models.tiny_transformers import flux, pixart, stable_diffusion_3

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module", params=[stable_diffusion_3, pixart, flux], ids=lambda make: make.__name__)
def backend(request: pytest.FixtureRequest) -> ImageBackend:
    pipe = request.param()
    pipe.set_progress_bar_config(disable=True)
    return ImageBackend(info_of("tiny"), pipe, "cpu")


@torch.no_grad()
def test_people_share_every_pass_and_each_gets_what_one_gets_alone(backend, monkeypatch):
    asked = [
        request("first"),
        request("second", prompt="a dog in a red hat", seed=8, count=2, guidance_scale=5.0),
        request("third", prompt="", seed=9, num_inference_steps=STEPS + 2),
    ]
    pipe = backend._pipelines["text-to-image"]
    assert shared_place(pipe) == "transformer"
    alone = [run(backend, each) for each in asked]
    monkeypatch.setattr("models.image.SLICE_S", 60)
    whole, rows = pipe.transformer.forward, []

    def counted(hidden_states, **rest):
        rows.append(len(hidden_states))
        return whole(hidden_states, **rest)

    monkeypatch.setattr(pipe.transformer, "forward", counted)
    together = run(backend, *asked)
    guided = max(rows) // 4  # 2 where the family draws with and without the words in one pass
    assert rows == [4 * guided] * STEPS + [guided] * 2
    for one, outcome in zip(asked, alone, strict=True):
        for position in range(one.count):
            there, here = outcome.pixels(one.id, position), together.pixels(one.id, position)
            assert np.abs(there - here).max() <= 1
            assert there.std() > 1, "a flat picture would tell nothing"
    assert not np.array_equal(together.pixels("first"), together.pixels("third"))


def test_other_sizes_and_pictures_to_start_from_are_drawn_beside_it(backend):
    outcome = run(backend, request("square"), request("wide", width=96), request("few", num_inference_steps=2))
    assert outcome.pixels("wide").shape == (64, 96, 3) and outcome.pixels("square").shape == (64, 64, 3)
    if "image-to-image" in backend.can:
        again = run(backend, request(init_image=gradient(), strength=0.5), request("b", seed=8))
        assert again.pixels("r").shape == (64, 64, 3) and not again.ended
    told = [1, 2, 2] if "callback_on_step_end" in accepted(backend._pipelines["text-to-image"]) else [1]
    assert [sample.step for sample in outcome.of("few")] == told and not outcome.ended
