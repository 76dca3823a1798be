"""Follows a trainer from step to step: tells what it does, shows samples, and ends it where numbers are none.

One transformers callback. Knows no files and no database: it is told whom to tell.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import torch
from transformers import TrainerCallback

from models.energy import Meter
from models.recipe import TrainingFailed

Record = Mapping[str, Any]
Watch = Callable[[Record], None]  # told every record; what it raises ends the training
Samples = Callable[[], list[dict[str, str]]]


class Follower(TrainerCallback):
    """Tells `watch` a record for each step ("step"), evaluation ("evaluation") and set of samples ("samples").

    A step's record: step, steps, loss and what the trainer logs of rewards, seconds, eta_s, memory_gb, cpu_s and, where
    the machine counts it, energy_j: since this run began.
    """

    def __init__(self, watch: Watch, samples: Samples) -> None:
        self._watch, self._samples = watch, samples
        self._since_s, self._first = time.monotonic(), 0
        self._meter = Meter()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._since_s, self._first = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if not logs or not state.is_world_process_zero:
            return
        for name in ("loss", "grad_norm", "eval_loss"):
            value = logs.get(name)
            if value is not None and not math.isfinite(float(value)):
                raise TrainingFailed(
                    f"The training came to nothing at step {state.global_step}: its {name} is {float(value)}; take a "
                    "smaller learning rate."
                )
        if "loss" in logs:
            self._watch({"what": "step", **self._so_far(state), **_numbers(logs)})

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        if not state.is_world_process_zero:
            return
        self._watch({"what": "evaluation", **self._so_far(state), **_numbers(metrics or {})})
        if outputs := self._samples():
            self._watch({"what": "samples", "step": state.global_step, "samples": outputs})

    def _so_far(self, state: Any) -> dict[str, float | int]:
        seconds = time.monotonic() - self._since_s
        done = state.global_step - self._first
        return {
            "step": state.global_step,
            "steps": state.max_steps,
            "seconds": round(seconds, 2),
            "eta_s": round(seconds / done * (state.max_steps - state.global_step), 1) if done else 0.0,
            "memory_gb": memory_gb(),
            **self._meter.spent(),
        }


def memory_gb() -> float:
    """What the training takes of the device's memory, in 10⁹ bytes; on a CPU, of the machine's."""
    if torch.cuda.is_available():
        return round(torch.cuda.max_memory_allocated() / 1e9, 3)
    return round(psutil.Process().memory_info().rss / 1e9, 3)


def _numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """What a trainer logged, without what is told otherwise or told of nothing."""
    dropped = ("runtime", "per_second", "total_flos")
    return {
        name: round(float(value), 6)
        for name, value in logs.items()
        if isinstance(value, int | float) and math.isfinite(value) and not any(part in name for part in dropped)
    }
