"""Adapters of text models: each kind learns a taste, interrupted training ends alike, what goes wrong is a sentence."""

from __future__ import annotations

import math
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from models.base import InvalidRequest
from models.recipe import Kind, TrainingFailed, in_words, recipe_from
from models.reward import scores
from models.tune_text import Tuned, tune
from tests.models.tiny_llama import WORDS, save_tiny_llama, training_rows

FAST: dict[str, Any] = {"learning_rate": 1e-2, "max_steps": 12, "epochs": 4, "evaluations": 2, "max_length": 128}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("llama"))


def trained(
    base: Path, folder: Path, kind: Kind, records: list[Mapping[str, Any]] | None = None, **changes: Any
) -> Tuned:
    start = changes.pop("start", None)
    told = records if records is not None else []
    return tune(base, training_rows(kind, 32), training_rows(kind, 8, seed=1), recipe_from(kind, {**FAST, **changes}),
                folder, base_name="owner/tiny", start=start, watch=told.append)  # fmt: skip


@pytest.mark.parametrize("kind", ["sft", "dpo", "kto", "reward"])
def test_each_kind_learns_a_taste_and_tells_how(base: Path, tmp_path: Path, kind: Kind):
    records: list[Mapping[str, Any]] = []
    made = trained(base, tmp_path, kind, records)
    assert made.metrics["accuracy"] > 0.6 and made.metrics["held_out"] == 8 and made.left_out == {}
    steps = [r for r in records if r["what"] == "step"]
    assert [r["step"] for r in steps] == list(range(1, 13)) and all(math.isfinite(r["loss"]) for r in steps)
    assert {"seconds", "eta_s", "memory_gb", "learning_rate"} <= steps[-1].keys() and steps[-1]["eta_s"] == 0
    checks = [r for r in records if r["what"] == "evaluation"]
    assert [r["step"] for r in checks] == [6, 12] and checks[-1]["eval_loss"] < checks[0]["eval_loss"]
    assert {p.name for p in made.folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))
    assert '"base_model_name_or_path": "owner/tiny"' in (made.folder / "adapter_config.json").read_text()
    assert made.versions["trl"].startswith("1.")
    if kind == "reward":
        liked, other = " ".join(WORDS[:6]), " ".join(WORDS[-6:])
        first, second = scores(base, made.folder, [{"role": "user", "content": "say kaban"}], [liked, other])
        assert first > second and made.samples == []
        return
    assert made.metrics["perplexity_after"] < made.metrics["perplexity_before"]
    shown = [r for r in records if r["what"] == "samples"]
    assert [r["step"] for r in shown] == [0, 6, 12] and len({s["prompt"] for s in made.samples}) == 3
    assert [s["before"] for s in made.samples] == [s["text"] for s in shown[0]["samples"]]
    if kind == "dpo":  # our likelihoods are the trainer's own
        assert made.metrics["chosen_gain"] > 0
        assert checks[-1]["eval_rewards/chosen"] / 0.1 == pytest.approx(made.metrics["chosen_gain"], rel=1e-3)
        plain = AutoModelForCausalLM.from_pretrained(base)
        ids = torch.tensor([[5, 6, 7]])
        with torch.no_grad():
            bare = plain(ids).logits
            assert not torch.allclose(bare, PeftModel.from_pretrained(plain, made.folder)(ids).logits, atol=1e-3)


class Enough(Exception):
    """Whoever watched wants no more."""


def test_an_interrupted_training_goes_on_from_its_checkpoint_to_the_same_adapter(base: Path, tmp_path: Path):
    def stop_at_8(record: Mapping[str, Any]) -> None:
        if record["what"] == "step" and record["step"] == 8:
            raise Enough

    rows, held = training_rows("sft", 32), training_rows("sft", 8, seed=1)
    recipe = recipe_from("sft", {**FAST, "dropout": 0.2})
    whole = tune(base, rows, held, recipe, tmp_path / "whole")
    with pytest.raises(Enough):
        tune(base, rows, held, recipe, tmp_path / "halves", watch=stop_at_8)
    broken = tmp_path / "halves" / "checkpoints" / "checkpoint-7"  # what a kill leaves in the middle of writing
    broken.mkdir()
    (broken / "adapter_model.safetensors").write_bytes(b"half")
    again: list[Mapping[str, Any]] = []
    resumed = tune(base, rows, held, recipe, tmp_path / "halves", watch=again.append)
    assert next(r["step"] for r in again if r["what"] == "step") == 7 and not broken.exists()
    files = [(made.folder / "adapter_model.safetensors").read_bytes() for made in (whole, resumed)]
    assert files[0] == files[1]
    assert resumed.metrics["perplexity_after"] == whole.metrics["perplexity_after"]


