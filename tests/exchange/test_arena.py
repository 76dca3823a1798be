"""Chatbot Arena's votes as others publish them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collab.errors import InvalidImport
from collab.exchange import arena, read_set


def turns(*contents: str) -> list[dict]:
    """User and assistant in turn."""
    return [{"content": text, "role": ("user", "assistant")[n % 2]} for n, text in enumerate(contents)]


# a row of lmsys/chatbot_arena_conversations, shortened
LMSYS = {
    "question_id": "58210e39b3fd4441a2bd4a518bb44c2d",
    "model_a": "chatglm-6b",
    "model_b": "koala-13b",
    "winner": "model_b",
    "judge": "arena_user_973",
    "conversation_a": turns("What is the difference between OpenCL and CUDA?", "OpenCL and CUDA are two …"),
    "conversation_b": turns("What is the difference between OpenCL and CUDA?", "Both are …"),
    "turn": 1,
    "anony": True,
    "language": "English",
    "tstamp": 1682351591.1322,
    "openai_moderation": {"categories": {"hate": False}, "flagged": False},
    "toxic_chat_tag": {"roberta-large": {"flagged": False, "probability": 0.012}},
}

# a row of lmarena-ai/arena-human-preference-140k, shortened
LMARENA = {
    "id": "c4b9710c-8d64-4bee-a0b0-94637ae4cc65",
    "model_a": "gemini-2.5-pro",
    "model_b": "claude-3-7-sonnet",
    "winner": "both_bad",
    "evaluation_session_id": "7c4d",
    "evaluation_order": 1,
    "conversation_a": [
        {"role": "user", "content": [{"type": "text", "text": "Hi", "image": None, "mimeType": None}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello!", "image": None, "mimeType": None}]},
    ],
    "conversation_b": [
        {"role": "user", "content": [{"type": "text", "text": "Hi", "image": None, "mimeType": None}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hey.", "image": None, "mimeType": None}]},
    ],
    "language": "en",
    "is_code": False,
    "timestamp": "2025-06-10 01:44:29.123",
}


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(tmp_path: Path, *rows: object) -> arena.JudgedSet:
    return read_set("arena", write_lines(tmp_path / "votes.jsonl", *rows))


def changed(**cells: object) -> dict:
    return LMSYS | cells


def test_a_vote_of_lmsys_is_read(tmp_path: Path):
    judged = read_rows(tmp_path, LMSYS)
    assert (judged.title, judged.task, judged.modality) == ("votes", "compare", "text")
    (item,) = judged.items
    assert item.item_id == LMSYS["question_id"] and item.prompt.startswith("What is the difference")
    assert [(o.arm, o.text) for o in item.outputs] == [
        ("chatglm-6b", "OpenCL and CUDA are two …"),
        ("koala-13b", "Both are …"),
    ]
    (answer,) = item.answers
    assert answer.answer == {"winner": "b"} and answer.annotator == "arena_user_973" and answer.blind
    assert answer.at == datetime(2023, 4, 24, 15, 53, 11, 132200, UTC)


def test_a_vote_of_lmarena_is_read(tmp_path: Path):
    (item,) = read_rows(tmp_path, LMARENA).items
    assert (item.item_id, item.prompt, item.outputs[1].text) == (LMARENA["id"], "Hi", "Hey.")
    assert item.answers[0].answer == {"winner": "both_bad"}
    assert item.answers[0].at == datetime(2025, 6, 10, 1, 44, 29, 123000, UTC)


def test_an_array_json_lines_and_parquet_say_the_same(tmp_path: Path):
    import pandas as pd

    rows = [LMSYS, changed(question_id="other", winner="tie")]
    lines = read_set("arena", write_lines(tmp_path / "votes.jsonl", *rows))
    (tmp_path / "votes.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")
    pd.DataFrame(rows).to_parquet(tmp_path / "votes.parquet")
    assert read_set("arena", tmp_path / "votes.json") == lines == read_set("arena", tmp_path / "votes.parquet")


@pytest.mark.parametrize(("word", "winner"), arena.WINNERS.items())
def test_every_known_winner_is_understood(word: str, winner: str, tmp_path: Path):
    assert read_rows(tmp_path, changed(winner=word)).items[0].answers[0].answer == {"winner": winner}


@pytest.mark.parametrize("word", ["model_c", "Tie", "tie ", "", None, 1, ["model_a"], {}])
def test_an_unknown_winner_is_refused_and_never_a_tie(word: object, tmp_path: Path):
    with pytest.raises(InvalidImport, match=r"^Row 2, column winner: .*model_a, model_b, tie"):
        read_rows(tmp_path, LMSYS, changed(winner=word))


def test_judges_of_the_same_pair_are_gathered(tmp_path: Path):
    """As in MT-bench's human judgments, where experts voted on the same conversations."""
    expert = changed(question_id=81, judge="expert_1")
    judged = read_rows(
        tmp_path, expert, expert | {"judge": "expert_2", "winner": "tie"}, expert | {"model_b": "alpaca"}
    )
    assert [(item.item_id, len(item.answers)) for item in judged.items] == [("81", 2), ("81/2", 1)]


