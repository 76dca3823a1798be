"""Pick-a-Pic's votes as others publish them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collab.errors import InvalidImport
from collab.exchange import read_set
from collab.exchange.judged import JudgedSet
from tests.exchange.sets import picture

# a row of yuvalkirstain/pickapic_v1, its pictures small
ROW = {
    "are_different": True,
    "best_image_uid": "1a2b",
    "caption": "a painting of a fox",
    "created_at": datetime(2023, 3, 1, 10, 20, 30, 400, tzinfo=UTC),
    "has_label": True,
    "image_0_uid": "1a2b",
    "image_0_url": "https://text-to-image.s3.amazonaws.com/1a2b.png",
    "image_1_uid": "3c4d",
    "image_1_url": "https://text-to-image.s3.amazonaws.com/3c4d.png",
    "jpg_0": picture("red"),
    "jpg_1": picture("blue"),
    "label_0": 1.0,
    "label_1": 0.0,
    "model_0": "stabilityai/stable-diffusion-2-1",
    "model_1": "dreamlike-art/dreamlike-photoreal-2.0",
    "ranking_id": 17,
    "user_id": 42,
    "num_example_per_prompt": 3,
}


def read(tmp_path: Path, *rows: dict) -> JudgedSet:
    import pandas as pd

    pd.DataFrame(rows).to_parquet(tmp_path / "pairs.parquet")
    return read_set("pick-a-pic", tmp_path / "pairs.parquet")


def test_a_vote_is_read(tmp_path: Path):
    judged = read(tmp_path, ROW)
    assert (judged.task, judged.modality) == ("compare", "image")
    (item,) = judged.items
    assert item.prompt == "a painting of a fox" and item.outputs[0].image == picture("red")
    assert [o.arm for o in item.outputs] == [ROW["model_0"], ROW["model_1"]]
    assert [o.output_id for o in item.outputs] == ["1a2b", "3c4d"]
    (answer,) = item.answers
    assert (answer.answer, answer.annotator, answer.at) == ({"winner": "a"}, "42", ROW["created_at"])


def test_half_labels_are_a_tie_and_unlabelled_pairs_have_no_answer(tmp_path: Path):
    tie = ROW | {"label_0": 0.5, "label_1": 0.5, "best_image_uid": "tie", "ranking_id": 18}
    open_pair = ROW | {"has_label": False, "ranking_id": 19}
    items = read(tmp_path, ROW, tie, open_pair).items
    assert [[a.answer["winner"] for a in item.answers] for item in items] == [["a"], ["tie"], []]


def test_pairs_of_one_ranking_are_items_of_their_own(tmp_path: Path):
    other = ROW | {"image_1_uid": "5e6f", "jpg_1": picture("green")}
    assert [item.item_id for item in read(tmp_path, ROW, other, ROW | {"user_id": 43}).items] == ["17", "17/2"]


def test_json_lines_hold_pictures_in_base64(tmp_path: Path):
    line = {k: base64.b64encode(v).decode() if isinstance(v, bytes) else v for k, v in ROW.items()}
    line["created_at"] = ROW["created_at"].isoformat()
    (tmp_path / "pairs.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert read_set("pick-a-pic", tmp_path / "pairs.jsonl").items == read(tmp_path, ROW).items


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"label_0": 1.0, "label_1": 1.0}, "Row 2, column label_0: the labels “\\(1.0, 1.0\\)” are none of"),
        ({"label_0": float("nan")}, "Row 2, column label_0"),
        ({"best_image_uid": "3c4d"}, "Row 2, column best_image_uid: “3c4d” contradicts the labels"),
        ({"winner": "b"}, "Row 2, column winner: “b” contradicts the labels"),
        ({"winner": "left"}, "Row 2, column winner: “left” is none of"),
        ({"jpg_1": None}, "Row 2, column jpg_1: the picture is missing"),
        ({"jpg_1": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, "Row 2, column jpg_1: it is not a PNG, JPEG or WebP"),
        ({"caption": None}, "Row 2, column caption: it is missing"),
    ],
)
def test_a_bad_cell_is_refused_by_row_and_column(cells: dict, sentence: str, tmp_path: Path):
    with pytest.raises(InvalidImport, match=sentence):
        read(tmp_path, ROW, ROW | cells)
