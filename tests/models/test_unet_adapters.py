"""Adapters of one resident UNet: mixed in one pass, each picture as if its adapter were alone there."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict

from models.adapters import MAX_ADAPTERS
from models.base import ImageRequest, ModelUnavailable
from models.image import ImageBackend
from tests.models.drawing import gradient, request, run
from tests.models.tiny_pipeline import info_of, save_tiny_pipeline

TARGETS = (["to_q", "to_k", "to_v", "to_out.0"], ["to_v", "conv1"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_pipeline(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> list[str]:
    """Two of random weights, which change different layers, as diffusers saves them."""
    made = []
    for seed, targets in enumerate(TARGETS):
        torch.manual_seed(seed)
        unet = StableDiffusionPipeline.from_pretrained(folder).unet
        tuned = get_peft_model(unet, LoraConfig(r=4, lora_alpha=64, target_modules=targets, init_lora_weights=False))
        layers = {k.removeprefix("base_model.model."): v for k, v in get_peft_model_state_dict(tuned).items()}
        where = tmp_path_factory.mktemp("adapter")
        StableDiffusionPipeline.save_lora_weights(where, unet_lora_layers=layers)
        made.append(str(where))
    return made


@pytest.fixture
def backend(folder: Path) -> ImageBackend:
    return ImageBackend.load(info_of(str(folder)), lambda words, fraction: None)


def asked(id_: str, adapter: str | None = None, **more) -> ImageRequest:
    return replace(request(id_, **more), model=replace(info_of("tiny"), adapter=adapter))


def test_base_and_adapters_share_passes_and_each_draws_as_if_alone(backend, folder, adapters, monkeypatch):
    before = run(backend, asked("x")).pixels("x")  # while the UNet knows no adapter yet
    alone = [before, *(run(backend, asked("x", each)).pixels("x") for each in adapters)]
    assert np.array_equal(run(backend, asked("x")).pixels("x"), before)
    assert all(np.abs(a - b).mean() > 1 for a, b in zip(alone, [*alone[1:], alone[0]], strict=True))
    passes = []
    forward = backend._denoiser.forward
    monkeypatch.setattr(
        backend._denoiser, "forward", lambda *a, **k: passes.append(len(k["sample"])) or forward(*a, **k)
    )
    crowd = run(backend, asked("a", adapters[0]), asked("base"), asked("b", adapters[1]))
    assert set(passes) == {6}  # three people, with and without the prompt
    for id_, expected in zip(("base", "a", "b"), alone, strict=True):
        assert np.abs(crowd.pixels(id_) - expected).max() <= 1


def test_a_picture_is_the_one_that_diffusers_draws_with_that_adapter(backend, folder, adapters):
    run(backend, asked("other", adapters[1]))
    ours = run(backend, asked("x", adapters[0])).pixels("x")
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    pipe.load_lora_weights(adapters[0])
    pipe.set_progress_bar_config(disable=True)
    drawn = pipe("a cat", width=64, height=64, num_inference_steps=6, guidance_scale=3.0,
                 generator=torch.Generator().manual_seed(7)).images[0]  # fmt: skip
    assert np.abs(np.asarray(drawn, dtype=np.int16) - ours).max() <= 1


def test_what_is_steered_or_starts_from_a_picture_uses_the_adapter_too(backend, adapters):
    for more in ({"liked": (gradient(),)}, {"init_image": gradient(), "strength": 0.8}):
        plain, adapted = (run(backend, asked("x", each, **more)).pixels("x") for each in (None, adapters[0]))
        assert np.abs(plain - adapted).mean() > 1
        assert np.array_equal(run(backend, asked("x", **more)).pixels("x"), plain)


def test_the_oldest_go_and_what_does_not_fit_is_refused(backend, adapters, tmp_path):
    names = []
    for n in range(MAX_ADAPTERS + 2):
        copy = tmp_path / str(n)
        copy.symlink_to(adapters[n % 2])
        names.append(backend._adapters.named(str(copy), frozenset(names[:1])))
    assert list(backend._adapters._known) == [names[0], *names[3:]]
    assert sorted(backend._adapters.model.get_list_adapters()["unet"]) == sorted([names[0], *names[3:]])
    drawn = run(backend, asked("x", str(tmp_path / "9"))).pixels("x")
    assert np.array_equal(run(backend, asked("x", adapters[1])).pixels("x"), drawn)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ModelUnavailable, match="holds no weights"):
        backend.admit(asked("y", str(tmp_path / "nothing")))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "pytorch_lora_weights.safetensors").write_bytes(hashlib.sha256(b"x").digest())
    with pytest.raises(ModelUnavailable, match="does not fit this model"):
        backend.admit(asked("y", str(tmp_path / "bad")))
    assert not backend.active() and np.array_equal(run(backend, asked("x", adapters[1])).pixels("x"), drawn)
