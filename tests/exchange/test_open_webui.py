"""Open WebUI's feedback, in the shape that its export has."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collab.errors import InvalidImport
from collab.exchange import open_webui, read_set


def message(id: str, parent: str | None, role: str, content: str, children: list[str], **more: object) -> dict:
    return {"id": id, "parentId": parent, "childrenIds": children, "role": role, "content": content} | more


def record(place: int = 1, rating: int | None = 1, *, siblings: int = 1, arena: bool = True) -> dict:
    """A record as `feedbackHandler` sends and /evaluations/feedbacks/all/export returns it, chats shortened."""
    answers = [f"answer-{n}" for n in range(siblings + 1)]
    messages = [
        message("q0", None, "user", "Hello", ["a0"]),
        message("a0", "q0", "assistant", "Hi, what can I do?", ["q1"], model="llama3:8b"),
        message("q1", "a0", "user", "Write a haiku", answers),
        *(
            message(
                id,
                "q1",
                "assistant",
                f"haiku {n}",
                [],
                model="arena",
                selectedModelId=f"model-{n}",
                arena=True,
                done=True,
            )
            for n, id in enumerate(answers)
        ),
    ]
    data: dict = {"rating": rating, "model_id": "model-0", "reason": "creative", "comment": "nice", "tags": ["poetry"]}
    data["details"] = {"rating": 9}
    if siblings:
        data["sibling_model_ids"] = [f"model-{n}" for n in range(1, siblings + 1)]
    return {
        "id": f"feedback-{place}",
        "user_id": "8f3c",
        "version": 0,
        "type": "rating",
        "data": data,
        "meta": {
            "arena": arena,
            "model_id": "arena",
            "message_id": "answer-0",
            "message_index": 4,
            "chat_id": "c1",
            "base_models": {"model-0": None},
            "tags": ["poetry"],
        },
        "snapshot": {
            "chat": {"id": "c1", "title": "Haiku", "chat": {"history": {"messages": {m["id"]: m for m in messages}}}}
        },
        "created_at": 1730000000,
        "updated_at": 1730000100,
        "user": {"id": "8f3c", "name": "Ann"},
    }


def read(tmp_path: Path, *records: dict, **options: str) -> open_webui.JudgedSet:
    path = tmp_path / "feedback-history-export-1730000200.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return open_webui.read(path, **options)  # type: ignore[arg-type]


def test_a_liked_answer_beats_its_sibling(tmp_path: Path):
    judged = read(tmp_path, record())
    assert (judged.task, judged.notes) == ("compare", ())
    (item,) = judged.items
    assert [m["content"] for m in item.messages] == ["Hello", "Hi, what can I do?"] and item.prompt == "Write a haiku"
    assert [(o.arm, o.text, o.output_id) for o in item.outputs] == [
        ("model-0", "haiku 0", "answer-0"),
        ("model-1", "haiku 1", "answer-1"),
    ]
    (answer,) = item.answers
    assert answer.answer == {"winner": "a"} and answer.blind and answer.comment == "nice" and answer.annotator == "8f3c"
    assert answer.at == datetime.fromtimestamp(1730000100, UTC) and item.tag == "poetry"


def test_a_disliked_answer_loses_against_each_sibling_and_shares_the_act(tmp_path: Path):
    items = read(tmp_path, record(rating=-1, siblings=2)).items
    assert [item.answers[0].answer["winner"] for item in items] == ["b", "b"]
    assert {item.answers[0].event_id for item in items} == {"feedback-1"}
    assert [item.item_id for item in items] == ["feedback-1/1", "feedback-1/2"]


def test_outside_the_arena_names_were_seen_so_it_is_no_blind_vote(tmp_path: Path):
    assert not read(tmp_path, record(arena=False)).items[0].answers[0].blind


def test_answers_without_a_sibling_are_rated_with_a_thumb(tmp_path: Path):
    judged = read(tmp_path, record(siblings=0, rating=-1))
    assert judged.task == "rate" and judged.questions[0]["kind"] == "thumb"
    assert judged.items[0].answers[0].answer == {"values": {"thumb": -1, "score": "9", "reason": "creative"}}
    assert read_set("open-webui", tmp_path / "feedback-history-export-1730000200.json") == judged


def test_what_is_left_out_is_told(tmp_path: Path):
    hidden = record(2)
    hidden["snapshot"] = None
    unrated, other = record(3, rating=None), record(4)
    other["type"] = "note"
    judged = read(tmp_path, record(1), hidden, unrated, other, record(5, siblings=0))
    assert len(judged.items) == 1
    assert judged.notes == (
        "Left out: 1 records with no rating.",
        "Left out: 1 records with no chat.",
        "Left out: 1 records with another type.",
        "Left out: 1 ratings of answers that had no other beside them; import these as `rate`.",
    )
    assert len(read(tmp_path, record(1), record(5, siblings=0), task="rate").items) == 2


def test_a_deleted_sibling_is_no_opponent(tmp_path: Path):
    feedback = record()
    del feedback["snapshot"]["chat"]["chat"]["history"]["messages"]["answer-1"]
    assert read(tmp_path, feedback).task == "rate"


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (("data", "rating"), 7, "Row 2, column data.rating: “7” is neither 1"),
        (("data", "rating"), "good", "Row 2, column data.rating: “good” is not a whole number"),
        (("data",), [], "Row 2, column data: “\\[\\]” is not an object"),
        (("meta", "message_id"), "nowhere", "Row 2, column meta.message_id: “nowhere” is no message"),
        (("snapshot", "chat", "chat"), {}, "Row 2, column snapshot.chat.chat.history.messages"),
        (("snapshot", "chat", "chat", "history", "messages", "q1", "parentId"), "q1", "or before itself"),
        (("snapshot", "chat", "chat", "history", "messages", "q1", "parentId"), ["q"], "is missing, or before itself"),
        (("snapshot", "chat", "chat", "history", "messages", "q1", "role"), "root", "none of the roles"),
        (("snapshot", "chat", "chat", "history", "messages", "answer-0", "parentId"), None, "does not follow a prompt"),
        (("snapshot", "chat", "chat", "history", "messages", "answer-0", "content"), ["x"], "must be text, not list"),
        (("data", "details"), {"rating": 11}, "Row 2, column data.details.rating: “11”"),
        (("updated_at",), 10**30, "Row 2, column updated_at"),
        (("id",), "feedback-1", "Row 2, column id: an earlier record has the id"),
    ],
)
def test_a_bad_record_is_refused_by_row_and_column(place: tuple, value: object, sentence: str, tmp_path: Path):
    bad = copy.deepcopy(record(2))
    inner = bad
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(InvalidImport, match=sentence):
        read(tmp_path, record(1), bad)


def test_a_file_with_nothing_to_take_is_refused(tmp_path: Path):
    with pytest.raises(InvalidImport, match="holds no feedback that can be taken as compare"):
        read(tmp_path, record(siblings=0), task="compare")
