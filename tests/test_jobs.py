"""Jobs: begun, watched, stopped, failed in sentences, and never left running by a process that is gone."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collab import jobs
from collab.errors import InvalidPrompt, NotFound, Unavailable
from collab.identity import Visitor
from collab.jobs import JobControl
from collab.types import UNFINISHED, Annotator, Job, new_id, now
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog


def ended(ws: Workspace, visitor: Visitor, job: Job, *, timeout_s: float = 20) -> Job:
    until_s = time.monotonic() + timeout_s
    while (found := jobs.get(ws, visitor, job.id)).status in UNFINISHED:
        assert time.monotonic() < until_s, found
        time.sleep(0.02)
    return found


def at_once(control: JobControl) -> Mapping[str, Any]:
    control.tell(0.5, "half")
    return {"message": "Two of two", "number": 2}


class Waiting:
    """Work that goes on until it is let go or stopped."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self, control: JobControl) -> Mapping[str, Any]:
        self.begun.set()
        while not self.let_go.wait(0.01):
            control.tell(0.25, "waiting")
        return {}


def test_a_job_ends_with_its_result_and_last_words(ws: Workspace, ann: Visitor):
    job = jobs.start(ws, ann, "propose", {"prompt_id": "p"}, at_once)
    done = ended(ws, ann, job)
    assert (done.status, done.progress, done.message, done.error) == ("done", 1.0, "Two of two", "")
    assert done.result == {"number": 2} and done.spec == {"prompt_id": "p"} and done.heartbeat is not None


def test_progress_is_seen_while_it_works(ws: Workspace, ann: Visitor):
    work = Waiting()
    job = jobs.start(ws, ann, "propose", {}, work)
    until_s = time.monotonic() + 10
    while jobs.get(ws, ann, job.id).message != "waiting":
        assert time.monotonic() < until_s
        time.sleep(0.02)
    assert jobs.get(ws, ann, job.id).progress == 0.25
    work.let_go.set()
    assert ended(ws, ann, job).status == "done"


def test_a_cancelled_job_stops_at_its_next_word_and_stays_cancelled(ws: Workspace, ann: Visitor):
    work = Waiting()
    job = jobs.start(ws, ann, "propose", {}, work)
    assert work.begun.wait(10)
    assert jobs.cancel(ws, ann, job.id).status == "cancelled"
    until_s = time.monotonic() + 10
    while ws.jobs._controls:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    assert jobs.get(ws, ann, job.id).status == "cancelled"
    assert jobs.cancel(ws, ann, job.id).status == "cancelled"  # again changes nothing


def test_a_job_cancelled_by_another_process_stops_too(ws: Workspace, ann: Visitor):
    work = Waiting()
    job = jobs.start(ws, ann, "propose", {}, work)
    assert work.begun.wait(10)
    ws.store.update(Job, job.id, {"status": "cancelled"})  # what the other process writes
    until_s = time.monotonic() + 10
    while ws.jobs._controls:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    assert jobs.get(ws, ann, job.id).status == "cancelled"


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (InvalidPrompt("The prompt is empty: write something."), "The prompt is empty"),
        (KeyError("x"), "the server's log"),
    ],
)
def test_what_goes_wrong_becomes_a_sentence(ws: Workspace, ann: Visitor, raised: Exception, said: str):
    def work(control: JobControl) -> Mapping[str, Any]:
        raise raised

    failed = ended(ws, ann, jobs.start(ws, ann, "propose", {}, work))
    assert failed.status == "failed" and said in failed.error and "Traceback" not in failed.error


def test_a_result_that_cannot_be_stored_fails_the_job(ws: Workspace, ann: Visitor):
    failed = ended(ws, ann, jobs.start(ws, ann, "propose", {}, lambda control: {"odd": object()}))
    assert failed.status == "failed" and failed.error == jobs.UNEXPECTED


def test_jobs_of_others_are_told_like_jobs_that_are_not_there(ws: Workspace, ann: Visitor, bob: Visitor):
    job = jobs.start(ws, ann, "propose", {}, at_once)
    for visitor, job_id in ((bob, job.id), (ann, new_id()), (ann, "x"), (ann, None), (ann, ["x"]), (ann, "\ud800")):
        for ask in (jobs.get, jobs.cancel):
            with pytest.raises(NotFound, match="There is no job"):
                ask(ws, visitor, job_id)
    assert ended(ws, ann, job).status == "done"


def test_two_jobs_about_the_same_do_not_run_at_once(ws: Workspace, ann: Visitor):
    work = Waiting()
    first = jobs.start(ws, ann, "propose", {"prompt_id": "p", "count": 1}, work, alone=("prompt_id",))
    with pytest.raises(Unavailable, match="being worked out already"):
        jobs.start(ws, ann, "propose", {"prompt_id": "p", "count": 2}, work, alone=("prompt_id",))
    other = jobs.start(ws, ann, "propose", {"prompt_id": "q"}, at_once, alone=("prompt_id",))
    work.let_go.set()
    assert ended(ws, ann, first).status == ended(ws, ann, other).status == "done"
    again = jobs.start(ws, ann, "propose", {"prompt_id": "p"}, at_once, alone=("prompt_id",))
    assert ended(ws, ann, again).status == "done" and len(ws.store.find(Job)) == 3


def test_only_so_many_jobs_run_at_once(ws: Workspace, ann: Visitor):
    work = Waiting()
    started = [jobs.start(ws, ann, "propose", {"n": n}, work) for n in range(jobs.AT_ONCE)]
    with pytest.raises(Unavailable, match="wait for one to end"):
        jobs.start(ws, ann, "propose", {}, work)
    work.let_go.set()
    assert {ended(ws, ann, job).status for job in started} == {"done"}
    assert not ws.store.find(Job, status=list(UNFINISHED))


