"""Admits requests fairly, steps the loaded backends, sends every sample to its own request, and cancels.

Pure threading: imports no torch and knows no backend by name. All backends are stepped by one thread. Nothing here is
stored: a request lives until its `Ended`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

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
)
from models.cancelling import cancelled_samples
from models.device import give_memory_back
from models.pace import cost, done
from models.residents import ModelSource, ModelStatus, Resident, Residents

__all__ = ["Engine", "ModelStatus", "Sink"]

log = logging.getLogger(__name__)

Sink = Callable[[Event], None]
REMOTE_POLL_S = 0.01
REST_S = 10.0  # without work, after which memory is given back
# whoever has something running may fill so much of a model; the rest is kept for those who have nothing running yet
OWN_SHARE = 0.75


@dataclass(eq=False)
class _Job:
    request: Request
    sink: Sink
    submitted_s: float
    started_s: float = 0.0
    first_s: float = 0.0
    loading_s: float = 0.0  # how long it waited for its model to load
    cancelled: bool = False
    ended: bool = False
    last: dict[int, Sample] = field(default_factory=dict)  # position -> latest sample

    @property
    def left(self) -> int:
        """The work still to do, at most, in the units of models.pace.cost."""
        return max(0, cost(self.request) - done(self.request, self.last))


class Engine:
    """Requests in, events out. Thread-safe; sinks are called on the engine's thread and must be quick.

    max_waiting, max_waiting_per_owner: how many requests may wait. max_models: how many local models stay in
    memory, as far as there is room for them.
    """

    def __init__(
        self, catalog: ModelSource, *, max_waiting: int = 256, max_waiting_per_owner: int = 64, max_models: int = 8
    ) -> None:
        self.catalog = catalog
        self.max_waiting = max_waiting
        self.max_waiting_per_owner = max_waiting_per_owner
        self._wake = threading.Condition()
        self._jobs: dict[str, _Job] = {}
        self._models = Residents(catalog, max_models, self._wake, self._notify)
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
            self._models.want(request.model).waiting.push(request)
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

    def make_room(self) -> None:
        """Give the memory of local models to something else. What runs ends first; what is asked for later, or waits
        already, has its model loaded again, as far as memory is left then."""
        with self._wake:
            self._models.leave()
            self._notify()

    def ahead(self, request_id: str) -> int:
        """How many requests of the same model run or will be admitted before this waiting one; 0 once it runs."""
        with self._wake:
            job = self._jobs.get(request_id)
            if job is None or job.started_s:
                return 0
            model = self._models.get(job.request.model)  # whoever looks on must not have a failed model tried again
            return model.place(request_id).before + len(model.running) if model is not None else 0

    def eta(self, request_id: str) -> float | None:
        """Seconds until a request will have ended, about; None where nobody can tell yet."""
        with self._wake:
            job = self._jobs.get(request_id)
            model = self._models.get(job.request.model) if job is not None else None
            if job is None or model is None or model.backend is None:
                return None
            running = [self._jobs[id_] for id_ in model.running if id_ in self._jobs]
            left = {other.request.id: other.left for other in running}
            if request_id in left:
                # those it shares each step with slow it down until they end, and no longer
                return model.pace.seconds(sum(min(other, left[request_id]) for other in left.values()))
            return model.pace.seconds(sum(left.values()) + model.place(request_id).work)

    def warm(self, info: ModelInfo) -> None:
        """Load a model before anyone asks it for something."""
        with self._wake:
            if not self._closing:
                self._models.want(info).warmed = True
                self._notify()

    def status(self) -> list[ModelStatus]:
        return [model.status for model in self._models]

    def close(self) -> None:
        """Cancel everything, free the models and wait for the engine's thread."""
        with self._wake:
            self._closing = True
            self._notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ---- the engine's thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        worked = False  # since memory was given back
        while True:
            with self._wake:
                self._changed = False
                closing = self._closing
            try:
                self._end_cancelled(everything=closing)
                if closing:
                    break
                self._fail_unloadable()
                self._models.manage()
                stepped = [self._serve(model) for model in self._models if model.backend is not None]
            except Exception:
                # a bug of the engine itself must not silence every later request
                log.exception("The engine stumbled and goes on")
                stepped = ["idle"]
                time.sleep(REMOTE_POLL_S)
            worked, asked = worked or "samples" in stepped, True
            with self._wake:
                if "samples" not in stepped and not self._changed:
                    asked = self._wake.wait(REMOTE_POLL_S if "nothing" in stepped else REST_S if worked else None)
            if not asked and "nothing" not in stepped:
                give_memory_back()
                worked = False
        self._models.close()

    def _serve(self, model: Resident) -> Literal["idle", "nothing", "samples"]:
        """Admit what there is room for and make one step."""
        backend = model.backend
        assert backend is not None
        try:
            self._admit_waiting(model, backend)
            if not backend.active():
                return "idle"
            began_s = time.perf_counter()
            samples = backend.step()
        except Exception:
            log.exception("%s failed in a step", model.info.name)
            self._reset(model, backend)
            return "samples"
        model.used_s = time.perf_counter()
        model.pace.stepped(sum(self._units(sample) for sample in samples), model.used_s - began_s)
        for sample in samples:
            job = self._jobs.get(sample.request_id)
            if job is None or sample.request_id not in model.running:
                continue
            if isinstance(sample, Ended):
                self._end(job, sample.status, sample.error)
            else:
                job.first_s = job.first_s or time.perf_counter()
                job.last[sample.position] = sample
                self._send(job, sample)
                finished = sum(last.finish_reason is not None for last in job.last.values())
                if not job.ended and finished == job.request.count:
                    model.pace.ended(job.request, job.last)
                    self._end(job, "done")
        return "samples" if samples else "nothing"

    def _units(self, sample: Sample | Ended) -> int:
        """The work a sample stands for, in the units of models.pace.cost."""
        job = self._jobs.get(sample.request_id)
        if job is None or isinstance(sample, Ended) or (isinstance(sample, ImageSample) and sample.image is not None):
            return 0
        settings = job.request.settings
        return int(settings["width"] * settings["height"]) if isinstance(sample, ImageSample) else 1

    def _admit_waiting(self, model: Resident, backend: Backend) -> None:
        must_wait: set[str] = set()  # owners who have their share already
        while not model.draining:
            with self._wake:
                request_id = model.waiting.next(must_wait)
                job = self._jobs.get(request_id) if request_id else None
                owners = {self._jobs[id_].request.owner for id_ in model.running if id_ in self._jobs}
            if job is None:
                return
            newcomer = job.request.owner not in owners
            if not backend.room(job.request, 1.0 if newcomer else OWN_SHARE):
                if newcomer:
                    return  # nobody overtakes whoever waits for a first place
                must_wait.add(job.request.owner)
                continue
            with self._wake:
                if job.cancelled:
                    return  # ended in the next turn
                model.waiting.take(job.request.id)
                model.running.add(job.request.id)
                job.started_s = model.used_s = time.perf_counter()
                job.loading_s = max(0.0, model.ready_s - job.submitted_s)
            try:
                rendered = backend.admit(job.request)
            except ModelError as e:
                self._end(job, "failed", str(e))
                continue
            except Exception:
                log.exception("%s could not take request %s", model.info.name, job.request.id)
                self._end(job, "failed", f"{model.info.name} could not read this request: change the prompt.")
                continue
            self._send(job, Started(job.request.id, rendered))

    def _end_cancelled(self, everything: bool) -> None:
        with self._wake:
            jobs = [job for job in self._jobs.values() if job.cancelled or everything]
        for job in jobs:
            if job.started_s:
                for sample in cancelled_samples(job.request, job.last, time.perf_counter() - job.started_s):
                    self._send(job, sample)
            self._end(job, "cancelled")

    def _reset(self, model: Resident, backend: Backend) -> None:
        for id_ in list(model.running):
            self._end(self._jobs[id_], "failed", f"{model.info.name} stopped with an unexpected error: try again.")
        if backend.active():  # it did not even let go: load it afresh
            self._models.unload(model)

    def _fail_unloadable(self) -> None:
        for model in self._models:
            with self._wake:
                message = model.message
                jobs = [self._jobs[id_] for id_ in model.waiting.order()] if model.state == "failed" else []
            for job in jobs:
                self._end(job, "failed", message)

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
            model = self._models.get(job.request.model)
            if model is not None:
                model.waiting.remove(id_)
                model.running.discard(id_)
        if model is not None and model.backend is not None:
            try:
                model.backend.evict(id_)
            except Exception:
                log.exception("%s could not let go of request %s", model.info.name, id_)
        timings = {
            "queued": (job.started_s or now_s) - job.submitted_s,
            "loading": job.loading_s,
            "total": now_s - job.submitted_s,
        }
        if job.first_s:
            timings["first"] = job.first_s - job.submitted_s
        try:
            job.sink(Ended(id_, status, error, timings))
        except Exception:
            log.exception("The receiver of request %s failed at its end", id_)

    def _notify(self) -> None:
        self._changed = True
        self._wake.notify_all()
