"""The diffusers backend: any text-to-image pipeline, stepped for several requests in turn.

A request runs diffusers' own whole call, on threads that sleep between denoising steps (see stepping.py): so any family
works, requests advance step by step side by side, and a cancel frees its place at once. Knows nothing of queues,
owners or files.
"""

from __future__ import annotations

import gc
import inspect
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image

from models.base import Ended, ImageRequest, ImageSample, InvalidRequest, ModelError, ModelInfo, Request
from models.denoising import Plan, Progress, denoise
from models.device import pick_device
from models.fabric import References, takes_references
from models.pictures import decode_mask, decode_picture, encode_png
from models.pipelines import (
    Kind,
    LoadProgress,
    Pipeline,
    copy_with_scheduler,
    first_line,
    is_out_of_memory,
    load_pipeline,
    pipelines_by_kind,
    size_multiple,
)
from models.preview import PREVIEW_TYPE, Previewer
from models.stepping import SteppedCall

MAX_REQUESTS = 4
ROOM_PIXELS = 8 * 1024 * 1024  # of all the outputs admitted at once
BATCH_PIXELS = {"cpu": 8 * 64 * 64, "mps": 512 * 512, "cuda": 4 * 1024 * 1024}  # of the outputs sharing one call
SLICE_S = 0.25  # after this long a step() starts no further denoising step, so that a cancel is heard


@dataclass
class _Lane:
    """Some positions of one request that share one call."""

    positions: list[int]
    call: SteppedCall[Progress, list[Image.Image]]
    latest: Progress | None = None


@dataclass
class _Running:
    plan: Plan
    admitted: float
    lanes: deque[_Lane] = field(default_factory=deque)


