"""Brings a database to the newest schema. Knows Alembic and locks, not the tables."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy.engine import Engine

from collab.errors import Misconfigured

MIGRATIONS = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 0x636F6C6C  # "coll": one number for every process that migrates this database


def upgrade(engine: Engine, *, lock: Path | None = None) -> None:
    """Run the migrations that are missing, one process at a time (a file lock, or PostgreSQL's advisory lock).

    Raises Misconfigured when the database was made by a newer Collab.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    with FileLock(lock) if lock else nullcontext():
        with engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
        if present == head:
            return
        if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
            raise Misconfigured(
                f"The database has the schema “{present}”, which this version of Collab does not know: "
                "update Collab, or point DATABASE_URL at another database."
            )
        # on SQLite the migration opens with BEGIN IMMEDIATE, so two processes take turns
        with engine.execution_options(collab_write=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": _ADVISORY_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
