"""One's own generations are found again by any of their words, in any script, and by what was said of them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from collab import api, feedback
from collab.errors import InvalidPrompt
from collab.identity import Visitor
from collab.store import open_store, schema
from collab.store.history_queries import history_choices
from collab.store.verify import problems
from collab.workspace import Workspace
from tests.conftest import make

NEW_INDEXES = (
    "ix_prompt_versions_created_by_prompt_id", "ix_prompt_versions_parent_id", "ix_generations_history_model",
    "ix_ratings_output_id", "ix_edits_output_id", "ix_preferences_output_a_id", "ix_preferences_output_b_id",
    "ix_retractions_retracts_id", "ix_retractions_restores_id", "ix_answers_item_id", "ix_answers_task_id",
)  # fmt: skip


def found(ws: Workspace, visitor: Visitor, query: str = "", **filters: Any) -> list[str]:
    page = api.history(ws, visitor, lambda output_id: output_id, query=query, filters=filters or None)
    return [item["generation_id"] for item in page["items"]]


def test_a_generation_is_found_by_all_that_is_in_it_and_said_of_it(each_ws: Workspace, ann: Visitor, bob: Visitor):
    ws = each_ws
    first, (one, two) = make(ws, ann, "Describe {place} Überraschung", variables={"place": "杭州 Тула"}, count=2)
    make(ws, ann, "another thing")
    make(ws, bob, "Describe 杭州 for somebody else")
    feedback.rate(ws, ann, one.id, comment="Too Long-Winded", tags=["wrong fact"])
    feedback.edit_text(ws, ann, two.id, "wholly rewritten")
    for query in ("杭州", "ТУЛА", "überraschung", "ÜBERRASCHUNG", "long-winded", "wrong fact", "rewritten",
                  f"#{one.seed}", "describe тула winded", '"wrong fact"', "ｄｅｓｃｒｉｂｅ"):  # fmt: skip
        assert found(ws, ann, query) == [first.id], query
    for query in ('"杭 州"', '"fact wrong"', "%", "_", "describe another", "somebody", "'; DROP TABLE"):
        assert found(ws, ann, query) == [], query
    later = feedback.rate(ws, ann, one.id, comment="short")
    assert found(ws, ann, "winded") == [] and found(ws, ann, "short") == [first.id]
    feedback.undo(ws, ann, later.id)
    assert found(ws, ann, "winded") == [first.id] and found(ws, ann, "short") == []
    assert list(problems(ws.store, ws.blobs)) == []


def test_filters_narrow_and_go_together(each_ws: Workspace, ann: Visitor, bob: Visitor):
    ws = each_ws
    text, (output, *_) = make(ws, ann, "one prompt", count=2)
    again, (other,) = make(ws, ann, "one prompt")
    picture, (image,) = make(ws, ann, "a drawing", modality="image")
    make(ws, bob, "one prompt")
    feedback.rate(ws, ann, output.id, score=4, tags=["great tone", 'a "quoted" tag'])
    feedback.rate(ws, ann, image.id, score=2)
    feedback.edit_text(ws, ann, other.id, "changed")
    assert found(ws, ann, modality="image") == found(ws, ann, model="fake-image") == [picture.id]
    assert found(ws, ann, stars=3) == [text.id] and found(ws, ann, stars=1) == [picture.id, text.id]
    assert found(ws, ann, edited=True) == [again.id]
    assert found(ws, ann, tag="great tone") == found(ws, ann, tag='a "quoted" tag') == [text.id]
    assert found(ws, ann, tag="quoted") == found(ws, ann, tag="great") == []
    choices = history_choices(ws.store, ann.annotator_id)
    (line,) = (prompt_id for prompt_id, title in choices.prompts if title == "one prompt")
    assert found(ws, ann, prompt_id=line) == [again.id, text.id] and found(ws, bob, prompt_id=line) == []
    assert found(ws, ann, "prompt", stars=4, modality="text", tag="great tone") == [text.id]
    assert found(ws, ann, "drawing", stars=4) == []
    assert choices.models == [("fake-image", "image"), ("fake-text", "text")]
    assert sorted(choices.tags) == ['a "quoted" tag', "great tone"]
    rated = feedback.rate(ws, ann, output.id, tags=["other"])
    assert found(ws, ann, tag="great tone") == [] and history_choices(ws.store, ann.annotator_id).tags == ["other"]
    feedback.undo(ws, ann, rated.id)
    assert found(ws, ann, tag="great tone") == [text.id]


def test_pages_of_a_search_follow_each_other(ws: Workspace, ann: Visitor):
    made = [make(ws, ann, f"apples {n}")[0].id for n in range(3)]
    make(ws, ann, "pears")
    first = api.history(ws, ann, str, limit=2, query="apples")
    rest = api.history(ws, ann, str, limit=2, query="apples", cursor=first["next_cursor"])
    assert [i["generation_id"] for page in (first, rest) for i in page["items"]] == made[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ("x" * 201, None), ("\x00", None), (7, None), ("a b c d e f g h i", None), ("", ["modality"]),
        ("", {"colour": "red"}), ("", {"modality": "sound"}), ("", {"stars": 9}), ("", {"stars": True}),
        ("", {"stars": float("nan")}), ("", {"stars": "4"}), ("", {"edited": "yes"}), ("", {"prompt_id": "../x"}),
        ("", {"model": ["m"]}), ("", {"tag": {"a": 1}}), ("", {"tag": "\ud800"}), ("", {"modality": ["text"]}),
    ],
)  # fmt: skip
def test_what_is_no_search_is_refused_in_a_sentence(ws: Workspace, ann: Visitor, query: Any, filters: Any):
    with pytest.raises(InvalidPrompt, match=r"\w.*[.:]"):
        api.history(ws, ann, str, query=query, filters=filters)


def test_what_was_made_before_can_be_searched_is_found_after_the_migration(each_ws: Workspace, ann: Visitor):
    ws = each_ws
    make(ws, ann, "Say {it}", variables={"it": "ÄPFEL"}, count=2)
    _, (output,) = make(ws, ann, "Tell")
    feedback.rate(ws, ann, output.id, comment="first", tags=["dull"])
    feedback.undo(ws, ann, feedback.rate(ws, ann, output.id, comment="taken back").id)
    feedback.edit_text(ws, ann, output.id, "better so")
    rows = sa.select(schema.history_words).order_by(schema.history_words.c.id)
    with ws.store.writing() as connection:
        before = connection.execute(rows).all()
        for said in ("DROP TABLE history_words", "DROP TABLE tombstones", "DROP TABLE grid_cells", "DROP TABLE grids",
                     "DROP TABLE presets", "DROP TABLE saved_prompts", "DROP TABLE consents",
                     "DROP INDEX ix_generations_root_id",
                     "ALTER TABLE generations DROP COLUMN root_id",
                     *(f"DROP INDEX {name}" for name in NEW_INDEXES),
                     "UPDATE alembic_version SET version_num = '0004_snapshots'"):  # fmt: skip
            connection.exec_driver_sql(said)
    again = open_store(ws.settings.database_url)
    with again.reading() as connection:
        after = connection.execute(rows).all()
    again.close()
    assert [(i, who, sorted(words.split("\n"))) for i, who, words in after] == [
        (i, who, sorted(words.split("\n"))) for i, who, words in before
    ]
    assert "äpfel" in after[0].words and "taken back" not in after[1].words
