"""What is written is read back the same, by us and by `datasets`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from collab.errors import InvalidImport, InvalidStudy
from collab.exchange import FORMATS, JudgedSet, read_set, write_set
from tests.exchange import sets

CASES = [
    pytest.param(name, make, id=f"{name}-{make.__name__}")
    for name, format in FORMATS.items()
    if format.write
    for make in sets.ALL
    if make().task in format.tasks and make().modality in format.modalities
]
MakeSet = Callable[[], JudgedSet]


@pytest.mark.parametrize(("format", "make"), CASES)
def test_a_set_written_and_read_is_the_same_set(format: str, make: MakeSet, tmp_path: Path):
    judged = make()
    paths = write_set(format, judged, tmp_path / "out")
    assert all(path.is_file() for path in paths)
    found = read_set(format, tmp_path / "out")
    assert found == judged
    assert not found.notes


@pytest.mark.parametrize(("format", "make"), CASES)
def test_the_json_lines_say_the_same_as_the_parquet_file(format: str, make: MakeSet, tmp_path: Path):
    judged = make()
    write_set(format, judged, tmp_path / "out")
    (tmp_path / "out" / f"{format}.parquet").unlink()
    (tmp_path / "out" / "table.csv").unlink(missing_ok=True)
    assert read_set(format, tmp_path / "out") == judged


@pytest.mark.parametrize("make", [m for m in sets.ALL if m().modality == "text"])
def test_the_csv_says_the_same_as_the_parquet_file(make: MakeSet, tmp_path: Path):
    judged = make()
    write_set("table", judged, tmp_path / "out")
    for name in ("table.parquet", "table.jsonl"):
        (tmp_path / "out" / name).unlink()
    assert read_set("table", tmp_path / "out") == judged


@pytest.mark.parametrize(("format", "make"), CASES)
def test_datasets_loads_what_is_written(format: str, make: MakeSet, tmp_path: Path):
    from datasets import load_dataset

    judged = make()
    write_set(format, judged, tmp_path / "out")
    cache = str(tmp_path / "cache")
    files = {"parquet": f"{format}.parquet", "json": f"{format}.jsonl"}
    loaded = {
        kind: load_dataset(kind, data_files=str(tmp_path / "out" / name), split="train", cache_dir=cache)
        for kind, name in files.items()
    }
    assert loaded["parquet"].column_names == loaded["json"].column_names
    assert len(loaded["parquet"]) == len(loaded["json"]) > 0
    whole = load_dataset(str(tmp_path / "out"), split="train", cache_dir=cache)  # by the card's front matter
    assert whole.column_names == loaded["parquet"].column_names
    if judged.modality == "image" and format != "pick-a-pic":
        name = next(n for n in whole.column_names if n.startswith("image"))
        assert whole[0][name].size == (5, 4)  # decoded as a picture


def test_pick_a_pics_pictures_are_bare_bytes_as_its_readers_expect(tmp_path: Path):
    import pyarrow.parquet as pq

    write_set("pick-a-pic", sets.compare_pictures(), tmp_path / "out")
    row = pq.read_table(tmp_path / "out" / "pick-a-pic.parquet").to_pylist()[0]
    assert row["jpg_0"].startswith(b"\x89PNG") and row["label_0"] == 1.0 and row["best_image_uid"] == row["image_0_uid"]


def test_the_card_tells_counts_columns_and_how_it_was_made(tmp_path: Path):
    import yaml

    write_set("arena", sets.compare_texts(), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["pretty_name"] == sets.compare_texts().title
    assert yaml.safe_load(front)["configs"] == [{"config_name": "default", "data_files": "arena.parquet"}]
    assert "| Answers | 8 |" in body and "| `winner` |" in body and "## Licence and privacy" in body
    assert "<b>" not in body  # a stranger's words are no markup


def test_somebody_who_answers_an_item_twice_keeps_both_answers(tmp_path: Path):
    judged = sets.compare_texts()
    item = judged.items[0]
    twice = replace(item, answers=(sets.said({"winner": "a"}, "p-1", 0), sets.said({"winner": "b"}, "p-1", 1)))
    judged = replace(judged, items=(twice,))
    for format in ("arena", "argilla", "table"):
        write_set(format, judged, tmp_path / format)
        assert read_set(format, tmp_path / format) == judged


def test_items_without_answers_are_no_votes_and_arena_leaves_them_out(tmp_path: Path):
    judged = sets.compare_texts()
    judged = replace(judged, items=(replace(judged.items[0], answers=()), judged.items[1]))
    write_set("arena", judged, tmp_path / "out")
    assert read_set("arena", tmp_path / "out").items == judged.items[1:]


def test_no_two_split_groups_share_a_prompt_or_an_annotator(tmp_path: Path):
    judged = sets.compare_texts()
    items = [
        replace(judged.items[n % 4], item_id=f"i{n}", prompt=f"prompt {n // 2}", messages=(), answers=answers)
        for n, answers in enumerate(
            (sets.said({"winner": "a"}, who),) for who in ["p-1", "p-2", "p-2", "p-3", "p-4", "p-4", "p-5", "p-6"]
        )
    ]
    write_set("arena", replace(judged, items=tuple(items)), tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "arena.jsonl").read_text("utf-8").splitlines()]
    group = {row["item_id"]: row["split_group"] for row in rows}
    assert len({group[f"i{n}"] for n in range(4)}) == 1  # p-2 saw prompts 0 and 1
    assert len({group["i0"], group["i4"], group["i6"]}) == 3


@pytest.mark.parametrize(("format", "make"), [("arena", sets.rank_texts), ("pick-a-pic", sets.compare_texts)])
def test_a_format_that_cannot_hold_a_study_says_which_can(format: str, make: MakeSet, tmp_path: Path):
    with pytest.raises(InvalidStudy, match="export it as `table` or `argilla`"):
        write_set(format, make(), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_unknown_formats_and_one_way_formats_are_told(tmp_path: Path):
    with pytest.raises(InvalidImport, match="There is no format 'excel': take one of table, arena"):
        read_set("excel", tmp_path)
    with pytest.raises(InvalidImport, match="open-webui is only read here"):
        write_set("open-webui", sets.compare_texts(), tmp_path / "out")
