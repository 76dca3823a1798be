"""Which models are in memory: loads them in threads of their own and closes the least recently used to make room.

Knows the engine's queues only as counts. Pure threading: imports no torch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from models.base import Backend, Modality, ModelError, ModelInfo, ModelUnavailable
from models.fairness import FairQueue, Place
from models.pace import Pace

PLACED_S = 1.0

log = logging.getLogger(__name__)


class NotEnoughMemory(ModelUnavailable):
    """The model is larger than the memory free now; closing another model may help."""


class ModelSource(Protocol):
    """What the engine needs of a catalog."""

    def entries(self, modality: Modality | None = None) -> Sequence[Any]: ...

    def resolve(self, name: str, modality: Modality) -> ModelInfo: ...

    def load(self, info: ModelInfo, progress: Callable[[str, float | None], None]) -> Backend: ...


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model the engine has been asked for. fraction: 0–1 of its loading, None when unknown."""

    name: str
    base: str
    state: Literal["loading", "ready", "failed"]
    message: str
    fraction: float | None


@dataclass(eq=False)
class Resident:
    """A model, the requests waiting for it and the ids of those it works on."""

    info: ModelInfo
    waiting: FairQueue = field(default_factory=FairQueue)
    pace: Pace = field(default_factory=Pace)
    running: set[str] = field(default_factory=set)
    backend: Backend | None = None
    state: Literal["wanted", "loading", "ready", "failed"] = "wanted"
    message: str = "Waiting to load"
    fraction: float | None = None
    ready_s: float = 0.0  # on the clock of time.perf_counter, as is used_s
    used_s: float = 0.0
    draining: bool = False  # finishes what it runs, then makes room for another model
    leaving: bool = False  # drains because something else than a model needs the memory
    memory_error: str = ""  # it did not fit the last time it was tried
    warmed: bool = False  # to be loaded although nobody waits for it yet
    _places: dict[str, Place] = field(default_factory=dict)
    _placed_s: float = float("-inf")

    @property
    def in_memory(self) -> bool:
        return self.info.precision != "remote" and self.state in ("loading", "ready")

    @property
    def status(self) -> ModelStatus:
        state = "loading" if self.state == "wanted" else self.state
        return ModelStatus(self.info.name, self.info.base, state, self.message, self.fraction)

    def place(self, request_id: str) -> Place:
        """Where a waiting request stands, known anew once a second: hundreds who wait all ask all the time."""
        now_s = time.perf_counter()
        if request_id not in self._places or now_s - self._placed_s > PLACED_S:
            self._places, self._placed_s = self.waiting.places(), now_s
        return self._places.get(request_id, Place())

    def is_now(self, state: Literal["wanted", "loading", "ready", "failed"], message: str) -> None:
        self.state, self.message, self.fraction = state, message, 1.0 if state == "ready" else None


