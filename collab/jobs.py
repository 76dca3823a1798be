"""Long work that is not a generation: started, watched, stopped, and told when its program died.

A job runs in a thread of this process, or in a process of its own, which takes it with `Jobs.take`. Knows nothing of
what the work does.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil

from collab.checks import is_id
from collab.errors import CollabError, NotFound, Stopped, Unavailable
from collab.store import Conflict, Store
from collab.types import UNFINISHED, Job, JobStatus, new_id, now

if TYPE_CHECKING:
    from collab.identity import Visitor
    from collab.workspace import Workspace

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)  # without a heartbeat for so long, a job's process is taken for dead
AT_ONCE = 8  # of one process
_BEAT_S = 4.0
_TELL_S = 0.2  # between two writes of a job's progress
_GOING_S = 5.0  # that closing waits for work to notice that it is to stop
_LOOK_BACK = 200  # of a person's jobs of one kind, when the latest about something is looked for
_UNDER_WAY = {"propose": "proposals were being worked out", "train": "a model was being trained"}
_AGAIN = {"train": "resume it, and it goes on from its last checkpoint"}
UNEXPECTED = "Something went wrong and nothing was stored: the server's log says more; try again."
Work = Callable[["JobControl"], Mapping[str, Any]]


def interrupted(kind: str) -> str:
    """What is said of a job whose program is gone."""
    under_way, again = _UNDER_WAY.get(kind, "this was under way"), _AGAIN.get(kind, "start it again")
    return f"The program stopped while {under_way}: {again}."


class JobControl:
    """What work says how far it is to, and hears from that nobody wants it any more."""

    def __init__(self, store: Store, job: Job) -> None:
        self.job_id = job.id
        self._store, self._worker = store, job.worker
        self._stop = threading.Event()
        self._progress, self._message, self._written_s = job.progress, job.message, 0.0

    @property
    def stopped(self) -> bool:
        """Whether the work is to end; `tell` raises then."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Have the work end at its next `tell`."""
        self._stop.set()

    def tell(self, fraction: float, words: str = "") -> None:
        """How far the work is, 0–1, with a few words; cheap enough for every step. Raises Stopped."""
        self._progress, self._message = min(1.0, max(0.0, float(fraction))), words[:300]
        if not self.stopped and time.monotonic() - self._written_s >= _TELL_S:
            self.beat()
        if self.stopped:
            raise Stopped("This was stopped.")

    def beat(self) -> None:
        """Show that this process lives; a job that was ended from elsewhere is stopped here."""
        self._written_s = time.monotonic()
        changes = {"progress": self._progress, "message": self._message, "heartbeat": now()}
        mine = {"status": "running", "worker": self._worker}  # it may have been stopped and resumed elsewhere
        if not self._store.update(Job, self.job_id, changes, only_if=mine):
            self.stop()


