"""Finding again and erasing: what History is searched in, and indexes for what is narrowed and deleted.

Why: a search of a hundred thousand outputs must be there at once, in every script; a deletion must not look through
whole tables for what refers to each row.
"""

from collections.abc import Iterator
from itertools import groupby
from json import loads
from operator import itemgetter
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

from collab.store.schema import Json, Microseconds

revision = "0005_desk"
down_revision = "0004_snapshots"

# what refers to rows that a deletion takes away
_REFERENCES = {
    "ratings": ["output_id"],
    "edits": ["output_id"],
    "preferences": ["output_a_id", "output_b_id"],
    "retractions": ["retracts_id", "restores_id"],
    "answers": ["item_id", "task_id"],
}
_HISTORY = sa.text("origin <> 'study' AND origin <> 'imported'")
_OWN = "g.origin NOT IN ('study', 'imported', 'refinement')"
_IN_FORCE = """
FROM feedback f JOIN generations g ON g.id = f.generation_id AND g.requested_by = f.annotator_id
LEFT JOIN retractions u ON u.id = f.id
JOIN {detail} d ON d.id = CASE WHEN f.kind = 'retraction' THEN u.restores_id ELSE f.id END
WHERE f.task_id IS NULL AND NOT EXISTS (SELECT 1 FROM feedback later WHERE later.supersedes_id = f.id) AND
"""
# each: the generation's id, texts, a JSON value that holds more
_SOURCES = (
    f"SELECT g.id, v.text, v.negative_text, v.system_text, g.variables FROM generations g "
    f"JOIN prompt_versions v ON v.id = g.prompt_version_id WHERE {_OWN} ORDER BY g.id",
    f"SELECT g.id, o.text, '', '', '' FROM generations g JOIN outputs o ON o.generation_id = g.id "
    f"WHERE o.text IS NOT NULL AND {_OWN} ORDER BY g.id",
    f"SELECT g.id, d.comment, '', '', d.tags {_IN_FORCE.format(detail='ratings')} {_OWN} ORDER BY g.id",
    f"SELECT g.id, d.text, '', '', '' {_IN_FORCE.format(detail='edits')} {_OWN} ORDER BY g.id",
    f"SELECT g.id, d.comment, '', '', '' {_IN_FORCE.format(detail='preferences')} {_OWN} ORDER BY g.id",
)


def upgrade() -> None:
    op.create_index("ix_prompt_versions_created_by_prompt_id", "prompt_versions", ["created_by", "prompt_id"])
    op.create_index(
        "ix_generations_history_model",
        "generations",
        ["requested_by", "model_version_id"],
        sqlite_where=_HISTORY,
        postgresql_where=_HISTORY,
    )
    op.create_table(
        "history_words",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["generations.id"], name=op.f("fk_history_words_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_words")),
    )
    op.create_index("ix_history_words_annotator_id_id", "history_words", ["annotator_id", "id"])
    for table, columns in _REFERENCES.items():
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column])
    children = sa.text("parent_id IS NOT NULL")
    op.create_index(
        "ix_prompt_versions_parent_id",
        "prompt_versions",
        ["parent_id"],
        sqlite_where=children,
        postgresql_where=children,
    )
    op.create_table(
        "tombstones",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", Microseconds(), nullable=False),
        sa.Column("annotator_id", sa.String(length=36), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("counts", Json(), nullable=False),
        sa.Column("thinned", Json(), nullable=False),
        sa.CheckConstraint("scope = 'everything' OR scope = 'chosen'", name=op.f("ck_tombstones_scope")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotators.id"], name=op.f("fk_tombstones_annotator_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstones")),
    )
    _fill()


def _fill() -> None:
    """The words of what was made before this."""
    connection = op.get_bind()
    insert = sa.text(
        "INSERT INTO history_words (id, annotator_id, words) SELECT g.id, g.requested_by, :words FROM generations g "
        "WHERE g.id = :id"
    )
    add = sa.text("UPDATE history_words SET words = words || :words WHERE id = :id")
    for number, source in enumerate(_SOURCES):
        rows = connection.execute(sa.text(source)).all()
        for generation_id, found in groupby(rows, key=itemgetter(0)):
            words = "\n".join(text for row in found for text in _words(row[1:]) if text)
            values = {"id": generation_id, "words": words if number == 0 else f"\n{words}"}
            connection.execute(insert if number == 0 else add, values)


def _words(texts: tuple[str | None, ...]) -> Iterator[str]:
    *plain, more = texts
    held = loads(more) if more else []
    for text in (*plain, *(held.values() if isinstance(held, dict) else held)):
        yield normalize("NFKC", normalize("NFKC", text or "").casefold())
