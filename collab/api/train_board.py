"""What the Train tab shows and asks for, as JSON: lessons, recipes, trainings, results, lineage. Knows no Gradio.

All of it is for owners.
"""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from collab import aliases
from collab.api import refine as refine_api
from collab.api import train as train_api
from collab.datasets import snapshots
from collab.exchange.export_files import write_zip
from collab.identity import Visitor
from collab.refinement.trying import model_promotion, model_tests
from collab.store.training_queries import newest_trainings
from collab.training import lineage, planning, publishing
from collab.training import starting as training
from collab.training.teaching import Lesson, Lessons
from collab.training.telling import spent, thinned
from collab.types import UNFINISHED, Job, Modality, ModelVersion
from collab.workspace import Workspace
from models.recipe import DEFAULTS

Json = dict[str, Any]
TRAININGS_SHOWN = 100
POINTS = 300  # of a curve on the page
_NUMBERS = (int, float)
_OF_LESSONS = [field.name for field in fields(Lesson) if field.name not in ("asked", "parts")]  # those go with each row


# ---- before ---------------------------------------------------------------------------------------------------------


def lessons(ws: Workspace, visitor: Visitor, known: Lessons) -> list[Json]:
    """What each kind of training could learn from now, with its recipe, and the prompts that may be weighed where there
    are several; takes as long as making all rows does."""
    counted = known.all(visitor)
    mixes = planning.mixes(ws, visitor, counted)
    return [{**{name: getattr(each, name) for name in _OF_LESSONS}, "mix": mixes.get(each.kind),
             "recipe": planning.choices(ws, each.kind) if each.kind in DEFAULTS else None}
            for each in counted]  # fmt: skip


def plan(ws: Workspace, visitor: Visitor, known: Lessons, kind: object, settings: object) -> Json:
    """What a training with these settings would do, the command that does it, and how long it may take."""
    return planning.plan(ws, visitor, known.of(visitor, snapshots.check_kind(kind)), settings)


# ---- trainings ------------------------------------------------------------------------------------------------------


def overview(ws: Workspace, visitor: Visitor) -> Json:
    """The studio's trainings, newest first, and what serves of each modality."""
    snapshots.only_owner(visitor)
    jobs = [ws.jobs.settled(job) if job.status in UNFINISHED else job
            for job in newest_trainings(ws.store, limit=TRAININGS_SHOWN)]  # fmt: skip
    ids = [job.result["model_version_id"] for job in jobs if "model_version_id" in job.result]
    versions = {v.id: v for v in ws.store.find(ModelVersion, id=ids)} if ids else {}
    serving = [{"modality": modality, **_serving(ws, modality)} for modality in get_args(Modality)]
    served = {each["version_id"] for each in serving}
    return {"trainings": [_row(job, versions, served) for job in jobs], "serving": serving}


def _row(job: Job, versions: dict[str, ModelVersion], served: set[str]) -> Json:
    version = versions.get(str(job.result.get("model_version_id", "")))
    return {
        "job_id": job.id, "kind": job.spec["kind"], "base": str(job.spec.get("name") or job.spec["base"]),
        "status": job.status, "progress": round(job.progress, 3), "message": job.message, "error": job.error,
        "at": job.created_at.isoformat(timespec="seconds"),
        "version_id": version.id if version else "", "name": version.name if version else "",
        "passed": all(gate["passed"] for gate in version.metrics.get("gates", ())) if version else None,
        "accuracy": version.metrics.get("accuracy") if version else None,
        "held_out": version.metrics.get("held_out") if version else None,
        "serves": version is not None and version.id in served,
    }  # fmt: skip


def _serving(ws: Workspace, modality: Modality) -> Json:
    name = aliases.of_model(modality)
    tip = aliases.current(ws, name)
    if tip is None:  # what the studio was set up with: its name needs no model to be looked for
        configured = ws.settings.text_model if modality == "text" else ws.settings.image_model
        entries = ws.engine.entries(modality)
        entry = next((e for e in entries if configured in (e.name, e.base)), entries[0] if entries else None)
        return {"version_id": "", "title": entry.title if entry else "", "promoted": "", "may_roll_back": False}
    return {
        "version_id": tip.version_id, "title": ws.store.get(ModelVersion, tip.version_id).name,
        "promoted": tip.created_at.isoformat(timespec="seconds"),
        "may_roll_back": not model_promotion.why_not_rolled_back(ws, name),
    }  # fmt: skip