class ImageBackend:
    """One resident diffusers model; implements models.base.Backend."""

    def __init__(self, info: ModelInfo, pipe: Pipeline, device: str) -> None:
        self.info = info
        self._device = device
        self._pipelines: dict[Kind, Pipeline] = pipelines_by_kind(pipe)
        self._previewer = Previewer(getattr(pipe, "vae", None))
        self._running: dict[str, _Running] = {}  # in the order of their turns

    @classmethod
    def load(cls, info: ModelInfo, progress: LoadProgress) -> ImageBackend:
        """Read the weights. Raises ModelNotFound or ModelUnavailable."""
        device = pick_device()
        pipe = load_pipeline(info, device, progress)
        progress(f"Preparing previews for {info.name}", None)
        return cls(info, pipe, device)

    @property
    def can(self) -> frozenset[str]:
        """What this family does beyond drawing from words: "image-to-image", "inpaint", "negative", "references"."""
        kinds = {str(kind) for kind in self._pipelines if kind != "text-to-image"}
        pipe = next(iter(self._pipelines.values()))
        also = {"negative": "negative_prompt" in _accepts(pipe), "references": takes_references(pipe)}
        return frozenset(kinds | {name for name, able in also.items() if able})

    # ---- the Backend protocol -------------------------------------------------------------------------------------

    def room(self, request: Request) -> bool:
        if not self._running:
            return True
        taken = sum(_pixels(running.plan.request) for running in self._running.values())
        return len(self._running) < MAX_REQUESTS and taken + _pixels(request) <= ROOM_PIXELS

    def admit(self, request: Request) -> str:
        plan = self._planned(request)
        running = _Running(plan, time.monotonic())
        size = self._batch_size(plan)
        for first in range(0, request.count, size):
            positions = list(range(first, min(first + size, request.count)))
            running.lanes.append(_Lane(positions, self._call(plan, positions)))
        self._running[request.id] = running
        if plan.negative_prompt:
            return f"{plan.prompt}\n\nNegative prompt: {plan.negative_prompt}"
        return plan.prompt

    def step(self) -> Sequence[ImageSample | Ended]:
        """Give each request one denoising step of one of its lanes, or as many requests as fit into the time slice."""
        samples: list[ImageSample | Ended] = []
        started = time.monotonic()
        for request_id in list(self._running):
            samples += self._advance(request_id, self._running.pop(request_id))
            if time.monotonic() - started > SLICE_S:
                break  # the others keep their place at the front
        return samples

    def evict(self, request_id: str) -> None:
        if (running := self._running.pop(request_id, None)) is not None:
            _cancel(running)

    def active(self) -> int:
        return len(self._running)

    def close(self) -> None:
        for request_id in list(self._running):
            self.evict(request_id)
        self._pipelines.clear()
        self._previewer = Previewer(None)
        _free_memory()

    # ---- one request ----------------------------------------------------------------------------------------------

    def _planned(self, request: Request) -> Plan:
        """Raises InvalidRequest for what this model cannot do."""
        if not isinstance(request, ImageRequest):
            raise InvalidRequest(f"“{self.info.name}” makes pictures: choose a text model for text.")
        settings = request.settings
        size = (settings["width"], settings["height"])
        init = mask = None
        kind: Kind = "text-to-image"
        if request.init_image is not None:
            kind = "image-to-image"
            init = decode_picture(request.init_image).resize(size, Image.Resampling.LANCZOS)
        if request.mask is not None:
            if init is None:
                raise InvalidRequest("A mask says where to repaint a picture: add the picture.")
            kind = "inpaint"
            mask = decode_mask(request.mask, size)
        if kind not in self._pipelines:
            able = ", ".join(self._pipelines)
            raise InvalidRequest(f"“{self.info.name}” cannot do {kind}: it does {able}, or choose another model.")
        if init is not None and int(settings["num_inference_steps"] * settings["strength"]) < 1:
            raise InvalidRequest(
                f"Strength {settings['strength']:g} of {settings['num_inference_steps']} steps leaves no step to do: "
                f"raise it to at least {1 / settings['num_inference_steps']:.2g}, or take more steps."
            )
        pipe = self._pipelines[kind]
        multiple = size_multiple(pipe)
        if any(side % multiple for side in size):
            raise InvalidRequest(f"“{self.info.name}” cannot draw {size[0]}×{size[1]}: choose multiples of {multiple}.")
        if request.negative_prompt.strip() and "negative_prompt" not in _accepts(pipe):
            raise InvalidRequest(f"“{self.info.name}” knows no negative prompt: leave it empty.")
        copy_with_scheduler(pipe, settings["scheduler"])  # refuses before anything runs
        words, unwanted = _encodable(request.prompt), _encodable(request.negative_prompt).strip()
        return Plan(request, kind, words, unwanted, init, mask, self._references(request, pipe, size))

    def _references(self, request: ImageRequest, pipe: Pipeline, size: tuple[int, int]) -> References | None:
        """What the request is steered by. Raises InvalidRequest for what it cannot be steered by."""
        if request.steering == 0 or not (request.liked or request.disliked):
            return None
        if not takes_references(pipe):
            raise InvalidRequest(
                f"“{self.info.name}” cannot be steered by pictures: turn that off or choose a Stable Diffusion model."
            )
        liked, disliked = (
            [decode_picture(data).resize(size, Image.Resampling.LANCZOS) for data in pictures]
            for pictures in (request.liked, request.disliked)
        )
        return References(liked, disliked, request.steering)

    def _batch_size(self, plan: Plan) -> int:
        """How many outputs share one call. Some families draw the noise of a picture's encoding for the first output
        only, so outputs that start from a picture run alone."""
        if plan.kind != "text-to-image" or "num_images_per_prompt" not in _accepts(self._pipelines[plan.kind]):
            return 1
        settings = plan.request.settings
        return max(1, BATCH_PIXELS.get(self._device, 0) // (settings["width"] * settings["height"]))

    def _call(self, plan: Plan, positions: list[int]) -> SteppedCall[Progress, list[Image.Image]]:
        pipelines, previewer = self._pipelines, self._previewer
        return SteppedCall(
            lambda report: denoise(plan, positions, pipelines, previewer, report),
            name=f"denoise {plan.request.id}",
        )

    def _advance(self, request_id: str, running: _Running) -> list[ImageSample | Ended]:
        """One denoising step (or the final decoding) of the request's next lane; the request then queues up last."""
        lane = running.lanes.popleft()
        try:
            outcome = lane.call.advance()
        except Exception as error:  # of any library below: it fails this one request, in words
            _cancel(running)
            if is_out_of_memory(error):
                _free_memory()
            return [Ended(request_id, "failed", self._explained(error, running.plan))]
        if not lane.call.finished:
            assert isinstance(outcome, Progress)
            lane.latest = outcome
            running.lanes.append(lane)
            self._running[request_id] = running
            return [
                self._sample(running, position, outcome, preview=preview)
                for position, preview in zip(lane.positions, outcome.previews, strict=True)
            ]
        assert isinstance(outcome, list)
        if running.lanes:
            self._running[request_id] = running
        done = lane.latest or Progress(1, 1, [])
        return [
            self._sample(running, position, done, image=encode_png(picture))
            for position, picture in zip(lane.positions, outcome, strict=True)
        ]

    def _sample(
        self,
        running: _Running,
        position: int,
        progress: Progress,
        *,
        preview: bytes | None = None,
        image: bytes | None = None,
    ) -> ImageSample:
        return ImageSample(
            running.plan.request.id,
            position,
            progress.step,
            progress.steps,
            preview=preview,
            preview_type=PREVIEW_TYPE,
            image=image,
            finish_reason="stop" if image is not None else None,
            seconds=time.monotonic() - running.admitted,
        )

    def _explained(self, error: Exception, plan: Plan) -> str:
        if isinstance(error, ModelError):
            return str(error)
        if is_out_of_memory(error):
            width, height = plan.request.settings["width"], plan.request.settings["height"]
            return (
                f"Memory ran out while drawing {plan.request.count} × {width}×{height}: "
                "choose a smaller size or fewer outputs."
            )
        return f"“{self.info.name}” could not draw this: {first_line(error)}"


def _accepts(pipe: Pipeline) -> frozenset[str]:
    return frozenset(inspect.signature(type(pipe).__call__).parameters)


def _pixels(request: Request) -> int:
    return request.count * int(request.settings["width"]) * int(request.settings["height"])


def _encodable(text: str) -> str:
    """The text without lone surrogates, which no tokenizer can encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cancel(running: _Running) -> None:
    for lane in running.lanes:
        lane.call.cancel()


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
