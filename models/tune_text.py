"""Trains a LoRA adapter of a text model on people's feedback, by TRL's own trainers; measures it on held-out rows.

What is left after an interruption is a folder of checkpoints, from which the same call goes on. Knows no database.
"""

from __future__ import annotations

import errno
import gc
import importlib.metadata
import importlib.util
import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import torch
import trl
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EarlyStoppingCallback,
    PrinterCallback,
    ProgressCallback,
    set_seed,
)

from models.base import ModelError, ModelUnavailable
from models.device import pick_device
from models.recipe import Recipe, TrainingFailed
from models.tune_measures import figures, measure, sampled
from models.tune_watch import Follower, Watch, memory_gb
from models.tuning_rows import Prepared, Row, prepared

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets")
FIXED_PROMPTS = 3  # on which samples are shown
MEASURED_MOST = 200  # held-out rows that are measured before and after
_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LEAST_FREE = 50_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Tuned:
    """A finished adapter. folder: as peft loads it. metrics: plain numbers and words. samples: of each fixed prompt,
    the answer before and after. left_out: rows that the model could not take, by reason."""

    folder: Path
    metrics: Mapping[str, Any]
    samples: Sequence[Mapping[str, str]]
    left_out: Mapping[str, int]
    versions: Mapping[str, str]