class Jobs:
    """The jobs that this process carries out. Opening one fails what a dead process left under way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._controls: dict[str, JobControl] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._heart: threading.Thread | None = None
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self.fail_abandoned()

    def start(self, job: Job, work: Work) -> None:
        """Carry a stored job out in a thread of its own. Raises Unavailable where too many are under way."""
        with self._lock:
            if self._closing.is_set() or len(self._controls) >= AT_ONCE:
                self._end(job.id, {"status": "failed", "error": "Too much was under way: try again later."})
                raise Unavailable(f"{len(self._controls)} jobs are under way already: wait for one to end.")
            self._controls[job.id] = JobControl(self._store, job)
            thread = threading.Thread(target=self.carry_out, args=(job, work), name="collab-job", daemon=True)
            self._threads[job.id] = thread
            self._start_heart()
        thread.start()

    def _start_heart(self) -> None:
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name="collab-job-heartbeat", daemon=True)
            self._heart.start()

    def take(self, job_id: str, run: str) -> Job:
        """Take a job that waits for a process of its own, to be carried out here. run: what it waits under.

        Raises NotFound, or Unavailable where it waits no more.
        """
        changes = {"status": "running", "worker": f"{self.worker}:{run}", "heartbeat": now()}
        waiting = self._store.get(Job, job_id)
        if waiting.status != "queued" or not waiting.worker.endswith(f":{run}") or not self._store.update(
            Job, job_id, changes, only_if={"status": "queued", "worker": waiting.worker}
        ):  # fmt: skip
            raise Unavailable(f"Job {job_id} is {waiting.status}: nothing waits to be done.")
        job = self._store.get(Job, job_id)
        with self._lock:
            self._controls[job.id] = JobControl(self._store, job)
            self._start_heart()
        return job

    def await_process(self, job_id: str, run: str) -> bool:
        """Let a job that is queued, failed or stopped wait for a process of its own; whether it does. run: a word for
        this run of it alone."""
        changes = {"status": "queued", "worker": f"{self.worker}:{run}", "heartbeat": now(), "error": "", "message": ""}
        return self._store.update(Job, job_id, changes, only_if={"status": ["queued", "failed", "cancelled"]})

    def left_behind(self, job_id: str, run: str, why: str = "") -> None:
        """The process of this run has ended: a job that still is its says so."""
        job = self._store.get(Job, job_id)
        if job.worker.endswith(f":{run}"):
            self._end(job_id, {"status": "failed", "error": why or interrupted(job.kind)}, job.worker)

    def carry_out(self, job: Job, work: Work) -> None:
        """Do the work here and now, and store how it ended."""
        with self._lock:
            control = self._controls.setdefault(job.id, JobControl(self._store, job))
        try:
            result = dict(work(control))
            outcome: dict[str, Any] = {
                "status": "done", "progress": 1.0, "message": str(result.pop("message", "")), "result": result,
            }  # fmt: skip
        except Stopped:
            outcome = {"status": "cancelled"}
        except CollabError as error:
            outcome = {"status": "failed", "error": str(error)}
        except Exception:
            log.exception("job %s (%s) failed", job.id, job.kind)
            outcome = {"status": "failed", "error": UNEXPECTED}
        if self._closing.is_set() and outcome["status"] != "done":
            outcome = {"status": "failed", "error": interrupted(job.kind)}
        try:
            self._end(job.id, outcome, job.worker)
        except Exception:  # a full disk, or a result that is no JSON
            log.exception("could not store how job %s ended", job.id)
            self._end(job.id, {"status": "failed", "error": UNEXPECTED}, job.worker)
        finally:
            with self._lock:
                self._controls.pop(job.id, None)
                self._threads.pop(job.id, None)

    def _end(self, job_id: str, outcome: Mapping[str, Any], worker: str = "") -> None:
        """worker: only if this one still has the job."""
        still = {"status": list(UNFINISHED), **({"worker": worker} if worker else {})}
        self._store.update(Job, job_id, {**outcome, "heartbeat": now()}, only_if=still)

    def cancel(self, job_id: str) -> None:
        """Store that a job is not wanted, and have it end at its next `tell`, in whichever process it is."""
        self._end(job_id, {"status": "cancelled"})
        with self._lock:
            control = self._controls.get(job_id)
        if control is not None:
            control.stop()

    def settled(self, job: Job) -> Job:
        """The job as it is; one whose process is gone is failed first."""
        if job.status not in UNFINISHED or not self._is_abandoned(job):
            return job
        self._end(job.id, {"status": "failed", "error": interrupted(job.kind)})
        return self._store.get(Job, job.id)

    def fail_abandoned(self) -> int:
        """Mark as failed what a process that is gone was doing; how many."""
        left = [job for job in self._store.find(Job, status=list(UNFINISHED)) if self._is_abandoned(job)]
        for job in left:
            self._end(job.id, {"status": "failed", "error": interrupted(job.kind)})
        return len(left)

    def _is_abandoned(self, job: Job) -> bool:
        if job.worker.startswith(self.worker):
            return False
        if job.heartbeat is None or job.heartbeat < now() - LEASE:
            return True
        host, _, rest = job.worker.partition(":")
        pid = rest.partition(":")[0]
        here, mine = self.worker.split(":")[:2]  # a container's first process has the same number each time
        return host == here and pid.isdigit() and (pid == mine or not psutil.pid_exists(int(pid)))

    def _beat(self) -> None:
        while not self._closing.wait(_BEAT_S):
            with self._lock:
                controls = list(self._controls.values())
            for control in controls:
                try:
                    control.beat()
                except Exception:  # the database may be away for a moment; the next beat tries again
                    log.exception("could not show that job %s is alive", control.job_id)

    def close(self) -> None:
        """Stop what is under way; what does not notice within seconds is recorded as failed and left behind."""
        self._closing.set()
        with self._lock:
            controls, threads = dict(self._controls), list(self._threads.values())
        for control in controls.values():
            control.stop()
        until_s = time.monotonic() + _GOING_S
        for thread in threads:
            thread.join(timeout=max(0.0, until_s - time.monotonic()))
        for job in self._store.find(Job, id=list(controls), status=list(UNFINISHED)) if controls else ():
            self._end(job.id, {"status": "failed", "error": interrupted(job.kind)})


# ---- for features ---------------------------------------------------------------------------------------------------


def start(
    ws: Workspace, visitor: Visitor, kind: str, spec: Mapping[str, Any], work: Work, *, alone: Sequence[str] = ()
) -> Job:
    """Store and begin a job of this person's.

    alone: the names in `spec` that no two jobs of this kind may share while both are under way.
    Raises Unavailable when such a one is under way, or too many are.
    """
    job = store(ws, visitor, kind, spec, "running", alone=alone)
    ws.jobs.start(job, work)
    return job


def store(
    ws: Workspace, visitor: Visitor, kind: str, spec: Mapping[str, Any], status: JobStatus, *, alone: Sequence[str] = ()
) -> Job:
    """Store a job, begun by nobody yet. Raises Unavailable where another of its kind is under way that shares what
    `alone` names."""
    from collab.generation import ensure_annotator

    job = Job(kind=kind, spec=dict(spec), status=status, worker=ws.jobs.worker, heartbeat=now(),
              created_by=visitor.annotator_id)  # fmt: skip
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                ensure_annotator(ws, visitor, connection)
                if alone:
                    others = ws.store.find(Job, kind=kind, status=list(UNFINISHED), connection=connection)
                    if any(all(o.spec.get(name) == spec[name] for name in alone) for o in others):
                        raise Unavailable("That is being worked out already: wait for it to end, or stop it first.")
                ws.store.add(job, connection=connection)
            return job
        except Conflict:  # this person's first act elsewhere at this moment
            job = replace(job, id=new_id())
    raise Unavailable("The store is busy with the same act: try again in a moment.")


def get(ws: Workspace, visitor: Visitor, job_id: object) -> Job:
    """The person's own job. Raises NotFound, alike for unknown ids and for other people's."""
    found = ws.store.find(Job, id=job_id) if is_id(job_id) else []
    if not found or found[0].created_by != visitor.annotator_id:
        raise NotFound(f"There is no job “{str(job_id)[:60]}” of yours: check the id.")
    return ws.jobs.settled(found[0])


def cancel(ws: Workspace, visitor: Visitor, job_id: object) -> Job:
    """Stop one's own job; it ends at its next step. Stopping what has ended changes nothing."""
    job = get(ws, visitor, job_id)
    ws.jobs.cancel(job.id)
    return ws.store.get(Job, job.id)


def latest(ws: Workspace, visitor: Visitor, kind: str, **match: Any) -> Job | None:
    """The person's newest job of this kind whose spec says so; None where there is none."""
    from collab.store.refine_queries import newest_jobs

    for job in newest_jobs(ws.store, visitor.annotator_id, kind, limit=_LOOK_BACK):
        if all(job.spec.get(name) == value for name, value in match.items()):
            return ws.jobs.settled(job)
    return None
