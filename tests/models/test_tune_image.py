"""Adapters of image models: losses against hand-worked values, a taste learned, resumed alike, failures in words."""

from __future__ import annotations

import hashlib
import math
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, DiffusionPipeline
from peft import PeftModel
from PIL import Image

from models.base import IMAGE_DEFAULTS, InvalidRequest
from models.diffusion_losses import dpo_loss, errors, kto_loss
from models.picture_measures import spoilt
from models.picture_rows import check_layout
from models.pictures import encode_png
from models.recipe import Kind, TrainingFailed, in_words, recipe_from
from models.tune_image import tune
from models.tune_shared import Tuned
from tests.models.test_fabric import save_tiny_xl
from tests.models.tiny_pipeline import save_tiny_pipeline

FAST: dict[str, Any] = {"learning_rate": 1e-2, "epochs": 100, "max_steps": 8, "evaluations": 2, "rank": 4}
SETTINGS = {**IMAGE_DEFAULTS, "num_inference_steps": 2, "guidance_scale": 1.0, "width": 64, "height": 64}
PROMPTS = ("a cat", "a dog", "a tree", "a car")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    """Sixteen dark and sixteen bright ones, by their SHA-256, in turn."""
    rng, found = np.random.default_rng(0), dict[str, bytes]()
    for _ in range(16):
        for low in (0, 190):
            pixels = rng.integers(low, low + 60, (64, 64, 3), dtype=np.uint8)
            data = encode_png(Image.fromarray(pixels))
            found[hashlib.sha256(data).hexdigest()] = data
    return found


def rows_of(kind: Kind, pictures: Mapping[str, bytes], numbers: range) -> list[dict[str, Any]]:
    """People like the dark ones."""
    names, found = list(pictures), []
    for n in numbers:
        dark, bright = names[2 * n], names[2 * n + 1]
        asked = {"prompt": PROMPTS[n % len(PROMPTS)], "negative_prompt": ""}
        if kind == "image-dpo":
            found.append({**asked, "chosen": dark, "rejected": bright})
        elif kind == "image-sft":
            found.append({**asked, "image": dark})
        else:
            found += [{**asked, "image": dark, "label": True}, {**asked, "image": bright, "label": False}]
    return found


def trained(
    base: Path, pictures: Mapping[str, bytes], folder: Path, kind: Kind, watch: Any = lambda record: None,
    **changes: Any,
) -> Tuned:  # fmt: skip
    start = changes.pop("start", None)
    return tune(base, rows_of(kind, pictures, range(12)), rows_of(kind, pictures, range(12, 16)),
                recipe_from(kind, {**FAST, **changes}), folder, pictures=pictures.__getitem__, settings=SETTINGS,
                base_name="owner/tiny", start=start, watch=watch)  # fmt: skip


# ---- losses, by hand ------------------------------------------------------------------------------------------------


def test_the_dpo_loss_is_what_a_hand_works_out():
    """beta 10; errors of preferred and other: ours 0.2, 0.5; reference 0.3, 0.4.

    Rewards 10·(0.3−0.2) = 1 and 10·(0.4−0.5) = −1, so the margin is 2 and −ln σ(2) = ln(1 + e⁻²) = 0.126928. The second
    pair is as the reference has it: margin 0, ln 2 = 0.693147. Their mean is 0.410038.
    """
    ours, reference = torch.tensor([[0.2, 0.5], [0.7, 0.7]]), torch.tensor([[0.3, 0.4], [0.7, 0.7]])
    loss, margins = dpo_loss(ours, reference, 10.0)
    assert margins.tolist() == pytest.approx([2.0, 0.0], abs=1e-6) and float(loss) == pytest.approx(0.410038, abs=1e-6)
    swapped, _ = dpo_loss(ours.flip(1), reference.flip(1), 10.0)
    assert float(swapped) == pytest.approx((math.log(1 + math.e**2) + math.log(2)) / 2, abs=1e-6)


