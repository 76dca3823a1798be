"""Ratings: each adds to what was said before, what was said can be cleared, and what makes no sense is refused."""

from __future__ import annotations

from typing import Any

import pytest

from collab import feedback
from collab.errors import InvalidFeedback
from collab.feedback import edit_text, rate
from collab.identity import Visitor
from collab.types import Output, Rating
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.feedback.conftest import live

# ---- merged and cleared ---------------------------------------------------------------------------------------------


def test_a_rating_adds_to_what_was_said_before(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, score=3)
    rate(ws, ann, mine.id, aspects={"helpful": 4})
    rate(ws, ann, mine.id, thumb=1, tags=["good"], aspects={"style": 2})
    rate(ws, ann, mine.id, comment="  nice  ", spans=[{"start": 0, "end": 3, "label": "good", "note": "here"}])
    said = rate(ws, ann, mine.id, score=5)
    assert (said.score, said.thumb, said.aspects, said.tags, said.comment, said.spans) == (
        5,
        1,
        {"helpful": 4, "style": 2},
        ("good",),
        "nice",
        ({"start": 0, "end": 3, "label": "good", "note": "here"},),
    )
    assert live(ws, ann, mine) == [said]
    assert len(ws.store.find(Rating)) == 5


def test_fields_of_a_rating_can_be_cleared(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, score=3, thumb=-1, aspects={"style": 1}, tags=["dull"], comment="hm")
    cleared = rate(ws, ann, mine.id, clear=["score", "aspects", "tags", "comment"])
    assert (cleared.score, cleared.thumb, cleared.aspects, cleared.tags, cleared.comment) == (None, -1, {}, (), "")
    assert rate(ws, ann, mine.id, thumb=0).thumb is None


def test_aspects_sent_whole_replace_those_there_were(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, aspects={"helpful": 3, "style": 2}, score=4)
    kept = rate(ws, ann, mine.id, aspects={"style": 5}, clear=["aspects"])
    assert kept.aspects == {"style": 5} and kept.score == 4


def test_clearing_what_was_never_rated_is_refused_in_words(ws: Workspace, ann: Visitor, mine: Output):
    with pytest.raises(InvalidFeedback, match="nothing to clear"):
        rate(ws, ann, mine.id, clear=["score"])
    assert ws.store.find(Rating) == []


# ---- what may be said -----------------------------------------------------------------------------------------------


def test_a_rating_takes_the_outputs_own_characters_for_spans(ws: Workspace, ann: Visitor):
    _, (output,) = make(ws, ann, "👩‍👩‍👧‍👦 北京")
    length = len(output.text or "")
    whole = rate(ws, ann, output.id, spans=[{"start": 0, "end": length, "label": "bad"}])
    assert whole.spans[0]["end"] == length
    with pytest.raises(InvalidFeedback, match=f"outside 1–{length}"):
        rate(ws, ann, output.id, spans=[{"start": 0, "end": length + 1, "label": "bad"}])


def test_the_lists_that_the_page_offers_are_themselves_allowed(ws: Workspace, ann: Visitor, mine: Output):
    tags = [tag for offered in feedback.TAGS.values() for tag in offered]
    assert rate(ws, ann, mine.id, tags=tags).tags == tuple(tags)