class Residents:
    """At most `max_models` local models at once. wake guards everything here; notify tells the engine's thread.

    `manage`, `unload` and `close` belong to the engine's thread, which is the only one to call backends.
    """

    def __init__(
        self, catalog: ModelSource, max_models: int, wake: threading.Condition, notify: Callable[[], None]
    ) -> None:
        self._catalog = catalog
        self._max_models = max_models
        self._wake = wake
        self._notify = notify
        self._models: dict[tuple[str, ...], Resident] = {}
        self._closed = False

    def __iter__(self) -> Iterator[Resident]:
        with self._wake:
            return iter(list(self._models.values()))

    def get(self, info: ModelInfo) -> Resident | None:
        with self._wake:
            return self._models.get(_key(info))

    def want(self, info: ModelInfo) -> Resident:
        """The model, to be loaded if it is not; one that failed is tried again."""
        with self._wake:
            model = self._models.setdefault(_key(info), Resident(info))
            if model.state == "failed":
                model.is_now("wanted", "Trying again")
            return model

    def manage(self) -> None:
        """Close what is to leave, start loading what may load, and make room for what has to wait for room."""
        for model in self:
            if model.leaving and not model.running:
                self.unload(model)
        self._forget_unwanted()
        for model in self:
            if model.state == "wanted" and self._make_room(model):
                with self._wake:
                    model.is_now("loading", "Loading")
                threading.Thread(target=self._load, args=(model,), name=f"load {model.info.name}", daemon=True).start()

    def _forget_unwanted(self) -> None:
        """Load nothing for requests that were cancelled meanwhile, and let nobody make room for it."""
        with self._wake:
            for key, model in list(self._models.items()):
                if model.state == "wanted" and not model.warmed and not len(model.waiting):
                    del self._models[key]
            if not any(model.state == "wanted" for model in self._models.values()):
                for model in self._models.values():
                    model.draining = model.leaving

    def leave(self) -> None:
        """Let every local model in memory finish what it does and close; who waits has it loaded again after that."""
        with self._wake:
            for model in self._models.values():
                if model.state == "ready" and model.info.precision != "remote":
                    model.draining = model.leaving = True

    def unload(self, model: Resident) -> None:
        """Close a model that runs nothing; if requests wait for it, it queues up to be loaded again."""
        backend = model.backend
        with self._wake:
            model.backend, model.draining, model.leaving, model.warmed = None, False, False, False
            self._models.pop(_key(model.info), None)
            if len(model.waiting):
                model.is_now("wanted", "Waiting to load")
                self._models[_key(model.info)] = model  # last in line, behind the model it makes room for
        if backend is not None:
            _close(backend)

    def close(self) -> None:
        with self._wake:
            self._closed = True
        for model in self:
            if model.backend is not None:
                _close(model.backend)
                model.backend = None

    def _make_room(self, wanted: Resident) -> bool:
        """Whether `wanted` may load now. Closes the least recently used idle model, or lets the least recently used
        busy one drain, so that nobody waits for ever behind a model that is always busy."""
        resident = [m for m in self if m.in_memory]
        if wanted.info.precision == "remote" or (len(resident) < self._max_models and not wanted.memory_error):
            return True
        ready = sorted((m for m in resident if m.state == "ready"), key=lambda m: m.used_s)
        idle = [m for m in ready if not m.running and (m.draining or not len(m.waiting))]
        if idle:
            self.unload(idle[0])
            wanted.memory_error = ""
            return True
        if not resident:
            wanted.memory_error = ""
            return True
        if ready and not any(m.draining for m in ready):
            ready[0].draining = True
        return False

    def _load(self, model: Resident) -> None:
        """Runs in a thread of its own."""

        def progress(message: str, fraction: float | None) -> None:
            with self._wake:
                model.message, model.fraction = message, fraction

        backend, error, lacks_memory = None, "", False
        try:
            backend = self._catalog.load(model.info, progress)
        except ModelError as e:
            error, lacks_memory = str(e), isinstance(e, NotEnoughMemory)
        except Exception as e:
            log.exception("%s failed to load", model.info.name)
            error = f"{model.info.name} could not be loaded ({type(e).__name__}): choose another model."
        with self._wake:
            if self._closed:
                if backend is not None:
                    _close(backend)
                return
            model.backend, model.ready_s = backend, time.perf_counter()
            model.used_s = model.ready_s
            if backend is not None:
                model.is_now("ready", "Ready")
            elif lacks_memory and any(m.in_memory for m in self if m is not model):
                model.memory_error = error
                model.is_now("wanted", "Waiting for another model to make room")
            else:
                model.is_now("failed", error)
            self._notify()


def _key(info: ModelInfo) -> tuple[str, ...]:
    return (info.modality, info.base, info.revision, info.precision)  # an adapter is part of a request


def _close(backend: Backend) -> None:
    try:
        backend.close()
    except Exception:
        log.exception("%s could not be closed", backend.info.name)
