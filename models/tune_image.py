"""Trains a LoRA adapter of an image model on people's feedback: imitation, Diffusion-DPO, Diffusion-KTO.

The losses are diffusion_losses.py; steps, checkpoints and several devices are transformers' Trainer on accelerate. What
is left after an interruption is a folder of checkpoints, from which the same call goes on. Knows no database.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from diffusers import DDPMScheduler
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY, LORA_WEIGHT_NAME_SAFE
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import Trainer, TrainingArguments, set_seed

from models.base import IMAGE_DEFAULTS, ModelInfo
from models.device import pick_device
from models.diffusion_losses import dpo_loss, errors, kto_loss
from models.picture_measures import drawn, errors_of, figures, keep_pictures, means, spoilt
from models.picture_rows import (
    Pictures,
    PreparedPictures,
    Reader,
    Row,
    check_layout,
    stacked,
    with_fixed_noise,
)
from models.pipelines import load_pipeline
from models.recipe import Recipe, TrainingFailed
from models.tune_shared import (
    FIXED_PROMPTS,
    MEASURED_MOST,
    Tuned,
    carry_through,
    check_finite,
    failing_in_words,
    keep_whole,
    stopping_early,
    training_arguments,
    versions_of,
)
from models.tune_watch import Follower, Watch, memory_gb

PACKAGES = ("torch", "transformers", "diffusers", "peft", "accelerate")
SAMPLES = "samples"  # the folder of the sample pictures
TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


def tune(
    base: Path, train: Sequence[Row], test: Sequence[Row], recipe: Recipe, folder: Path, *, pictures: Pictures,
    settings: Mapping[str, Any] = IMAGE_DEFAULTS, precision: str = "fp32", base_name: str = "",
    start: Path | None = None, watch: Watch = lambda record: None,
) -> Tuned:  # fmt: skip
    """Train an adapter of the diffusers pipeline in `base`, and leave it in `folder`/adapter.

    train, test: rows of prompt, negative_prompt and, by their SHA-256, the pictures chosen and rejected, or image, with
    a label for image-kto. pictures: gives the bytes of one. settings: the model's own, by which samples are drawn;
    rows' pictures are cut to their width and height. The rest as models.tune_text.tune.
    """
    with failing_in_words(folder, recipe):
        run = _Run(base, recipe, folder, pictures, settings, precision, base_name, start, watch)
        return run.carried_out(train, test)


class _Run:
    """One training: the pipeline with its adapter, and what it is shown."""

    def __init__(
        self, base: Path, recipe: Recipe, folder: Path, pictures: Pictures, settings: Mapping[str, Any],
        precision: str, base_name: str, start: Path | None, watch: Watch,
    ) -> None:  # fmt: skip
        self.recipe, self.folder, self.watch = recipe, folder, watch
        self.settings, self.precision, self.base_name = settings, precision, base_name
        set_seed(recipe.seed)
        info = ModelInfo(base_name or base.name, "image", str(base), "", precision, settings)
        self.pipe = load_pipeline(info, pick_device(), lambda message, fraction: None)
        check_layout(self.pipe, info.name)
        self.scheduler = DDPMScheduler.from_config(self.pipe.scheduler.config)
        self.reader = Reader(self.pipe, pictures, (settings["width"], settings["height"]))
        for part in (self.pipe.vae, self.pipe.unet):
            part.requires_grad_(False)
        if recipe.save_memory:
            self.pipe.unet.enable_gradient_checkpointing()
        self.model = _with_adapter(self.pipe.unet, recipe, start)

    def carried_out(self, train: Sequence[Row], test: Sequence[Row]) -> Tuned:
        kind = self.recipe.kind
        ready, held = (self.reader.prepared(rows, kind) for rows in (train, test))
        if len(ready.rows) < self.recipe.batch_size:
            raise TrainingFailed(
                f"Of {len(train)} rows only {len(ready.rows)} can be learned from, fewer than one step takes "
                f"({self.recipe.batch_size}): lower batch_size or gather more."
            )
        fixed = with_fixed_noise(held.rows, self.scheduler.config.num_train_timesteps)
        with self.model.disable_adapter():
            reference = errors_of(self.model, self.scheduler, fixed)
        fixed = [{**row, "reference": each} for row, each in zip(fixed, reference, strict=True)]
        trainer = self._trainer(ready, fixed)
        measured = fixed[:MEASURED_MOST]
        prompts = list(dict.fromkeys((held if held.prompts else ready).prompts))[:FIXED_PROMPTS]
        shown: list[Any] = []

        def samples(stem: str = "") -> list[dict[str, str]]:
            shown[:] = drawn(self.pipe, prompts, self.settings)
            names = keep_pictures(shown, self.folder / SAMPLES, stem or str(trainer.state.global_step))
            return [{"prompt": p, "image": name} for (p, _), name in zip(prompts, names, strict=True)]

        # a new adapter changes nothing yet, and one that is trained further is what it was
        before, first = means(errors_of(self.model, self.scheduler, measured)), samples("before")
        pictures_before = list(shown)
        self.watch({"what": "samples", "step": 0, "samples": first})
        trainer.add_callback(Follower(self.watch, samples))
        done = carry_through(trainer, self.folder)
        after, last = means(errors_of(self.model, self.scheduler, measured)), samples("after")
        numbers = figures(kind, measured, before, after)
        check_finite(numbers)
        return Tuned(
            folder=keep_whole(trainer, self.folder, self._write),
            metrics={
                "steps": done.global_step, "train_loss": round(done.training_loss, 6), "rows": len(ready.rows),
                "memory_gb": memory_gb(), "best_step": trainer.state.best_global_step or done.global_step,
                **numbers, **spoilt(pictures_before, shown),
            },
            samples=[{"prompt": b["prompt"], "before": b["image"], "after": a["image"]}
                     for b, a in zip(first, last, strict=True)],
            left_out=dict(ready.left_out + held.left_out),
            versions=versions_of(PACKAGES),
        )  # fmt: skip

    def _trainer(self, ready: PreparedPictures, held: Sequence[Mapping[str, Any]]) -> PictureTrainer:
        evaluated = len(held) >= (2 if self.recipe.kind == "image-kto" else 1)
        arguments = training_arguments(self.recipe, self.folder, len(ready.rows), evaluated, self.precision)
        return PictureTrainer(
            model=self.model, args=TrainingArguments(**arguments, remove_unused_columns=False, label_names=[]),
            data_collator=stacked, train_dataset=ready.rows, eval_dataset=list(held) if evaluated else None,
            callbacks=stopping_early(self.recipe, evaluated), recipe=self.recipe, scheduler=self.scheduler,
        )  # fmt: skip

    def _write(self, making: Path) -> None:
        """As peft loads it, and beside it as diffusers' load_lora_weights does."""
        model, config = self.model, self.model.peft_config["default"]
        config.base_model_name_or_path = self.base_name or None
        config.target_modules = sorted(config.target_modules)  # a set's order would differ from run to run
        model.save_pretrained(str(making), selected_adapters=["default"])
        layers = convert_state_dict_to_diffusers(get_peft_model_state_dict(model))
        named = {f"unet.{name.removeprefix('base_model.model.')}": each.contiguous() for name, each in layers.items()}
        about = json.loads((making / "adapter_config.json").read_text(encoding="utf-8"))
        about["lora_dropout"] = 0.0  # diffusers leaves dropout on in what it has loaded
        # diffusers' own writing adds a second entry, and the order of two is not the same in each run
        words = json.dumps({f"unet.{name}": value for name, value in about.items()}, sort_keys=True)
        save_file(named, str(making / LORA_WEIGHT_NAME_SAFE), metadata={LORA_ADAPTER_METADATA_KEY: words})


