"""Measures fine-tuning of the embedded image model: does what people prefer grow in what it draws?

    python -m bench.train_image [--kind image-dpo] [--shuffled] [--seed 0]

People try one prompt at several guidance scales and order the pictures. They all like strong colours, which nobody is
told: a picture's saturation, measured from its pixels, decides. Through the studio's own feedback, snapshots and
trainer an adapter learns from that on some subjects; then base and adapter draw other subjects with new seeds, at the
model's own settings, and the same taste votes between them without knowing which is which. An interval over the
subjects is given (percentile bootstrap, Efron 1979).
--shuffled: the control, in which every order is drawn by lot.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from bench.record import Figure, keep
from bench.train import ended, trained
from collab import feedback
from collab.generation import Ask, generate
from collab.identity import LOCAL, Visitor
from collab.settings import read_settings
from collab.types import ModelVersion, Output, new_id
from collab.workspace import Workspace, open_workspace

SUBJECTS = (
    "cat", "rabbit", "bear", "pig", "frog", "penguin", "fish", "banana", "cherries", "carrot", "pizza", "cactus",
    "sunflower", "rocket", "house", "pencil", "umbrella", "sun", "star", "heart", "alien", "book", "car", "mushroom",
)  # fmt: skip
HELD_OUT = ("dog", "panda", "fox", "elephant", "chick", "butterfly", "apple", "strawberry", "pineapple", "hamburger",
            "tree", "airplane", "key", "basketball", "moon", "cloud", "skull", "grinning face")  # fmt: skip
GUIDANCE = (1.0, 2.0, 4.0, 7.0)
STEPS = 10
PICTURES_EACH = 2  # of a held-out subject
RESAMPLES = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kind", default="image-dpo", choices=["image-dpo"])
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", default="{}", help="of the recipe, as JSON")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="collab-bench-train-image-") as folder:
        ws = open_workspace(read_settings({"COLLAB_HOME": folder}))
        try:
            began_s = time.perf_counter()
            _gather(ws, asked.seed, shuffled=asked.shuffled)
            print(f"feedback gathered in {time.perf_counter() - began_s:.0f} s", flush=True)
            found = _figures(ws, asked.kind, asked.seed, json.loads(asked.settings), shuffled=asked.shuffled)
        finally:
            ws.close()
    keep(found, "train_image")


def saturation(ws: Workspace, output: Output) -> float:
    """How strong a picture's colours are: the mean spread of its channels, 0 to 255."""
    with Image.open(io.BytesIO(ws.blobs.get(output.blob_sha256 or ""))) as opened:
        pixels = np.asarray(opened.convert("RGB"), dtype=np.float32)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def _gather(ws: Workspace, seed: int, *, shuffled: bool) -> None:
    """Each subject's person orders its pictures by their taste, or by lot."""
    rng = Random(seed)
    for n, subject in enumerate(SUBJECTS):
        person = Visitor(new_id(), "anonymous")
        outputs = [
            ended(ws, generate(ws, person, Ask(
                prompt=_asked(subject), modality="image", seed=seed * 100_000 + n * 10 + k,
                settings={"guidance_scale": scale, "num_inference_steps": STEPS},
            )))[0]
            for k, scale in enumerate(GUIDANCE)
        ]  # fmt: skip
        liked = {output.id: rng.random() if shuffled else saturation(ws, output) for output in outputs}
        feedback.rank(ws, person, [[i] for i in sorted(liked, key=lambda i: -liked[i])])


def _asked(subject: str) -> str:
    return f"{'an' if subject[0] in 'aeiou' else 'a'} {subject}"


def _figures(ws: Workspace, kind: str, seed: int, settings: Mapping[str, Any], *, shuffled: bool) -> list[Figure]:
    job, minutes = trained(ws, kind, {"seed": seed, **settings})
    metrics = job["metrics"]
    version = ws.store.get(ModelVersion, job["model_version_id"])
    before, after = (_drawn(ws, model, seed) for model in (str(version.parent_id), version.id))
    wins = [[1.0 if b > a else 0.5 if b == a else 0.0 for a, b in zip(old, new, strict=True)]
            for old, new in zip(before, after, strict=True)]  # fmt: skip
    share, low, high = _interval(wins)
    label = f"{kind}{', shuffled' if shuffled else ''}, seed {seed}"
    about = (f"{metrics['rows']} pairs, {metrics['steps']} steps, best {metrics['best_step']}; "
             f"error on liked pictures {metrics['error_before']:.4f} → {metrics['error_after']:.4f}")  # fmt: skip
    colour = [statistics.mean(value for each in some for value in each) for some in (before, after)]
    return [
        Figure(f"training time ({label})", round(minutes, 2), "min", note=about),
        Figure(f"held-out implicit accuracy ({label})", metrics["accuracy"], "",
               note=f"95 % lower {metrics['accuracy_lower']}, {metrics['held_out']} pairs; {about}"),
        Figure(f"blind win rate over the base ({label})", round(share, 3), "",
               note=f"95 % {low:.2f} to {high:.2f} over {len(HELD_OUT)} held-out subjects × {PICTURES_EACH} new seeds; "
               f"saturation {colour[0]:.1f} → {colour[1]:.1f} of 255"),
        Figure(f"gates passed ({label})", float(all(gate["passed"] for gate in metrics["gates"])), "",
               note="; ".join(gate["gate"] for gate in metrics["gates"] if not gate["passed"])),
    ]  # fmt: skip


def _drawn(ws: Workspace, model: str, seed: int) -> list[list[float]]:
    """The saturations of what a model version draws of each held-out subject."""
    found = []
    for n, subject in enumerate(HELD_OUT):
        ask = Ask(prompt=_asked(subject), modality="image", model=model, count=PICTURES_EACH,
                  seed=seed * 100_000 + 50_000 + n * 10, settings={"num_inference_steps": STEPS})  # fmt: skip
        found.append([saturation(ws, output) for output in ended(ws, generate(ws, LOCAL, ask))])
    return found


def _interval(wins: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The mean, and its 95 % percentile bootstrap interval over the subjects."""
    rng, each = Random(0), [statistics.mean(some) for some in wins]
    means = sorted(statistics.mean(rng.choices(each, k=len(each))) for _ in range(RESAMPLES))
    return statistics.mean(each), means[round(0.025 * RESAMPLES)], means[round(0.975 * RESAMPLES)]


if __name__ == "__main__":
    main()
