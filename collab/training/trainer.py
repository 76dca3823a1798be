"""Carries a training out, in the process that was started for it: rows, adapter, checks, model version.

The only ways from here into torch are models.tune_text and tune_image, imported when there is something to train.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from collab.datasets import snapshots
from collab.datasets.splitting import to_check_on
from collab.errors import Unavailable
from collab.jobs import JobControl
from collab.model_versions import translate
from collab.store import Conflict
from collab.training.adapters import adapter_folder, keep_adapter
from collab.training.gates import gates
from collab.training.mixing import weighed
from collab.training.starting import RUN, folder_of
from collab.training.telling import RECORDS
from collab.types import DatasetSnapshot, Job, ModelVersion, new_id
from collab.workspace import Workspace, catalog_of
from models.base import ModelError, ModelInfo
from models.recipe import Recipe

if TYPE_CHECKING:
    from models.tune_shared import Tuned

_MODEL_SHARE = 0.05  # of the progress shown, until the first step
_NICE = 5  # generation goes first where both want the processor


def carry_out(ws: Workspace, job_id: str) -> None:
    """Do a training that waits. Raises NotFound or Unavailable where none waits; how it ends, its job tells.

    Of several processes on one job (accelerate launch) the first alone speaks to the store.
    """
    if hasattr(os, "nice"):
        os.nice(_NICE)
    if int(os.environ.get("RANK", "0") or 0):
        _train(ws, ws.store.get(Job, job_id), None)
        return
    job = ws.jobs.take(job_id, os.environ.get(RUN, ""))
    ws.jobs.carry_out(job, lambda control: _train(ws, job, control))


def _train(ws: Workspace, job: Job, control: JobControl | None) -> Mapping[str, Any]:
    spec, folder = job.spec, folder_of(ws.settings, job.id)
    recipe = Recipe(**spec["recipe"])
    snapshot = ws.store.get(DatasetSnapshot, spec["snapshot_id"])
    data = snapshots.rebuild(ws, snapshot)
    learn, check, shares = to_check_on(data.train, data.test, snapshot.seed)
    learn = weighed(ws, learn, recipe.mix, recipe.seed)
    parent = ws.store.get(ModelVersion, spec["parent_id"])
    start = adapter_folder(ws.settings, parent) if recipe.continue_from else None
    records = _Records(folder, control)
    try:
        catalog = catalog_of(ws.settings)
        info = catalog.resolve(spec["base"], recipe.modality)
        if (info.revision, info.precision) != (spec["revision"], spec["precision"]):
            raise Unavailable(f"The files of {info.name} are others than when this was asked for: start it again.")
        records.say(0.01, f"Preparing {info.name}")
        base = catalog.folder_of(info, lambda words, _: records.say(0.02, words))
        made = _tuned(ws, base, learn, check, recipe, folder, info, start, records)
    except ModelError as error:
        raise translate(error) from error
    if control is None:
        return {}
    metrics = {**made.metrics, "checked_on": shares, "left_out": dict(made.left_out), "samples": list(made.samples)}
    metrics["gates"] = gates(recipe.kind, made.metrics, made.samples)
    version = ModelVersion(
        name=f"{info.name} · {recipe.kind} {job.id[-6:]}", modality=recipe.modality, base=info.base,
        revision=info.revision, precision=info.precision, parent_id=parent.id,
        adapter_sha256=keep_adapter(ws.settings, made.folder),
        snapshot_id=snapshot.id, recipe={**recipe.as_json(), "versions": dict(made.versions), "job_id": job.id},
        metrics=metrics,
    )  # fmt: skip
    control.tell(0.99, "Registering")
    version = _registered(ws, version)
    for name in ("checkpoints", "adapter"):
        shutil.rmtree(folder / name, ignore_errors=True)
    passed = all(gate["passed"] for gate in metrics["gates"])
    return {"message": "Ready for a blind test" if passed else "Trained, but it did not pass its checks",
            "model_version_id": version.id}  # fmt: skip


def _tuned(
    ws: Workspace, base: Path, learn: Sequence[Mapping[str, Any]], check: Sequence[Mapping[str, Any]], recipe: Recipe,
    folder: Path, info: ModelInfo, start: Path | None, records: _Records,
) -> Tuned:  # fmt: skip
    base_name = info.base if "/" in info.base and not Path(info.base).exists() else info.name
    if recipe.modality == "image":
        from models import tune_image

        return tune_image.tune(base, learn, check, recipe, folder, pictures=ws.blobs.get, settings=info.defaults,
                               precision=info.precision, start=start, base_name=base_name, watch=records)  # fmt: skip
    from models import tune_text

    return tune_text.tune(base, learn, check, recipe, folder, precision=info.precision, start=start,
                          base_name=base_name, watch=records)  # fmt: skip


def _registered(ws: Workspace, version: ModelVersion) -> ModelVersion:
    """The version as it is stored; the same adapter again is the same version."""
    identity = {name: getattr(version, name) for name in ("base", "revision", "precision", "adapter_sha256")}
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                if known := ws.store.find(ModelVersion, connection=connection, **identity):
                    return known[0]
                ws.store.add(version, connection=connection)
                return version
        except Conflict:
            version = replace(version, id=new_id())
    raise Unavailable("The store is very busy: resume the training to register its model.")


class _Records:
    """Keeps every record of a training in a file that the page reads, and says how far it is."""

    def __init__(self, folder: Path, control: JobControl | None) -> None:
        self._control = control
        self._file = folder / RECORDS

    def say(self, fraction: float, words: str) -> None:
        if self._control is not None:
            self._control.tell(fraction, words)

    def __call__(self, record: Mapping[str, Any]) -> None:
        if self._control is None:
            return
        with self._file.open("ab") as file:
            file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        if record["what"] == "step":
            done = record["step"] / max(1, record["steps"])
            words = f"Step {record['step']} of {record['steps']}, loss {record['loss']:.3g}"
            if record["eta_s"]:
                words = f"{words}, about {_duration(record['eta_s'])} left"
            self.say(_MODEL_SHARE + (0.98 - _MODEL_SHARE) * done, words)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