def test_votes_without_any_id_are_named_by_their_row(tmp_path: Path):
    row = {key: LMSYS[key] for key in ("model_a", "model_b", "winner", "conversation_a", "conversation_b")}
    judged = read_rows(tmp_path, row, row, row | {"model_a": "alpaca"})
    assert [(item.item_id, len(item.answers)) for item in judged.items] == [("row-1", 2), ("row-3", 1)]


def test_shared_turns_are_the_context_and_the_last_reply_is_judged(tmp_path: Path):
    row = changed(conversation_a=turns("1", "yes", "2", "left"), conversation_b=turns("1", "yes", "2", "right"))
    (item,) = read_rows(tmp_path, row).items
    assert [message["content"] for message in item.messages] == ["1", "yes"] and item.prompt == "2"
    assert [o.text for o in item.outputs] == ["left", "right"] and not item.outputs[0].turns


def test_conversations_that_part_early_are_judged_whole_and_written_back(tmp_path: Path):
    row = changed(conversation_a=turns("1", "yes", "2", "left"), conversation_b=turns("1", "no", "2", "right"))
    judged = read_rows(tmp_path, row)
    (item,) = judged.items
    assert item.prompt == "1" and not item.messages
    assert item.outputs[0].text == "[assistant]\nyes\n\n[user]\n2\n\n[assistant]\nleft"
    assert [turn["role"] for turn in item.outputs[0].turns] == ["assistant", "user", "assistant"]
    arena.write(judged, tmp_path / "out")
    assert read_set("arena", tmp_path / "out") == judged


def test_equal_answers_leave_something_to_judge(tmp_path: Path):
    same = turns("1", "yes", "2", "same")
    (item,) = read_rows(tmp_path, changed(conversation_a=same, conversation_b=same)).items
    assert item.prompt == "2" and [o.text for o in item.outputs] == ["same", "same"]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"conversation_b": turns("Another question", "x")}, "Row 1, column conversation_b: its user turns differ"),
        ({"conversation_b": turns("Only a question")}, "Row 1, column conversation_b: its user turns differ"),
        ({"conversation_a": turns("Q"), "conversation_b": turns("Q")}, "does not end with a turn of the assistant"),
        ({"conversation_a": [], "conversation_b": []}, "does not end with a turn of the assistant"),
        ({"conversation_a": None}, "Row 1, column conversation_a: it is missing"),
        ({"conversation_a": "not JSON"}, "Row 1, column conversation_a: it is not JSON"),
        ({"conversation_a": 3}, "Row 1, column conversation_a: “3” is not a conversation"),
        ({"conversation_a": [{"role": "judge", "content": "x"}]}, "has no role of system, user or assistant"),
        ({"conversation_a": [{"role": "user"}]}, "has no content"),
        ({"conversation_a": [{"role": "user", "content": [{"type": "image"}]}]}, "is not text, and only"),
        ({"conversation_a": turns("Q\x00", "A")}, "row 1, column conversation_a holds the control character U\\+0000"),
        ({"conversation_a": turns("Q", "\ud800")}, "row 1, column conversation_a holds the control character U\\+D800"),
        ({"conversation_a": turns("Q", "x" * 100_001)}, "row 1, column conversation_a has 100,001 characters"),
        ({"model_a": None}, "Row 1, column model_a: it is missing"),
        ({"model_a": "m" * 201}, "Row 1, column model_a: .* has 201 characters"),
        ({"tstamp": "yesterday"}, "Row 1, column tstamp: “yesterday” is not a time"),
        ({"tstamp": 1682351591132}, "Row 1, column tstamp: “1682351591132” is not a time"),
        ({"anony": "perhaps"}, "Row 1, column anony: “perhaps” is neither true nor false"),
        ({"seed": [1]}, "Row 1, column seed: “\\[1\\]” is not a list of 2"),
        ({"dwell_ms": -5}, "Row 1, column dwell_ms: “-5” is not a whole number from 0"),
    ],
)
def test_a_bad_cell_is_refused_by_row_and_column(cells: dict, sentence: str, tmp_path: Path):
    with pytest.raises(InvalidImport, match=sentence):
        read_rows(tmp_path, changed(**cells))


def test_two_things_under_one_id_of_ours_are_refused(tmp_path: Path):
    ours = changed(item_id="one")
    with pytest.raises(InvalidImport, match="Row 2, column item_id: an earlier row with this id"):
        read_rows(tmp_path, ours, ours | {"model_a": "other"})
