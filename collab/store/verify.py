"""Re-hashes and re-checks the whole store. Changes nothing; knows the schema's promises, not what features do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.errors import CollabError
from collab.store import schema
from collab.store.blobs import Blobs
from collab.store.history_words import missing_words
from collab.store.records import ACTS
from collab.store.store import Store
from collab.store.verify_loop import loop_problems


def problems(store: Store, blobs: Blobs, content_sha256: Callable[[str], str] | None = None) -> Iterator[str]:
    """One sentence for each thing that is not as it should be; nothing when all is well.

    content_sha256: recomputes a prompt version's hash from its id, if given.
    """
    with store.reading() as connection:
        yield from _file(connection)
        yield from _json(connection)
        yield from _dangling(connection)
        yield from _chains(connection)
        yield from _rankings(connection)
        yield from _outputs(connection)
        yield from loop_problems(connection)
        if content_sha256:
            yield from _wordings(connection, content_sha256)
        yield from _blobs(connection, blobs)


def _file(connection: Connection) -> Iterator[str]:
    """What SQLite itself finds wrong with the pages and indexes of its file; PostgreSQL has tools of its own."""
    if connection.dialect.name != "sqlite":
        return
    for (said,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if said != "ok":
            yield f"The database file is damaged: {said}"


def _json(connection: Connection) -> Iterator[str]:
    """Values that should be JSON and cannot be read."""
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, schema.Json):
                for row_id, value in connection.execute(sa.select(table.c.id, sa.type_coerce(column, sa.Text))):
                    try:
                        json.loads(value or "null")
                    except ValueError:
                        yield f"{table.name} {row_id}: {column.name} is damaged, it cannot be read."


def _wordings(connection: Connection, content_sha256: Callable[[str], str]) -> Iterator[str]:
    versions = schema.prompt_versions
    for version_id, recorded in connection.execute(sa.select(versions.c.id, versions.c.content_sha256)):
        try:
            same = content_sha256(version_id) == recorded
        except (CollabError, ValueError):  # its prompt is gone or its JSON damaged, which is told above
            continue
        if not same:
            yield f"Prompt version {version_id} no longer matches its SHA-256: its words were changed."


def _dangling(connection: Connection) -> Iterator[str]:
    """References that point nowhere, whatever the database enforced when they were written."""
    for table in schema.metadata.sorted_tables:
        name = next(iter(table.primary_key))
        for column in table.columns:
            for key in column.foreign_keys:
                target = key.column.table.alias("target")
                missing = sa.select(name, column).where(column.is_not(None), ~sa.exists().where(target.c.id == column))
                for row_id, value in connection.execute(missing):
                    yield f"{table.name} {row_id}: {column.name} names {value}, which is not there."


def _chains(connection: Connection) -> Iterator[str]:
    """An act and the act it follows must be one person's, about one thing; every act needs its details."""
    f, before = schema.feedback, schema.feedback.alias("before")
    strangers = sa.select(f.c.id, before.c.id).where(
        f.c.supersedes_id == before.c.id,
        (f.c.subject != before.c.subject) | (f.c.annotator_id != before.c.annotator_id),
    )
    for act_id, before_id in connection.execute(strangers):
        yield f"Feedback {act_id} follows {before_id}, which is another person's or about something else."
    begun = sa.select(f.c.annotator_id, f.c.subject).group_by(f.c.annotator_id, f.c.subject)
    begun = begun.having(sa.func.count(sa.case((f.c.supersedes_id.is_(None), 1))) != 1)
    for annotator_id, subject in connection.execute(begun):
        yield f"The acts of {annotator_id} about {subject} have no single beginning."
    forked = sa.select(f.c.supersedes_id).where(f.c.supersedes_id.is_not(None)).group_by(f.c.supersedes_id)
    for (act_id,) in connection.execute(forked.having(sa.func.count() > 1)):
        yield f"Feedback {act_id} is followed by two acts: one of them was not the person's."
    r, about = schema.retractions, schema.feedback.alias("about")
    for column in (r.c.retracts_id, r.c.restores_id):
        elsewhere = sa.select(f.c.id, about.c.id).where(
            f.c.id == r.c.id,
            about.c.id == column,
            (f.c.subject != about.c.subject) | (f.c.annotator_id != about.c.annotator_id),
        )
        for act_id, about_id in connection.execute(elsewhere):
            yield f"Feedback {act_id} takes back or restores {about_id}, another person's or about something else."
    for kind, detail in ACTS.values():
        other = sa.select(f.c.id, f.c.kind).where(f.c.kind != kind, sa.exists().where(detail.c.id == f.c.id))
        for act_id, said in connection.execute(other):
            yield f"Feedback {act_id} is a {said} with the details of a {kind}."
        bare = sa.select(f.c.id).where(f.c.kind == kind, ~sa.exists().where(detail.c.id == f.c.id))
        for (act_id,) in connection.execute(bare):
            yield f"Feedback {act_id} is a {kind} without its details."


def _rankings(connection: Connection) -> Iterator[str]:
    """A ranking's groups name outputs, which no foreign key watches over."""
    r, known = schema.rankings, None
    for row_id, value in connection.execute(sa.select(r.c.id, sa.type_coerce(r.c.groups, sa.Text))):
        if known is None:
            known = {output_id for (output_id,) in connection.execute(sa.select(schema.outputs.c.id))}
        try:
            groups = json.loads(value)
        except ValueError:  # told above
            continue
        for output_id in (output_id for group in groups for output_id in group):
            if output_id not in known:
                yield f"rankings {row_id}: groups names {output_id}, which is not there."


def _outputs(connection: Connection) -> Iterator[str]:
    """Every generation has its outputs, and what is done has content in each."""
    g, o = schema.generations, schema.outputs
    counted = sa.select(g.c.id, g.c["count"], sa.func.count(o.c.id)).outerjoin(o, o.c.generation_id == g.c.id)
    counted = counted.group_by(g.c.id, g.c["count"]).having(sa.func.count(o.c.id) != g.c["count"])
    thinned = {i for (ids,) in connection.execute(sa.select(schema.tombstones.c.thinned)) for i in ids}
    for generation_id, wanted, present in connection.execute(counted):
        if not (generation_id in thinned and 0 < present < wanted):  # its person deleted some of them
            yield f"Generation {generation_id} has {present} of its {wanted} outputs."
    for generation_id in missing_words(connection):
        yield f"Generation {generation_id} cannot be found by its words in History."
    empty = sa.select(o.c.id).join(g, g.c.id == o.c.generation_id)
    empty = empty.where(g.c.status == "done", o.c.text.is_(None), o.c.blob_sha256.is_(None))
    for (output_id,) in connection.execute(empty):
        yield f"Output {output_id} is said to be done but holds nothing."


def _blobs(connection: Connection, blobs: Blobs) -> Iterator[str]:
    """Every blob has the hash its name claims, and every blob a row names is there. Blobs without a row are fine."""
    kept = set()
    for sha256 in blobs.all():
        kept.add(sha256)
        if hashlib.sha256(blobs.get(sha256)).hexdigest() != sha256:
            yield f"The stored picture {sha256} is damaged: its bytes no longer match its name."
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            if column.name in ("blob_sha256", "mask_sha256"):
                for row_id, sha256 in connection.execute(sa.select(table.c.id, column).where(column.is_not(None))):
                    if sha256 not in kept:
                        yield f"{table.name} {row_id}: the picture {sha256} is missing."
