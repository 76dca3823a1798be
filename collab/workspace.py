"""Workspace(store, blobs, engine, …): what every feature function is given. Opens and closes them, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from collab.errors import Misconfigured
from collab.jobs import Jobs
from collab.runs import Runs
from collab.settings import Settings
from collab.store import Blobs, Store, open_store
from collab.store.erasing import settle_pictures
from models.catalog import Catalog
from models.engine import Engine


class Background(Protocol):
    """Work that goes on beside requests (studies/pregeneration.py)."""

    def wake(self) -> None: ...
    def close(self) -> None: ...


class Idle:
    """A workspace that makes nothing beforehand: a command line's."""

    def wake(self) -> None:
        """Nothing is waiting to be woken."""

    def close(self) -> None:
        """Nothing is under way."""


class Kept(Protocol):
    """What reading alone needs of a workspace: a check of the store has no more."""

    @property
    def settings(self) -> Settings: ...
    @property
    def store(self) -> Store: ...


@dataclass(slots=True)
class Workspace:
    """One studio. runs: the generations this process carries out; jobs: its other long work; pregeneration: what a
    server makes beforehand."""

    settings: Settings
    store: Store
    blobs: Blobs
    engine: Engine
    runs: Runs
    pregeneration: Background = field(default_factory=Idle)
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.store)

    def close(self) -> None:
        """Stop the engine, let what was under way be recorded as failed, and close the database."""
        self.pregeneration.close()
        self.jobs.close()
        self.runs.close()
        self.store.close()


def catalog_of(settings: Settings) -> Catalog:
    """The models that can be had here."""
    budget = int(settings.memory_gb * 1e9) if settings.memory_gb else None
    return Catalog(settings.home / "models", settings.text_model, settings.image_model, memory_bytes=budget)


def open_workspace(settings: Settings, *, engine: Engine | None = None) -> Workspace:
    """Open (and on first use make) everything under `settings.home`. Loads no model."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        blobs = Blobs(settings.home / "blobs")
    except OSError as error:
        raise Misconfigured(f"COLLAB_HOME cannot be used ({error}): point it at a folder you may write to.") from error
    store = open_store(settings.database_url)
    settle_pictures(store, blobs)
    if engine is None:
        engine = Engine(catalog_of(settings))
    return Workspace(settings, store, blobs, engine, Runs(store, blobs, engine))
