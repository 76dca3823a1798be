"""Measures the embedded image model from its pixels: does a picture show the concept, style, colour, size and place
it was asked for?

    python -m bench.icons --data FOLDER_OF_ICON_PACKAGES [--concepts 40] [--json]

The judge is independent of the generator and has no weights: the nearest icon of all (every concept in every style),
compared as 16×16 thumbnails under small shifts. Its own ceiling, on real icons moved and scaled at random, is
reported beside every retrieval figure, and shuffled prompts give the floor. Knows nothing of the studio.
"""

import argparse
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoPipelineForText2Image, StableDiffusionPipeline
from PIL import Image

from models.pretrain.icon_captions import BACKGROUNDS, STYLES, Background, Scene, Style, is_withheld
from models.pretrain.icon_concepts import read_concepts
from models.pretrain.icon_pictures import COLOUR, compose, download_sets, render_icons

FOLDER = Path(__file__).parents[1] / "models" / "embedded" / "icons"
SHIFTS_PX = (-3, 0, 3)
CONCEPTS = read_concepts()


@dataclass(frozen=True)
class Judge:
    """Names a picture by its nearest icon on the same background."""

    icons: Mapping[tuple[str, Style], Image.Image]

    def ranking(self, picture: np.ndarray, background: Background) -> list[tuple[str, Style]]:
        """Every (slug, style), nearest first, for a picture (64, 64, 3) uint8."""
        keys, references = self._references(background)
        shifted = [np.roll(picture, (dy, dx), (0, 1)) for dy in SHIFTS_PX for dx in SHIFTS_PX]
        queries = np.stack([thumbnail(each) for each in shifted])  # (9, 768)
        distances = (references**2).sum(1)[:, None] + (queries**2).sum(1)[None] - 2 * references @ queries.T
        return [keys[index] for index in np.argsort(distances.min(axis=1))]

    def _references(self, background: Background) -> tuple[list[tuple[str, Style]], np.ndarray]:
        if background not in _REFERENCES:
            scenes = [Scene((slug,), style, background) for slug in CONCEPTS for style in STYLES]
            stack = np.stack([thumbnail(compose(scene, self.icons, Random(0))) for scene in scenes])
            _REFERENCES[background] = ([(scene.slugs[0], scene.style) for scene in scenes], stack)
        return _REFERENCES[background]


_REFERENCES: dict[Background, tuple[list[tuple[str, Style]], np.ndarray]] = {}


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """(64, 64, 3) uint8 to (768,) in 0–1."""
    return picture.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).reshape(-1) / 255


def draw(pipeline: StableDiffusionPipeline, prompts: Sequence[str], steps: int, first_seed: int = 0) -> np.ndarray:
    """One picture a prompt, (N, 64, 64, 3) uint8; prompt i is drawn from seed `first_seed + i`."""
    pictures: list[np.ndarray] = []
    for start in range(0, len(prompts), 32):
        part = list(prompts[start : start + 32])
        generators = [torch.Generator().manual_seed(first_seed + start + i) for i in range(len(part))]
        images = pipeline(part, num_inference_steps=steps, guidance_scale=3.0, generator=generators).images
        pictures += [np.asarray(image) for image in images]
    return np.stack(pictures)


def nearest_background(picture: np.ndarray) -> Background:
    """The named colour nearest to the median of the four corners."""
    corners = np.concatenate([picture[y : y + 3, x : x + 3].reshape(-1, 3) for y in (0, 61) for x in (0, 61)])
    middle = np.median(corners, axis=0)
    return min(BACKGROUNDS, key=lambda name: float(np.abs(middle - COLOUR[name]).sum()))


def foreground_box(picture: np.ndarray) -> tuple[float, float] | None:
    """Horizontal centre and longer side in pixels of what differs from a white background, or None."""
    rows, columns = np.nonzero(np.abs(picture.astype(int) - 255).sum(axis=2) > 120)
    if len(rows) < 8:
        return None
    left, right = np.percentile(columns, (1, 99))
    top, bottom = np.percentile(rows, (1, 99))
    return float(columns.mean()), float(max(right - left, bottom - top) + 1)


