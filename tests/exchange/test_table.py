"""Plain tables as people have them: a spreadsheet's CSV, JSON Lines, Parquet, saved datasets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collab.errors import InvalidImport
from collab.exchange import read_set, write_set
from collab.exchange.judged import JudgedSet
from tests.exchange import sets


def read(tmp_path: Path, text: str, name: str = "outputs.csv") -> JudgedSet:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return read_set("table", tmp_path / name)


def test_one_response_a_row_is_to_be_rated(tmp_path: Path):
    judged = read(tmp_path, "prompt,response,model,tag\r\nHi,Hello,tiny,greeting\r\nHi,Hello,tiny,greeting\r\n")
    assert (judged.title, judged.task, judged.modality, judged.notes) == ("outputs", "rate", "text", ())
    assert [q["kind"] for q in judged.questions] == ["stars"]
    assert [item.item_id for item in judged.items] == ["row-1", "row-2"]  # the same text may be judged twice
    item = judged.items[0]
    assert (item.prompt, item.tag, item.outputs[0].text, item.outputs[0].arm) == ("Hi", "greeting", "Hello", "tiny")


def test_a_german_spreadsheets_semicolons_and_a_byte_order_mark_are_read(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes('\ufeffprompt;response\r\n"Größe; ""x""";"zwei\nZeilen"\r\n'.encode())
    (item,) = read_set("table", tmp_path / "a.csv").items
    assert (item.prompt, item.outputs[0].text) == ('Größe; "x"', "zwei\nZeilen")


def test_two_responses_are_compared_and_three_to_six_ranked(tmp_path: Path):
    two = read(tmp_path, "response_a,response_b,model_b\nx,y,big\n")
    assert two.task == "compare" and [o.arm for o in two.items[0].outputs] == ["A", "big"]
    four = read(tmp_path, "response_a,response_b,response_c,response_d\n1,2,3,4\n1,2,3,\n")
    assert four.task == "rank" and [len(item.outputs) for item in four.items] == [4, 3]


def test_rows_with_answers_are_joined_by_what_they_show(tmp_path: Path):
    judged = read(
        tmp_path,
        "prompt,response_a,response_b,winner,annotator\nQ,x,y,a,ann\nQ,x,y,tie,bob\nQ,x,z,model_b,ann\nR,x,y,,\n",
    )
    said = [[(a.annotator, a.answer["winner"]) for a in item.answers] for item in judged.items]
    assert said == [[("ann", "a"), ("bob", "tie")], [("ann", "b")], []]


def test_rows_with_the_same_id_are_one_item(tmp_path: Path):
    lines = [
        {"item_id": "i", "response_a": "x", "response_b": "y", "winner": "a", "annotator": who}
        for who in ("ann", "bob")
    ]
    judged = read(tmp_path, "\n".join(json.dumps(line) for line in lines), "outputs.jsonl")
    assert [(item.item_id, len(item.answers)) for item in judged.items] == [("i", 2)]


def test_what_others_say_once_holds_for_all_outputs(tmp_path: Path):
    one = read(tmp_path, "response,seed,model_revision,output_ids\nx,42,abc,o1\n").items[0].outputs[0]
    assert (one.seed, one.model_revision, one.output_id) == (42, "abc", "o1")
    both = read(tmp_path, 'response_a,response_b,seed,settings\nx,y,7,"{""top_k"": 5}"\n').items[0].outputs
    assert [(o.seed, o.settings) for o in both] == [(7, {"top_k": 5})] * 2
    with pytest.raises(InvalidImport, match="Row 1, column output_ids: “o1” is not a list of 2"):
        read(tmp_path, "response_a,response_b,output_ids\nx,y,o1\n")


def test_columns_of_no_known_meaning_are_left_out_and_told(tmp_path: Path):
    judged = read(tmp_path, "response,my notes,answer.mood\nx,secret,3\n")
    assert judged.notes == (
        "Left out, being columns of no known meaning: “my notes”.",
        "Left out, because no study.json says what was asked: “answer.mood”. Import the whole folder to have them.",
    )


def test_pictures_from_a_saved_dataset_are_read_and_no_path_is_opened(tmp_path: Path):
    from datasets import Dataset, DatasetDict, Features, Image, Value

    features = Features({"prompt": Value("string"), "image_a": Image(), "image_b": Image()})
    rows = {
        "prompt": ["a square"],
        "image_a": [{"bytes": sets.picture("red"), "path": "red.png"}],
        "image_b": [{"bytes": sets.picture("blue"), "path": None}],
    }
    dataset = Dataset.from_dict(rows, features=features)
    dataset.save_to_disk(tmp_path / "one")
    DatasetDict({"train": dataset, "test": dataset}).save_to_disk(tmp_path / "two")
    judged = read_set("table", tmp_path / "one")
    assert (judged.task, judged.modality) == ("compare", "image")
    assert judged.items[0].outputs[1].image == sets.picture("blue")
    assert len(read_set("table", tmp_path / "two").items) == 2
    dataset.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    assert read_set("table", tmp_path / "data").items == judged.items

    rows["image_b"] = [{"bytes": None, "path": "/etc/hostname"}]
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "hostile.parquet")
    with pytest.raises(InvalidImport, match="Row 1, column image_b: it holds no pixels, and no file or address"):
        read_set("table", tmp_path / "hostile.parquet")


