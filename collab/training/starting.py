"""Fine-tuning as a job in a process of its own: asked for here, carried out there, registered as a model version.

The process outlives the server that started it, and what it was killed in the middle of goes on from its last
checkpoint. Judges nothing: what a model must show is gates.py, what it may serve as refinement/trying/model_promotion.
"""

from __future__ import annotations

import logging
import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from collab import jobs
from collab.checks import is_id
from collab.datasets import snapshots
from collab.datasets.splitting import to_check_on
from collab.errors import InvalidSetting, NotFound, Unavailable
from collab.identity import Visitor
from collab.model_versions import resolve_model, stored_version
from collab.settings import Settings
from collab.training.adapters import adapter_folder
from collab.training.mixing import weighed
from collab.types import UNFINISHED, DatasetSnapshot, Job, ModelVersion, new_id
from collab.workspace import Workspace
from models.base import InvalidRequest, ModelInfo
from models.device import pick_device
from models.recipe import Kind, Recipe, in_words, recipe_from

log = logging.getLogger(__name__)

KIND = "train"
RUN = "COLLAB_TRAINING_RUN"  # by which the process knows which run of its job it is
_BUSY = "A model is being trained already: wait for it to end, or stop it first."
_GOING_S = 20.0  # that a process which was told to stop is waited for
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, checked as far as it can be without the rows. parent: whose adapter is trained further."""

    kind: Kind
    recipe: Recipe
    base: ModelInfo
    parent: ModelVersion | None
    snapshot_id: str


def check_asked(
    ws: Workspace, visitor: Visitor, kind: object, settings: object = None, *, snapshot_id: str = "", model: str = ""
) -> Asked:
    """Arguments and errors as of `start`, but for those that the rows give."""
    snapshots.only_owner(visitor)
    wanted = snapshots.check_kind(kind)
    asked = _mapping(settings)
    snapshot_id, model = (str(asked.pop(name, "") or given) for name, given in
                          (("snapshot_id", snapshot_id), ("model", model)))  # fmt: skip
    try:
        recipe = recipe_from(wanted, asked)
    except InvalidRequest as error:
        raise InvalidSetting(str(error)) from error
    base, parent = _base(ws, visitor, recipe, model)
    return Asked(wanted, recipe, base, parent, snapshot_id)


def start(
    ws: Workspace, visitor: Visitor, kind: object, settings: object = None, *, snapshot_id: str = "", model: str = ""
) -> Job:
    """Begin to train an adapter on what people said; raises at once what can be told at once.

    settings: of models.recipe.Recipe, those that differ from the defaults; `snapshot_id` and `model` may be among
    them. snapshot_id: "" freezes all that may be used now. model: what is trained, "" for the one that serves.
    Raises NotAllowed, NotFound, InvalidSetting (too few rows among them), Unavailable while another is under way.
    """
    asked = check_asked(ws, visitor, kind, settings, snapshot_id=snapshot_id, model=model)
    wanted, recipe, base, parent = asked.kind, asked.recipe, asked.base, asked.parent
    if asked.snapshot_id:
        snapshot = snapshots.find(ws, visitor, asked.snapshot_id)
        _check_snapshot(snapshot, wanted)
        data = snapshots.rebuild(ws, snapshot)
    else:
        snapshot, data = snapshots.taken(ws, visitor, wanted)
        _check_snapshot(snapshot, wanted)
    _check_free(ws)
    learn, check, _ = to_check_on(data.train, data.test, snapshot.seed)
    learn = weighed(ws, learn, recipe.mix, recipe.seed)
    said = in_words(recipe, base.name, len(learn), len(check))
    snapshot = snapshots.keep(ws, visitor, snapshot)
    parent = parent or stored_version(ws, base)
    spec = {
        "kind": wanted, "snapshot_id": snapshot.id, "base": base.base, "name": base.name, "revision": base.revision,
        "precision": base.precision, "parent_id": parent.id, "recipe": recipe.as_json(), "said": said,
        "learn": len(learn), "held_out": len(check), "lane": "training",  # the same in all: one at a time
    }  # fmt: skip
    try:
        job = jobs.store(ws, visitor, KIND, spec, "queued", alone=("lane",))
    except Unavailable as error:
        raise Unavailable(_BUSY) from error
    _launch(ws, job)
    return job


def resume(ws: Workspace, visitor: Visitor, job_id: object) -> Job:
    """Go on with a training that failed, was stopped or whose program is gone, from its last checkpoint."""
    job = training_of(ws, visitor, job_id)
    if job.status in UNFINISHED:
        raise Unavailable("This training is under way: there is nothing to resume.")
    if job.status == "done":
        raise Unavailable("This training has ended: start a new one, or train its model further with continue_from.")
    _check_free(ws)
    _wait_until_gone(job)
    _launch(ws, job)
    return ws.store.get(Job, job.id)


def training_of(ws: Workspace, visitor: Visitor, job_id: object) -> Job:
    """A training of this studio, whichever of its owners began it. Raises NotAllowed, NotFound."""
    snapshots.only_owner(visitor)
    found = ws.store.find(Job, id=job_id, kind=KIND) if is_id(job_id) else []
    if not found:
        raise NotFound(f"There is no training “{str(job_id)[:60]}”: check the id.")
    return ws.jobs.settled(found[0])


def folder_of(settings: Settings, job_id: str) -> Path:
    """Where a training keeps its checkpoints, its measurements as they come, and what its program said."""
    return settings.home / "training" / job_id


# ---- what was asked for ---------------------------------------------------------------------------------------------


def _mapping(settings: object) -> dict[str, Any]:
    if settings is None or settings == "":
        return {}
    if not isinstance(settings, Mapping):
        raise InvalidSetting("Training settings must be an object of names and values.")
    return dict(settings)


def _base(ws: Workspace, visitor: Visitor, recipe: Recipe, model: str) -> tuple[ModelInfo, ModelVersion | None]:
    """The weights to be trained, and the version whose adapter is trained further, if one is."""
    if recipe.continue_from:
        parent = _parent(ws, recipe)
        if model and model not in (parent.id, parent.base):
            raise InvalidSetting(f"{parent.name} is an adapter of {parent.base}: leave the model out.")
        info = resolve_model(ws, visitor, parent.id if recipe.kind != "reward" else parent.base, recipe.modality)
        return replace(info, adapter=None), parent
    info = replace(resolve_model(ws, visitor, model, recipe.modality), adapter=None)
    if info.precision == "remote":
        raise InvalidSetting(f"{info.name} runs {info.where}, out of reach: choose a model that runs here.")
    if any(entry.base == info.base and not entry.adapters for entry in ws.engine.entries(recipe.modality)):
        raise InvalidSetting(f"{info.name} cannot be trained further here: choose another model.")
    return info, None


def _parent(ws: Workspace, recipe: Recipe) -> ModelVersion:
    """The version whose adapter is trained further."""
    found = ws.store.find(ModelVersion, id=recipe.continue_from)
    if not found or not found[0].adapter_sha256 or found[0].modality != recipe.modality:
        raise NotFound(
            f"There is no trained {recipe.modality} model “{recipe.continue_from[:60]}” to go on from: check the id."
        )
    if (found[0].recipe.get("kind") == "reward") != (recipe.kind == "reward"):
        raise InvalidSetting(f"{found[0].name} is no model to go on from here: one ranks texts, the other writes them.")
    adapter_folder(ws.settings, found[0])
    return found[0]


def _check_free(ws: Workspace) -> None:
    """Raise Unavailable while a model is being trained: two would take each other's memory."""
    ws.jobs.fail_abandoned()
    if ws.store.find(Job, kind=KIND, status=list(UNFINISHED), limit=1):
        raise Unavailable(_BUSY)


