"""The backend of the digit models: a prompt names a digit, a seed its handwriting, and one pass draws it.

Knows prompts and pictures; nothing of how the networks came about, nor of queues, owners or files. Settings of the
diffusion models (steps, guidance, scheduler) mean nothing here and are ignored. A picture is drawn 28×28 and shown in
the asked size by whole multiples, on black. A picture to start from is redrawn: strength goes from its own latent (0,
its reconstruction) to the prior's (1).
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from models.base import Ended, ImageRequest, ImageSample, InvalidRequest, ModelInfo, Request
from models.digits import SIDE_PX, Digits, Encoder, load_digits
from models.pictures import decode_picture, encode_png

MAX_REQUESTS = 16
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORD = re.compile(rf"\b({'|'.join(WORDS)})(?:e?s)?\b")
BEYOND = re.compile(
    r"\b(ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundred|thousand)s?\b"
)
A_PIECE = re.compile("一(?=[个個张張只隻幅位笔筆種种])")  # Chinese for “a”: no digit to draw
BOX_PX = 20  # MNIST scales a digit to this and sets its centre of mass into the middle (LeCun et al. 1998)
READ_PX = 512  # a larger picture is made smaller before it is read
LEAST_CONTRAST = 0.15


@dataclass(eq=False)
class _Running:
    request: ImageRequest
    digit: int
    mean: Tensor | None  # (1, latent) of the picture to start from
    admitted: float
    drawn: int = 0


class DigitsBackend:
    """One resident GAN or VAE; implements models.base.Backend. Every output is drawn alone: the same pixels in any
    crowd."""

    def __init__(self, info: ModelInfo, digits: Digits) -> None:
        self.info = info
        self._digits = digits
        self._running: dict[str, _Running] = {}

    @classmethod
    def load(cls, info: ModelInfo, folder: Path) -> DigitsBackend:
        """Read the weights. Raises ModelUnavailable."""
        return cls(info, load_digits(folder))

    def room(self, request: Request, share: float = 1.0) -> bool:
        return not self._running or len(self._running) + 1 <= share * MAX_REQUESTS

    def admit(self, request: Request) -> str:
        """The digit itself is the rendered prompt."""
        name = self.info.name
        if not isinstance(request, ImageRequest):
            raise InvalidRequest(f"“{name}” makes pictures: choose a text model for text.")
        encodes = isinstance(self._digits.other, Encoder)
        kind = "inpaint" if request.mask is not None else "image-to-image" if request.init_image is not None else ""
        if kind == "inpaint" or (kind and not encodes):
            able = "text-to-image, image-to-image" if encodes else "text-to-image"
            raise InvalidRequest(f"“{name}” cannot do {kind}: it does {able}, or choose another model.")
        if request.negative_prompt.strip():
            raise InvalidRequest(f"“{name}” knows no negative prompt: leave it empty.")
        if request.steering and (request.liked or request.disliked):
            raise InvalidRequest(
                f"“{name}” cannot be steered by pictures: turn that off or choose a Stable Diffusion model."
            )
        if request.model.adapter is not None:
            raise InvalidRequest(f"“{name}” takes no adapter: choose the model that this one was trained for.")
        digit = named_digit(request.prompt, name)
        mean = self._posterior_mean(request.init_image, digit) if request.init_image is not None else None
        self._running[request.id] = _Running(request, digit, mean, time.monotonic())
        return str(digit)

    def step(self) -> Sequence[ImageSample | Ended]:
        """One output of everybody."""
        return [self._next(running) for running in list(self._running.values())]

    def evict(self, request_id: str) -> None:
        self._running.pop(request_id, None)

    def active(self) -> int:
        return len(self._running)

    def close(self) -> None:
        self._running.clear()

    def _next(self, running: _Running) -> ImageSample:
        request, position = running.request, running.drawn
        running.drawn += 1
        if running.drawn == request.count:
            del self._running[request.id]
        picture = shown(self._draw(running, position), request.settings["width"], request.settings["height"])
        seconds = time.monotonic() - running.admitted
        return ImageSample(request.id, position, 1, 1, image=encode_png(picture), finish_reason="stop", seconds=seconds)

    @torch.inference_mode()
    def _draw(self, running: _Running, position: int) -> np.ndarray:
        """(28, 28) uint8."""
        seed = (running.request.seed + position) % 2**32
        latents = torch.randn(1, self._digits.decoder.latent, generator=torch.Generator("cpu").manual_seed(seed))
        latents *= self._digits.temperature
        if running.mean is not None:
            strength = running.request.settings["strength"]
            # shares of variance, so that the mixture stays as wide as what the decoder knows
            latents = (1 - strength**2) ** 0.5 * running.mean + strength * latents
        ink = torch.sigmoid(self._digits.decoder(latents, torch.tensor([running.digit])))
        return (ink[0, 0] * 255).round().byte().numpy()

    @torch.inference_mode()
    def _posterior_mean(self, picture: bytes, digit: int) -> Tensor:
        assert isinstance(self._digits.other, Encoder)
        ink = torch.from_numpy(as_mnist(decode_picture(picture)))[None, None]
        mean, _ = self._digits.other(ink, torch.tensor([digit]))
        return mean


def named_digit(prompt: str, name: str) -> int:
    """The digit that a prompt names: an English word, or a numeral of any script. Raises InvalidRequest if there is
    none or more than one."""
    text = A_PIECE.sub("", prompt.casefold())
    numerals = [unicodedata.numeric(character, -1) for character in text]  # -1: none
    found = {int(n) for n in numerals if n in range(10)} | {WORDS.index(word) for word in WORD.findall(text)}
    longer = BEYOND.search(text) is not None or any(n >= 0 and n not in range(10) for n in numerals)
    longer = longer or any(a >= 0 and b >= 0 for a, b in pairwise(numerals))
    if len(found) == 1 and not longer:
        return found.pop()
    if found:
        raise InvalidRequest(f"“{name}” draws one digit at a time: name a single one, as in “a handwritten seven”.")
    raise InvalidRequest(f"“{name}” draws handwritten digits only: name one, as in “a handwritten seven” or “7”.")


def shown(ink: np.ndarray, width: int, height: int) -> Image.Image:
    """A digit (28, 28) uint8 as large as it fits by whole multiples, in the middle of a black picture."""
    side = SIDE_PX * max(1, min(width, height) // SIDE_PX)
    picture = Image.new("L", (width, height))
    large = Image.fromarray(ink).resize((side, side), Image.Resampling.NEAREST)
    picture.paste(large, ((width - side) // 2, (height - side) // 2))
    return picture


def as_mnist(picture: Image.Image) -> np.ndarray:
    """A picture of one digit, dark on light or light on dark, the way MNIST holds them: (28, 28) ink in 0…1, float32.

    Raises InvalidRequest for a picture of one colour."""
    small = picture.convert("L")
    small.thumbnail((READ_PX, READ_PX), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float32) / 255
    ground = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    ink = np.clip(grey - ground if ground < 0.5 else ground - grey, 0, None)
    if ink.max() < LEAST_CONTRAST:
        raise InvalidRequest("The picture shows no digit: send one that stands out from a plain ground.")
    ink /= ink.max()
    rows, columns = np.nonzero(ink > LEAST_CONTRAST)
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = BOX_PX / max(cut.shape)
    size = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    fitted = np.asarray(Image.fromarray(cut).resize(size, Image.Resampling.BOX))
    weights = fitted / fitted.sum()
    middle = (weights.sum(axis=1) @ np.arange(size[1]), weights.sum(axis=0) @ np.arange(size[0]))
    top, left = (
        min(max(round((SIDE_PX - 1) / 2 - centre), 0), SIDE_PX - extent)
        for centre, extent in zip(middle, fitted.shape, strict=True)
    )
    placed = np.zeros((SIDE_PX, SIDE_PX), dtype=np.float32)
    placed[top : top + size[1], left : left + size[0]] = fitted
    return placed.clip(0, 1)
