"""The public functions of fine-tuning, returning JSON: what endpoints, page and command line call. Knows no Gradio.

All of it is for owners.
"""

from __future__ import annotations

from typing import Any

from collab.datasets import snapshots
from collab.identity import Visitor
from collab.training import starting as training
from collab.training.showing import with_pictures
from collab.training.starting import KIND
from collab.training.telling import records
from collab.types import Job, ModelVersion
from collab.workspace import Workspace

__all__ = ["KIND", "cancel", "look", "resume", "snapshot", "start", "told"]  # the page's are in train_board.py

Json = dict[str, Any]
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
    job = training.training_of(ws, visitor, job_id)
    ws.jobs.cancel(job.id)
    return told(ws, ws.store.get(Job, job.id))


def look(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """How far a training is."""
    return told(ws, training.training_of(ws, visitor, job_id))


def _begun(job: Job) -> Json:
    return {"job_id": job.id, "status": job.status, "snapshot_id": job.spec["snapshot_id"], "said": job.spec["said"],
            "recipe": dict(job.spec["recipe"])}  # fmt: skip


def told(ws: Workspace, job: Job) -> Json:
    """A training with what it measured so far and, once it is done, the model that came of it."""
    live = records(ws.settings, job)
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
