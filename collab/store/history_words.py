"""What History is searched in: one row for each generation of a person, with all words of it, made alike.

Worked out from the rows it repeats, in their transaction. To look into each text where it lies takes several times as
long, and longer still in scripts whose capitals a database does not know. Knows the tables, not how it is asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from collab.store import schema
from collab.store.queries import NOT_ASKED_FOR, live_acts, own_generations
from collab.store.store import Store
from collab.types import Act, Edit, Feedback, Generation, Output, Preference, PromptVersion, Rating

_w, _g = schema.history_words, schema.generations


def alike(text: str) -> str:
    """A text without what a search does not tell apart: capitals, and ways to write one character (NFKC, casefold)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def holds(connection: Connection, word: str) -> sa.ColumnElement[bool]:
    """Whether a row holds a word: its very characters, none of which stands for others."""
    find = sa.func.instr if connection.dialect.name == "sqlite" else sa.func.strpos
    return find(_w.c.words, alike(word)) > 0


def keep_words(store: Store, generation_id: str, *, connection: Connection) -> None:
    """Make the row of a generation say what it now holds. Nothing for what is not in its person's History."""
    found = store.find(Generation, id=generation_id, connection=connection)
    if not found or found[0].origin in NOT_ASKED_FOR:
        return
    made = found[0]
    version = store.get(PromptVersion, made.prompt_version_id, connection=connection)
    outputs = store.find(Output, generation_id=made.id, connection=connection)
    acts = live_acts(store, made.requested_by, [made.id], connection=connection)
    words = joined(
        [version.text, version.negative_text, version.system_text, *made.variables.values(),
         *(output.text or "" for output in outputs), *(said for act in acts for said in _said(act))]
    )  # fmt: skip
    changed = connection.execute(_w.update().where(_w.c.id == made.id).values(words=words)).rowcount
    if not changed:
        connection.execute(_w.insert().values(id=made.id, annotator_id=made.requested_by, words=words))


def keep_words_of_act(store: Store, act: Feedback, *, connection: Connection) -> None:
    """The same after an act on an output: what it says can be found, what it took back cannot."""
    if act.task_id is None and act.subject.startswith(("rating:", "edit:", "preference:")):
        keep_words(store, act.generation_id, connection=connection)


def joined(texts: Iterable[str]) -> str:
    """The texts as one row keeps them, with a break between them that no search holds."""
    return "\n".join(alike(text) for text in texts if text)


def missing_words(connection: Connection) -> Iterator[str]:
    """The generations of people's Histories that have no row."""
    own = own_generations(_g.c.requested_by)
    query = sa.select(_g.c.id).where(*own, ~sa.exists().where(_w.c.id == _g.c.id))
    for (generation_id,) in connection.execute(query):
        yield generation_id


def _said(act: Act) -> Iterator[str]:
    if isinstance(act, Rating):
        yield act.comment
        yield from act.tags
        yield from (str(span.get("note", "")) for span in act.spans)
    elif isinstance(act, Edit):
        yield act.text or ""
    elif isinstance(act, Preference):
        yield act.comment
