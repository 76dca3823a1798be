"""The diffusers backend: any text-to-image pipeline, stepped for all its requests side by side.

A request runs diffusers' own whole call, on threads that sleep between denoising steps (see stepping.py): so any family
works, and a cancel frees its place at once. Where the family has a UNet or a transformer for single pictures,
requests of one size share its passes (see sharing.py); others take turns. Knows nothing of queues, owners or files.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

import torch
from PIL import Image

from models.base import Ended, ImageSample, ModelError, ModelInfo, Request
from models.denoising import Plan, Progress, denoise
from models.device import pick_device
from models.embedded_prompts import EmbeddedPrompts
from models.fabric import takes_references
from models.pictures import encode_png
from models.pipelines import (
    Kind,
    LoadProgress,
    Pipeline,
    first_line,
    is_out_of_memory,
    load_pipeline,
    pipelines_by_kind,
)
from models.planning import accepted, planned
from models.preview import PREVIEW_TYPE, PreviewClock, Previewer
from models.sharing import Pass, grant, shared_place
from models.stepping import SteppedCall
from models.unet_adapters import UNetAdapters

MAX_REQUESTS = 16
ROOM_PIXELS = 8 * 1024 * 1024  # of all the outputs admitted at once
# of the outputs in one pass; beyond it a larger batch takes as much longer as it is larger
BATCH_PIXELS = {"cpu": 16 * 64 * 64, "mps": 512 * 512, "cuda": 4 * 1024 * 1024}
SLICE_S = 0.25  # after this long a step() starts no further denoising step, so that a cancel is heard


@dataclass(eq=False)
class _Lane:
    """Some positions of one request that share one call. wish: the pass it sleeps for, if it can be shared."""

    running: _Running
    positions: list[int]
    call: SteppedCall[Progress | Pass, list[Image.Image]]
    wish: Pass | None = None
    latest: Progress | None = None

    @property
    def pixels(self) -> int:
        settings = self.running.plan.request.settings
        return len(self.positions) * int(settings["width"]) * int(settings["height"])


@dataclass(eq=False)
class _Running:
    plan: Plan
    admitted: float
    lanes: deque[_Lane] = field(default_factory=deque)  # in the order of their turns


class ImageBackend:
    """One resident diffusers model; implements models.base.Backend."""

    def __init__(self, info: ModelInfo, pipe: Pipeline, device: str) -> None:
        self.info = info
        self._device = device
        self._pipelines: dict[Kind, Pipeline] = pipelines_by_kind(pipe)
        self._words = EmbeddedPrompts()
        self._adapters = UNetAdapters(pipe)
        self._previewer = Previewer(getattr(pipe, "vae", None))
        self._clock = PreviewClock()
        self._shown: dict[str, float] = {}  # request id -> when it last got a preview
        self._batch_pixels = BATCH_PIXELS[device]
        self._running: dict[str, _Running] = {}  # in the order of their turns
        self._served: dict[str, int] = {}  # owner -> when one of theirs was last moved on, counted in turns
        self._turn = 0

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
        also = {"negative": "negative_prompt" in accepted(pipe), "references": takes_references(pipe)}
        return frozenset(kinds | {name for name, able in also.items() if able})

    # ---- the Backend protocol -------------------------------------------------------------------------------------

    def room(self, request: Request, share: float = 1.0) -> bool:
        if not self._running:
            return True
        taken = sum(_pixels(running.plan.request) for running in self._running.values())
        few = len(self._running) + 1 <= share * MAX_REQUESTS
        return few and taken + _pixels(request) <= share * ROOM_PIXELS

    def admit(self, request: Request) -> str:
        in_use = frozenset(running.plan.adapter for running in self._running.values())
        plan = planned(request, self.info.name, self._pipelines)
        plan = replace(plan, adapter=self._adapters.named(request.model.adapter, in_use))
        running = _Running(plan, time.monotonic())
        if not self._running:
            self._clock = PreviewClock()
        size = self._batch_size(plan)
        for first in range(0, request.count, size):
            positions = list(range(first, min(first + size, request.count)))
            running.lanes.append(_Lane(running, positions, self._call(plan, positions)))
        self._running[request.id] = running
        if plan.negative_prompt:
            return f"{plan.prompt}\n\nNegative prompt: {plan.negative_prompt}"
        return plan.prompt

    def step(self) -> Sequence[ImageSample | Ended]:
        """One denoising step for everybody, or for as many as fit into the time slice; the served queue up last."""
        samples: list[ImageSample | Ended] = []
        started = time.monotonic()
        todo = self._in_turn()
        for lane in [lane for lane in todo if lane.call.fresh]:
            samples += self._advance(lane)  # to the first pass it wants, so that a newcomer shares that
            if lane.wish is None:
                todo.remove(lane)
        while todo and time.monotonic() - started <= SLICE_S:
            together = self._sharing(todo)
            wishes = [lane.wish for lane in together if lane.wish is not None]
            if wishes and not grant(self._denoiser, wishes, self._adapters):
                self._batch_pixels = sum(lane.pixels for lane in together) // 2
                _free_memory()
            for lane in together:
                todo.remove(lane)
                samples += self._advance(lane)
        return self._with_previews(samples)

    def evict(self, request_id: str) -> None:
        if (running := self._running.pop(request_id, None)) is not None:
            self._shown.pop(request_id, None)
            _cancel(running)

    def active(self) -> int:
        return len(self._running)

    def close(self) -> None:
        for request_id in list(self._running):
            self.evict(request_id)
        self._pipelines.clear()
        self._adapters.close()
        self._words = EmbeddedPrompts()
        self._previewer = Previewer(None)
        _free_memory()

    # ---- one request ----------------------------------------------------------------------------------------------

    def _batch_size(self, plan: Plan) -> int:
        """How many outputs share one call. Some families draw the noise of a picture's encoding for the first output
        only, so outputs that start from a picture run alone."""
        if plan.kind != "text-to-image" or "num_images_per_prompt" not in accepted(self._pipelines[plan.kind]):
            return 1
        settings = plan.request.settings
        return max(1, BATCH_PIXELS.get(self._device, 0) // (settings["width"] * settings["height"]))

    def _call(self, plan: Plan, positions: list[int]) -> SteppedCall[Progress | Pass, list[Image.Image]]:
        pipelines, words, adapters = self._pipelines, self._words, self._adapters
        return SteppedCall(
            lambda report: denoise(plan, positions, pipelines, words, adapters, report),
            name=f"denoise {plan.request.id}",
        )

    @property
    def _denoiser(self) -> Any:
        pipe = next(iter(self._pipelines.values()))
        return getattr(pipe, shared_place(pipe))

    def _in_turn(self) -> list[_Lane]:
        """One lane of every owner, whoever has waited longest first, then a second of every owner … An owner's lanes
        come from one request after the other."""
        requests: dict[str, list[deque[_Lane]]] = {}
        for running in self._running.values():
            requests.setdefault(running.plan.request.owner, []).append(running.lanes)
        self._served = {owner: self._served.get(owner, 0) for owner in requests}
        owners = sorted(requests, key=lambda owner: self._served[owner])
        return _alternately([_alternately(requests[owner]) for owner in owners])

    def _sharing(self, todo: Sequence[_Lane]) -> list[_Lane]:
        """The next lane and those behind it that can go through the denoiser with it."""
        together, pixels = [todo[0]], todo[0].pixels
        for lane in todo[1:]:
            alike = lane.wish is not None and todo[0].wish is not None and lane.wish.kind == todo[0].wish.kind
            if alike and pixels + lane.pixels <= self._batch_pixels:
                together.append(lane)
                pixels += lane.pixels
        return together

    def _advance(self, lane: _Lane) -> list[ImageSample | Ended]:
        """Let a call run to the end of the step it is in and on to the next pass it wants; it then queues up last."""
        running, shares, lane.wish = lane.running, lane.wish is not None, None
        request_id = running.plan.request.id
        self._turn += 1
        self._served[running.plan.request.owner] = self._turn
        if request_id not in self._running:  # another lane of it has failed
            return []
        samples: list[ImageSample | Ended] = []
        try:
            outcome = lane.call.advance()
            while isinstance(outcome, Progress):
                lane.latest = outcome
                samples += [self._sample(running, position, outcome) for position in lane.positions]
                if not shares:
                    break
                outcome = lane.call.advance()
        except Exception as error:  # of any library below: it fails this one request, in words
            self.evict(request_id)
            if is_out_of_memory(error):
                _free_memory()
            return [Ended(request_id, "failed", self._explained(error, running.plan))]
        running.lanes.remove(lane)
        if isinstance(outcome, list):
            done = lane.latest or Progress(1, 1, torch.empty(0))
            samples += [
                self._sample(running, position, done, encode_png(picture))
                for position, picture in zip(lane.positions, outcome, strict=True)
            ]
        else:
            lane.wish = outcome if isinstance(outcome, Pass) else None
            running.lanes.append(lane)
        self._running.pop(request_id)
        if running.lanes:
            self._running[request_id] = running
        else:
            self._shown.pop(request_id, None)
        return samples

    def _with_previews(self, samples: Sequence[ImageSample | Ended]) -> list[ImageSample | Ended]:
        """Previews for what has moved, as long as they stay cheap; who has waited longest for one is first."""
        moved = {sample.request_id for sample in samples if isinstance(sample, ImageSample) and sample.image is None}
        previews: dict[tuple[str, int], bytes | None] = {}
        for request_id in sorted(moved & self._running.keys(), key=lambda each: self._shown.get(each, 0.0)):
            lane = self._running[request_id].lanes[-1]  # the one that moved last
            if lane.latest is None or not self._clock.is_due():
                continue
            with self._clock:
                pictures = self._previewer.previews(lane.latest.latents)
            self._shown[request_id] = time.monotonic()
            previews |= {(request_id, at): preview for at, preview in zip(lane.positions, pictures, strict=True)}
        return [
            replace(sample, preview=previews.get((sample.request_id, sample.position)))
            if isinstance(sample, ImageSample) and sample.image is None
            else sample
            for sample in samples
        ]

    def _sample(
        self,
        running: _Running,
        position: int,
        progress: Progress,
        image: bytes | None = None,
    ) -> ImageSample:
        return ImageSample(
            running.plan.request.id,
            position,
            progress.step,
            progress.steps,
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


def _alternately(queues: Iterable[Iterable[_Lane]]) -> list[_Lane]:
    """The first of each, then the second of each …"""
    return [lane for each in zip_longest(*queues) for lane in each if lane is not None]


def _pixels(request: Request) -> int:
    return request.count * int(request.settings["width"]) * int(request.settings["height"])


def _cancel(running: _Running) -> None:
    for lane in running.lanes:
        lane.call.cancel()


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
