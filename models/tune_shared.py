"""What trainings of text and of image models share: what comes out, the trainer's arguments, checkpoints, failures.

Knows no rows and no models.
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import EarlyStoppingCallback, PrinterCallback, ProgressCallback

from models.base import ModelError
from models.device import pick_device
from models.recipe import Recipe, TrainingFailed

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FIXED_PROMPTS = 3  # on which samples are shown
MEASURED_MOST = 200  # held-out rows that are measured before and after
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LEAST_FREE = 50_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Tuned:
    """A finished adapter. folder: as peft loads it. metrics: plain numbers and words. samples: of each fixed prompt,
    what was answered before and after; of a picture the name of its file in the training's folder. left_out: rows that
    the model could not take, by reason."""

    folder: Path
    metrics: Mapping[str, Any]
    samples: Sequence[Mapping[str, str]]
    left_out: Mapping[str, int]
    versions: Mapping[str, str]


@contextmanager
def failing_in_words(folder: Path, recipe: Recipe) -> Iterator[None]:
    """A training in `folder`: whatever goes wrong in it becomes one sentence, and memory is given back after it.

    Raises TrainingFailed for what libraries raise; what is a ModelError already, or a watcher's own, stays.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_disk(folder)
        yield
    except ModelError:
        raise
    except (RuntimeError, OSError, ValueError, KeyError, TypeError, MemoryError, ArithmeticError, SafetensorError) as e:
        raise TrainingFailed(_why(e, folder, recipe)) from e
    finally:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def training_arguments(recipe: Recipe, folder: Path, rows: int, evaluated: bool, precision: str) -> dict[str, Any]:
    """The arguments that every trainer is given. rows: to learn from; evaluated: whether any are held out."""
    full = math.ceil(rows / recipe.batch_size * recipe.epochs)
    steps = min(full, recipe.max_steps) if recipe.max_steps else full
    every = max(1, math.ceil(steps / recipe.evaluations))
    boards = importlib.util.find_spec("tensorboard") is not None
    if boards:
        os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / "tensorboard")
    return {
        "output_dir": str(folder / "checkpoints"), "seed": recipe.seed, "learning_rate": recipe.learning_rate,
        "per_device_train_batch_size": recipe.batch_size, "per_device_eval_batch_size": max(recipe.batch_size, 2),
        "num_train_epochs": recipe.epochs, "max_steps": steps, "weight_decay": recipe.weight_decay,
        "warmup_steps": max(1, steps // 20), "logging_steps": 1,
        "logging_nan_inf_filter": False, "eval_strategy": "steps" if evaluated else "no", "eval_steps": every,
        "save_strategy": "steps", "save_steps": every, "save_total_limit": 2,
        "load_best_model_at_end": evaluated, "metric_for_best_model": "eval_loss" if evaluated else None,
        "greater_is_better": False if evaluated else None,
        "use_cpu": pick_device() == "cpu", "bf16": precision == "bf16", "fp16": precision == "fp16",
        "report_to": ["tensorboard"] if boards else [], "disable_tqdm": True, "dataloader_pin_memory": False,
    }  # fmt: skip


def stopping_early(recipe: Recipe, evaluated: bool) -> list[Any]:
    """The callback that ends a training which no longer gets better, if one is wanted."""
    return [EarlyStoppingCallback(recipe.patience)] if evaluated and recipe.patience else []


def carry_through(trainer: Any, folder: Path) -> Any:
    """Train, from the last whole checkpoint in `folder` if one is there; what the trainer says at the end."""
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    checkpoint = _last_checkpoint(folder / "checkpoints")
    return trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def check_finite(numbers: Mapping[str, float]) -> None:
    """Raise TrainingFailed where what was measured is no number."""
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise TrainingFailed(f"The trained model's {name} is {value}: take a smaller learning rate.")


def keep_whole(trainer: Any, folder: Path, write: Callable[[Path], None]) -> Path:
    """`folder`/adapter as `write` leaves it in the folder that it is given; whole or not there."""
    making, kept = folder / "adapter.new", folder / "adapter"
    if not trainer.is_world_process_zero():  # of several, one writes
        return kept
    shutil.rmtree(making, ignore_errors=True)
    write(making)
    (making / "README.md").unlink(missing_ok=True)  # peft's own is a form to be filled in
    shutil.rmtree(kept, ignore_errors=True)
    making.replace(kept)
    return kept


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The installed versions of these packages."""
    return {name: importlib.metadata.version(name) for name in packages}


def first_line(error: Exception) -> str:
    """An error of a library as the end of a sentence."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line[:240].rstrip(" .:") + "."


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
    if memory and recipe.modality == "image":
        return f"The training ran out of memory: lower batch_size ({recipe.batch_size}), or set save_memory."
    if memory:
        return (
            f"The training ran out of memory: lower batch_size ({recipe.batch_size}) or max_length "
            f"({recipe.max_length:,}), or set save_memory."
        )
    full = isinstance(error, OSError) and error.errno in _DISK
    full = full or any(s in said for s in ("No space left", "File too large", "os error 28", "os error 27"))
    if full or (isinstance(error, RuntimeError) and "PytorchStreamWriter" in said):
        return f"The disk of {folder} is full: free some space, then resume from the last checkpoint."
    return f"The training could not go on: {first_line(error)}"
