"""What every training loop here shares: a learning rate over a wall-clock budget, checkpoints, autocast, a progress
line.

Knows nothing of what is being trained.
"""

import math
import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch


def learning_rate(spent: float, step: int, peak: float, *, warmup_steps: int) -> float:
    """Linear warm-up over the first steps, then a cosine down to 2 % of the peak as `spent`, the used share of time,
    goes 0 to 1.

    Wall-clock rather than steps, because the throughput of a shared machine cannot be foreseen.
    """
    decay = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(spent, 1.0)))
    return peak * decay * min(1.0, (step + 1) / warmup_steps)


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 on CUDA and on CPUs with AVX-512 BF16 (half again as fast there), else full precision."""
    enabled = device.type == "cuda" or (device.type == "cpu" and torch.cpu._is_avx512_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


def save_checkpoint(path: Path, **state: Any) -> None:
    """Write atomically; modules and optimizers are stored as their state dicts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {key: value.state_dict() if hasattr(value, "state_dict") else value for key, value in state.items()}
    fresh = path.with_suffix(".new")
    torch.save(plain, fresh)
    os.replace(fresh, path)


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any] | None:
    """The saved state, or None where there is none yet."""
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None


def draw_progress(stage: str, spent_s: float, budget_s: float, step: int, samples: int, loss: float) -> None:
    """One line on stderr: overwritten in place on a terminal, appended in a log."""
    line = (
        f"{stage}: {spent_s / 60:5.1f} of {budget_s / 60:.0f} min, step {step}, {samples} samples, "
        f"{samples / max(spent_s, 1e-9):.0f}/s, loss {loss:.4f}"
    )
    end = "\r" if sys.stderr.isatty() else "\n"
    print(line, end=end, file=sys.stderr, flush=True)
