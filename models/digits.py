"""The two small families on handwritten digits: a GAN and a VAE, both told which digit to draw.

Knows networks, and how they lie in a folder; knows nothing of training, requests or prompts. A folder holds
`model_index.json` with the family's class and sizes, and each part's weights in a folder of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import one_hot, relu

from models.base import ModelUnavailable

Family = Literal["gan", "vae"]
CLASS: dict[Family, str] = {"gan": "DigitsGAN", "vae": "DigitsVAE"}
LATENT: dict[Family, int] = {"gan": 64, "vae": 8}
# of the noise that is drawn from: at 1 the VAE's digits were read as asked less often; narrower sampling as in Kingma &
# Dhariwal 2018
TEMPERATURE: dict[Family, float] = {"gan": 1.0, "vae": 0.8}
SIDE_PX = 28


class DigitNorm(nn.Module):
    """Batch normalisation with a gain and a shift of its own for each digit (de Vries et al. 2017)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.shift = nn.Embedding(10, channels), nn.Embedding(10, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, features: Tensor, digits: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) -> (B, C, H, W)."""
        return self.norm(features) * self.gain(digits)[..., None, None] + self.shift(digits)[..., None, None]


class Decoder(nn.Module):
    """From a latent and a digit to a picture: the generator of the GAN (Goodfellow et al. 2014, in the layout of
    Radford et al. 2016), the decoder of the VAE (Kingma & Welling 2014)."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent
        self.mixed = nn.Linear(latent + 10, 128)
        self.spread = nn.Linear(128, 64 * 7 * 7)
        self.norm_7, self.norm_14 = DigitNorm(64), DigitNorm(32)
        self.up_14 = nn.ConvTranspose2d(64, 32, 4, 2, 1)
        self.up_28 = nn.ConvTranspose2d(32, 1, 4, 2, 1)

    def forward(self, latents: Tensor, digits: Tensor) -> Tensor:
        """latents: (B, latent), unit variance; digits: (B,) in 0…9 -> logits of ink, (B, 1, 28, 28)."""
        told = relu(self.mixed(torch.cat([latents, one_hot(digits, 10).to(latents.dtype)], dim=1)))
        features = relu(self.norm_7(self.spread(told).view(-1, 64, 7, 7), digits))
        return self.up_28(relu(self.norm_14(self.up_14(features), digits)))


class Encoder(nn.Module):
    """From a picture and its digit to the posterior of its latent: the handwriting (Sohn et al. 2015)."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Flatten()
        )
        self.seen, self.of_digit = nn.Linear(64 * 7 * 7, 128), nn.Embedding(10, 128)
        self.last = nn.Linear(128, 2 * latent)

    def forward(self, pictures: Tensor, digits: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, 28, 28) ink in 0…1 and (B,) -> mean and log variance, each (B, latent)."""
        seen = relu(self.seen(self.features(pictures)) + self.of_digit(digits))
        mean, log_variance = self.last(seen).chunk(2, dim=1)
        return mean, log_variance


class Discriminator(nn.Module):
    """How real a picture of a digit looks: a projection discriminator (Miyato & Koyama 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.last, self.of_digit = nn.Linear(128, 1), nn.Embedding(10, 128)
        nn.init.normal_(self.of_digit.weight, std=0.1)

    def forward(self, pictures: Tensor, digits: Tensor) -> Tensor:
        """(B, 1, 28, 28) ink in 0…1 and (B,) -> logits, (B,)."""
        seen = self.features(pictures * 2 - 1)
        return self.last(seen)[:, 0] + (self.of_digit(digits) * seen).sum(dim=1)


@dataclass(frozen=True)
class Digits:
    """A family's networks. `decoder` draws from noise of the standard deviation `temperature`; the other is what it was
    trained with or against."""

    family: Family
    decoder: Decoder
    other: Encoder | Discriminator
    temperature: float = 1.0

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The networks by the names of their folders."""
        names = {"gan": ("generator", "discriminator"), "vae": ("decoder", "encoder")}[self.family]
        return dict(zip(names, (self.decoder, self.other), strict=True))


def build_digits(family: Family, latent: int | None = None) -> Digits:
    """Untrained networks, with the family's own width of the latent unless another is given."""
    width = latent or LATENT[family]
    return Digits(family, Decoder(width), Encoder(width) if family == "vae" else Discriminator(), TEMPERATURE[family])


def save_digits(digits: Digits, folder: Path) -> None:
    """Write the folder that `load_digits` reads, the weights in half precision."""
    for name, part in digits.parts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        tensors = {
            key: value.half() if value.is_floating_point() else value for key, value in part.state_dict().items()
        }
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name / "model.safetensors")
    index = {
        "_class_name": CLASS[digits.family],
        "latent": digits.decoder.latent,
        "temperature": digits.temperature,
        "side_px": SIDE_PX,
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")


def load_digits(folder: Path) -> Digits:
    """The networks of a folder in fp32, ready to draw. Raises ModelUnavailable for what is no such folder."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        family = next(family for family, name in CLASS.items() if name == index["_class_name"])
        digits = replace(build_digits(family, int(index["latent"])), temperature=float(index["temperature"]))
        for name, part in digits.parts.items():
            part.load_state_dict(load_file(folder / name / "model.safetensors"))
            part.eval().requires_grad_(False)
    except Exception as error:  # the file system, JSON, safetensors and torch raise many kinds for one meaning
        raise ModelUnavailable(
            f"The files in {folder} are broken or not all there ({type(error).__name__}): train or fetch them again."
        ) from error
    return digits
