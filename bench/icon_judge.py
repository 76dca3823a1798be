"""A judge of icons that has never seen the generator: a small network that names what a picture shows, and in which of
the three styles.

    python -m bench.icon_judge --data FOLDER_OF_ICON_PACKAGES [--minutes 15]

It is trained on real icons alone, every concept that the generator's three sets share (flags and clock faces aside), as
six public sets draw it: moved, scaled, mirrored, blurred and set on every background. A seventh set, Twemoji, is
withheld from training and says how well the judge names drawings of another hand. What it learnt stays in the folder of
the packages. Knows pictures and the icon sets; knows nothing of prompts.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

from bench.record import Figure, keep
from bench.shares import percent, spread
from models.pretrain.icon_captions import BACKGROUNDS, STYLES, Style
from models.pretrain.icon_pictures import (
    COLOUR,
    PACKAGE,
    PICTURE_PX,
    download_sets,
    render_icons,
    render_set,
    resized,
    shared_slugs,
)
from models.pretrain.training_run import autocast, draw_progress, learning_rate, save_checkpoint

# drawn in none of the three styles; for measuring only, nothing of them is shipped (CC BY-SA, CC BY, Apache)
OTHER_PACKAGES = ("@iconify-json/openmoji@1.2.29", "@iconify-json/emojione@1.2.3", "@iconify-json/noto-v1@1.2.5")
WITHHELD_PACKAGE = "@iconify-json/twemoji@1.2.5"  # CC BY
FIRST = 5  # concepts that are named
BATCH, PEAK_LR = 128, 2e-3
MINUTES = 15  # of training on two cores
GROUNDS = torch.tensor([COLOUR[name] for name in BACKGROUNDS]).float() / 255
LINE, BLACK = STYLES.index("line"), BACKGROUNDS.index("black")


class Reader(nn.Module):
    """Pictures (B, 3, 64, 64) in 0–1 to logits of the concepts (B, C) and of the styles (B, 3). A ResNet (He et al.
    2016) of one block a stage."""

    def __init__(self, concepts: int) -> None:
        super().__init__()
        config = ResNetConfig(
            embedding_size=48, hidden_sizes=[48, 96, 192, 384], depths=[1, 1, 1, 1], layer_type="basic"
        )
        self.body = ResNetModel(config)
        self.concept = nn.Linear(384, concepts)
        self.style = nn.Linear(384, len(STYLES))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        found = self.body(pictures * 2 - 1).pooler_output.flatten(1)
        return self.concept(found), self.style(found)


@dataclass(frozen=True)
class Judge:
    """Names pictures. slugs: the concepts in the order of the reader's logits."""

    slugs: tuple[str, ...]
    reader: Reader

    @torch.no_grad()
    def name(self, pictures: np.ndarray) -> tuple[list[list[str]], list[Style]]:
        """The five likeliest concepts of each picture (N, 64, 64, 3) uint8, likeliest first, and its likeliest
        style."""
        fives: list[list[str]] = []
        styles: list[Style] = []
        for start in range(0, len(pictures), 256):
            part = torch.from_numpy(pictures[start : start + 256]).permute(0, 3, 1, 2).float() / 255
            concept, style = self.reader(part)
            fives += [[self.slugs[index] for index in row] for row in concept.topk(FIRST).indices.tolist()]
            styles += [STYLES[index] for index in style.argmax(1).tolist()]
        return fives, styles


def load_or_train(data: Path, minutes: float) -> Judge:
    """The judge of this folder of packages; trained for so many minutes of wall-clock if there is none yet."""
    path = data / "judge.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        reader = Reader(len(state["slugs"]))
        reader.load_state_dict(state["reader"])
        return Judge(tuple(state["slugs"]), reader.eval())
    judge = train_judge(data, minutes)
    save_checkpoint(path, slugs=list(judge.slugs), reader=judge.reader)
    return judge


