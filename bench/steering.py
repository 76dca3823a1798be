"""Measures instant steering on the embedded icon model: do next pictures take on what somebody liked?

    python -m bench.steering [--seeds 24]

A made-up person likes pictures on a blue ground and dislikes others; the ground is judged from the corners' pixels.
They see a round of pictures on all grounds, and up to four of each kind become references. Then pictures whose prompt
says nothing of the ground are drawn at strength 0, 0.5 and 1 and, as the control, at 1 with the same references
shuffled between liked and disliked. Both where the model leaves the ground open (no words at all) and where it does
not (a named thing, which it was taught to put on white).
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from bench.icons import nearest_background
from bench.record import Figure, keep
from models.base import Backend, ImageRequest, ImageSample, ModelInfo, canonical_settings
from models.catalog import Catalog
from models.fabric import MAX_REFERENCES

LIKED = "blue"
GROUNDS = ("blue", "red", "green", "yellow", "purple", "orange", "black", "grey")
STEPS = 8
RESAMPLES = 2_000
OPEN, NAMED = ("",), ("a star", "a mushroom", "an apple", "a rocket")


def draw(backend: Backend, info: ModelInfo, prompt: str, seed: int, count: int, **steer: object) -> list[bytes]:
    """`count` PNGs of one request, drawn alone."""
    settings = canonical_settings("image", {"num_inference_steps": STEPS}, info.defaults)
    backend.admit(ImageRequest("r", "bench", info, settings, seed, count, prompt=prompt, **steer))  # type: ignore[arg-type]
    made: dict[int, bytes] = {}
    while backend.active():
        for sample in backend.step():
            assert isinstance(sample, ImageSample), sample
            if sample.image is not None:
                made[sample.position] = sample.image
    return [made[position] for position in sorted(made)]


def ground_of(picture: bytes) -> str:
    """The named colour nearest to the corners."""
    return nearest_background(np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")))


def interval(hits: list[bool]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a share (Efron 1979), over the seeds."""
    rng = np.random.default_rng(0)
    means = np.asarray(hits, float)[rng.integers(0, len(hits), (RESAMPLES, len(hits)))].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def judged_round(backend: Backend, info: ModelInfo) -> tuple[list[bytes], list[bytes]]:
    """What the made-up person liked and disliked, at most four of each."""
    shown = [
        picture
        for n, ground in enumerate((LIKED, *GROUNDS))
        for picture in draw(backend, info, f"a {('tree', 'key')[n % 2]} on a {ground} background", 1000 + n, 2)
    ]
    liked = [picture for picture in shown if ground_of(picture) == LIKED]
    disliked = [picture for picture in shown if ground_of(picture) != LIKED]
    return liked[:MAX_REFERENCES], Random(0).sample(disliked, MAX_REFERENCES)


def main(seeds: int = 24) -> None:
    with tempfile.TemporaryDirectory() as cache:
        catalog = Catalog(Path(cache))
        info = catalog.resolve("icons", "image")
        backend = catalog.load(info, lambda message, fraction: None)
        liked, disliked = judged_round(backend, info)
        mixed = [*liked, *disliked]
        Random(1).shuffle(mixed)
        half = len(liked)
        ways: dict[str, dict[str, object]] = {
            "strength 0": {},
            "strength 0.5": {"liked": tuple(liked), "disliked": tuple(disliked), "steering": 0.5},
            "strength 1": {"liked": tuple(liked), "disliked": tuple(disliked), "steering": 1.0},
            "shuffled references": {"liked": tuple(mixed[:half]), "disliked": tuple(mixed[half:]), "steering": 1.0},
        }
        keep([step_time(backend, info, ways["strength 1"])], "steering")
        for kind, prompts in (("no words", OPEN), ("a named thing", NAMED)):
            figures, plain = [], None
            for way, steer in ways.items():
                each = seeds // len(prompts)
                hits = [
                    ground_of(picture) == LIKED
                    for n, prompt in enumerate(prompts)
                    for first in range(0, each, 8)
                    for picture in draw(backend, info, prompt, n * 100 + first, min(8, each - first), **steer)
                ]
                share, (low, high) = sum(hits) / len(hits), interval(hits)
                plain = share if plain is None else plain
                figures.append(
                    Figure(
                        f"steering: pictures on the liked ground, {kind}, {way}", round(share, 3), "share",
                        "" if way == "strength 0" else "unsteered, same seeds", None if way == "strength 0" else plain,
                        f"{len(hits)} seeds, 95 % bootstrap interval {low:.2f}–{high:.2f}",
                    )
                )  # fmt: skip
            keep(figures, "steering")
        backend.close()


def step_time(backend: Backend, info: ModelInfo, steer: dict[str, object]) -> Figure:
    """Seconds a denoising step of one picture, steered by eight references against unsteered: the best of five, taken
    in turn so that other load falls on both."""
    timings: dict[str, list[float]] = {"plain": [], "steered": []}
    for _ in range(5):
        for way, given in (("plain", {}), ("steered", steer)):
            began = time.perf_counter()
            draw(backend, info, "a star", 0, 1, **given)
            timings[way].append((time.perf_counter() - began) / STEPS)
    plain, steered = min(timings["plain"]), min(timings["steered"])
    return Figure(
        "steering: a denoising step of one picture with 8 references", round(steered, 5), "s", "unsteered step",
        round(plain, 5), "decoding and previews included in both; the last fifth of the steps is not steered",
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=24)
    main(parser.parse_args().seeds)
