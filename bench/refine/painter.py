"""Pictures of the embedded image model in batches, each measured once and kept on disk. Knows no taste."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL = Path(__file__).parents[2] / "models" / "embedded" / "icons"
STEPS, GUIDANCE, BATCH = 8, 3.0, 16


class Painter:
    """What a prompt's picture with a seed looks like, in the numbers of models/picture_features.py."""

    def __init__(self, cache: Path) -> None:
        self._file = cache / "pictures.jsonl"
        self._kept: dict[tuple[str, int], NDArray[np.float32]] = {}
        if self._file.exists():
            for line in self._file.read_text().splitlines():
                prompt, seed, features = json.loads(line)
                self._kept[prompt, seed] = np.array(features, np.float32)
        self._pipeline: Any = None

    def look(self, prompts: Sequence[str], seeds: Sequence[int]) -> NDArray[np.float32]:
        """(n, 30): the features of each prompt's picture with the seed beside it."""
        keys = list(zip(prompts, seeds, strict=True))
        todo = [key for key in dict.fromkeys(keys) if key not in self._kept]
        for start in range(0, len(todo), BATCH):
            self._paint(todo[start : start + BATCH])
        return np.stack([self._kept[key] for key in keys])

    def _paint(self, keys: Sequence[tuple[str, int]]) -> None:
        import torch
        from diffusers import AutoPipelineForText2Image

        from models.picture_features import picture_features

        if self._pipeline is None:
            self._pipeline = AutoPipelineForText2Image.from_pretrained(MODEL, dtype=torch.float32)
            self._pipeline.set_progress_bar_config(disable=True)
        noise = [torch.Generator().manual_seed(seed) for _, seed in keys]
        made = self._pipeline([prompt for prompt, _ in keys], generator=noise, num_inference_steps=STEPS,
                              guidance_scale=GUIDANCE).images  # fmt: skip
        with self._file.open("a") as file:
            for key, picture in zip(keys, made, strict=True):
                png = io.BytesIO()
                picture.save(png, "PNG")
                self._kept[key] = picture_features(png.getvalue())
                file.write(json.dumps([*key, [round(float(x), 5) for x in self._kept[key]]]) + "\n")
