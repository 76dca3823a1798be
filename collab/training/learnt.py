"""What trainings keep of the feedback they learnt from, and how it goes when that is deleted. Trains nothing.

A snapshot holds no rows, so what is left of them is what a training wrote down: the prompts and texts of its samples,
its measurements and checkpoints. Adapters stay and say what is gone of what they learnt from.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from typing import Any

from sqlalchemy.engine import Connection

from collab.store import Store
from collab.store.erasing import erase_samples
from collab.training.starting import folder_of
from collab.types import UNFINISHED, DatasetSnapshot, Job, ModelVersion
from collab.workspace import Workspace


def unlearn_words(store: Store, act_ids: Collection[str], connection: Connection) -> list[Job]:
    """Take the samples out of model versions that learnt from these acts, within the caller's transaction, and note in
    each how many acts are gone. Returns the trainings whose folders are to go once that is committed."""
    gone = set(act_ids)
    hit = {
        snapshot.id: len(gone.intersection(snapshot.event_ids))
        for snapshot in store.find(DatasetSnapshot, connection=connection)
    }
    hit = {snapshot_id: number for snapshot_id, number in hit.items() if number}
    if not hit:
        return []
    for version in store.find(ModelVersion, snapshot_id=list(hit), connection=connection):
        before = int(version.metrics.get("deleted_acts", 0))
        now = before + hit[version.snapshot_id or ""]
        metrics: dict[str, Any] = {**version.metrics, "samples": [], "deleted_acts": now}
        erase_samples(connection, version.id, metrics)
    trainings = store.find(Job, kind="train", connection=connection)
    return [job for job in trainings if job.spec.get("snapshot_id") in hit]


def forget_trainings(ws: Workspace, trainings: Collection[Job]) -> None:
    """Stop those under way and remove what they wrote down, and what is left of trainings that are no more."""
    for job in trainings:
        if job.status in UNFINISHED:
            ws.jobs.cancel(job.id)
        shutil.rmtree(folder_of(ws.settings, job.id), ignore_errors=True)
    root = folder_of(ws.settings, "any").parent
    kept = {job.id for job in ws.store.find(Job, kind="train")}
    for folder in root.glob("*/") if root.is_dir() else ():
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