def test_the_latest_job_about_something_is_found(ws: Workspace, ann: Visitor, bob: Visitor):
    assert jobs.latest(ws, ann, "propose", prompt_id="p") is None
    made = [jobs.start(ws, ann, "propose", {"prompt_id": p, "n": n}, at_once) for n, p in enumerate("ppq")]
    for job in made:
        ended(ws, ann, job)
    found = jobs.latest(ws, ann, "propose", prompt_id="p")
    assert found is not None and found.id == made[1].id
    assert jobs.latest(ws, bob, "propose", prompt_id="p") is None and jobs.latest(ws, ann, "train") is None


def left_behind(ws: Workspace, **changes: Any) -> Job:
    """A job as a process that is gone left it."""
    who = Annotator()
    host = ws.jobs.worker.split(":")[0]
    job = replace(
        Job(kind="propose", spec={}, status="running", worker=f"{host}:999999999:{new_id()}", heartbeat=now(),
            created_by=who.id),
        **changes,
    )  # fmt: skip
    ws.store.add(who, job)
    return job


def gone(job: Job) -> str:
    return jobs.interrupted(job.kind)


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({}, True),
        ({"worker": f"elsewhere:1:{new_id()}"}, False),
        ({"worker": f"elsewhere:1:{new_id()}", "heartbeat": now() - timedelta(minutes=5)}, True),
        ({"heartbeat": None}, True),
        ({"status": "queued"}, True),
        ({"status": "done"}, False),
    ],
)
def test_a_job_whose_process_is_gone_is_failed_with_a_sentence(ws: Workspace, changes: dict[str, Any], fails: bool):
    job = left_behind(ws, **changes)
    ws.jobs.fail_abandoned()
    found = ws.store.get(Job, job.id)
    assert (found.status, found.error) == (("failed", gone(job)) if fails else (job.status, ""))
    assert "start it again" in gone(job)


def test_looking_at_a_job_whose_process_is_gone_fails_it(ws: Workspace):
    job = left_behind(ws)
    owner = Visitor(job.created_by, "local")
    assert jobs.get(ws, owner, job.id).status == "failed"


def test_opening_a_studio_fails_what_an_earlier_program_left(ws: Workspace):
    job = left_behind(ws, worker=f"{ws.jobs.worker.split(':')[0]}:{os.getpid()}:{new_id()}")
    again = open_workspace(ws.settings, engine=Engine(FakeCatalog()))
    again.close()
    assert ws.store.get(Job, job.id).error == gone(job)


def test_closing_stops_the_work_and_says_so(ws: Workspace, ann: Visitor):
    work = Waiting()
    job = jobs.start(ws, ann, "propose", {}, work)
    assert work.begun.wait(10)
    ws.jobs.close()
    found = ws.store.get(Job, job.id)
    assert (found.status, found.error) == ("failed", gone(job))


def test_closing_does_not_wait_for_work_that_does_not_listen(
    ws: Workspace, ann: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "_GOING_S", 0.1)
    stuck = threading.Event()
    work: Callable[[JobControl], Mapping[str, Any]] = lambda control: {"late": stuck.wait(10)}  # noqa: E731
    job = jobs.start(ws, ann, "propose", {}, work)
    began_s = time.monotonic()
    ws.jobs.close()
    assert time.monotonic() - began_s < 5 and ws.store.get(Job, job.id).status == "failed"
    stuck.set()


def test_a_long_silence_of_the_work_is_bridged_by_the_heartbeat(
    ws: Workspace, ann: Visitor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "_BEAT_S", 0.05)
    silent = threading.Event()
    job = jobs.start(ws, ann, "propose", {}, lambda control: {"ok": silent.wait(10)})
    first = jobs.get(ws, ann, job.id).heartbeat
    until_s = time.monotonic() + 10
    while jobs.get(ws, ann, job.id).heartbeat == first:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    silent.set()
    assert ended(ws, ann, job).status == "done"


# ---- in a process of its own -----------------------------------------------------------------------------------------


def test_a_job_waits_for_a_process_of_its_own_and_is_of_one_run_at_a_time(ws: Workspace, ann: Visitor):
    job = jobs.store(ws, ann, "train", {}, "queued")
    assert ws.jobs.await_process(job.id, "first")
    taken = ws.jobs.take(job.id, "first")
    assert taken.status == "running" and jobs.get(ws, ann, job.id).status == "running"
    with pytest.raises(Unavailable, match="is running: nothing waits"):
        ws.jobs.take(job.id, "first")
    assert not ws.jobs.await_process(job.id, "second")
    jobs.cancel(ws, ann, job.id)
    assert ws.jobs.await_process(job.id, "second")
    ws.jobs.left_behind(job.id, "first")  # the end of the older run is no news of the newer one
    older = JobControl(ws.store, taken)
    older.beat()
    assert older.stopped and jobs.get(ws, ann, job.id).status == "queued"
    with pytest.raises(Unavailable, match="is queued: nothing waits"):
        ws.jobs.take(job.id, "first")
    ws.jobs.carry_out(ws.jobs.take(job.id, "second"), at_once)
    assert jobs.get(ws, ann, job.id).status == "done"
    other = jobs.store(ws, ann, "train", {}, "queued")
    ws.jobs.await_process(other.id, "third")
    ws.jobs.left_behind(other.id, "third")
    assert "resume it" in jobs.get(ws, ann, other.id).error