def measure(pipeline: StableDiffusionPipeline, judge: Judge, concept_count: int, steps: int) -> dict[str, float]:
    """Every figure by name; fractions in 0–1 unless the name says otherwise."""
    rng = Random(0)
    slugs = sorted(rng.sample(list(CONCEPTS), concept_count))
    names = {slug: CONCEPTS[slug].name for slug in slugs}
    figures: dict[str, float] = {}

    asked = [(slug, style) for slug in slugs for style in STYLES]
    pictures = draw(
        pipeline, [f"icon, {style} style drawing of a {names[slug]}, on white" for slug, style in asked], steps
    )
    figures |= retrieval("", judge, pictures, asked, ["none"] * len(asked))
    real = np.stack(
        [compose(Scene((slug,), style), judge.icons, Random(i)) for i, (slug, style) in enumerate(asked, 1)]
    )
    figures |= retrieval("real_icons_", judge, real, asked, ["none"] * len(asked))
    shuffled = asked[:]
    rng.shuffle(shuffled)
    figures |= retrieval("shuffled_", judge, pictures, shuffled, ["none"] * len(asked))
    again = draw(
        pipeline, [f"icon, {style} style drawing of a {names[slug]}, on white" for slug, style in asked], steps, 10_000
    )
    figures["two_seeds_mean_difference_of_255"] = float(np.abs(again.astype(float) - pictures).mean())

    for kind, wanted in (("seen", False), ("withheld", True)):
        combinations = [
            (slug, style, background)
            for slug in CONCEPTS
            for style in STYLES
            for background in BACKGROUNDS[1:]
            if is_withheld(slug, style, background) == wanted
        ]
        chosen = rng.sample(combinations, len(asked))
        prompts = [
            f"{style} style drawing of a {CONCEPTS[slug].name}, {background} background"
            for slug, style, background in chosen
        ]
        coloured = draw(pipeline, prompts, steps, 20_000)
        grounds = [background for _, _, background in chosen]
        figures |= retrieval(f"{kind}_combinations_", judge, coloured, [each[:2] for each in chosen], grounds)
        hits = [nearest_background(picture) == ground for picture, ground in zip(coloured, grounds, strict=True)]
        figures[f"{kind}_combinations_background"] = float(np.mean(hits))

    placed = {
        word: draw(pipeline, [f"a {names[slug]} on the {word}" for slug in slugs], steps) for word in ("left", "right")
    }
    hits = []
    for word, some in placed.items():
        boxes = [foreground_box(picture) for picture in some]
        hits += [box is not None and (box[0] < 32) == (word == "left") for box in boxes]
    figures["position"] = float(np.mean(hits))
    sized = {word: draw(pipeline, [f"a {word} {names[slug]}" for slug in slugs], steps) for word in ("small", "large")}
    hits = []
    for word, some in sized.items():
        boxes = [foreground_box(picture) for picture in some]
        hits += [box is not None and (box[1] < 36 if word == "small" else box[1] > 46) for box in boxes]
    figures["size"] = float(np.mean(hits))
    return figures


def retrieval(
    prefix: str,
    judge: Judge,
    pictures: np.ndarray,
    asked: Sequence[tuple[str, Style]],
    backgrounds: Sequence[Background],
) -> dict[str, float]:
    """Top-1 and top-5 concept, and the style of the nearest icon."""
    first, fifth, style = [], [], []
    for picture, (slug, wanted_style), background in zip(pictures, asked, backgrounds, strict=True):
        ranking = judge.ranking(picture, background)
        nearest = list(dict.fromkeys(each for each, _ in ranking))[:5]
        first.append(nearest[0] == slug)
        fifth.append(slug in nearest)
        style.append(ranking[0][1] == wanted_style)
    return {
        f"{prefix}concept_top1": float(np.mean(first)),
        f"{prefix}concept_top5": float(np.mean(fifth)),
        f"{prefix}style": float(np.mean(style)),
    }


def seconds_for_four(pipeline: StableDiffusionPipeline, steps: int) -> float:
    """The best of three timings of four pictures of one prompt."""
    timings = []
    for _ in range(3):
        began = time.perf_counter()
        pipeline("a cat", num_images_per_prompt=4, num_inference_steps=steps, guidance_scale=3.0)
        timings.append(time.perf_counter() - began)
    return min(timings)


def main() -> None:
    """Measure and print a line a figure, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the icon packages; fetched with npm if empty"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--concepts", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    download_sets(options.data)
    pipeline = AutoPipelineForText2Image.from_pretrained(options.folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    figures = {f"seconds_four_pictures_{steps}_steps": seconds_for_four(pipeline, steps) for steps in (8, 20)}
    figures |= measure(pipeline, Judge(render_icons(options.data, list(CONCEPTS))), options.concepts, options.steps)
    if options.json:
        print(
            json.dumps({"machine": platform.processor() or platform.machine(), "torch": torch.__version__, **figures})
        )
        return
    for name, value in figures.items():
        print(f"{name:45s} {value:.3f}")


if __name__ == "__main__":
    main()