def _check_snapshot(snapshot: DatasetSnapshot, kind: str) -> None:
    if snapshot.kind != kind:
        raise InvalidSetting(f"Snapshot {snapshot.id} is of kind {snapshot.kind}, not {kind}: make one of that kind.")
    if few := snapshots.lacking(snapshot):
        raise InvalidSetting(few)


# ---- the process ----------------------------------------------------------------------------------------------------


def _launch(ws: Workspace, job: Job) -> None:
    """Start a process that carries the job out. Raises Unavailable if it cannot be; the job has failed then."""
    if pick_device() != "cpu":  # a GPU's memory is small, and models come back in seconds
        ws.engine.make_room()
    folder, run = folder_of(ws.settings, job.id), new_id()
    launcher = ws.settings.train_launcher
    if not ws.jobs.await_process(job.id, run):
        raise Unavailable("This training was begun elsewhere at this moment: look how far it is.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [*(shlex.split(launcher) if launcher else [sys.executable]), "-m", "collab", "train", "--job", job.id]
        with (folder / "log.txt").open("ab") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
                env={**_environment(ws.settings), RUN: run},
            )  # fmt: skip
    except (OSError, ValueError) as error:
        why = f"The training could not be started ({error}): check COLLAB_TRAIN_LAUNCHER and the free space."
        ws.jobs.left_behind(job.id, run, why)
        raise Unavailable(why) from error
    threading.Thread(target=_await, args=(ws, job.id, run, process), name="collab-training", daemon=True).start()


def _await(ws: Workspace, job_id: str, run: str, process: subprocess.Popen[bytes]) -> None:
    """Take note of the end of the process, however it came, as long as this one lives."""
    process.wait()
    try:
        ws.jobs.left_behind(job_id, run)
    except Exception:  # the workspace was closed meanwhile: whoever looks next finds the process gone
        log.debug("the end of training %s was not noted", job_id, exc_info=True)


def _wait_until_gone(job: Job) -> None:
    """A process that was told to stop does so at its next step: two must not write into one folder."""
    host, pid = (*job.worker.split(":"), "", "")[:2]
    until_s = time.monotonic() + _GOING_S
    while host == socket.gethostname() and pid.isdigit() and _is_training(int(pid), job.id):
        if time.monotonic() > until_s:
            raise Unavailable("This training is still stopping: try again in a few seconds.")
        time.sleep(0.1)


def _is_training(pid: int, job_id: str) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and job_id in process.cmdline()
    except psutil.Error:
        return False


def _environment(settings: Settings) -> dict[str, str]:
    """This process's, with what this workspace was opened with."""
    ours = {
        "COLLAB_HOME": str(settings.home), "DATABASE_URL": settings.database_url, "COLLAB_SECRET": settings.secret,
        "COLLAB_TEXT_MODEL": settings.text_model, "COLLAB_IMAGE_MODEL": settings.image_model,
        "HF_HUB_DISABLE_TELEMETRY": "1", "TQDM_DISABLE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", "")))),
    }  # fmt: skip
    return {**os.environ, **{name: value for name, value in ours.items() if value}}
