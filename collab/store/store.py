"""Rows in and out of the database. Knows the nouns and the tables, not what the rows mean.

One contract over SQLite and PostgreSQL, checked by one test class:
- a `Store` may be used from any number of threads and processes at once;
- `add` is atomic and durable: once it returns, the rows survive `kill -9`; after an error nothing of it is there;
- rows are immutable, except that `update` may change what the schema's docstrings call a job's state.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import IntegrityError

from collab import types
from collab.errors import Misconfigured, NotFound
from collab.store import schema
from collab.store.migrate import upgrade
from collab.store.records import ACT_OF_KIND, TABLES, insert_rows, rows_of, select_rows

log = logging.getLogger(__name__)
R = TypeVar("R", bound=types.Row)
_MAPPED = 2**31 - 2**16  # bytes of a database that SQLite maps into memory: the most it takes

_CHANGEABLE: Mapping[type[types.Row], frozenset[str]] = {
    types.Annotator: frozenset({"display_name", "origin", "consent_version"}),
    types.Generation: frozenset({"status", "error", "rendered", "lease_until", "worker", "timings"}),
    types.Output: frozenset(
        {"text", "blob_sha256", "finish_reason", "prompt_tokens", "completion_tokens", "seconds"}
    ),
    types.Study: frozenset({"status", "answered"}),
    types.SavedPrompt: frozenset({"name", "tags", "archived", "current_id"}),
    types.Preset: frozenset({"name", "settings"}),
    types.Grid: frozenset({"revealed_at", "locked"}),
    types.GridCell: frozenset({"generation_id"}),
    types.Job: frozenset({"status", "progress", "message", "error", "result", "worker", "heartbeat"}),
    types.StudyItem: frozenset({"status", "error", "attempt", "outputs", "context", "room", "answered"}),
    types.Task: frozenset(
        {"status", "lease_until", "answer_id", "answered_at", "dwell_ms", "matched", "revealed_at", "reason", "flag"}
    ),
    types.Trial: frozenset({"stage", "screening_id", "confirming_id", "watch_id", "leader_id", "verdict"}),
}  # fmt: skip


class Conflict(Exception):
    """A uniqueness rule refused the write: somebody (or this person's other tab) was first. Nothing was written."""


class Store:
    """One database. Raises Conflict when a uniqueness rule is broken and NotFound for ids that are not there."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # SQLite's readers see one moment anyway
        snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._reader = engine.execution_options(**snapshot)
        self._writer = engine.execution_options(collab_write=True)
        # SQLite lets one writer in and makes the others sleep and ask again: threads of one process queue instead
        self._turn: AbstractContextManager[Any] = threading.Lock() if engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one consistent moment."""
        with self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block, durably, or leaves nothing. Raises Conflict."""
        try:
            with self._turn, self._writer.begin() as connection:
                yield connection
        except IntegrityError as error:
            if not _is_uniqueness(error):
                raise  # a reference to nowhere or an impossible value: trying again would not help
            raise Conflict(str(error.orig)) from error

    def add(self, *rows: types.Row, connection: Connection | None = None) -> None:
        """Write the rows, all or none, in the order given."""
        if connection is None:
            with self.writing() as connection:
                self.add(*rows, connection=connection)
            return
        for cls, alike in itertools.groupby(rows, key=type):
            insert_rows(connection, cls, list(alike))

    def get(self, cls: type[R], row_id: str, *, connection: Connection | None = None) -> R:
        """The row with this id. Raises NotFound."""
        found = self.find(cls, id=row_id, connection=connection)
        if not found:
            raise NotFound(f"There is no {cls.__name__.lower()} with the id “{str(row_id)[:60]}”: check the id.")
        return found[0]

    def find(
        self,
        cls: type[R],
        *,
        connection: Connection | None = None,
        limit: int | None = None,
        lock: bool = False,
        **equals: Any,
    ) -> list[R]:
        """The rows whose columns equal these values (a list or tuple means any of them), oldest first. lock: until the
        transaction ends nobody else changes them (SQLite has one writer at a time in any case)."""
        query = select_rows(cls)
        for name, value in equals.items():
            column = query.selected_columns[name]
            query = query.where(column.in_(value) if isinstance(value, list | tuple | set) else column == value)
        query = query.order_by(query.selected_columns["id"]).limit(limit)
        if lock:
            query = query.with_for_update()
        return self.rows(cls, query, connection=connection)

    def rows(self, cls: type[R], query: sa.Select[Any], *, connection: Connection | None = None) -> list[R]:
        """The rows of a query that selects the columns of `cls`."""
        if connection is None:
            with self.reading() as connection:
                return self.rows(cls, query, connection=connection)
        found = connection.execute(query)
        return rows_of(cls, list(found.keys()), found.all())

    def acts(
        self, ids: Sequence[str], kind: types.FeedbackKind | None = None, *, connection: Connection | None = None
    ) -> list[types.Act]:
        """The acts of feedback with these ids, oldest first. Unknown ids are left out. kind: of all, if it is known."""
        if connection is None:
            with self.reading() as connection:
                return self.acts(ids, kind, connection=connection)
        by_kind: dict[types.FeedbackKind, list[str]] = {kind: list(ids)} if kind is not None else {}
        if kind is None:
            kinds = sa.select(schema.feedback.c.id, schema.feedback.c.kind).where(schema.feedback.c.id.in_(ids))
            for act_id, found in connection.execute(kinds):
                by_kind.setdefault(found, []).append(act_id)
        acts: list[Any] = []
        for each, members in by_kind.items():
            acts += self.find(ACT_OF_KIND[each], id=members, connection=connection)
        return sorted(acts, key=lambda act: act.id)

    def update(
        self,
        cls: type[R],
        row_id: str,
        changes: Mapping[str, Any],
        *,
        only_if: Mapping[str, Any] | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Change a job's state; whether a row matched. only_if: what it must still be (a list: any of them)."""
        if connection is None:
            with self.writing() as connection:
                return self.update(cls, row_id, changes, only_if=only_if, connection=connection)
        forbidden = set(changes) - _CHANGEABLE.get(cls, frozenset())
        if forbidden:
            raise ValueError(f"{cls.__name__}.{min(forbidden)} is immutable")
        table = TABLES[cls]
        statement = table.update().where(table.c.id == row_id).values(**changes)
        for name, value in (only_if or {}).items():
            column = table.c[name]
            statement = statement.where(column.in_(value) if isinstance(value, list | tuple) else column == value)
        return connection.execute(statement).rowcount == 1

    def close(self) -> None:
        self.engine.dispose()


def _is_uniqueness(error: IntegrityError) -> bool:
    """Whether a UNIQUE or PRIMARY KEY rule was broken, as SQLite or PostgreSQL name it."""
    name = getattr(error.orig, "sqlite_errorname", "") or getattr(error.orig, "sqlstate", "")
    return name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "23505")