BAD_RATINGS: list[tuple[dict[str, Any], str]] = [
    ({}, "says nothing"),
    ({"score": 0}, "Score 0 is outside 1–5"),
    ({"score": 6}, "Score 6 is outside"),
    ({"score": 2.5}, "Score 2.5 is outside"),
    ({"score": "5"}, "Score is '5', not a number from 1 to 5"),
    ({"score": True}, "Score is True, not a number"),
    ({"score": float("nan")}, "Score nan is outside"),
    ({"score": float("inf")}, "Score inf is outside"),
    ({"score": [5]}, "Score"),
    ({"score": 10**400}, "Score"),
    ({"thumb": 2}, "Thumb 2 is outside"),
    ({"thumb": "up"}, "Thumb is 'up', not a number"),
    ({"aspects": {"style": 6}}, "Aspect “style” 6 is outside"),
    ({"aspects": {"style": None}}, "Aspect “style” None is outside"),
    ({"aspects": {"": 3}}, "aspect's name is empty"),
    ({"aspects": {7: 3}}, "aspect's name must be text"),
    ({"aspects": {"x" * 41: 3}}, "41 characters, 40 are possible"),
    ({"aspects": {str(n): 3 for n in range(13)}}, "at most 12"),
    ({"aspects": [["style", 3]]}, "Aspects must be an object"),
    ({"tags": "good"}, "Tags must be a list"),
    ({"tags": [""]}, "tag is empty"),
    ({"tags": [None]}, "tag is empty"),
    ({"tags": [3]}, "tag must be text"),
    ({"tags": ["x" * 41]}, "40 are possible"),
    ({"tags": list("abcdefghijklmnopqrstu")}, "at most 20"),
    ({"tags": {"a": 1}}, "Tags must be a list"),
    ({"comment": "x" * 5_001}, "5,000 are possible"),
    ({"comment": "a\x00b"}, "control character U+0000"),
    ({"comment": "a\x1b[31mb"}, "control character U+001B"),
    ({"comment": "\ud83d"}, "control character U+D83D"),
    ({"comment": ["x"]}, "comment must be text"),
    ({"spans": [{"start": 0, "end": 0, "label": "good"}]}, "Span end 0 is outside"),
    ({"spans": [{"start": -1, "end": 2, "label": "good"}]}, "Span start -1 is outside"),
    ({"spans": [{"start": 0, "end": 10_000, "label": "good"}]}, "Span end 10000 is outside"),
    ({"spans": [{"start": 0, "end": 2, "label": "great"}]}, "choose good or bad"),
    ({"spans": [{"start": 0, "end": 2, "label": ["good"]}]}, "choose good or bad"),
    ({"spans": [{"start": 0, "end": 2}]}, "exactly start, end and label"),
    ({"spans": [{"start": 0, "end": 2, "label": "good", "x": 1}]}, "exactly start, end and label"),
    ({"spans": [[0, 2, "good"]]}, "exactly start, end and label"),
    ({"spans": "0-2"}, "Spans must be a list"),
    ({"spans": [{"start": 0, "end": 2, "label": "good"}] * 201}, "at most 200"),
    ({"clear": ["output_id"]}, "nothing named “output_id”"),
    ({"clear": ["created_at"]}, "nothing named “created_at”"),
    ({"score": 3, "request_id": "x" * 81}, "80 are possible"),
    ({"score": 3, "request_id": "a\nb"}, "printable"),
    ({"score": 3, "request_id": 7}, "request id must be text"),
]


def test_each_bad_rating_gets_one_sentence_and_changes_nothing(ws: Workspace, ann: Visitor, mine: Output):
    before = counts(ws.store)
    for said, sentence in BAD_RATINGS:
        with pytest.raises(InvalidFeedback) as raised:
            rate(ws, ann, mine.id, **said)
        assert sentence in str(raised.value), said
        assert "\n" not in str(raised.value) and len(str(raised.value)) < 250
        assert counts(ws.store) == before


def test_aspects_cannot_be_piled_up_by_many_ratings(ws: Workspace, ann: Visitor, mine: Output):
    rate(ws, ann, mine.id, aspects={f"a{n}": 1 for n in range(12)})
    rate(ws, ann, mine.id, aspects={"a0": 5})
    with pytest.raises(InvalidFeedback, match="more than 12 aspects"):
        rate(ws, ann, mine.id, aspects={"one more": 1})


def test_a_picture_has_no_spans_and_no_text_to_edit(ws: Workspace, ann: Visitor, picture: Output):
    with pytest.raises(InvalidFeedback, match="that output is a picture"):
        rate(ws, ann, picture.id, spans=[{"start": 0, "end": 1, "label": "good"}])
    with pytest.raises(InvalidFeedback, match="edit it as a picture"):
        edit_text(ws, ann, picture.id, "words")
    assert rate(ws, ann, picture.id, score=4).score == 4


def test_what_failed_cannot_be_judged(ws: Workspace, ann: Visitor):
    _, (empty,) = make(ws, ann, "!fail")
    with pytest.raises(InvalidFeedback, match="nothing to judge"):
        rate(ws, ann, empty.id, score=1)
