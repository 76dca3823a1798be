"""Admits requests fairly, steps the loaded backends, sends every sample to its own request, cancels, and loads models.

Pure threading: imports no torch and knows no backend by name. All backends are stepped by one thread; each model
loads in a thread of its own. Nothing here is stored: a request lives until its `Ended`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from models.base import (
    Backend,
    Ended,
    Event,
    ImageSample,
    InvalidRequest,
    Modality,
    ModelError,
    ModelInfo,
    ModelUnavailable,
    Request,
    Sample,
    Started,
    TextRequest,
    TextSample,
)
from models.fairness import FairQueue

log = logging.getLogger(__name__)

Sink = Callable[[Event], None]
REMOTE_POLL_S = 0.01


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
class _Job:
    request: Request
    sink: Sink
    submitted_s: float
    started_s: float = 0.0
    first_s: float = 0.0
    loaded_s: float = 0.0  # when its model became ready, if it was not at submission
    cancelled: bool = False
    ended: bool = False
    last: dict[int, Sample] = field(default_factory=dict)  # position -> latest sample


@dataclass(eq=False)
class _Model:
    info: ModelInfo
    waiting: FairQueue = field(default_factory=FairQueue)
    running: dict[str, _Job] = field(default_factory=dict)
    backend: Backend | None = None
    state: Literal["wanted", "loading", "ready", "failed"] = "wanted"
    message: str = "Waiting to load"
    fraction: float | None = None
    used_s: float = 0.0
    draining: bool = False  # finishes what it runs, then makes room for another model

    @property
    def in_memory(self) -> bool:
        return self.info.precision != "remote" and self.state in ("loading", "ready")


class Engine:
    """Requests in, events out. Thread-safe; sinks are called on the engine's thread and must be quick.

    max_waiting, max_waiting_per_owner: how many requests may wait. max_models: how many local models stay in memory.
    """

    def __init__(
        self, catalog: ModelSource, *, max_waiting: int = 256, max_waiting_per_owner: int = 64, max_models: int = 3
    ) -> None:
        self.catalog = catalog
        self.max_waiting = max_waiting
        self.max_waiting_per_owner = max_waiting_per_owner
        self.max_models = max_models
        self._wake = threading.Condition()
        self._jobs: dict[str, _Job] = {}
        self._models: dict[tuple[str, ...], _Model] = {}
        self._changed = False  # something for the engine thread to look at
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    # ---- called from any thread ------------------------------------------------------------------------------------

    def entries(self, modality: Modality | None = None) -> Sequence[Any]:
        return self.catalog.entries(modality)

    def resolve(self, name: str, modality: Modality) -> ModelInfo:
        """See Catalog.resolve. Raises ModelNotFound or ModelUnavailable."""
        return self.catalog.resolve(name, modality)

    def submit(self, request: Request, sink: Sink) -> None:
        """Queue a request; its events go to `sink`, the last of them an Ended.

        Raises ModelUnavailable when too much is waiting, InvalidRequest when the id is in use."""
        with self._wake:
            if self._closing:
                raise ModelUnavailable("The studio is shutting down: start it again, then repeat the request.")
            if request.id in self._jobs:
                raise InvalidRequest(f"Request {request.id} is already being worked on: wait for it to end.")
            waiting = [job.request.owner for job in self._jobs.values() if not job.started_s]
            if len(waiting) >= self.max_waiting:
                raise ModelUnavailable(f"{len(waiting)} requests are waiting already: try again in a minute.")
            if waiting.count(request.owner) >= self.max_waiting_per_owner:
                raise ModelUnavailable(
                    f"{waiting.count(request.owner)} of your requests are waiting already: let some finish first."
                )
            self._jobs[request.id] = _Job(request, sink, time.perf_counter())
            self._wanted_model(request.model).waiting.push(request)
            self._notify()

    def cancel(self, request_id: str) -> bool:
        """Whether there was such a request to cancel; its last events follow on the engine's thread."""
        with self._wake:
            job = self._jobs.get(request_id)
            if job is None or job.cancelled:
                return job is not None
            job.cancelled = True
            self._notify()
            return True

    def ahead(self, request_id: str) -> int:
        """How many requests of the same model run or will be admitted before this waiting one; 0 once it runs."""
        with self._wake:
            job = self._jobs.get(request_id)
            if job is None or job.started_s:
                return 0
            model = self._models[_key(job.request.model)]
            before = 0
            for waiting_id in model.waiting.order():
                if waiting_id == request_id:
                    break
                before += 1
            return before + len(model.running)

    def warm(self, info: ModelInfo) -> None:
        """Load a model before anyone asks it for something."""
        with self._wake:
            if not self._closing:
                self._wanted_model(info)
                self._notify()

    def status(self) -> list[ModelStatus]:
        with self._wake:
            return [
                ModelStatus(
                    m.info.name, m.info.base, "loading" if m.state == "wanted" else m.state, m.message, m.fraction
                )
                for m in self._models.values()
            ]

    def close(self) -> None:
        """Cancel everything, free the models and wait for the engine's thread."""
        with self._wake:
            self._closing = True
            self._notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ---- the engine's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                self._changed = False
                closing = self._closing
            try:
                self._end_cancelled(everything=closing)
                if closing:
                    break
                self._manage_memory()
                stepped = [self._serve(model) for model in self._snapshot() if model.backend is not None]
            except Exception:
                # a bug of the engine itself must not silence every later request
                log.exception("The engine stumbled and goes on")
                stepped = ["idle"]
                time.sleep(REMOTE_POLL_S)
            with self._wake:
                if "samples" not in stepped and not self._changed:
                    self._wake.wait(REMOTE_POLL_S if "nothing" in stepped else None)
        for model in self._snapshot():
            if model.backend is not None:
                _close(model.backend)

    def _serve(self, model: _Model) -> Literal["idle", "nothing", "samples"]:
        """Admit what there is room for and make one step."""
        backend = model.backend
        assert backend is not None
        try:
            self._admit_waiting(model, backend)
            if not backend.active():
                return "idle"
            samples = backend.step()
        except Exception:
            log.exception("%s failed in a step", model.info.name)
            self._reset(model, backend)
            return "samples"
        model.used_s = time.perf_counter()
        for sample in samples:
            job = model.running.get(sample.request_id)
            if job is None:
                continue
            if isinstance(sample, Ended):
                self._end(job, sample.status, sample.error)
            else:
                job.first_s = job.first_s or time.perf_counter()
                job.last[sample.position] = sample
                self._send(job, sample)
                finished = sum(last.finish_reason is not None for last in job.last.values())
                if not job.ended and finished == job.request.count:
                    self._end(job, "done")
        return "samples" if samples else "nothing"

    def _admit_waiting(self, model: _Model, backend: Backend) -> None:
        while not model.draining:
            with self._wake:
                request_id = model.waiting.next()
                job = self._jobs.get(request_id) if request_id else None
            if job is None or not backend.room(job.request):
                return
            with self._wake:
                if job.cancelled:
                    return  # ended in the next turn
                model.waiting.pop()
                model.running[job.request.id] = job
                job.started_s = model.used_s = time.perf_counter()
            try:
                rendered = backend.admit(job.request)
            except ModelError as e:
                self._end(job, "failed", str(e))
                continue
            self._send(job, Started(job.request.id, rendered))

    def _end_cancelled(self, everything: bool) -> None:
        with self._wake:
            jobs = [job for job in self._jobs.values() if job.cancelled or everything]
        for job in jobs:
            if job.started_s:
                for sample in _cancelled_samples(job):
                    self._send(job, sample)
            self._end(job, "cancelled")

    def _reset(self, model: _Model, backend: Backend) -> None:
        for job in list(model.running.values()):
            self._end(job, "failed", f"{model.info.name} stopped with an unexpected error: try again.")
        if backend.active():  # it did not even let go: load it afresh
            _close(backend)
            with self._wake:
                model.backend, model.state, model.message, model.fraction = None, "wanted", "Loading again", None

    def _send(self, job: _Job, event: Event) -> None:
        if job.ended:
            return
        try:
            job.sink(event)
        except Exception:
            log.exception("The receiver of request %s failed", job.request.id)
            self._end(job, "failed", "The answer could not be delivered: try again.")

    def _end(self, job: _Job, status: Literal["done", "failed", "cancelled"], error: str = "") -> None:
        """Forget a job, then tell its sink: whoever hears Ended may submit the same id again."""
        if job.ended:
            return
        job.ended = True
        id_, now_s = job.request.id, time.perf_counter()
        with self._wake:
            self._jobs.pop(id_, None)
            model = self._models.get(_key(job.request.model))
            if model is not None:
                model.waiting.remove(id_)
                model.running.pop(id_, None)
        if model is not None and model.backend is not None:
            try:
                model.backend.evict(id_)
            except Exception:
                log.exception("%s could not let go of request %s", model.info.name, id_)
        timings = {
            "queued": (job.started_s or now_s) - job.submitted_s,
            "loading": max(0.0, (job.loaded_s or job.submitted_s) - job.submitted_s),
            "total": now_s - job.submitted_s,
        }
        if job.first_s:
            timings["first"] = job.first_s - job.submitted_s
        try:
            job.sink(Ended(id_, status, error, timings))
        except Exception:
            log.exception("The receiver of request %s failed at its end", id_)

    # ---- models in memory ------------------------------------------------------------------------------------------

    def _wanted_model(self, info: ModelInfo) -> _Model:
        model = self._models.setdefault(_key(info), _Model(info))
        if model.state == "failed":
            model.state, model.message, model.fraction = "wanted", "Trying again", None
        return model

    def _manage_memory(self) -> None:
        """Fail what cannot load, start what may load, and make room for what has to wait for room."""
        for model in self._snapshot():
            if model.state == "failed":
                for id_ in list(model.waiting.order()):
                    self._end(self._jobs[id_], "failed", model.message)
        for model in self._snapshot():
            if model.state == "wanted" and self._make_room(model):
                with self._wake:
                    model.state, model.message = "loading", "Loading"
                threading.Thread(target=self._load, args=(model,), name=f"load {model.info.name}", daemon=True).start()

    def _make_room(self, wanted: _Model) -> bool:
        """Whether `wanted` may load now. Closes the least recently used idle model, or lets the least recently used
        busy one drain, so that nobody waits for ever behind a model that is always busy."""
        resident = [m for m in self._snapshot() if m.in_memory]
        if wanted.info.precision == "remote" or len(resident) < self.max_models:
            return True
        ready = sorted((m for m in resident if m.state == "ready"), key=lambda m: m.used_s)
        idle = [m for m in ready if not m.running and (m.draining or not len(m.waiting))]
        if idle:
            self._unload(idle[0])
            return True
        if ready and not any(m.draining for m in ready):
            ready[0].draining = True
        return False

    def _unload(self, model: _Model) -> None:
        backend = model.backend
        with self._wake:
            model.backend, model.draining = None, False
            if len(model.waiting):
                # back to the end of the line, behind the model it makes room for
                model.state, model.message, model.fraction = "wanted", "Waiting to load", None
                self._models[_key(model.info)] = self._models.pop(_key(model.info))
            else:
                del self._models[_key(model.info)]
        if backend is not None:
            _close(backend)

    def _load(self, model: _Model) -> None:
        """Runs in a thread of its own."""

        def progress(message: str, fraction: float | None) -> None:
            with self._wake:
                model.message, model.fraction = message, fraction

        backend, error = None, ""
        try:
            backend = self.catalog.load(model.info, progress)
        except ModelError as e:
            error = str(e)
        except Exception as e:
            log.exception("%s failed to load", model.info.name)
            error = (
                f"{model.info.name} could not be loaded ({type(e).__name__}): check its files or choose another model."
            )
        with self._wake:
            if self._closing and backend is not None:
                _close(backend)
                return
            now_s = time.perf_counter()
            model.backend, model.used_s = backend, now_s
            model.state = "ready" if backend is not None else "failed"
            model.message, model.fraction = error or "Ready", None if error else 1.0
            for id_ in model.waiting.order():
                self._jobs[id_].loaded_s = now_s
            self._notify()

    def _snapshot(self) -> list[_Model]:
        with self._wake:
            return list(self._models.values())

    def _notify(self) -> None:
        self._changed = True
        self._wake.notify_all()


