"""Generations under way in this process: records what the engine emits and wakes whoever watches.

The engine's thread only puts events on a queue; a recorder thread here writes to the store, so a slow disk never
holds up a step. Knows neither people nor pages: a generation outlives the tab that asked for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import psutil

from collab.errors import Unavailable
from collab.store import Blobs, Store, schema
from collab.store.erasing import settle_pictures
from collab.store.history_words import keep_words
from collab.store.queries import unfinished
from collab.types import UNFINISHED, Generation, Output, OutputTokens, Status, new_id, now
from models.base import Ended, Event, ImageSample, ModelError, Request, Started, TextSample, Token
from models.engine import Engine

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
_BEAT_S = 5.0
_POLL_S = 0.5  # how often a generation that another process carries out is looked up
INTERRUPTED = "The server was stopped or crashed while this was being made: run it again."


@dataclass(slots=True)
class Progress:
    """What is known of an output before it is stored. preview: a small encoded picture. step of steps: images."""

    text: str | None = None
    tokens: list[Token] = field(default_factory=list)
    preview: bytes | None = None
    preview_type: str = ""
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    completion_tokens: int = 0


@dataclass(slots=True)
class Run:
    """One generation as this process sees it now. `revision` grows with every change."""

    generation: Generation
    outputs: list[Output]
    progress: list[Progress]
    revision: int = 0
    ahead: int = 0
    eta_s: float | None = None  # until it has ended, about
    listeners: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = field(default_factory=set)

    @property
    def finished(self) -> bool:
        return self.generation.status not in UNFINISHED


def _patience_s(ahead: int) -> float:
    """After how many seconds somebody who waits behind so many is told their place again. Where 200 people wait it
    hardly changes in one, and the telling takes from the engine."""
    return min(max(1.0, ahead / 10), 5.0)


class Runs:
    """The generations that this process carries out, each kept here from its submission until it is stored whole."""

    def __init__(self, store: Store, blobs: Blobs, engine: Engine) -> None:
        self._store, self._blobs, self._engine = store, blobs, engine
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self.fail_abandoned()
        self._recorder = threading.Thread(target=self._record_events, name="collab-recorder", daemon=True)
        self._heart = threading.Thread(target=self._beat, name="collab-heartbeat", daemon=True)
        self._recorder.start()
        self._heart.start()

    # ---- carrying out ----

    def start(self, generation: Generation, outputs: Sequence[Output], request: Request) -> None:
        """Hand a stored generation to the engine. Raises Unavailable (and stores the failure) when it is full."""
        run = Run(generation, list(outputs), [Progress() for _ in outputs])
        with self._lock:
            self._runs[generation.id] = run
        try:
            self._engine.submit(request, self._events.put)
        except ModelError as error:
            self._events.put(Ended(generation.id, "failed", str(error)))
            raise Unavailable(str(error)) from error

    def cancel(self, generation_id: str) -> bool:
        """Ask for a stop; whether this process carries the generation out. What a text has by then is kept."""
        return self._engine.cancel(generation_id)

    def get(self, generation_id: str) -> Run | None:
        """The run, while it is under way here."""
        with self._lock:
            return self._runs.get(generation_id)

    # ---- watching ----

    async def changes(self, generation_id: str, *, at_most_hz: float = 15.0) -> AsyncIterator[Run | None]:
        """Yields the run now and after each change, ending when it has ended; None when it is not carried out here."""
        run = self.get(generation_id)
        if run is None:
            yield None
            return
        changed = asyncio.Event()
        listener = (asyncio.get_running_loop(), changed)
        with self._lock:
            run.listeners.add(listener)
        try:
            seen = -1
            while True:
                changed.clear()
                if run.revision != seen:
                    seen = run.revision
                    run.ahead = self._engine.ahead(generation_id) if run.generation.status == "queued" else 0
                    finished = run.finished
                    run.eta_s = None if finished else self._engine.eta(generation_id)
                    yield run
                    if finished:
                        return
                    await asyncio.sleep(1 / at_most_hz)
                try:  # a waiting request's place in the queue changes without an event of its own
                    await asyncio.wait_for(changed.wait(), timeout=_patience_s(run.ahead))
                except TimeoutError:
                    seen = -1
        finally:
            with self._lock:
                run.listeners.discard(listener)

    async def until_stored(self, generation_id: str) -> AsyncIterator[Generation]:
        """Follows a generation that another process carries out, by looking it up."""
        while True:
            generation = await asyncio.to_thread(self._store.get, Generation, generation_id)
            yield generation
            if generation.status not in UNFINISHED:
                return
            await asyncio.sleep(_POLL_S)

    # ---- recording ----

    def _record_events(self) -> None:
        while (event := self._events.get()) is not None:
            run = self.get(event.request_id)
            if run is None:
                continue
            try:
                self._record(run, event)
            except Exception:  # a full disk, say: this generation fails, the others go on
                log.exception("could not record generation %s", event.request_id)
                self._engine.cancel(event.request_id)
                self._fail_unrecorded(run)
            self._notify(run)

    def _record(self, run: Run, event: Event) -> None:
        match event:
            case Started():
                self._change(run, {"status": "running", "rendered": event.rendered})
            case TextSample():
                progress = run.progress[event.position]
                progress.text, progress.seconds = _whole(run, event), event.seconds
                progress.tokens += event.tokens
                progress.completion_tokens = event.completion_tokens
                if event.finish_reason:
                    self._finish_text(run, event)
            case ImageSample():
                progress = run.progress[event.position]
                progress.step, progress.steps, progress.seconds = event.step, event.steps, event.seconds
                if event.preview:
                    progress.preview, progress.preview_type = event.preview, event.preview_type
                if event.finish_reason:
                    sha256 = self._blobs.put(event.image) if event.image else None
                    kept = self._finish(run, event.position, event.finish_reason, event.seconds, blob_sha256=sha256)
                    if event.image and kept:  # the same picture may have been deleted until a row named it
                        self._blobs.put(event.image)
                    elif sha256:  # its person has deleted the generation meanwhile
                        settle_pictures(self._store, self._blobs, [sha256])
            case Ended():
                status: Status = event.status
                error = event.error
                if self._closing.is_set() and status != "done":
                    status, error = "failed", INTERRUPTED
                self._change(run, {"status": status, "error": error, "timings": dict(event.timings)})
                with self._lock:
                    self._runs.pop(run.generation.id, None)

    def _finish_text(self, run: Run, sample: TextSample) -> None:
        tokens = tuple([_storable(t.text), round(t.logprob, 5), [[_storable(a), round(p, 5)] for a, p in t.top]]
                       for t in run.progress[sample.position].tokens)  # fmt: skip
        self._finish(
            run,
            sample.position,
            sample.finish_reason,
            sample.seconds,
            tokens=tokens,
            text=_storable(_whole(run, sample)),
            prompt_tokens=sample.prompt_tokens,
            completion_tokens=sample.completion_tokens,
        )

    def _finish(
        self, run: Run, position: int, reason: object, seconds: float, tokens: tuple = (), **content: object
    ) -> bool:
        """Store an output's content; False where it has some already, or is no longer there."""
        output = run.outputs[position]
        changes = {"finish_reason": reason, "seconds": round(seconds, 4), **content}
        with self._store.writing() as connection:
            first = {"finish_reason": None}
            kept = self._store.update(Output, output.id, changes, only_if=first, connection=connection)
            if kept and tokens:
                self._store.add(OutputTokens(id=output.id, tokens=tokens), connection=connection)
            if kept and "text" in content:
                keep_words(self._store, output.generation_id, connection=connection)
        run.outputs[position] = replace(output, **changes)  # type: ignore[arg-type]
        run.progress[position].tokens = []
        return kept

    def _change(self, run: Run, changes: dict[str, object]) -> None:
        self._store.update(Generation, run.generation.id, changes, only_if={"status": list(UNFINISHED)})
        run.generation = replace(run.generation, **changes)  # type: ignore[arg-type]

    def _fail_unrecorded(self, run: Run) -> None:
        error = "The result could not be stored: see that the disk has room, then run it again."
        try:
            self._change(run, {"status": "failed", "error": error})
        except Exception:  # still no room: the sweep after the next start will say so in the store
            log.exception("could not record the failure of generation %s", run.generation.id)
            run.generation = replace(run.generation, status="failed", error=error)
        with self._lock:
            self._runs.pop(run.generation.id, None)

    def _notify(self, run: Run) -> None:
        with self._lock:
            run.revision += 1
            listeners = list(run.listeners)
        for loop, changed in listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(changed.set)

    # ---- leases ----

    def _beat(self) -> None:
        while not self._closing.wait(_BEAT_S):
            try:
                self._renew_leases()
                self.fail_abandoned()
            except Exception:  # the database may be away for a moment; the next beat tries again
                log.exception("could not renew leases")

    def _renew_leases(self) -> None:
        with self._lock:
            ids = list(self._runs)
        if ids:
            table = schema.generations
            with self._store.writing() as connection:
                connection.execute(table.update().where(table.c.id.in_(ids)).values(lease_until=now() + LEASE))

    def fail_abandoned(self) -> int:
        """Mark as failed what a process that is gone was doing; how many. What others still work on is left alone."""
        abandoned = [g for g in unfinished(self._store) if self.get(g.id) is None and self._is_abandoned(g)]
        for generation in abandoned:
            changes = {"status": "failed", "error": INTERRUPTED}
            self._store.update(Generation, generation.id, changes, only_if={"status": list(UNFINISHED)})
        return len(abandoned)

    def _is_abandoned(self, generation: Generation) -> bool:
        if generation.lease_until is None or generation.lease_until < now():
            return True
        if generation.worker == self.worker:
            return False  # stored a moment ago and about to start here
        host, pid, _ = generation.worker.rsplit(":", 2)
        mine, my_pid, _ = self.worker.rsplit(":", 2)
        return host == mine and (pid == my_pid or not psutil.pid_exists(int(pid)))

    def close(self) -> None:
        """Stop the engine and record what was under way as failed, with a reason."""
        self._closing.set()
        self._engine.close()
        self._events.put(None)
        self._recorder.join(timeout=10)
        with self._lock:
            left = list(self._runs.values())
        for run in left:
            self._change(run, {"status": "failed", "error": INTERRUPTED})
            self._notify(run)


def _whole(run: Run, sample: TextSample) -> str:
    """The text with what its person began it with; nothing where it was stopped before the model wrote anything."""
    if sample.finish_reason == "cancelled" and not sample.text:
        return ""
    return str(run.generation.inputs.get("prefix", "")) + sample.text


def _storable(text: str) -> str:
    """A model may emit NUL or half a surrogate pair, which a database refuses: they become the replacement mark."""
    return "".join("�" if c == "\x00" or "\ud800" <= c <= "\udfff" else c for c in text)