def _with_adapter(unet: Any, recipe: Recipe, start: Path | None) -> Any:
    if start is not None:
        model = PeftModel.from_pretrained(unet, str(start), is_trainable=True)
    else:
        model = get_peft_model(unet, LoraConfig(
            r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=recipe.dropout, target_modules=list(TARGETS),
        ))  # fmt: skip
    model.config = _Config(unet.config)  # the Trainer writes into it, which a UNet's own does not allow
    return model


class _Config(dict[str, Any]):
    """A UNet's configuration that may be added to."""

    def to_json_string(self) -> str:
        return json.dumps(self, default=str)


class PictureTrainer(Trainer):
    """transformers' Trainer with the losses of pictures; tells rewards as TRL's trainers do."""

    def __init__(self, *, recipe: Recipe, scheduler: Any, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.model_accepts_loss_kwargs = False  # a batch's loss is a mean already
        self._recipe, self._scheduler = recipe, scheduler
        self._told: dict[str, list[float]] = defaultdict(list)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean over the batch's rows, each at one noise and timestep, or at all that it brings."""
        latents = inputs["latents"]
        if "noise" in inputs:
            draws = list(zip(*(inputs[name].unbind(1) for name in ("noise", "timesteps", "reference")), strict=True))
        else:
            last = self._scheduler.config.num_train_timesteps
            timesteps = torch.randint(last, latents.shape[:1], device=latents.device)
            draws = [(torch.randn_like(latents[:, 0]), timesteps, None)]
        loss = torch.stack([self._loss(model, inputs, *draw) for draw in draws]).mean()
        return (loss, None) if return_outputs else loss

    def _loss(self, model: Any, inputs: Any, noise: Any, timesteps: Any, reference: Any) -> Any:
        given = (self._scheduler, inputs["latents"], noise, timesteps, inputs["words"], inputs["more"])
        ours = errors(model, *given)
        if self._recipe.kind == "image-sft":
            return ours.mean()
        if reference is None:
            with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
                reference = errors(model, *given)
        if self._recipe.kind == "image-dpo":
            loss, margins = dpo_loss(ours, reference, self._recipe.beta)
            self._tell("rewards/accuracies", (margins > 0).float().mean())
            self._tell("rewards/margins", margins.mean())
            return loss
        loss, rewards = kto_loss(ours, reference, inputs["good"], self._recipe.beta)
        for name, which in (("chosen", inputs["good"] > 0), ("rejected", inputs["good"] <= 0)):
            if which.any():
                self._tell(f"rewards/{name}", rewards[which].mean())
        return loss

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: list[str] | None = None
    ) -> tuple[Any, None, None]:
        """A held-out batch's loss and no predictions."""
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.compute_loss(model, self._prepare_inputs(inputs)).detach(), None, None

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As the Trainer's, with what the batches since the last time were told of."""
        prefix = "" if self.model.training else "eval_"
        for name in [name for name in self._told if name.startswith(prefix + "rewards")]:
            logs[name] = fmean(self._told.pop(name))
        super().log(logs, start_time)

    def _tell(self, name: str, value: Any) -> None:
        self._told[name if self.model.training else f"eval_{name}"].append(float(value.detach()))
