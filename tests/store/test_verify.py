"""`problems` finds each kind of damage, and nothing in a sound store."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from collab.generation import wording_of
from collab.store import Blobs, Store, open_store
from collab.store.history_words import keep_words
from collab.store.verify import problems
from collab.types import Annotator, Edit, Output, OutputTokens, PromptVersion, Ranking, Retraction, new_id
from tests.conftest import random_sha256
from tests.store.people import Someone, someone


def damage(store: Store, statement: str) -> None:
    """Run a statement with the database's own checks switched off, as a failing disk would."""
    if store.engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(str(store.engine.url.database), isolation_level=None)) as raw:
            raw.executescript(f"PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; {statement};")
        return
    with store.engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.exec_driver_sql(statement)


def found(store: Store, blobs: Blobs) -> list[str]:
    return list(problems(store, blobs, lambda v: wording_of(store, store.get(PromptVersion, v)).sha256))


def tells(sentences: list[str], pattern: str) -> bool:
    return any(re.search(pattern, sentence) for sentence in sentences)


@pytest.fixture
def ann(store: Store, blobs: Blobs) -> Someone:
    """A person with one act of every kind, and a picture."""
    made = someone(store)
    first = made.rating(1)
    second = made.rating(2, supersedes_id=first.id)
    common = {"annotator_id": made.annotator.id, "generation_id": made.generation.id}
    undo = Retraction(**common, subject=first.subject, supersedes_id=second.id, retracts_id=second.id,
                      restores_id=first.id)  # fmt: skip
    picture = Output(generation_id=new_id(), position=0, seed=1, blob_sha256=blobs.put(b"picture"),
                     media_type="image/png", finish_reason="stop")  # fmt: skip
    drawn = replace(made.generation, id=picture.generation_id)
    edit = Edit(**common, subject="edit", output_id=made.output.id, text="other")
    ranking = Ranking(**common, subject="ranking", groups=((made.output.id,), (picture.id,)))
    store.add(drawn, picture, OutputTokens(id=made.output.id, tokens=(["x", -1.0, []],)), first, second, undo, edit,
              ranking)  # fmt: skip
    with store.writing() as connection:
        keep_words(store, drawn.id, connection=connection)
    return made


def test_a_sound_store_has_no_problems(store: Store, blobs: Blobs, ann: Someone):
    blobs.put(b"of a generation that was interrupted before its row was written")
    assert found(store, blobs) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM annotators", r"prompts .*: created_by names .* which is not there"),
        ("DELETE FROM prompts", r"prompt_versions .*: prompt_id names"),
        ("DELETE FROM outputs WHERE text IS NOT NULL", r"has 0 of its 1 outputs"),
        ("DELETE FROM generations", r"outputs .*: generation_id names"),
        ("DELETE FROM ratings", r"Feedback .* is a rating without its details"),
        ("DELETE FROM retractions", r"is a retraction without its details"),
        ("DELETE FROM feedback WHERE supersedes_id IS NULL", r"supersedes_id names .* which is not there"),
        ("UPDATE feedback SET kind = 'edit' WHERE kind = 'ranking'", r"is a edit with the details of a ranking"),
        ("UPDATE feedback SET subject = 'other' WHERE kind = 'retraction'", r"another person's or about something"),
        ("UPDATE feedback SET supersedes_id = id WHERE kind = 'edit'", r"no single beginning"),
        ("UPDATE prompt_versions SET text = 'Say it not'", r"no longer matches its SHA-256"),
        ("UPDATE outputs SET text = NULL", r"said to be done but holds nothing"),
        ("UPDATE outputs SET blob_sha256 = 'f' WHERE text IS NULL", r"outputs .*: the picture f is missing"),
        ("UPDATE ratings SET aspects = '{\"style\": '", r"ratings .*: aspects is damaged"),
        ("UPDATE prompt_versions SET examples = '['", r"prompt_versions .*: examples is damaged"),
        ("UPDATE rankings SET groups = '[[\"gone\"]]'", r"groups names gone, which is not there"),
        ("UPDATE rankings SET groups = '[['", r"rankings .*: groups is damaged"),
        ("DELETE FROM history_words", r"cannot be found by its words in History"),
    ],
)
def test_damage_to_a_row_is_found(store: Store, blobs: Blobs, ann: Someone, statement: str, said: str):
    damage(store, statement)
    assert tells(found(store, blobs), said)


def test_a_forked_chain_is_found(make_postgres_database: Callable[[], str], blobs: Blobs):
    store = open_store(make_postgres_database())  # SQLite cannot drop a table's own UNIQUE rule
    ann = someone(store)
    first = ann.rating(1)
    damage(store, "ALTER TABLE feedback DROP CONSTRAINT uq_feedback_supersedes_id")
    store.add(first, ann.rating(2, supersedes_id=first.id), ann.rating(3, supersedes_id=first.id))
    assert tells(found(store, blobs), f"Feedback {first.id} is followed by two acts")
    store.close()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(b"pictore"), "is damaged: its bytes no longer match"),
        (lambda path: path.write_bytes(b""), "is damaged: its bytes no longer match"),
        (lambda path: path.unlink(), "outputs .*: the picture .* is missing"),
        (lambda path: path.rename(path.parent.parent / path.name), "outputs .*: the picture .* is missing"),
    ],
)
def test_damage_to_a_picture_is_found(store: Store, blobs: Blobs, ann: Someone, harm: Callable, said: str):
    (sha256,) = blobs.all()
    harm(blobs.path(sha256))
    assert tells(found(store, blobs), said)


def test_a_damaged_sqlite_file_is_found(tmp_path: Path, blobs: Blobs):
    path = tmp_path / "collab.db"
    store = open_store(f"sqlite:///{path}")
    store.add(*[Annotator(display_name="x" * 80) for _ in range(300)])
    store.close()
    data = bytearray(path.read_bytes())
    index = data.rindex(b"x" * 80)
    data[index - 60 : index] = random_sha256()[:60].encode()
    path.write_bytes(data)
    store = open_store(f"sqlite:///{path}")
    assert tells(list(problems(store, blobs)), "The database file is damaged")
    store.close()