def test_the_kto_loss_is_what_a_hand_works_out():
    """beta 10, two rows. Rewards: liked 10·(0.5−0.3) = 2, disliked 10·(0.4−0.4) = 0; their mean, 1, is the usual.

    Losses 1 − σ(2−1) = 0.268941 and 1 − σ(−(0−1)) = 0.268941. With rewards −2 and 0 the usual is 0, not −1:
    1 − σ(−2) = 0.880797 and 1 − σ(0) = 0.5.
    """
    ours, reference = torch.tensor([[0.3], [0.4]], requires_grad=True), torch.tensor([[0.5], [0.4]])
    loss, rewards = kto_loss(ours, reference, torch.tensor([1.0, 0.0]), 10.0)
    assert rewards.tolist() == pytest.approx([2.0, 0.0], abs=1e-6) and float(loss) == pytest.approx(0.268941, abs=1e-6)
    loss.backward()  # the usual is a constant: each row's slope is its own, ±beta·σ(1)·σ(−1)/2
    assert ours.grad is not None and ours.grad[:, 0].tolist() == pytest.approx([0.983060, -0.983060], abs=1e-5)
    worse, _ = kto_loss(torch.tensor([[0.7], [0.4]]), reference, torch.tensor([1.0, 0.0]), 10.0)
    assert float(worse) == pytest.approx((0.880797 + 0.5) / 2, abs=1e-6)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_an_error_is_taken_from_what_the_scheduler_has_predicted(kind: str):
    """A model that says nothing: the error is the mean square of the target, for pictures that share their noise."""
    scheduler = DDPMScheduler(num_train_timesteps=10, prediction_type=kind)

    class Silent(torch.nn.Linear):
        def forward(self, sample: Any, timestep: Any, **rest: Any) -> Any:
            assert sample.shape == (2, 1, 1, 1) and timestep.tolist() == [4, 4]
            return type("Out", (), {"sample": torch.zeros_like(sample)})

    latents = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1, 1)
    noise = torch.full((1, 1, 1, 1), 0.5)
    found = errors(Silent(1, 1), scheduler, latents, noise, torch.tensor([4]), torch.ones(1, 3, 4), {})
    a = float(scheduler.alphas_cumprod[4])
    v = [(math.sqrt(a) * 0.5 - math.sqrt(1 - a) * x) ** 2 for x in (2.0, -1.0)]
    expected = {"epsilon": [0.25, 0.25], "v_prediction": v, "sample": [4.0, 1.0]}[kind]
    assert found[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["image-dpo", "image-kto"])
