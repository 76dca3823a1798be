"""A training that is killed in the middle and resumed, and what must hold of any: of texts and of pictures alike."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import pytest

from collab import jobs
from collab.api import train as train_api
from collab.errors import Unavailable
from collab.identity import LOCAL
from collab.settings import Settings
from collab.training import starting as training
from collab.types import UNFINISHED, Job, ModelVersion
from collab.workspace import Workspace, open_workspace


def until(look: Callable[[], Any], *, timeout_s: float = 240) -> Any:
    end_s = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < end_s
        time.sleep(0.05)
    return found


def killed_and_resumed(settings: Settings, kind: str, asked: Mapping[str, Any], *, after: int) -> dict[str, Any]:
    """Kill a training's process once more than `after` steps are done, its server having ended before, and resume it.

    asked: with max_steps, and evaluations enough for a checkpoint by then. What it ended with, as the page is told.
    """
    first = open_workspace(settings)
    before = adapted(first)
    job_id = train_api.start(first, LOCAL, kind, asked)["job_id"]
    with pytest.raises(Unavailable, match="being trained already"):
        train_api.start(first, LOCAL, kind, asked)
    until(lambda: len(train_api.look(first, LOCAL, job_id)["steps"]) > after)
    first.close()  # the server stops; another one starts
    ws = open_workspace(settings)
    job = ws.store.get(Job, job_id)
    assert job.status == "running" and psutil.pid_exists(pid_of(job))
    with pytest.raises(Unavailable, match="under way"):
        train_api.resume(ws, LOCAL, job_id)
    os.kill(pid_of(job), signal.SIGKILL)
    until(lambda: jobs.get(ws, LOCAL, job_id).status not in UNFINISHED)
    dead = train_api.look(ws, LOCAL, job_id)
    assert dead["status"] == "failed" and dead["error"] == (
        "The program stopped while a model was being trained: resume it, and it goes on from its last checkpoint."
    )
    assert len(dead["steps"]) < asked["max_steps"] and adapted(ws) == before  # nothing half registered
    folder = training.folder_of(settings, job_id)
    assert list(folder.glob("checkpoints/checkpoint-*")) and not (folder / "adapter").exists()

    train_api.resume(ws, LOCAL, job_id)
    until(lambda: jobs.get(ws, LOCAL, job_id).status not in UNFINISHED)
    done = train_api.look(ws, LOCAL, job_id)
    assert done["status"] == "done", done["error"]
    told = (json.loads(line) for line in (folder / "metrics.jsonl").read_bytes().splitlines() if line.endswith(b"}"))
    walked = [record["step"] for record in told if record["what"] == "step"]
    assert walked.count(1) == 1  # it did not begin anew
    assert [s["step"] for s in done["steps"]] == list(range(1, asked["max_steps"] + 1))
    assert done["metrics"]["steps"] == asked["max_steps"]
    with pytest.raises(Unavailable, match="has ended"):
        train_api.resume(ws, LOCAL, job_id)
    ws.close()
    return done


def adapted(ws: Workspace) -> list[str]:
    """The ids of all trained versions."""
    return [version.id for version in ws.store.find(ModelVersion) if version.adapter_sha256]


def pid_of(job: Job) -> int:
    return int(job.worker.split(":")[1])