def tune(
    base: Path, train: Sequence[Row], test: Sequence[Row], recipe: Recipe, folder: Path, *, precision: str = "fp32",
    base_name: str = "", start: Path | None = None, watch: Watch = lambda record: None,
) -> Tuned:  # fmt: skip
    """Train an adapter of the model in `base` on rows in TRL's columns, and leave it in `folder`/adapter.

    folder: also of checkpoints and TensorBoard's events; with the checkpoints of an earlier, interrupted call it goes
    on from the last of them, to the same result. start: an adapter to train further. base_name: what the adapter says
    it belongs to. watch: told every record of models.tune_watch.Follower; what it raises ends the training.
    Raises ModelUnavailable for a model that cannot be loaded, TrainingFailed with one sentence for anything else that
    goes wrong on the way; no adapter is there then.
    """
    run = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_disk(folder)
        run = _Run(base, recipe, folder, precision, start, watch)
        return run.carried_out(train, test, base_name)
    except ModelError:
        raise
    except (RuntimeError, OSError, ValueError, KeyError, TypeError, MemoryError, ArithmeticError, SafetensorError) as e:
        raise TrainingFailed(_why(e, folder, recipe)) from e
    finally:
        del run
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class _Run:
    """One training: the model with its adapter, and what it is shown."""

    def __init__(
        self, base: Path, recipe: Recipe, folder: Path, precision: str, start: Path | None, watch: Watch
    ) -> None:
        self.recipe, self.folder, self.watch = recipe, folder, watch
        self.precision = precision
        set_seed(recipe.seed)
        datasets.disable_progress_bars()
        self.tokenizer = _tokenizer(base)
        self.model = _model(base, recipe, precision, self.tokenizer)
        if start is not None:
            self.model = PeftModel.from_pretrained(self.model, str(start), is_trainable=True)
            self.model.peft_config["default"].base_model_name_or_path = str(base)  # peft would look for it on the hub
        self.lora = None if start is not None else _lora(self.model, recipe)

    def carried_out(self, train: Sequence[Row], test: Sequence[Row], base_name: str) -> Tuned:
        ready, held = (prepared(rows, self.recipe, self.tokenizer) for rows in (train, test))
        left_out = ready.left_out + held.left_out
        if len(ready.rows) < self.recipe.batch_size:
            raise TrainingFailed(
                f"Of {len(train)} rows only {len(ready.rows)} can be learned from, fewer than one step takes "
                f"({self.recipe.batch_size}): raise max_length, lower batch_size or gather more."
            )
        trainer = self._trainer(ready, held)
        model, kind, pad = trainer.model, self.recipe.kind, self.tokenizer.pad_token_id
        prompts = self._fixed_prompts(held if held.rows else ready)
        asked = [self.tokenizer.decode(p, skip_special_tokens=True) for p in prompts]
        measured = held.encoded[:MEASURED_MOST]

        def samples() -> list[dict[str, str]]:
            return [{"prompt": p, "text": t}
                    for p, t in zip(asked, sampled(model, self.tokenizer, prompts), strict=True)]  # fmt: skip

        # a new adapter changes nothing yet, and one that is trained further is what it was
        before, first = measure(model, measured, kind, pad), samples()
        self.watch({"what": "samples", "step": 0, "samples": first})
        trainer.add_callback(Follower(self.watch, samples))
        checkpoint = _last_checkpoint(self.folder / "checkpoints")
        done = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        after, last = measure(model, measured, kind, pad), samples()
        numbers = figures(kind, measured, before, after)
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise TrainingFailed(f"The trained model's {name} is {value}: take a smaller learning rate.")
        return Tuned(
            folder=self._saved(trainer, base_name),
            metrics={
                "steps": done.global_step, "train_loss": round(done.training_loss, 6), "rows": len(ready.rows),
                "memory_gb": memory_gb(), "best_step": trainer.state.best_global_step or done.global_step, **numbers,
            },
            samples=[{"prompt": b["prompt"], "before": b["text"], "after": a["text"]}
                     for b, a in zip(first, last, strict=True)],
            left_out=dict(left_out),
            versions={name: importlib.metadata.version(name) for name in PACKAGES},
        )  # fmt: skip

    def _trainer(self, ready: Prepared, held: Prepared) -> Any:
        kind = {"sft": "SFT", "dpo": "DPO", "kto": "KTO", "reward": "Reward"}[self.recipe.kind]
        evaluated = len(held.rows) >= (2 if self.recipe.kind == "kto" else 1)
        arguments = getattr(trl, f"{kind}Config")(**self._arguments(len(ready.rows), evaluated))
        rows = ready.rows
        if self.recipe.kind == "kto":  # which must read its rows in one order: people's come first to last
            order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(self.recipe.seed)).tolist()
            rows = [rows[n] for n in order]
        callbacks = [EarlyStoppingCallback(self.recipe.patience)] if evaluated and self.recipe.patience else []
        trainer = getattr(trl, f"{kind}Trainer")(
            model=self.model, args=arguments, train_dataset=datasets.Dataset.from_list(rows),
            eval_dataset=datasets.Dataset.from_list(held.rows) if evaluated else None,
            processing_class=self.tokenizer, peft_config=self.lora, callbacks=callbacks,
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        return trainer

    def _arguments(self, rows: int, evaluated: bool) -> dict[str, Any]:
        recipe = self.recipe
        full = math.ceil(rows / recipe.batch_size * recipe.epochs)
        steps = min(full, recipe.max_steps) if recipe.max_steps else full
        every = max(1, math.ceil(steps / recipe.evaluations))
        boards = importlib.util.find_spec("tensorboard") is not None
        if boards:
            os.environ["TENSORBOARD_LOGGING_DIR"] = str(self.folder / "tensorboard")
        common = {
            "output_dir": str(self.folder / "checkpoints"), "seed": recipe.seed, "learning_rate": recipe.learning_rate,
            "per_device_train_batch_size": recipe.batch_size, "per_device_eval_batch_size": max(recipe.batch_size, 2),
            "num_train_epochs": recipe.epochs, "max_steps": steps, "weight_decay": recipe.weight_decay,
            "warmup_steps": max(1, steps // 20), "max_length": recipe.max_length, "logging_steps": 1,
            "logging_nan_inf_filter": False, "eval_strategy": "steps" if evaluated else "no", "eval_steps": every,
            "save_strategy": "steps", "save_steps": every, "save_total_limit": 2,
            "load_best_model_at_end": evaluated, "metric_for_best_model": "eval_loss" if evaluated else None,
            "greater_is_better": False if evaluated else None, "gradient_checkpointing": recipe.save_memory,
            "use_cpu": pick_device() == "cpu", "bf16": self.precision == "bf16", "fp16": self.precision == "fp16",
            "report_to": ["tensorboard"] if boards else [], "disable_tqdm": True, "dataloader_pin_memory": False,
        }  # fmt: skip
        if recipe.kind in ("dpo", "kto"):
            common |= {"beta": recipe.beta, "precompute_ref_log_probs": True}
        if recipe.kind == "dpo" and recipe.sft_weight:
            common |= {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, recipe.sft_weight]}
        return common

    def _fixed_prompts(self, shown: Prepared) -> list[list[int]]:
        """The same few prompts throughout, in tokens; a reward model answers none."""
        if self.recipe.kind == "reward":
            return []
        different = {tuple(row.prompt): None for row in shown.encoded}
        return [list(prompt) for prompt in list(different)[:FIXED_PROMPTS]]

    def _saved(self, trainer: Any, base_name: str) -> Path:
        """The adapter as any peft program loads it; whole or not there."""
        making, folder = self.folder / "adapter.new", self.folder / "adapter"
        if not trainer.is_world_process_zero():  # of several, one writes
            return folder
        shutil.rmtree(making, ignore_errors=True)
        model = trainer.accelerator.unwrap_model(trainer.model)
        model.peft_config["default"].base_model_name_or_path = base_name or None
        # “auto” would ask the hub whether the base's vocabulary was changed; it never is here
        model.save_pretrained(str(making), selected_adapters=["default"], save_embedding_layers=False)
        (making / "README.md").unlink(missing_ok=True)  # peft's own is a form to be filled in
        shutil.rmtree(folder, ignore_errors=True)
        making.replace(folder)
        return folder


def _tokenizer(base: Path) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(base))
    except (OSError, ValueError, KeyError, ImportError) as e:
        raise ModelUnavailable(f"The words of {base.name} could not be loaded: {_first_line(e)}") from e
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _model(base: Path, recipe: Recipe, precision: str, tokenizer: Any) -> Any:
    try:
        if recipe.kind == "reward":
            model = AutoModelForSequenceClassification.from_pretrained(
                str(base), num_labels=1, dtype=DTYPES[precision], pad_token_id=tokenizer.pad_token_id
            )
        else:
            model = AutoModelForCausalLM.from_pretrained(str(base), dtype=DTYPES[precision])
    except (OSError, ValueError, KeyError, ImportError) as e:
        raise ModelUnavailable(f"{base.name} could not be loaded for training: {_first_line(e)}") from e
    model.config.use_cache = False
    return model.to(pick_device())