def test_class_labels_of_datasets_are_their_words(tmp_path: Path):
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features(
        {"response_a": Value("string"), "response_b": Value("string"), "winner": ClassLabel(names=["a", "b", "tie"])}
    )
    rows = {"response_a": ["x", "y"], "response_b": ["y", "z"], "winner": [1, 2]}
    Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "x.parquet")
    judged = read_set("table", tmp_path / "x.parquet")
    assert [item.answers[0].answer["winner"] for item in judged.items] == ["b", "tie"]


def test_pandas_categories_and_missing_texts_are_read(tmp_path: Path):
    import pandas as pd

    frame = pd.DataFrame({"response": ["x", "y"], "tag": ["one", None]})
    frame["tag"] = frame["tag"].astype("category")
    frame.to_parquet(tmp_path / "x.parquet")
    assert [item.tag for item in read_set("table", tmp_path / "x.parquet").items] == ["one", ""]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prompt,model\nx,y\n", "The table needs either texts or pictures"),
        ("response,image\nx,y\n", "The table needs either texts or pictures"),
        ("response,response_a\nx,y\n", "The columns response, response_a should be response alone"),
        ("response_a,response_c\nx,y\n", "The columns response_a, response_c should be"),
        ("response_a\nx\n", "The columns response_a should be"),
        ("response_a,response_b,response_c,response_d,response_e,response_f,response_g\n1,2,3,4,5,6,7\n", "at most to"),
        ("response_a,response_b,winner\nx,y,a\nx,y,c\n", "Row 2, column winner: “c” is none of"),
        ("response_a,response_b,winner,annotator\nx,y,,ann\n", "Row 1, column winner: it is empty"),
        ("response_a,response_b,response_c\nx,y,z\nx,y,\n", "Row 2, column response_c: to rank, 3 outputs are needed"),
        (
            'response_a,response_b,response_c,ranking\nx,y,z,"[[""A""],[""B""]]"\n',
            "Row 1, column ranking: .* each of A, B, C",
        ),
        ("response_a,response_b,response_c,ranking\nx,y,z,A>B>C\n", "Row 1, column ranking: it is not JSON"),
        ("item_id,response\ni,x\ni,y\n", "Row 2, column item_id: an earlier row with this id"),
        ("item_id,response\n,x\n", "Row 1, column item_id: it is empty"),
        ("response,messages\nx,[]]\n", "Row 1, column messages: after its JSON comes “\\]”"),
        ("response,response\nx,y\n", "The column “response” is there twice"),
        ("response,model\nx\n", "Row 1: it has 1 cells and the first line names 2 columns"),
        ("response,model\nx,y\nx,y,z\n", "Row 2: it has 3 cells"),
        ('response,model\n"x,y\n', "Row 1: it is not CSV \\(unexpected end of data\\)"),
        ('response\n"x"y\n', "Row 1: it is not CSV"),
        ("response\nx\x00\n", "Row 1: it holds a NUL byte"),
        ("response\nx\x07\n", "text in row 1, column response holds the control character U\\+0007"),
        ("response\n", "has no rows"),
        ("", "no first line with the names"),
        ("\n\n", "no first line with the names"),
    ],
)
def test_a_bad_table_is_refused_with_one_sentence(text: str, sentence: str, tmp_path: Path):
    with pytest.raises(InvalidImport, match=sentence):
        read(tmp_path, text)


def test_a_study_file_that_contradicts_the_columns_is_refused(tmp_path: Path):
    write_set("table", sets.edit_texts(), tmp_path / "out")
    path = tmp_path / "out" / "study.json"
    path.write_text(path.read_text("utf-8").replace('"edit"', '"compare"'), encoding="utf-8")
    with pytest.raises(InvalidImport, match=r"study.json says compare, which the columns"):
        read_set("table", tmp_path / "out")
    path.write_text('{"task": "win", "modality": "text"}', encoding="utf-8")
    with pytest.raises(InvalidImport, match=r"study.json names no task"):
        read_set("table", tmp_path / "out")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InvalidImport, match=r"study.json cannot be read"):
        read_set("table", tmp_path / "out")


def test_an_answer_to_no_option_is_refused_by_its_column(tmp_path: Path):
    write_set("table", sets.rate_texts(), tmp_path / "out")
    for name in ("table.parquet", "table.csv"):
        (tmp_path / "out" / name).unlink()
    path = tmp_path / "out" / "table.jsonl"
    path.write_text(
        path.read_text("utf-8").replace('"answer.Tone of it":"=cold"', '"answer.Tone of it":"hot"'), "utf-8"
    )
    with pytest.raises(InvalidImport, match=r"Row 1, column answer.Tone of it: “hot” is none of warm, =cold"):
        read_set("table", tmp_path / "out")
