"""A judge of icons that has never seen the generator: a small network that names concept and style of a picture.

Trained in minutes on the real icons of all three sets, over every concept that all of them share (flags and clock faces
aside), moved, scaled, blurred and set on every background. The noto icons of every tenth concept are withheld from its
training, and `validate` says how well it names those. Knows pictures and the icon sets; knows nothing of prompts.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.pretrain.icon_captions import BACKGROUNDS, STYLES
from models.pretrain.icon_pictures import COLOUR, render_icons, shared_slugs
from models.pretrain.training_run import autocast

ICON_PX, PICTURE_PX = 64, 64
WITHHELD_EVERY = 10
BATCH = 128
GROUNDS = torch.tensor([COLOUR[name] for name in BACKGROUNDS]).float() / 255
LINE, BLACK = STYLES.index("line"), BACKGROUNDS.index("black")


class Reader(nn.Module):
    """(B, 3, 64, 64) in 0–1 to logits of the concepts (B, C) and of the styles (B, 3)."""

    def __init__(self, concepts: int) -> None:
        super().__init__()
        widths = (3, 32, 64, 128, 256)
        self.body = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(),
                    nn.Conv2d(after, after, 3, padding=1, groups=after // 16, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(),
                )
                for before, after in pairwise(widths)
            )
        )
        self.concept = nn.Linear(256, concepts)
        self.style = nn.Linear(256, len(STYLES))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        found = self.body(pictures * 2 - 1).amax(dim=(2, 3))
        return self.concept(found), self.style(found)


@dataclass(frozen=True)
class Judge:
    """Names pictures. slugs: the concepts in the order of the reader's logits."""

    slugs: tuple[str, ...]
    reader: Reader

    @torch.no_grad()
    def name(self, pictures: np.ndarray) -> tuple[list[list[str]], list[str]]:
        """The five likeliest slugs of each picture (N, 64, 64, 3) uint8, likeliest first, and its likeliest style."""
        self.reader.eval()
        fives: list[list[str]] = []
        styles: list[str] = []
        for start in range(0, len(pictures), 256):
            part = torch.from_numpy(pictures[start : start + 256]).permute(0, 3, 1, 2).float() / 255
            concept, style = self.reader(part)
            fives += [[self.slugs[index] for index in row] for row in concept.topk(5).indices.tolist()]
            styles += [STYLES[index] for index in style.argmax(1).tolist()]
        return fives, styles


def train_judge(data: Path, minutes: float, seed: int = 0) -> Judge:
    """A judge trained for so many minutes of wall-clock on the icon packages in `data`."""
    torch.manual_seed(seed)
    slugs = shared_slugs(data)
    icons = read_icons(data, slugs)
    reader = Reader(len(slugs)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(reader.parameters(), lr=3e-3, weight_decay=0.01, fused=True)
    known = torch.tensor(
        [(c, s) for c in range(len(slugs)) for s in range(len(STYLES)) if not withheld(c, STYLES[s])], dtype=torch.long
    )
    order, step, began = torch.randperm(len(known)), 0, time.monotonic()
    while (spent := (time.monotonic() - began) / 60 / minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 100) * max(0.01, 1 - spent)
        if len(order) < BATCH:
            order = torch.randperm(len(known))
        picked, order = known[order[:BATCH]], order[BATCH:]
        pictures = set_on_grounds(icons[picked[:, 0], picked[:, 1]], picked[:, 1])
        with autocast(torch.device("cpu")):
            concept, style = reader(pictures.contiguous(memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(concept.float(), picked[:, 0], label_smoothing=0.05)
        loss = loss + 0.2 * nn.functional.cross_entropy(style.float(), picked[:, 1])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"judge: {spent:4.0%}, step {step}, loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return Judge(tuple(slugs), reader.eval())


def load_judge(path: Path) -> Judge:
    """A judge that `save_judge` wrote."""
    state = torch.load(path, weights_only=True)
    reader = Reader(len(state["slugs"]))
    reader.load_state_dict(state["reader"])
    return Judge(tuple(state["slugs"]), reader.eval())


def save_judge(judge: Judge, path: Path) -> None:
    """Write slugs and weights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"slugs": list(judge.slugs), "reader": judge.reader.state_dict()}, path)


def validate(judge: Judge, data: Path, seed: int = 1) -> dict[tuple[str, str], list[bool]]:
    """Whether it names the noto icons that its training never saw, and those that it saw, differently set: first, or
    among the first five."""
    torch.manual_seed(seed)
    icons = read_icons(data, judge.slugs)
    noto = STYLES.index("noto")
    hits = {}
    for kept, kept_back in (("withheld", True), ("seen", False)):
        picked = [c for c in range(len(judge.slugs)) if withheld(c, "noto") == kept_back]
        pictures = set_on_grounds(icons[picked, noto], torch.full((len(picked),), noto))
        fives, _ = judge.name((pictures * 255).round().byte().permute(0, 2, 3, 1).numpy())
        wanted = [judge.slugs[c] for c in picked]
        hits[kept, "top 1"] = [five[0] == slug for five, slug in zip(fives, wanted, strict=True)]
        hits[kept, "top 5"] = [slug in five for five, slug in zip(fives, wanted, strict=True)]
    return hits


def withheld(concept: int, style: str) -> bool:
    """Whether this icon is kept out of the judge's training."""
    return style == "noto" and concept % WITHHELD_EVERY == 0


def read_icons(data: Path, slugs: Sequence[str]) -> Tensor:
    """(C, 3 styles, 4, 64, 64), colours times alpha and alpha, in 0–1."""
    rasters = render_icons(data, slugs)
    stack = [
        [np.asarray(rasters[slug, style].convert("RGBa").resize((ICON_PX, ICON_PX))) for style in STYLES]
        for slug in slugs
    ]
    return torch.from_numpy(np.array(stack)).permute(0, 1, 4, 2, 3).float() / 255


def set_on_grounds(icons: Tensor, styles: Tensor) -> Tensor:
    """Icons (B, 4, 64, 64) as pictures (B, 3, 64, 64): scaled, moved, on some background, half of them blurred."""
    count = len(icons)
    size = torch.empty(count).uniform_(0.36, 1.0)
    shift = (torch.rand(count, 2) * 2 - 1) * (1 - size)[:, None]
    turn = torch.zeros(count, 2, 3)
    turn[:, 0, 0] = turn[:, 1, 1] = 1 / size
    turn[:, :, 2] = -shift / size[:, None]
    grid = nn.functional.affine_grid(turn, [count, 4, PICTURE_PX, PICTURE_PX], align_corners=False)
    placed = nn.functional.grid_sample(icons, grid, align_corners=False)
    colours, alpha = placed[:, :3], placed[:, 3:]
    ground = torch.where(torch.rand(count) < 0.4, 0, torch.randint(len(BACKGROUNDS), (count,)))
    white_ink = ((styles == LINE) & (ground == BLACK))[:, None, None, None]
    pictures = torch.where(white_ink, alpha, colours) + (1 - alpha) * GROUNDS[ground][:, :, None, None]
    half = count // 2
    soft = nn.functional.avg_pool2d(pictures[:half], 2)
    soft = nn.functional.interpolate(soft, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([soft, pictures[half:]]).clamp(0, 1)