def load_scorer(base: Path, recipe: Recipe, precision: str) -> tuple[Any, Any]:
    """The tokenizer, and the base with a head that scores and is not trained yet. Raises ModelUnavailable."""
    tokenizer = _tokenizer(base)
    return tokenizer, _model(base, recipe, precision, tokenizer)


def _lora(model: Any, recipe: Recipe) -> LoraConfig:
    linear = {name.rpartition(".")[2] for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
    attention = [name for name in _ATTENTION if name in linear]
    layers = int(getattr(model.config.get_text_config(), "num_hidden_layers", 0))
    if recipe.freeze_layers and recipe.freeze_layers >= layers:
        raise TrainingFailed(
            f"freeze_layers is {recipe.freeze_layers}, but the model has {layers} layers: leave one at least."
        )
    return LoraConfig(
        r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=recipe.dropout,
        target_modules=attention if {"q_proj", "v_proj"} <= set(attention) else "all-linear",
        layers_to_transform=list(range(recipe.freeze_layers, layers)) if recipe.freeze_layers else None,
        task_type="SEQ_CLS" if recipe.kind == "reward" else "CAUSAL_LM",
    )  # fmt: skip


def _last_checkpoint(folder: Path) -> Path | None:
    """The newest that was written whole (the trainer's state is its last file); others go."""
    found = []
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=lambda c: int(c.name.rpartition("-")[2])):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
            found.append(checkpoint)
        except (OSError, ValueError):
            shutil.rmtree(checkpoint, ignore_errors=True)
    return found[-1] if found else None


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        raise TrainingFailed(f"{free / 1e6:.0f} MB are free on the disk of {folder}: a training needs more, free some.")


def _why(error: Exception, folder: Path, recipe: Recipe) -> str:
    """One sentence."""
    said = str(error)
    memory = isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in said
    if memory:
        return (
            f"The training ran out of memory: lower batch_size ({recipe.batch_size}) or max_length "
            f"({recipe.max_length:,}), or set save_memory."
        )
    full = isinstance(error, OSError) and error.errno in _DISK
    full = full or any(s in said for s in ("No space left", "File too large", "os error 28", "os error 27"))
    if full or (isinstance(error, RuntimeError) and "PytorchStreamWriter" in said):
        return f"The disk of {folder} is full: free some space, then resume from the last checkpoint."
    return f"The training could not go on: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line[:240].rstrip(" .:") + "."
