"""What a training wrote down as it went: its steps, checks and samples, thinned for a page, and its pace.

Reads files of COLLAB_HOME/training; a file that is not there, or was cut by a kill, tells what it has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from collab.settings import Settings
from collab.training.starting import folder_of
from collab.types import Job

Json = dict[str, Any]
RECORDS = "metrics.jsonl"
SPENT = ("cpu_s", "energy_j")
_RECORDS_MOST = 2_000_000  # bytes that are read of a training's records, from the end
_END = 20_000  # bytes that hold the last steps


def records(settings: Settings, job: Job, *, most: int = _RECORDS_MOST) -> Mapping[str, list[Json]]:
    """What a training told, by kind; after a resumption, the newest of each step. most: bytes, from the end."""
    found: dict[str, dict[int, Json]] = {"step": {}, "evaluation": {}, "samples": {}}
    for line in _lines(folder_of(settings, job.id) / RECORDS, most):
        try:
            record = orjson.loads(line)
            found[record["what"]][record["step"]] = record
        except (ValueError, KeyError, TypeError):  # a line that is being written, or was cut by a kill
            continue
    return {what: [by_step[step] for step in sorted(by_step)] for what, by_step in found.items()}


def _lines(file: Path, most: int) -> list[bytes]:
    try:
        with file.open("rb") as read:
            read.seek(max(0, os.fstat(read.fileno()).st_size - most))
            return read.read().splitlines()
    except OSError:  # nothing was told yet
        return []


def spent(settings: Settings, job: Job) -> dict[str, float]:
    """CPU seconds and joules of all runs of a training, as far as they were told: each counts from its own start."""
    whole: dict[str, float] = {}
    last: dict[str, float] = {}
    for line in _lines(folder_of(settings, job.id) / RECORDS, _RECORDS_MOST):
        try:
            record = orjson.loads(line)
            found = {name: float(record[name]) for name in SPENT if name in record}
        except (ValueError, TypeError):  # as above
            continue
        for name, value in found.items():
            before = last.get(name, 0.0)
            whole[name] = whole.get(name, 0.0) + (value - before if value >= before else value)
            last[name] = value
    return {name: round(value, 1) for name, value in whole.items()}


def thinned(points: Sequence[Json], most: int) -> list[Json]:
    """At most so many of them, evenly, the last always among them."""
    if len(points) <= most:
        return list(points)
    chosen = [points[len(points) * n // most] for n in range(most - 1)]
    return [*chosen, points[-1]]


def pace_s(settings: Settings, job: Job) -> float | None:
    """Seconds a step by the training's own last reckoning, checks on the way among them; None before the first."""
    for step in reversed(records(settings, job, most=_END)["step"]):
        left = step.get("steps", 0) - step["step"]
        if left > 0 and step.get("eta_s"):
            return float(step["eta_s"]) / left
    return None
