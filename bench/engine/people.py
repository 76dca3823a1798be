"""Simulated people who ask one engine for things, and what came of it. Knows no peer."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from models.base import (
    Ended,
    Event,
    ImageRequest,
    ImageSample,
    Message,
    ModelInfo,
    Request,
    Started,
    TextRequest,
    TextSample,
    canonical_settings,
)
from models.catalog import Catalog
from models.engine import Engine

TOKENS = 96
ROUNDS = 3
TOPICS = ("the sea", "a clock", "winter", "a lost dog", "the moon", "bread", "an old house", "a train")
THINGS = ("a red apple", "a cat", "a rocket", "a guitar", "a tree", "a heart", "a bicycle", "an umbrella")


@dataclass
class Asked:
    """One request and what it got, on the clock of time.perf_counter."""

    request: Request
    submitted_s: float = 0.0
    started_s: float = 0.0
    first_s: float = 0.0
    ended_s: float = 0.0
    status: str = ""
    last: dict[int, TextSample | ImageSample] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def __call__(self, event: Event) -> None:
        now_s = time.perf_counter()
        if isinstance(event, Started):
            self.started_s = now_s
        elif isinstance(event, Ended):
            self.ended_s, self.status = now_s, event.status
            self.over.set()
        else:
            self.first_s = self.first_s or now_s
            self.last[event.position] = event
            self.begun.set()

    @property
    def tokens(self) -> int:
        return sum(s.completion_tokens for s in self.last.values() if isinstance(s, TextSample))


def cache() -> Path:
    """Where converted models and installed peers outlive a run."""
    folder = Path(platformdirs.user_cache_dir("collab-bench"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def ready_engine(*names: tuple[str, Any]) -> tuple[Engine, list[ModelInfo]]:
    """An engine with these (name, modality) models loaded."""
    engine = Engine(Catalog(cache()), max_models=4)
    infos = [engine.resolve(name, modality) for name, modality in names]
    for info in infos:
        engine.warm(info)
    while sum(status.state == "ready" for status in engine.status()) < len(infos):
        time.sleep(0.05)
    return engine, infos


def text(info: ModelInfo, number: int, owner: str = "", *, tokens: int = TOKENS, count: int = 1) -> TextRequest:
    topic = TOPICS[number % len(TOPICS)]
    return TextRequest(
        id=f"{owner or number}-{number}-{time.perf_counter_ns()}", owner=owner or str(number), model=info,
        settings=canonical_settings("text", {"max_new_tokens": tokens}, info.defaults), seed=number, count=count,
        messages=(Message("user", f"Write a long story about {topic}."),),
    )  # fmt: skip


def picture(info: ModelInfo, number: int, owner: str = "", *, steps: int = 20) -> ImageRequest:
    return ImageRequest(
        id=f"{owner or number}-{number}-{time.perf_counter_ns()}", owner=owner or str(number), model=info,
        settings=canonical_settings("image", {"num_inference_steps": steps}, info.defaults), seed=number, count=1,
        prompt=THINGS[number % len(THINGS)],
    )  # fmt: skip


def submit(engine: Engine, requests: Sequence[Request]) -> list[Asked]:
    asked = [Asked(request) for request in requests]
    for one in asked:
        one.submitted_s = time.perf_counter()
        engine.submit(one.request, one)
    return asked


def finish(asked: Sequence[Asked]) -> float:
    """Wait for all; seconds from the first submission to the last end."""
    for one in asked:
        if not one.over.wait(600) or one.status != "done":
            raise RuntimeError(f"request {one.request.id} ended as “{one.status}”")
    return max(one.ended_s for one in asked) - min(one.submitted_s for one in asked)


def in_turn(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """The median of each measure over rounds that take them in turn: a machine that is slow for a while is slow for all
    of them."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(rounds):
        for measure, values in zip(measures, taken, strict=True):
            values.append(measure())
            sys.stderr.write(f"{values[-1]:.3g} ")
        sys.stderr.write("\n")
    return [statistics.median(values) for values in taken]
