"""Measures the embedded image model from its pixels: does a picture show the concept, style, colour, size and place
it was asked for?

    python -m bench.icons --data FOLDER_OF_ICON_PACKAGES [--concepts 100] [--seeds 4]

Concept and style are named by a network that has never seen the generator (`bench.icon_judge`), out of every concept
that the three icon sets share. How well it names a set that it has never seen is reported first; its ceiling, on real
icons moved and scaled a little, beside every retrieval figure; shuffled prompts give the floor. Background, size and
place are measured from the pixels. The prompts' wordings are absent from the training captions. Knows nothing of the
studio.
"""

import argparse
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoPipelineForText2Image, StableDiffusionPipeline

from bench.icon_judge import MINUTES, Judge, load_or_train, real, validate
from bench.record import Figure, keep
from bench.shares import percent, spread
from models.pretrain.icon_captions import BACKGROUNDS, STYLES, Background, Style, is_withheld, with_article
from models.pretrain.icon_concepts import read_concepts
from models.pretrain.icon_pictures import COLOUR, download_sets

FOLDER = Path(__file__).parents[1] / "models" / "embedded" / "icons"
CONCEPTS = read_concepts()
Asked = tuple[str, Style]  # the slug of a concept
SMALL_PX, LARGE_PX = 33, 51  # longer sides between those of small (24), normal (48) and large icons (64)


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


def measure(
    pipeline: StableDiffusionPipeline, judge: Judge, data: Path, *, concepts: int, seeds: int, steps: int
) -> list[Figure]:
    """How often pictures show what was asked for; concepts: how many, drawn at random."""
    rng = Random(0)
    slugs = sorted(rng.sample(list(CONCEPTS), concepts))
    asked: list[Asked] = [(slug, style) for slug in slugs for style in STYLES]
    ceiling = judged(judge, real(data, asked), asked)

    prompts = [f"icon, {style} style drawing of {named(slug)}, on white" for slug, style in asked]
    rounds = [draw(pipeline, prompts, steps, 10_000 * seed) for seed in range(seeds)]
    figures = told("", judged(judge, np.concatenate(rounds), asked * seeds), "real icons", ceiling)
    plain = [f"{named(slug)} in {style} style" for slug, style in asked]
    rounds_plain = [draw(pipeline, plain, steps, 10_000 * seed) for seed in range(seeds)]
    known = judged(judge, np.concatenate(rounds_plain), asked * seeds)
    figures += told(", worded as in training", known, "real icons", ceiling)
    shuffled = asked[:]
    rng.shuffle(shuffled)
    figures += told(", prompts shuffled", judged(judge, rounds[0], shuffled), "real icons", ceiling)
    if seeds > 1:
        apart = float(np.abs(rounds[0].astype(float) - rounds[1]).mean())
        figures.append(Figure("icons: two seeds of a prompt, mean difference", round(apart, 2), "of 255"))
    figures += combinations(pipeline, judge, len(asked), steps, rng)

    hits = []
    for word in ("left", "right"):
        for picture in draw(pipeline, [f"{named(slug)} on the {word}" for slug in slugs], steps):
            box = foreground_box(picture)
            hits.append(box is not None and (box[0] < 32) == (word == "left"))
    figures.append(Figure("icons: position", percent(hits), "%", note=spread(hits)))
    hits = []
    for word in ("small", "large"):
        for picture in draw(pipeline, [f"a {word} {CONCEPTS[slug].name}" for slug in slugs], steps):
            box = foreground_box(picture)
            hits.append(box is not None and (box[1] < SMALL_PX if word == "small" else box[1] > LARGE_PX))
    return [*figures, Figure("icons: size", percent(hits), "%", note=spread(hits))]


def combinations(pipeline: StableDiffusionPipeline, judge: Judge, count: int, steps: int, rng: Random) -> list[Figure]:
    """Concepts in styles on coloured backgrounds: so many that training showed, and so many withheld from it."""
    every = [(slug, style, ground) for slug in CONCEPTS for style in STYLES for ground in BACKGROUNDS[1:]]
    found: dict[bool, dict[str, list[bool]]] = {}
    for withheld in (False, True):
        some = [each for each in every if is_withheld(*each) == withheld]
        chosen = rng.sample(some, min(count, len(some)))
        prompts = [f"{style} style drawing of {named(slug)}, {ground} background" for slug, style, ground in chosen]
        pictures = draw(pipeline, prompts, steps, 100_000)
        found[withheld] = judged(judge, pictures, [(slug, style) for slug, style, _ in chosen])
        found[withheld]["background"] = [
            nearest_background(picture) == ground for picture, (_, _, ground) in zip(pictures, chosen, strict=True)
        ]
    return told(", combinations withheld from training", found[True], "combinations that training showed", found[False])


def judged(judge: Judge, pictures: np.ndarray, asked: Sequence[Asked]) -> dict[str, list[bool]]:
    """Whether the judge names the concept first, or among its first five, and the style."""
    fives, styles = judge.name(pictures)
    return {
        "concept, top 1": [five[0] == slug for five, (slug, _) in zip(fives, asked, strict=True)],
        "concept, top 5": [slug in five for five, (slug, _) in zip(fives, asked, strict=True)],
        "style": [found == style for found, (_, style) in zip(styles, asked, strict=True)],
    }


def told(how: str, hits: Mapping[str, Sequence[bool]], peer: str, theirs: Mapping[str, Sequence[bool]]) -> list[Figure]:
    """A figure for each, told against the same of a peer."""
    return [
        Figure(f"icons: {what}{how}", percent(some), "%", peer, percent(theirs[what]), spread(some))
        for what, some in hits.items()
    ]


def named(slug: str) -> str:
    """`a cat`, `an apple`."""
    return with_article(CONCEPTS[slug].name)


def seconds_for_four(pipeline: StableDiffusionPipeline, steps: int) -> float:
    """The best of three timings of four pictures of one prompt."""
    timings = []
    for _ in range(3):
        began = time.perf_counter()
        pipeline("a cat", num_images_per_prompt=4, num_inference_steps=steps, guidance_scale=3.0)
        timings.append(time.perf_counter() - began)
    return min(timings)


def main() -> None:
    """Print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the icon packages; fetched with npm if empty"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--concepts", type=int, default=len(CONCEPTS))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--judge-minutes", type=float, default=MINUTES, help="how long to train the judge, where DATA holds none yet"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    download_sets(options.data)
    pipeline = AutoPipelineForText2Image.from_pretrained(options.folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    figures = [
        Figure(f"icons: four pictures, {steps} steps", round(seconds_for_four(pipeline, steps), 3), "s")
        for steps in (8, 20)
    ]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures.append(Figure("icons: peak memory of the process", round(peak_mb), "MB", note="four pictures at a time"))
    judge = load_or_train(options.data, options.judge_minutes)
    figures += validate(judge, options.data)
    figures += measure(
        pipeline, judge, options.data, concepts=options.concepts, seeds=options.seeds, steps=options.steps
    )
    keep(figures, "icons")


if __name__ == "__main__":
    main()