def test_an_adapter_can_be_trained_further_and_layers_left_alone(base: Path, tmp_path: Path):
    first = trained(base, tmp_path / "first", "sft", freeze_layers=1, max_steps=6)
    assert first.metrics["rows"] == 24  # of 32: six steps of four see no more
    assert first.left_out == {"left out: max_steps ends the training before them": 8}
    keys = load_file(first.folder / "adapter_model.safetensors").keys()
    assert keys and all(".layers.1." in key for key in keys)
    for kind in ("sft", "dpo"):
        more = trained(base, tmp_path / kind, kind, start=first.folder, max_steps=6)  # type: ignore[arg-type]
        assert load_file(more.folder / "adapter_model.safetensors").keys() == keys
        if kind == "sft":
            assert more.metrics["perplexity_before"] == pytest.approx(first.metrics["perplexity_after"], rel=1e-3)


def test_training_stops_early_and_keeps_the_best(base: Path, tmp_path: Path):
    """Rows that contradict the held-out ones only make those less likely."""
    made = tune(base, training_rows("kto", 32), [{**row, "label": not row["label"]} for row in training_rows("kto", 8)],
                recipe_from("kto", {**FAST, "max_steps": 24, "evaluations": 8, "patience": 2}), tmp_path)  # fmt: skip
    assert made.metrics["steps"] < 24 and made.metrics["best_step"] < made.metrics["steps"]


# ---- what goes wrong ------------------------------------------------------------------------------------------------


def refused(base: Path, folder: Path, kind: Kind = "sft", watch: Any = lambda record: None, **changes: Any) -> str:
    with pytest.raises(TrainingFailed) as caught:
        tune(base, training_rows(kind, 16), [], recipe_from(kind, {**FAST, **changes}), folder, watch=watch)
    assert not (folder / "adapter").exists()
    said = str(caught.value)
    assert "\n" not in said and said.endswith(".")
    return said


def test_numbers_that_are_none_end_it(tmp_path: Path):
    base = save_tiny_llama(tmp_path / "llama")
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight.fill_(math.nan)
    model.save_pretrained(base)
    assert "came to nothing at step 1" in refused(base, tmp_path / "run")


def test_memory_that_runs_out_ends_it(base: Path, tmp_path: Path):
    def ask_for_too_much(record: Mapping[str, Any]) -> None:
        if record["what"] == "step":
            torch.empty(10**14)

    assert "ran out of memory: lower batch_size (4)" in refused(base, tmp_path, watch=ask_for_too_much)


def test_a_full_disk_ends_it(base: Path, tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # bytes a file may have
    try:
        said = refused(base, tmp_path, max_steps=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said == f"The disk of {tmp_path} is full: free some space, then resume from the last checkpoint."


def test_rows_that_do_not_fit_are_left_out_and_too_few_end_it(base: Path, tmp_path: Path):
    long = [{**row, "prompt": [{"role": "user", "content": "kaban " * 200}]} for row in training_rows("sft", 3)]
    odd = [{**row, "prompt": [{"role": "assistant", "content": "kaban"}]} for row in training_rows("sft", 2)]
    rows = [*training_rows("sft", 8), *long, *odd]
    made = tune(base, rows, [], recipe_from("sft", {**FAST, "max_steps": 2}), tmp_path / "a")
    assert made.left_out == {
        "left out: longer than 128 tokens": 3, "left out: the model's chat template does not take the conversation": 2,
    }  # fmt: skip
    assert made.metrics["rows"] == 8 and "accuracy" not in made.metrics
    with pytest.raises(TrainingFailed, match="Of 3 rows only 0 can be learned from"):
        tune(base, long, [], recipe_from("sft", FAST), tmp_path / "b")
    assert "leave one at least" in refused(base, tmp_path / "c", freeze_layers=2)


# ---- recipes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"momentum": 1}, "Unknown training setting “momentum”"),
        ({"learning_rate": 1}, "learning_rate is '1': choose a number from 1e-07 to 0.01"),
        ({"learning_rate": float("nan")}, "learning_rate is 'nan'"),
        ({"rank": 1.5}, "rank is '1.5': choose a whole number from 1 to 256"),
        ({"epochs": True}, "epochs is 'True'"),
        ({"max_steps": float("inf")}, "max_steps is 'inf'"),
        ({"save_memory": 1}, "choose true or false"),
        ({"batch_size": 2}, "KTO needs at least 4"),
        ({"continue_from": 7}, "must be a model version's id"),
    ],
)
def test_a_recipe_out_of_range_is_refused_by_name(given: dict[str, Any], said: str):
    with pytest.raises(InvalidRequest) as caught:
        recipe_from("kto", given)
    assert said in str(caught.value)


def test_a_recipe_says_in_words_what_it_does():
    said = in_words(recipe_from("dpo", {"max_steps": 50, "freeze_layers": 4}), "SmolLM2", 120, 13)
    for part in ("SmolLM2 is moved from the rejected to the preferred text of 120 pairs", "at most 50 steps",
                 "none in the first 4 layers", "13 rows are held out", "so that they stay likely"):  # fmt: skip
        assert part in said, said
    assert "nothing checks it" in in_words(recipe_from("sft", None), "SmolLM2", 30, 0)