def _key(info: ModelInfo) -> tuple[str, ...]:
    return (info.modality, info.base, info.revision, info.precision)


def _close(backend: Backend) -> None:
    try:
        backend.close()
    except Exception:
        log.exception("%s could not be closed", backend.info.name)


def _cancelled_samples(job: _Job) -> list[Sample]:
    """A last sample for every unfinished position: text keeps what it has, a picture has none."""
    samples: list[Sample] = []
    seconds = time.perf_counter() - job.started_s
    for position in range(job.request.count):
        last = job.last.get(position)
        if last is not None and last.finish_reason is not None:
            continue
        if isinstance(job.request, TextRequest):
            text = last if isinstance(last, TextSample) else None
            samples.append(
                TextSample(
                    job.request.id,
                    position,
                    text.text if text else "",
                    finish_reason="cancelled",
                    prompt_tokens=text.prompt_tokens if text else 0,
                    completion_tokens=text.completion_tokens if text else 0,
                    seconds=seconds,
                )
            )
        else:
            image = last if isinstance(last, ImageSample) else None
            samples.append(
                ImageSample(
                    job.request.id,
                    position,
                    image.step if image else 0,
                    int(job.request.settings.get("num_inference_steps", 0)),
                    finish_reason="cancelled",
                    seconds=seconds,
                )
            )
    return samples