def test_a_few_steps_move_the_liked_pictures_error_down_relative_to_the_others(base: Path, kind: Kind):
    pipe = DiffusionPipeline.from_pretrained(base)
    unet, scheduler = pipe.unet, DDPMScheduler.from_config(pipe.scheduler.config)
    torch.manual_seed(0)
    noise, words = torch.randn(2, 8, 8, 8), torch.randn(2, 7, 32)
    latents = torch.stack([torch.full((2, 8, 8, 8), -1.0), torch.full((2, 8, 8, 8), 1.0)], dim=1)  # (2, 2, C, h, w)
    if kind == "image-kto":  # a liked one and another, each a row
        latents, noise, words = latents[:1].transpose(0, 1), noise[:1].repeat(2, 1, 1, 1), words[:1].repeat(2, 1, 1)
    given = (scheduler, latents, noise, torch.tensor([700, 900]), words, {})
    with torch.no_grad():
        reference = errors(unet, *given)
    optimizer = torch.optim.SGD(unet.parameters(), lr=0.1)
    for _ in range(4):
        ours = errors(unet, *given)
        if kind == "image-dpo":
            loss, _ = dpo_loss(ours, reference, 1.0)
        else:
            loss, _ = kto_loss(ours, reference, torch.tensor([1.0, 0.0]), 1.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        gains = (reference - errors(unet, *given)).reshape(-1, 2)  # of the liked, of the other
    assert (gains[:, 0] > gains[:, 1]).all()


# ---- trainings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["image-sft", "image-dpo", "image-kto"])
def test_each_kind_learns_a_taste_and_tells_how(base: Path, pictures: Mapping[str, bytes], tmp_path: Path, kind: Kind):
    records: list[Mapping[str, Any]] = []
    made = trained(base, pictures, tmp_path, kind, records.append)
    unpaired = kind == "image-kto"  # whose rows say too little each for so short a training of so small a model
    assert made.metrics["accuracy"] > (-1 if unpaired else 0.6) and made.left_out == {}
    assert (made.metrics["held_out"], made.metrics["blank"], made.metrics["steps"]) == (8 if unpaired else 4, 0, 8)
    steps = [r for r in records if r["what"] == "step"]
    assert [r["step"] for r in steps] == list(range(1, 9)) and all(math.isfinite(r["loss"]) for r in steps)
    checks = [r for r in records if r["what"] == "evaluation"]
    assert [r["step"] for r in checks] == [4, 8]
    assert unpaired or checks[-1]["eval_loss"] < checks[0]["eval_loss"]
    if kind == "image-dpo":  # a step moves the preferred picture's error down relative to the other's
        assert steps[0]["rewards/margins"] == 0 < steps[-1]["rewards/margins"]
        assert checks[-1]["eval_rewards/accuracies"] > 0.6
    shown = [r for r in records if r["what"] == "samples"]
    assert [r["step"] for r in shown] == [0, 4, 8] and len(made.samples) == 3
    for sample in made.samples:
        files = [(tmp_path / "samples" / sample[when]).read_bytes() for when in ("before", "after")]
        assert files[0] != files[1] and files[0].startswith(b"\x89PNG")
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_an_adapter_loads_in_plain_diffusers_and_in_plain_peft_alike(
    base: Path, pictures: Mapping[str, bytes], tmp_path: Path
):
    made = trained(base, pictures, tmp_path, "image-dpo", max_steps=2)
    assert {p.name for p in made.folder.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "pytorch_lora_weights.safetensors",
    }  # fmt: skip
    assert '"base_model_name_or_path": "owner/tiny"' in (made.folder / "adapter_config.json").read_text()
    x, t, words = torch.randn(1, 8, 8, 8), torch.tensor([500]), torch.randn(1, 7, 32)
    outs = []
    for how in ("bare", "diffusers", "peft"):
        pipe = DiffusionPipeline.from_pretrained(base)
        if how == "diffusers":
            pipe.load_lora_weights(str(made.folder))
        unet = PeftModel.from_pretrained(pipe.unet, str(made.folder)) if how == "peft" else pipe.unet
        with torch.no_grad():
            outs.append(unet(x, t, encoder_hidden_states=words).sample)
    assert torch.allclose(outs[1], outs[2], atol=1e-6) and not torch.allclose(outs[0], outs[1], atol=1e-3)
    more = trained(base, pictures, tmp_path / "more", "image-dpo", start=made.folder, max_steps=2)
    assert more.metrics["error_before"] == pytest.approx(made.metrics["error_after"], rel=1e-4)


def test_an_xl_model_is_told_its_sizes_and_pooled_words_and_other_families_are_refused(
    base: Path, pictures: Mapping[str, bytes], tmp_path: Path
):
    xl = save_tiny_xl(tmp_path / "xl", base)
    made = trained(xl, pictures, tmp_path / "run", "image-dpo", max_steps=2, evaluations=1)
    pipe = DiffusionPipeline.from_pretrained(xl)
    pipe.load_lora_weights(str(made.folder))
    assert made.metrics["error_after"] != made.metrics["error_before"] and pipe.get_active_adapters()

    class FluxPipeline:
        """A family with a transformer."""

    with pytest.raises(TrainingFailed, match="Flux 2 is a FluxPipeline, which cannot be trained here"):
        check_layout(FluxPipeline(), "Flux 2")


class Enough(Exception):
    """Whoever watched wants no more."""


def test_an_interrupted_training_goes_on_from_its_checkpoint_to_the_same_adapter(
    base: Path, pictures: Mapping[str, bytes], tmp_path: Path
):
    def stop_at_5(record: Mapping[str, Any]) -> None:
        if record["what"] == "step" and record["step"] == 5:
            raise Enough

    asked = {"dropout": 0.2, "max_steps": 6, "evaluations": 3}
    whole = trained(base, pictures, tmp_path / "whole", "image-dpo", **asked)
    with pytest.raises(Enough):
        trained(base, pictures, tmp_path / "halves", "image-dpo", stop_at_5, **asked)
    broken = tmp_path / "halves" / "checkpoints" / "checkpoint-3"  # what a kill leaves in the middle of writing
    broken.mkdir()
    (broken / "adapter_model.safetensors").write_bytes(b"half")
    again: list[Mapping[str, Any]] = []
    resumed = trained(base, pictures, tmp_path / "halves", "image-dpo", again.append, **asked)
    assert next(r["step"] for r in again if r["what"] == "step") == 5 and not broken.exists()
    for name in ("adapter_model.safetensors", "pytorch_lora_weights.safetensors"):
        assert (whole.folder / name).read_bytes() == (resumed.folder / name).read_bytes()
    assert resumed.metrics["error_after"] == whole.metrics["error_after"]


# ---- what goes wrong ------------------------------------------------------------------------------------------------


def refused(
    base: Path, pictures: Mapping[str, bytes], folder: Path, watch: Any = lambda record: None, **changes: Any
) -> str:
    with pytest.raises(TrainingFailed) as caught:
        trained(base, pictures, folder, "image-dpo", watch, **changes)
    assert not (folder / "adapter").exists()
    said = str(caught.value)
    assert "\n" not in said and said.endswith(".")
    return said


def test_what_goes_wrong_is_a_sentence(base: Path, pictures: Mapping[str, bytes], tmp_path: Path):
    def ask_for_too_much(record: Mapping[str, Any]) -> None:
        if record["what"] == "step":
            torch.empty(10**14)

    said = refused(base, pictures, tmp_path / "a", ask_for_too_much)
    assert said == "The training ran out of memory: lower batch_size (8), or set save_memory."
    assert "Of 12 rows only 12 can be learned from, fewer than one step takes (32)" in refused(
        base, pictures, tmp_path / "b", batch_size=32
    )
    damaged = {name: data if n % 4 else b"no picture" for n, (name, data) in enumerate(pictures.items())}
    assert "Of 12 rows only 6 can be learned from" in refused(base, damaged, tmp_path / "c")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, before[1]))  # bytes a file may have
    try:
        said = refused(base, pictures, tmp_path / "d", max_steps=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said == f"The disk of {tmp_path / 'd'} is full: free some space, then resume from the last checkpoint."


def test_numbers_that_are_none_end_it(pictures: Mapping[str, bytes], tmp_path: Path):
    base = save_tiny_pipeline(tmp_path / "tiny")
    pipe = DiffusionPipeline.from_pretrained(base)
    with torch.no_grad():
        pipe.unet.conv_out.weight.fill_(math.nan)
    pipe.unet.save_pretrained(base / "unet")
    assert "came to nothing at step 1" in refused(base, pictures, tmp_path / "run")


def test_samples_that_show_nothing_any_more_are_counted():
    noisy = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (8, 8, 3), dtype=np.uint8)) for n in range(3)]
    grey = Image.new("RGB", (8, 8), "grey")
    assert spoilt(noisy, noisy) == {"blank": 0, "alike": 0}
    assert spoilt(noisy, [grey, grey, noisy[2]]) == {"blank": 2, "alike": 1}
    assert spoilt([grey] * 3, [grey] * 3) == {"blank": 0, "alike": 0}  # they were before


def test_a_recipe_of_pictures_knows_its_own_settings():
    with pytest.raises(InvalidRequest, match="Unknown training setting “max_length”"):
        recipe_from("image-dpo", {"max_length": 64})
    with pytest.raises(InvalidRequest, match="choose a number from 1 to 100000"):
        recipe_from("image-dpo", {"beta": 0.1})
    said = in_words(recipe_from("image-dpo", None), "Icons", 120, 13)
    assert "moved from the rejected to the preferred picture of 120 pairs" in said and "imitated" not in said
