"""The database is brought to the newest schema, once, whoever opens it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from collab.errors import Misconfigured
from collab.store import Store, open_store
from collab.store.schema import metadata
from collab.store.store import _is_network_mount
from collab.types import Annotator

OPEN = """
import json, sys
from collab.store import open_store
from collab.types import Annotator
print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1])
store.add(Annotator())
print(json.dumps(len(store.find(Annotator)) > 0), flush=True)
"""


def test_the_migrations_make_the_very_schema_that_the_code_uses(store: Store):
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_check_rules_and_partial_indexes_are_migrated_too(store: Store):
    with store.reading() as connection:
        looked = sa.inspect(connection)
        for table in metadata.sorted_tables:
            rules = {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}
            assert {c["name"] for c in looked.get_check_constraints(table.name)} == rules, table.name
            partial = {i.name for i in table.indexes if i.dialect_options[connection.dialect.name]["where"] is not None}
            found = {
                i["name"]
                for i in looked.get_indexes(table.name)
                if i.get("dialect_options", {}).get(f"{connection.dialect.name}_where") is not None
            }
            assert found == partial, table.name


def test_processes_that_open_a_new_database_at_once_migrate_it_once(database_url: str):
    people = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for person in people:
        assert person.stdout and person.stdout.readline() == "ready\n"
    answers = []
    for person in people:
        assert person.stdin
        person.stdin.write("go\n")
        person.stdin.flush()
    for person in people:
        said, _ = person.communicate(timeout=60)
        answers.append(json.loads(said))
    assert answers == [True] * 3
    store = open_store(database_url)
    assert len(store.find(Annotator)) == 3
    store.close()


def test_opening_again_keeps_everything(database_url: str):
    store, row = open_store(database_url), Annotator()
    store.add(row)
    store.close()
    store = open_store(database_url)
    assert store.find(Annotator) == [row]
    store.close()


def test_a_database_of_a_newer_version_is_refused_with_a_sentence(database_url: str):
    store = open_store(database_url)
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999_future'"))
    store.close()
    with pytest.raises(Misconfigured, match=r"schema “9999_future”.*update Collab"):
        open_store(database_url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////proc/nowhere/collab.db", "cannot be opened"),
        ("postgresql+psycopg://me:hushhush@127.0.0.1:1/x", "cannot be opened"),
        ("postgresql+psycopg://me:hushhush@127.0.0.1:port/x", "is no database's address"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told_in_a_sentence_without_the_password(url: str, said: str):
    with pytest.raises(Misconfigured, match=said) as raised:
        open_store(url)
    assert "hushhush" not in str(raised.value) and "\n" not in str(raised.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "collab.db"
    path.write_bytes(b"my diary, " * 500)
    with pytest.raises(Misconfigured, match="cannot be opened"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == b"my diary, " * 500


@pytest.mark.parametrize(
    ("mounts", "network"),
    [
        ("/dev/sda1 / ext4 rw 0 0\n", False),
        ("/dev/sda1 / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\n", True),
        ("overlay / overlay rw 0 0\nhost /data 9p rw 0 0\n", True),
        ("server:/x / nfs4 rw 0 0\n/dev/sda1 /data ext4 rw 0 0\n", False),
        ("server:/x /database nfs4 rw 0 0\n/dev/sda1 / ext4 rw 0 0\n", False),
        ("me@host: /data fuse.sshfs rw 0 0\n", True),
    ],
)
def test_a_network_mount_is_told_from_a_local_disk(tmp_path: Path, mounts: str, network: bool):
    listed = tmp_path / "mounts"
    listed.write_text(mounts)
    assert _is_network_mount(Path("/data/studio"), listed) is network


def test_without_a_list_of_mounts_a_disk_counts_as_local(tmp_path: Path):
    assert not _is_network_mount(Path("/data"), tmp_path / "nowhere")
