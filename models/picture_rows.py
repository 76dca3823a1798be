"""Training rows of pictures as a diffusion model takes them: latents and embedded words, each made once.

Knows Stable Diffusion's pipelines (1, 2 and XL); neither losses nor trainers. Where pictures lie it is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from PIL import Image, ImageOps
from torch import Tensor

from models.base import ModelError
from models.pictures import decode_picture
from models.recipe import Kind, TrainingFailed

Pictures = Callable[[str], bytes]  # by its SHA-256, the encoded picture
Row = Mapping[str, Any]
SHOWN: Mapping[Kind, tuple[str, ...]] = {
    "image-sft": ("image",), "image-kto": ("image",), "image-dpo": ("chosen", "rejected"),
}  # fmt: skip
DRAWS = 8  # noises, each at its own timestep, at which a held-out row is measured
_FAMILIES = ("StableDiffusionPipeline", "StableDiffusionXLPipeline")


@dataclass(slots=True)
class PreparedPictures:
    """What the trainer is given, a mapping of tensors a row: latents (A, C, h, w), words (T, D), good (), and under
    more what a larger UNet is told besides. left_out: how many rows, by reason."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[tuple[str, str]] = field(default_factory=list)  # of each row, with what is unwanted
    left_out: Counter[str] = field(default_factory=Counter)


def check_layout(pipe: Any, name: str) -> None:
    """Raise TrainingFailed for a model of a family whose training is not known here."""
    family = type(pipe).__name__
    channels = getattr(getattr(getattr(pipe, "vae", None), "config", None), "latent_channels", None)
    unet = getattr(pipe, "unet", None)
    known = family in _FAMILIES and isinstance(unet, UNet2DConditionModel) and unet.config.in_channels == channels
    if not known:
        raise TrainingFailed(
            f"{name} is a {family}, which cannot be trained here: choose a Stable Diffusion 1, 2 or XL model."
        )


class Reader:
    """Turns rows into tensors for one pipeline. size: (width, height) in pixels, to which pictures are cut."""

    def __init__(self, pipe: Any, pictures: Pictures, size: tuple[int, int]) -> None:
        self._pipe, self._pictures, self._size = pipe, pictures, size
        self._latents: dict[str, Tensor | None] = {}
        self._words: dict[str, tuple[Tensor, dict[str, Tensor]]] = {}

    @torch.no_grad()
    def prepared(self, rows: Sequence[Row], kind: Kind) -> PreparedPictures:
        """The rows that can be learned from, in their order."""
        made = PreparedPictures()
        vae = self._pipe.vae
        dtype = vae.dtype
        vae.to(torch.float32)  # XL's encoder overflows in half precision
        for row in rows:
            latents = [self._encoded(row[name]) for name in SHOWN[kind]]
            if any(each is None for each in latents):
                made.left_out["left out: a picture that cannot be read"] += 1
                continue
            words, more = self._said(row["prompt"])
            good = torch.tensor(float(row.get("label", True)))
            made.rows.append({"latents": torch.stack(latents), "words": words, "more": more, "good": good})  # type: ignore[arg-type]
            made.prompts.append((row["prompt"], str(row.get("negative_prompt") or "")))
        vae.to(dtype)
        return made

    def _encoded(self, sha256: str) -> Tensor | None:
        if sha256 not in self._latents:
            try:
                picture = decode_picture(self._pictures(sha256))
            except ModelError:
                self._latents[sha256] = None
                return None
            fitted = ImageOps.fit(picture, self._size, Image.Resampling.LANCZOS)
            pixels = self._pipe.image_processor.preprocess(fitted).to(self._pipe.vae.device)  # (1, 3, H, W), −1 … 1
            config = self._pipe.vae.config
            mean = self._pipe.vae.encode(pixels).latent_dist.mode()
            latents = (mean - (getattr(config, "shift_factor", None) or 0.0)) * config.scaling_factor
            self._latents[sha256] = latents[0].cpu()
        return self._latents[sha256]

    def _said(self, prompt: str) -> tuple[Tensor, dict[str, Tensor]]:
        if prompt not in self._words:
            device = self._pipe.unet.device
            found = self._pipe.encode_prompt(
                prompt=prompt, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
            more = {}
            if len(found) == 4:  # XL: the pooled words, and the size that the picture has
                width, height = self._size
                sizes = torch.tensor([height, width, 0, 0, height, width], dtype=torch.float32)
                more = {"text_embeds": found[2][0].float().cpu(), "time_ids": sizes}
            self._words[prompt] = (found[0][0].float().cpu(), more)
        return self._words[prompt]


def with_fixed_noise(rows: Sequence[Mapping[str, Any]], timesteps: int) -> list[dict[str, Any]]:
    """The rows with the noises and timesteps at which they are measured: the same before, during and after a training.

    noise: (DRAWS, C, h, w), drawn by the row's number. timesteps: (DRAWS,), spread evenly over all there are.
    """
    spread = torch.tensor([int((draw + 0.5) / DRAWS * timesteps) for draw in range(DRAWS)])
    found = []
    for number, row in enumerate(rows):
        generator = torch.Generator().manual_seed(number)
        noise = torch.randn((DRAWS, *row["latents"].shape[1:]), generator=generator)
        found.append({**row, "noise": noise, "timesteps": spread})
    return found


def stacked(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A batch: each tensor with a first axis of rows."""
    return {
        name: {n: torch.stack([row[name][n] for row in rows]) for n in value}
        if isinstance(value, dict)
        else torch.stack([row[name] for row in rows])
        for name, value in rows[0].items()
    }