def train_judge(data: Path, minutes: float, seed: int = 0) -> Judge:
    """A judge trained on the packages in `data`, which are fetched where they lack."""
    torch.manual_seed(seed)
    packages = (*PACKAGE.values(), *OTHER_PACKAGES)
    download_sets(data, packages)
    slugs = shared_slugs(data)
    icons, concepts, sets = read_icons(data, packages, slugs)
    reader = Reader(len(slugs)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(reader.parameters(), lr=PEAK_LR, weight_decay=0.05, fused=True)
    batches, step, began = shuffled(len(icons)), 0, time.monotonic()
    while (spent_s := time.monotonic() - began) < minutes * 60:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(spent_s / (minutes * 60), step, PEAK_LR, warmup_steps=100)
        picked = next(batches)
        pictures = set_on_grounds(icons[picked].float() / 255, sets[picked] == LINE)
        with autocast(torch.device("cpu")):
            concept, style = reader(pictures.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(concept.float(), concepts[picked], label_smoothing=0.1)
        ours = sets[picked] < len(STYLES)
        if ours.any():
            loss = loss + 0.3 * nn.functional.cross_entropy(style.float()[ours], sets[picked][ours])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 50 == 0:
            draw_progress("judge", spent_s, minutes * 60, step, step * BATCH, loss.item())
    return Judge(tuple(slugs), reader.eval())


def validate(judge: Judge, data: Path) -> list[Figure]:
    """How often the judge names the icons of the set that its training never saw."""
    download_sets(data, [WITHHELD_PACKAGE])
    icons = render_set(data, WITHHELD_PACKAGE, judge.slugs)
    fives, _ = judge.name(np.stack([on_white(icon, 48) for icon in icons.values()]))
    first = [five[0] == slug for five, slug in zip(fives, icons, strict=True)]
    among = [slug in five for five, slug in zip(fives, icons, strict=True)]
    return [
        Figure("icons' judge: withheld set, concept, top 1", percent(first), "%", note=spread(first)),
        Figure("icons' judge: withheld set, concept, top 5", percent(among), "%", note=spread(among)),
    ]


def real(data: Path, asked: Sequence[tuple[str, Style]], seed: int = 0) -> np.ndarray:
    """Real icons on white (N, 64, 64, 3) uint8, each a little larger or smaller than the generator's, and moved."""
    icons: Mapping[tuple[str, Style], Image.Image] = render_icons(data, sorted({slug for slug, _ in asked}))
    rng = Random(seed)
    return np.stack(
        [on_white(icons[key], rng.randint(44, 52), (rng.randint(-2, 2), rng.randint(-2, 2))) for key in asked]
    )


def on_white(icon: Image.Image, side: int, moved: tuple[int, int] = (0, 0)) -> np.ndarray:
    """An icon of that side (pixels) in the middle of a white picture (64, 64, 3), or moved from there."""
    picture = Image.new("RGB", (PICTURE_PX, PICTURE_PX), COLOUR["none"])
    corner = (PICTURE_PX - side) // 2
    icon = resized(icon, side)
    picture.paste(icon, (corner + moved[0], corner + moved[1]), icon)
    return np.asarray(picture)


def read_icons(data: Path, packages: Sequence[str], slugs: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Every drawing of every package: (N, 4, 64, 64) uint8, colours times alpha and alpha; the places of its concept
    and of its package, (N,) each."""
    icons, concepts, sets = [], [], []
    number = {slug: place for place, slug in enumerate(slugs)}
    for place, package in enumerate(packages):
        for slug, icon in render_set(data, package, slugs).items():
            small = icon.convert("RGBa").resize((PICTURE_PX, PICTURE_PX), Image.Resampling.LANCZOS)
            icons.append(torch.from_numpy(np.array(small)).permute(2, 0, 1))
            concepts.append(number[slug])
            sets.append(place)
    return torch.stack(icons), torch.tensor(concepts), torch.tensor(sets)


def shuffled(count: int) -> Iterator[Tensor]:
    """Batches of places 0 … count − 1, each place once before any comes again; what is left of a round is dropped."""
    while True:
        order = torch.randperm(count)
        yield from order[: count // BATCH * BATCH].split(BATCH)


def set_on_grounds(icons: Tensor, line: Tensor) -> Tensor:
    """Icons (B, 4, 64, 64) in 0–1 as pictures (B, 3, 64, 64): scaled, turned a little, moved, half of them mirrored and
    half of them blurred, on some background. line: (B,), whether it is black ink, which is white on black."""
    count = len(icons)
    scale = torch.empty(count).uniform_(0.36, 1.0)
    angle = torch.empty(count).uniform_(-0.2, 0.2)  # radians
    mirror = torch.where(torch.rand(count) < 0.5, 1.0, -1.0)
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0], turn[:, 0, 1] = mirror * angle.cos() / scale, -angle.sin() / scale
    turn[:, 1, 0], turn[:, 1, 1] = mirror * angle.sin() / scale, angle.cos() / scale
    moved = (torch.rand(count, 2) * 2 - 1) * (1 - scale)[:, None]
    turn[:, :, 2] = -(turn[:, :, :2] @ moved[:, :, None])[:, :, 0]
    grid = nn.functional.affine_grid(turn, [count, 4, PICTURE_PX, PICTURE_PX], align_corners=False)
    placed = nn.functional.grid_sample(icons, grid, align_corners=False)
    colours, alpha = placed[:, :3], placed[:, 3:]
    ground = torch.where(torch.rand(count) < 0.4, 0, torch.randint(len(BACKGROUNDS), (count,)))
    white_ink = (line & (ground == BLACK))[:, None, None, None]
    pictures = torch.where(white_ink, alpha, colours) + (1 - alpha) * GROUNDS[ground][:, :, None, None]
    soft = nn.functional.avg_pool2d(pictures[: count // 2], 2)
    soft = nn.functional.interpolate(soft, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([soft, pictures[count // 2 :]]).clamp(0, 1)


def main() -> None:
    """Train the judge, and print and keep how well it names the withheld set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the icon packages; fetched with npm")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="wall-clock budget on an otherwise idle machine")
    options = parser.parse_args()
    judge = load_or_train(options.data, options.minutes)
    sys.stderr.write(f"{len(judge.slugs)} concepts\n")
    keep(validate(judge, options.data), "icon_judge")


if __name__ == "__main__":
    main()
