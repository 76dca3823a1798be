"""What an image model makes of held-out rows, before and after it was trained: errors, accuracies, samples.

The noises and timesteps are the rows' own, so two measurements differ by the weights alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.diffusion_losses import errors
from models.pictures import encode_png
from models.pipelines import copy_with_scheduler
from models.recipe import Kind
from models.tune_measures import order, share_right, still

BLANK = 3.0  # standard deviation of a picture's values, of 255, below which it shows nothing
ALIKE = 2.0  # mean difference of two pictures, of 255, below which they are one


def errors_of(model: Any, scheduler: Any, rows: Sequence[Mapping[str, Any]]) -> list[Tensor]:
    """For each row with its fixed noise the error of each of its pictures at each draw: (draws, pictures)."""
    found, device = [], next(model.parameters()).device
    with still(model):
        for row in rows:
            draws = len(row["timesteps"])
            each = errors(
                model, scheduler, row["latents"].to(device).expand(draws, *row["latents"].shape),
                row["noise"].to(device), row["timesteps"].to(device),
                row["words"].to(device).expand(draws, *row["words"].shape),
                {name: value.to(device).expand(draws, *value.shape) for name, value in row["more"].items()},
            )  # fmt: skip
            found.append(each.cpu())
    return found


def means(measured: Sequence[Tensor]) -> list[tuple[float, ...]]:
    """The mean error of each of a row's pictures."""
    return [tuple(each.mean(dim=0).tolist()) for each in measured]


def figures(
    kind: Kind, rows: Sequence[Mapping[str, Any]], before: Sequence[tuple[float, ...]],
    after: Sequence[tuple[float, ...]],
) -> dict[str, float | int]:  # fmt: skip
    """What the held-out rows say of the training, as plain numbers.

    accuracy: image-dpo, the share of pairs whose preferred picture's error fell more than the other's (the implicit
    reward of Wallace et al. 2023); image-kto, how often a good picture's fell more than a bad one's; image-sft, the
    share of pictures whose error fell. accuracy_lower: as in tune_measures.figures. error_…: the mean of the pictures
    that are good; chosen_gain: by how much it fell.
    """
    if not rows:
        return {}
    good = [n for n, row in enumerate(rows) if row["good"] > 0]
    gains = [[b - a for b, a in zip(old, new, strict=True)] for old, new in zip(before, after, strict=True)]
    found: dict[str, float | int] = {"held_out": len(rows)}
    if good:
        first, last = (sum(each[n][0] for n in good) / len(good) for each in (before, after))
        found |= {"error_before": round(first, 6), "error_after": round(last, 6), "chosen_gain": round(first - last, 6)}
    if kind == "image-dpo":
        return found | share_right([order(chosen, rejected) for chosen, rejected in gains])
    if kind == "image-sft":
        return found | share_right([order(gain[0], 0.0) for gain in gains])
    bad = [gains[n][0] for n in range(len(rows)) if n not in set(good)]
    if good and bad:
        found |= share_right([order(gains[n][0], other) for n in good for other in bad], count=len(rows))
    return found


def drawn(pipe: Any, prompts: Sequence[tuple[str, str]], settings: Mapping[str, Any]) -> list[Image.Image]:
    """A picture for each prompt (with what is unwanted), number n with seed n: the same whenever the weights are."""
    found = []
    with still(pipe.unet):
        for number, (prompt, unwanted) in enumerate(prompts):
            own = copy_with_scheduler(pipe, settings["scheduler"])
            found.append(own(
                prompt, negative_prompt=unwanted or None, num_inference_steps=settings["num_inference_steps"],
                guidance_scale=settings["guidance_scale"], width=settings["width"], height=settings["height"],
                generator=torch.Generator("cpu").manual_seed(number),
            ).images[0])  # fmt: skip
    return found


def keep_pictures(pictures: Sequence[Image.Image], folder: Path, stem: str) -> list[str]:
    """Write them as PNG files; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{stem}-{number}.png" for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        (folder / name).write_bytes(encode_png(picture))
    return names


def spoilt(before: Sequence[Image.Image], after: Sequence[Image.Image]) -> dict[str, int]:
    """How many samples show nothing any more (blank), and how many pairs of them have become one picture (alike)."""
    old, new = ([np.asarray(p.convert("RGB"), dtype=np.float32) for p in pictures] for pictures in (before, after))
    blank = sum(_is_blank(b) and not _is_blank(a) for a, b in zip(old, new, strict=True))
    pairs = [(n, m) for n in range(len(new)) for m in range(n)]
    alike = sum(_are_one(new[n], new[m]) and not _are_one(old[n], old[m]) for n, m in pairs)
    return {"blank": blank, "alike": alike}


def _is_blank(pixels: np.ndarray) -> bool:
    return bool(pixels.std(axis=(0, 1)).max() < BLANK)


def _are_one(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).mean() < ALIKE)
