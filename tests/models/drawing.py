"""What an image backend's requests are made and run with in tests, and small pictures to send along."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from models.base import IMAGE_DEFAULTS, Backend, Ended, ImageRequest, ImageSample, canonical_settings
from tests.models.tiny_pipeline import info_of

SIZE = 64
STEPS = 6
PICTURES = ("init_image", "mask", "liked", "disliked", "steering")  # what a request has besides settings


@dataclass
class Outcome:
    """Everything that one run of requests sent back."""

    samples: list[ImageSample] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def of(self, request_id: str, position: int = 0) -> list[ImageSample]:
        return [s for s in self.samples if (s.request_id, s.position) == (request_id, position)]

    def pixels(self, request_id: str, position: int = 0) -> np.ndarray:
        """(H, W, 3) in 0…255."""
        last = self.of(request_id, position)[-1]
        assert last.image is not None and last.finish_reason == "stop", self.ended
        return np.asarray(Image.open(io.BytesIO(last.image)), dtype=np.int16)


def request(id_: str = "r", *, prompt: str = "a cat", negative: str = "", count: int = 1, seed: int = 7, **rest):
    pictures = {key: rest.pop(key) for key in PICTURES if key in rest}
    given = {"width": SIZE, "height": SIZE, "num_inference_steps": STEPS, "guidance_scale": 3.0, **rest}
    settings = canonical_settings("image", given, IMAGE_DEFAULTS)
    info = info_of("tiny")
    return ImageRequest(id_, "owner", info, settings, seed, count, prompt=prompt, negative_prompt=negative, **pictures)


def run(backend: Backend, *requests: ImageRequest) -> Outcome:
    for one in requests:
        assert backend.room(one)
        backend.admit(one)
    outcome = Outcome()
    while backend.active():
        for event in backend.step():
            (outcome.ended if isinstance(event, Ended) else outcome.samples).append(event)
    return outcome


def encoded(picture: Image.Image, format_: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def gradient(size: int = SIZE) -> bytes:
    return encoded(Image.linear_gradient("L").resize((size, size)).convert("RGB"))


def centre_mask() -> bytes:
    mask = Image.new("L", (SIZE, SIZE), 0)
    mask.paste(255, (16, 16, 48, 48))
    return encoded(mask)
