"""Argilla 2's datasets in the shapes that its own package (2.8) writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collab.errors import InvalidImport
from collab.exchange import read_set, write_set
from collab.exchange.argilla_settings import question_names
from collab.exchange.judged import JudgedSet
from tests.exchange import sets

ANN, BOB = "0f4e5b62-53c0-4a6b-8f6f-3b1a3a0d1c11", "5b4f0a4e-87f8-44a9-8a3e-0f0a1d2e3f44"


def named(name: str, settings: dict, **more: object) -> dict:
    """A field or question as `Settings.to_json` writes it."""
    saved = {"id": "11111111-0000-4000-8000-000000000000", "inserted_at": None, "updated_at": None}
    return saved | {
        "name": name,
        "settings": settings,
        "title": name.title(),
        "description": None,
        "required": True,
        "dataset_id": None,
        "type": settings["type"],
    } | more  # fmt: skip


def options(*values: object) -> list[dict]:
    return [{"value": value, "text": str(value), "description": None} for value in values]


TEXT_FIELD = {"type": "text", "use_markdown": False}
FIELDS = [named("instruction", TEXT_FIELD), named("response", TEXT_FIELD)]
QUESTIONS = [
    named("quality", {"type": "rating", "options": [{"value": n} for n in range(1, 6)]}),
    named("mood", {"type": "label_selection", "options": options("calm", "wild"), "visible_options": None}),
    named(
        "flaws",
        {
            "type": "multi_label_selection",
            "options": options("long", "odd", "rude"),
            "visible_options": 3,
            "options_order": "natural",
        },
        required=False,
    ),
    named("why", {"type": "text", "use_markdown": False}, required=False),
    named(
        "marks",
        {
            "type": "span",
            "field": "response",
            "allow_overlapping": False,
            "options": options("claim"),
            "visible_options": None,
        },
        required=False,
    ),
    named("scale", {"type": "rating", "options": [{"value": n} for n in range(11)]}, required=False),
]


def responses(question: str, *given: tuple[object, str, str]) -> dict:
    """The three flat columns of one question: value, user, status."""
    columns = zip(*given, strict=True) if given else ([], [], [])
    names = (f"{question}.responses", f"{question}.responses.users", f"{question}.responses.status")
    return {name: list(cells) for name, cells in zip(names, columns, strict=True)}


def rated(**more: object) -> dict:
    """A record as `to_hub` flattens it."""
    return (
        {"id": "r1", "status": "completed", "_server_id": "22", "instruction": "Say hi", "response": "Hi there"}
        | responses("quality", (5, ANN, "submitted"), (2, BOB, "draft"))
        | responses("mood", ("calm", ANN, "submitted"))
        | responses("flaws", (["odd", "long"], ANN, "submitted"))
        | responses("why", ("short", ANN, "submitted"))
        | responses("marks", ([{"start": 0, "end": 2, "label": "claim"}], ANN, "submitted"))
        | responses("scale", (7, ANN, "submitted"))
        | {"mood.suggestion": "wild", "mood.suggestion.score": 0.3, "mood.suggestion.agent": "m"}
        | more
    )


def read(tmp_path: Path, *records: dict, fields: list = FIELDS, questions: list = QUESTIONS) -> JudgedSet:
    (tmp_path / ".argilla").mkdir(exist_ok=True)
    settings = {
        "guidelines": "Be kind.",
        "questions": questions,
        "fields": fields,
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }
    (tmp_path / ".argilla" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return read_set("argilla", tmp_path)


def test_a_dataset_of_questions_is_read_as_ratings(tmp_path: Path):
    judged = read(tmp_path, rated())
    assert (judged.task, judged.modality, judged.guidelines) == ("rate", "text", "Be kind.")
    assert [(q["name"], q["kind"]) for q in judged.questions] == [
        ("quality", "stars"),
        ("mood", "choice"),
        ("flaws", "multi_choice"),
        ("why", "text"),
        ("marks", "span"),
        ("scale", "choice"),
    ]
    (item,) = judged.items
    assert (item.item_id, item.prompt, item.outputs[0].text) == ("r1", "Say hi", "Hi there")
    (answer,) = item.answers
    assert answer.annotator == ANN and answer.answer["values"] == {
        "quality": 5,
        "mood": "calm",
        "flaws": ["odd", "long"],
        "why": "short",
        "marks": [{"start": 0, "end": 2, "label": "claim"}],
        "scale": "7",
    }
    assert judged.notes == ("Left out, being no submitted responses: 1 draft.",)


def test_metadata_that_is_called_like_our_columns_is_left_alone(tmp_path: Path):
    judged = read(tmp_path, rated(seed="none", models="big", comment=3, item_id=["x"], at="noon", tag="t"))
    assert judged.items == read(tmp_path, rated()).items


def test_the_files_of_to_disk_are_read_too(tmp_path: Path):
    flat = read(tmp_path, rated())
    (tmp_path / "data.jsonl").unlink()
    record = rated()
    nested = {
        "id": "r1",
        "fields": {name: record[name] for name in ("instruction", "response")},
        "metadata": {},
        "suggestions": {},
        "responses": {
            q["name"]: [{"value": record[f"{q['name']}.responses"][0], "user_id": ANN}] for q in QUESTIONS
        },
        "vectors": {},
        "status": "completed",
        "_server_id": "22",
    }  # fmt: skip
    (tmp_path / "records.json").write_text(json.dumps([nested]), encoding="utf-8")
    assert read_set("argilla", tmp_path).items == flat.items


RANKED_FIELDS = [named(name, TEXT_FIELD) for name in ("instruction", "response1", "response2", "response3")]


@pytest.mark.parametrize(
    ("response", "groups"),
    [
        (["response2", "response1", "response3"], [["B"], ["A"], ["C"]]),  # what the package makes of it
        (
            [{"value": "response3", "rank": 1}, {"value": "response1", "rank": 2}, {"value": "response2", "rank": 2}],
            [["C"], ["A", "B"]],
        ),
    ],
)
def test_rankings_of_fields_are_read_with_their_ties(response: list, groups: list, tmp_path: Path):
    values = ["response1", "response2", "response3"]
    question = named("ranking", {"type": "ranking", "options": options(*values)})
    record = {"id": "r1", "instruction": "Go"} | {name: f"text of {name}" for name in values}
    judged = read(
        tmp_path,
        record | responses("ranking", (response, ANN, "submitted")),
        fields=RANKED_FIELDS,
        questions=[question],
    )
    assert judged.task == "rank" and judged.items[0].answers[0].answer == {"groups": groups}
    assert [o.arm for o in judged.items[0].outputs] == values


def test_labels_that_name_two_fields_compare_them(tmp_path: Path):
    question = named("better", {"type": "label_selection", "options": options("response2", "response1", "tie")})
    record = {"id": "r1", "instruction": "Go", "response1": "x", "response2": "y"}
    judged = read(
        tmp_path,
        record | responses("better", ("response2", ANN, "submitted")),
        fields=RANKED_FIELDS[:3],
        questions=[question],
    )
    assert judged.task == "compare" and judged.question == "Better"
    assert judged.items[0].outputs[0].text == "y" and judged.items[0].answers[0].answer == {"winner": "a"}


def test_a_chat_field_is_the_context(tmp_path: Path):
    fields = [named("chat", {"type": "chat", "use_markdown": True}), named("response", TEXT_FIELD)]
    chat = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}, {"role": "user", "content": "C"}]
    record = {"id": "r1", "chat": chat, "response": "x"} | responses("quality", (1, ANN, "submitted"))
    (item,) = read(tmp_path, record, fields=fields, questions=QUESTIONS[:1]).items
    assert [m["content"] for m in item.messages] == ["A", "B"] and item.prompt == "C"


def test_pictures_come_as_bytes_or_data_uris_and_never_by_address(tmp_path: Path):
    import base64

    fields = [named("prompt", TEXT_FIELD), named("image", {"type": "image"})]
    uri = "data:image/png;base64," + base64.b64encode(sets.picture()).decode()
    record = {"id": "r1", "prompt": "a square", "image": uri} | responses("quality", (1, ANN, "submitted"))
    (item,) = read(tmp_path, record, fields=fields, questions=QUESTIONS[:1]).items
    assert item.outputs[0].image == sets.picture() and item.prompt == "a square"
    with pytest.raises(InvalidImport, match="Row 1, column image: it is no picture, and no file or address is opened"):
        read(tmp_path, record | {"image": "https://example.org/x.png"}, fields=fields, questions=QUESTIONS[:1])


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"quality.responses": [6, 2]}, "Row 2, column quality.responses: “6” is not a whole number from 1 to 5"),
        ({"quality.responses": [5]}, "Row 2, column quality.responses: it has another number of entries"),
        ({"quality.responses.status": ["done", "draft"]}, "Row 2, column quality.responses.status: “done” is none of"),
        ({"quality.responses": 5}, "Row 2, column quality.responses: “5” is not a list"),
        ({"mood.responses": ["angry"]}, "Row 2, column mood.responses: “angry” is none of calm, wild"),
        ({"mood.responses": [None]}, "Row 2, column mood.responses: a submitted response is empty"),
        ({"flaws.responses": [["odd", "odd"]]}, "Row 2, column flaws.responses: “odd” is none of"),
        ({"marks.responses": [[{"start": 0, "end": 99, "label": "claim"}]]}, "Row 2, column marks.responses: “99”"),
        ({"marks.responses": [[{"start": 1, "end": 1, "label": "claim"}]]}, "has no characters"),
        ({"response": None}, "Row 2, column response: it is missing"),
        ({"mood.responses.users": [None]}, "Row 2, column user: it is missing"),
    ],
)
def test_a_bad_response_is_refused_by_row_and_column(cells: dict, sentence: str, tmp_path: Path):
    with pytest.raises(InvalidImport, match=sentence):
        read(tmp_path, rated(), rated(id="r2", **cells))


@pytest.mark.parametrize(
    ("fields", "questions", "sentence"),
    [
        ([], QUESTIONS, "no fields or no questions"),
        (FIELDS, [{"name": "x"}], "questions are not each a name with settings"),
        (FIELDS, [QUESTIONS[0], QUESTIONS[0]], "“quality” is there twice"),
        (
            FIELDS,
            [*QUESTIONS, named("order", {"type": "ranking", "options": options("a", "b")})],
            "“order” is of type “ranking”",
        ),
        (FIELDS, [named("order", {"type": "ranking", "options": options("a", "b")})], "does not order two to six"),
        (FIELDS, [named("x", {"type": "rating", "options": [1, 2]})], "The options of “x” .* are not each a value"),
        ([named("c", {"type": "custom", "template": "x"})], QUESTIONS, "neither a text nor an image field"),
        (
            RANKED_FIELDS,
            [named("better", {"type": "label_selection", "options": options("response1", "response2", "neither")})],
            "The label “neither” is neither a field nor tie nor both_bad",
        ),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(fields: list, questions: list, sentence: str, tmp_path: Path):
    with pytest.raises(InvalidImport, match=sentence):
        read(tmp_path, rated(), fields=fields, questions=questions)


def test_records_without_settings_are_refused(tmp_path: Path):
    (tmp_path / "data.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(InvalidImport, match=r"There is no .argilla/settings.json beside the records"):
        read_set("argilla", tmp_path / "data.jsonl")


def test_questions_get_names_that_argilla_takes():
    names = ["Tone of it!", "tone of it", "prompt", "response_a", "漢字", "count", "a.b"]
    assert question_names([{"name": name} for name in names]) == [
        "tone_of_it",
        "tone_of_it_",
        "prompt_",
        "response_a_",
        "question",
        "count_",
        "a_b",
    ]


def test_somebody_who_answered_twice_is_two_users_there_since_argilla_keeps_one_response_of_each(tmp_path: Path):
    from dataclasses import replace

    judged = sets.edit_texts()
    twice = tuple(sets.said({"text": word}, ANN) for word in ("one", "two"))
    write_set("argilla", replace(judged, items=(replace(judged.items[0], answers=twice),)), tmp_path / "out")
    (row,) = [json.loads(line) for line in (tmp_path / "out" / "argilla.jsonl").read_text("utf-8").splitlines()]
    assert row["edit.responses"] == ["one", "two"] and row["annotator"] == [ANN, ANN]
    assert row["edit.responses.users"][0] == ANN != row["edit.responses.users"][1]