def training_board(ws: Workspace, visitor: Visitor, job_id: object) -> Json:
    """One training: how far it is, what it measured, and once it is done the model with what may be done with it."""
    job = training.training_of(ws, visitor, job_id)
    told = train_api.told(ws, job)
    told["steps"] = [_numbers(step) for step in thinned(told["steps"], POINTS)]
    told["evaluations"] = [_numbers(each) for each in thinned(told["evaluations"], POINTS)]
    last = told["steps"][-1] if told["steps"] else {}
    told |= {
        "training": job.spec["kind"], "base": str(job.spec.get("name") or job.spec["base"]),
        "at": job.created_at.isoformat(timespec="seconds"),
        "learn": job.spec.get("learn"), "held_out": job.spec.get("held_out"),
        "weighing": planning.weighing(ws, visitor, job.spec["recipe"].get("mix") or {}),
        "command": planning.command(job.spec["kind"], _given(job)),
        "now": {name: last.get(name) for name in ("step", "steps", "eta_s", "seconds", "memory_gb")}
               | spent(ws.settings, job),
        "version": None,
    }  # fmt: skip
    if job.status == "done":
        version = ws.store.get(ModelVersion, told["model_version_id"])
        told["version"] = _version(ws, visitor, version) | {"samples": told["metrics"]["samples"]}
    return told


def _numbers(record: Json) -> Json:
    return {name: value for name, value in record.items() if isinstance(value, _NUMBERS)}


def _given(job: Job) -> Json:
    return {name: value for name, value in job.spec["recipe"].items() if name != "kind"} | {"model": job.spec["base"]}


# ---- the model that came of it --------------------------------------------------------------------------------------


def _version(ws: Workspace, visitor: Visitor, version: ModelVersion) -> Json:
    """A trained model: its checks, its blind tests, and why what cannot be done cannot."""
    alias = aliases.of_model(version.modality)
    serving = model_promotion.serving_model(ws, version.modality)
    metrics = version.metrics
    return {
        "version_id": version.id, "name": version.name, "modality": version.modality,
        "serves": serving.id == version.id, "serving": serving.name,
        "gates": list(metrics.get("gates", ())),
        "shares": str(metrics.get("checked_on", "")), "left_out": dict(metrics.get("left_out", {})),
        "tests": model_tests.tests_of(ws, visitor, version),
        "can": {
            "trial": model_tests.why_not_tested(ws, visitor, version),
            "promote": {version.id: model_promotion.why_not_promoted(ws, visitor, alias, version.id)},
            "rollback": model_promotion.why_not_rolled_back(ws, alias),
        },
        "line": lineage.line_of(ws, version),
    }  # fmt: skip


def test_blind(ws: Workspace, visitor: Visitor, version_id: object) -> None:
    """Put a trained model to people against what serves and against its base."""
    model_tests.start_tests(ws, visitor, version_id)


def promote(ws: Workspace, visitor: Visitor, version_id: object) -> None:
    """Let a trained model serve, on the evidence of a blind study."""
    version = publishing.trained_version(ws, visitor, version_id)
    refine_api.promote_alias(ws, visitor, aliases.of_model(version.modality), version.id)


def rollback(ws: Workspace, visitor: Visitor, modality: object, reason: object = "") -> Json:
    """Let what served before serve again; the overview."""
    refine_api.rollback_alias(ws, visitor, f"{modality}-current", reason)
    return overview(ws, visitor)


def acts(ws: Workspace, visitor: Visitor, snapshot_id: object, start: object = 0) -> Json:
    """A page of the acts that a snapshot names."""
    return lineage.acts_of(ws, visitor, snapshot_id, start)


def write_adapter(ws: Workspace, visitor: Visitor, version_id: object, path: Path) -> list[str]:
    """Write a version's adapter with its card, as any peft program loads it, into a ZIP; the names of its files."""
    folder = path.with_suffix("")
    try:
        publishing.write_adapter(ws, visitor, version_id, folder)
        return write_zip(folder, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
