"""The public functions of fine-tuning, returning JSON: what endpoints, page and command line call. Knows no Gradio.

All of it is for owners.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from collab import jobs
from collab.datasets import snapshots
from collab.identity import Visitor
from collab.training import starting as training
from collab.training.showing import with_pictures
from collab.training.starting import KIND
from collab.training.trainer import RECORDS
from collab.types import Job, ModelVersion
from collab.workspace import Workspace

__all__ = ["KIND", "cancel", "look", "resume", "snapshot", "start", "told"]

Json = dict[str, Any]
_RECORDS_MOST = 2_000_000  # bytes that are read of a training's records, from the end
_STEPS_MOST = 2_000  # points of a curve
_SAMPLES_MOST = 20


def snapshot(ws: Workspace, visitor: Visitor, kind: object, *, study_id: str | None = None, seed: int = 0) -> Json:
    """Freeze what may be learned from."""
    return snapshots.told(ws, snapshots.make(ws, visitor, kind, study_id=study_id, seed=seed))


def start(ws: Workspace, visitor: Visitor, kind: object, settings: object = None, *, snapshot_id: str = "") -> Json:
    """Begin a training, and answer at once with its job and with what it will do in words."""
    return _begun(training.start(ws, visitor, kind, settings, snapshot_id=snapshot_id))


def resume(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """Go on with a training that was interrupted."""
    return _begun(training.resume(ws, visitor, job_id))


def cancel(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """Stop a training; it can be resumed."""
    return told(ws, jobs.cancel(ws, visitor, job_id))


def look(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """How far a training of one's own is."""
    return told(ws, jobs.get(ws, visitor, job_id))


def _begun(job: Job) -> Json:
    return {"job_id": job.id, "status": job.status, "snapshot_id": job.spec["snapshot_id"], "said": job.spec["said"],
            "recipe": dict(job.spec["recipe"])}  # fmt: skip


def told(ws: Workspace, job: Job) -> Json:
    """A training with what it measured so far and, once it is done, the model that came of it."""
    live = _records(training.folder_of(ws.settings, job.id) / RECORDS)
    answer: Json = {
        "job_id": job.id, "kind": job.kind, "status": job.status, "progress": round(job.progress, 3),
        "message": job.message, "error": job.error, "said": job.spec["said"], "recipe": dict(job.spec["recipe"]),
        "snapshot_id": job.spec["snapshot_id"],
        "steps": live["step"][-_STEPS_MOST:], "evaluations": live["evaluation"],
        "samples": [
            {**each, "samples": with_pictures(ws.settings, job.id, job.spec["kind"], each["samples"])}
            for each in live["samples"][-_SAMPLES_MOST:]
        ],
    }  # fmt: skip
    if job.status == "done":
        version = ws.store.get(ModelVersion, job.result["model_version_id"])
        answer |= {"model_version_id": version.id, "name": version.name, "metrics": dict(version.metrics)}
        shown = with_pictures(ws.settings, job.id, job.spec["kind"], version.metrics["samples"])
        answer["metrics"]["samples"] = shown
    return answer


def _records(file: Path) -> Mapping[str, list[Json]]:
    """What a training told, by kind; after a resumption, the newest of each step."""
    found: dict[str, dict[int, Json]] = {"step": {}, "evaluation": {}, "samples": {}}
    try:
        with file.open("rb") as read:
            read.seek(max(0, os.fstat(read.fileno()).st_size - _RECORDS_MOST))
            lines = read.read().splitlines()
    except OSError:  # nothing was told yet
        lines = []
    for line in lines:
        try:
            record = orjson.loads(line)
            found[record["what"]][record["step"]] = record
        except (ValueError, KeyError, TypeError):  # a line that is being written, or was cut by a kill
            continue
    return {what: [by_step[step] for step in sorted(by_step)] for what, by_step in found.items()}