def open_store(database_url: str) -> Store:
    """Open the database, creating it and migrating it to the newest schema first.

    SQLite: WAL on a local disk; on a network mount, which cannot share WAL's memory map, a DELETE journal.
    Raises Misconfigured when it cannot be opened, without repeating the URL, which may hold a password.
    """
    try:
        url = make_url(database_url)
        engine, lock = _sqlite(url) if url.get_backend_name() == "sqlite" else (_postgresql(url), None)
        upgrade(engine, lock=lock)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise Misconfigured("DATABASE_URL is no database's address: write postgresql://NAME@HOST/DATABASE.") from error
    except (sa.exc.DatabaseError, OSError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise Misconfigured(f"The database cannot be opened ({reason}): check DATABASE_URL and COLLAB_HOME.") from error
    return Store(engine)


def _postgresql(url: URL) -> Engine:
    return sa.create_engine(url, pool_size=20, max_overflow=40, pool_pre_ping=True)


def _sqlite(url: URL) -> tuple[Engine, Path]:
    """The engine, and the file that processes lock while one of them migrates."""
    if url.database in (None, "", ":memory:"):
        raise Misconfigured("DATABASE_URL names no file: a database in memory would be lost, so give it a path.")
    path = Path(str(url.database)).resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(url, pool_size=40, max_overflow=40, connect_args={"timeout": 30.0})
    on_network = _is_network_mount(path.parent)
    journal = "DELETE" if on_network else "WAL"
    # read where the system keeps the file: threads that each copy its pages wait for one another
    mapped = 0 if on_network else _MAPPED

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000",
                       "cache_size=-65536", f"mmap_size={mapped}"):  # fmt: skip
            connection.execute(f"PRAGMA {pragma}").close()
        # its own knows the capitals of ASCII alone, and History is searched in any script
        connection.create_function("lower", 1, _lower, deterministic=True)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a reader that turns writer half-way gets "database is locked" at once: writers say so from the start
        write = connection.get_execution_options().get("collab_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine, path.with_suffix(".lock")


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _is_network_mount(folder: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether the folder lies on a file system that other machines may write to as well (Linux only)."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return False
    best, kind = "", ""
    for line in lines:
        _, point, filesystem, *_ = line.split(" ")
        inside = point == "/" or folder.is_relative_to(point)
        if inside and len(point) >= len(best):
            best, kind = point, filesystem
    return kind.startswith(("nfs", "cifs", "smb", "fuse", "9p", "ceph", "glusterfs", "lustre", "afs"))
