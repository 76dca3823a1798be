"""Edits of texts: how far they are from the original, in words; what is none; and words kept as they are."""

from __future__ import annotations

import re

import pytest

from collab.errors import InvalidFeedback
from collab.feedback import edit_text, rate
from collab.identity import Visitor
from collab.store import Store
from collab.types import Output
from collab.workspace import Workspace
from tests.conftest import counts
from tests.store.people import someone


@pytest.mark.parametrize(
    ("original", "edited", "distance"),
    [
        ("the cat sat", "the cat sat down", 1),
        ("the cat sat", "a dog sat", 2),
        ("the cat sat", "sat", 2),
        ("the cat sat", "the  cat\nsat!", 1),  # spaces and line ends are no words
        ("a b c d", "d c b a", 4),
        ("kitten sitting", "kitten", 1),
    ],
)
def test_the_edit_distance_counts_words(store: Store, ws: Workspace, original: str, edited: str, distance: int):
    """Levenshtein 1965: the fewest insertions, deletions and substitutions, here of words."""
    person = someone(ws.store, text=original)
    act = edit_text(ws, Visitor(person.annotator.id, "anonymous"), person.output.id, edited)
    assert act.edit_distance == distance and act.text == edited


def test_each_bad_edit_gets_one_sentence_and_changes_nothing(ws: Workspace, ann: Visitor, mine: Output):
    before = counts(ws.store)
    bad = [("", "empty"), ("  \n", "empty"), (mine.text, "as the model wrote it"), (None, "empty"), (7, "must be text"),
           (["x"], "must be text"), ("x" * 200_001, "200,000 are possible"), ("a\x00", "U+0000")]  # fmt: skip
    for text, sentence in bad:
        with pytest.raises(InvalidFeedback, match=re.escape(sentence)):
            edit_text(ws, ann, mine.id, text)
    assert counts(ws.store) == before


HOSTILE = [
    "<script>alert(1)</script>",
    "${alert(1)} `x`",
    "{{7*7}} {{{x}}}",
    "\u202eגמא\u202c 👩‍👩‍👧‍👦",
    "'; DROP TABLE edits; --",
    "a\tb\nc",
]


def test_hostile_words_are_kept_as_they_are(ws: Workspace, ann: Visitor, mine: Output):
    for text in HOSTILE:
        assert edit_text(ws, ann, mine.id, text).text == text
        said = rate(ws, ann, mine.id, comment=text, tags=[text], aspects={text: 3})
        assert (said.comment, said.tags, said.aspects[text]) == (text, (text,), 3)
