"""Files made to do harm are refused with one sentence, quickly and without filling the memory."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from collab.errors import InvalidImport
from collab.exchange import read_set, table
from collab.exchange.cells import Limits, shown

ROW = {"response": "x"}


def refused(path: Path, sentence: str, *, limits: Limits | None = None) -> None:
    with pytest.raises(InvalidImport, match=sentence) as caught:
        table.read(path, limits=limits or Limits())
    told = str(caught.value)
    assert len(told) < 400 and told.isprintable() and str(path.parent) not in told


def file(tmp_path: Path, content: bytes | str, name: str = "rows.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"response": "x"}\n{"response": NaN}', "^Row 2: NaN is not a number in JSON"),
        ('{"response": "x", "dwell_ms": Infinity}', "^Row 1: Infinity is not a number"),
        ('{"response": "x", "dwell_ms": 1e999}', "^Row 1: “1e999” is too large a number"),
        ('{"response": "x", "dwell_ms": ' + "9" * 5000 + "}", "^Row 1: "),
        ('{"response": "x"}\n{"response": "x", "response": "y"}', "^Row 2: the key “response” is there twice"),
        ('{"response": {"a": 1, "a": 2}}', "^Row 1: the key “a” is there twice"),
        ('{"response": "x"}\n[1]', "^Row 2: it is not an object with columns"),
        ('{"response": "x"}\n"text"', "^Row 2: it is not an object with columns"),
        ('{"response": "x"}\n{"response": ', "^Row 2: it is not JSON at character 14"),
        ("response\nx", "^Row 1: it is not JSON at character 1"),
        ('[{"response": "x"}', "^Row 1: after it comes neither a comma nor the end: the file is cut off"),
        ('[{"response": "x"},', "^Row 2: the file ends before its last bracket"),
        ('[{"response": "x"}] x', "^After the last row comes “x”"),
        ("[]", "has no rows"),
        ("", "has no rows"),
        ('{"response": "x\x00"}', "^Row 1: it is not JSON"),
        ('{"response": "x\\u0000"}', "row 1, column response holds the control character U\\+0000"),
        ('{"response": "\\ud800"}', "row 1, column response holds the control character U\\+D800"),
        ('{"response": 3}', "text in row 1, column response must be text, not int"),
        ('{"response": null}', "Row 1, column response: it is missing"),
        ('{"response": "' + "x" * 100_001 + '"}', "row 1, column response has 100,001 characters"),
        ('{"response": ' + "[" * 100_000 + "]" * 100_000 + "}", "^Row 1: it is nested deeper than 64 levels"),
        ('{"response": ' + '{"a":' * 70 + "1" + "}" * 70 + "}", "^Row 1: it is nested deeper than 64 levels"),
        ("[" * 1_000_000, "^Row 1: it is nested deeper than 64 levels"),
    ],
)
def test_bad_json_is_refused_by_its_row(content: str, sentence: str, tmp_path: Path):
    refused(file(tmp_path, content), sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"response": "x"}\n{"response": "\xff"}', "^Line 2 of “rows.jsonl” is not UTF-8"),
        ('{"response": "x"}'.encode("utf-16"), "is in UTF-16: save it as UTF-8"),
        ("response\nGrüße\n".encode("latin-1"), "^Line 2 of “rows.csv” is not UTF-8"),
    ],
)
def test_other_encodings_are_refused_by_their_line(content: bytes, sentence: str, tmp_path: Path):
    refused(file(tmp_path, content, "rows.csv" if b"response\n" in content else "rows.jsonl"), sentence)


def test_too_much_is_refused_before_it_is_read(tmp_path: Path):
    rows = file(tmp_path, "\n".join(json.dumps(ROW) for _ in range(11)))
    refused(rows, "has more than 10 rows: split it", limits=Limits(rows=10))
    refused(rows, "is larger than 0 MB: split it", limits=Limits(file_bytes=100))
    refused(file(tmp_path, "response,model\n" + "a,b\n" * 99, "x.csv"), "more than 50 values", limits=Limits(values=50))
    refused(file(tmp_path, ",".join(f"c{n}" for n in range(1_001)) + "\n", "y.csv"), "has 1,001 columns")
    sparse = tmp_path / "sparse.jsonl"
    with sparse.open("wb") as hole:
        hole.truncate(600 * 2**20)  # takes no room on the disk
    refused(sparse, "is larger than 512 MB: split it")


@pytest.mark.parametrize("name", ["nothing.csv", "device.csv", "rows.exe", "empty"])
def test_what_is_no_table_is_refused(name: str, tmp_path: Path):
    path = tmp_path / name
    if name == "device.csv":
        os.mkfifo(path)  # reading it would wait for ever
    elif name == "rows.exe":
        path.write_bytes(b"MZ")
    elif name == "empty":
        path.mkdir()
    refused(path, "There is no file or folder|has none of the endings|holds 0 tables")


def test_a_file_that_only_says_it_is_parquet_is_refused(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    refused(file(tmp_path, b"PAR1 nonsense PAR1", "x.parquet"), "is not a Parquet file that can be read")
    refused(file(tmp_path, b"", "x.parquet"), "is not a Parquet file that can be read")
    refused(file(tmp_path, b'{"response": "x"}', "x.parquet"), "is not a Parquet file that can be read")
    pq.write_table(pa.table({"response": ["x" * 10_000] * 100}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for cut in range(10, len(whole), max(1, len(whole) // 20)):
        refused(file(tmp_path, whole[:cut], "cut.parquet"), "is not a Parquet file that can be read")
    (tmp_path / "saved").mkdir()
    refused(file(tmp_path / "saved", b"nonsense", "data-00000-of-00001.arrow").parent, "not an Arrow file")


def test_bytes_turned_over_in_parquet_never_do_more_than_refuse(tmp_path: Path):
    import random

    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"response": [f"text {n}" for n in range(200)]}), tmp_path / "whole.parquet")
    whole, rng = (tmp_path / "whole.parquet").read_bytes(), random.Random(7)
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(3):
            broken[rng.randrange(4, len(broken) - 8)] = rng.randrange(256)
        with suppress(InvalidImport):
            table.read(file(tmp_path, bytes(broken), "broken.parquet"))


def test_a_parquet_file_that_unpacks_to_terabytes_is_refused_in_bounded_memory(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    word = pa.array(["x" * 4_000_000])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 150_000, pa.int32()), word)
    bombs = {
        "plain": pa.table({"response": column.slice(0)}),
        "dictionary": pa.table({"response": column}),
    }
    for name, bomb in bombs.items():  # 600 GB each in under a megabyte; the second unpacks only in Python
        path = tmp_path / f"{name}.parquet"
        store = name == "dictionary"
        pq.write_table(bomb, path, use_dictionary=True, dictionary_pagesize_limit=2**30, store_schema=store)
        before, begun = psutil.Process().memory_info().rss, time.monotonic()
        refused(path, "unpacks to more than 0.1 GiB", limits=Limits(unpacked_bytes=100 * 2**20))
        assert psutil.Process().memory_info().rss - before < 2**30 and time.monotonic() - begun < 60


def test_parquet_cells_are_checked_like_any_other(tmp_path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def parquet(columns: dict | pa.Table) -> Path:
        pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), tmp_path / "x.parquet")
        return tmp_path / "x.parquet"

    twice = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["response", "response"])
    refused(parquet(twice), "The column “response” is there twice")
    not_utf8 = pa.array([b"fine", b"\xff\xfe"]).cast(pa.binary()).view(pa.binary())
    broken = pa.StringArray.from_buffers(2, not_utf8.buffers()[1], not_utf8.buffers()[2])
    refused(parquet({"response": broken}), "Row 2, column response: it cannot be read|not a Parquet file")
    refused(parquet({"response": ["a", "b\x00"]}), "row 2, column response holds the control character")
    refused(parquet({"response": [1.5]}), "text in row 1, column response must be text, not float")
    refused(parquet({"response": ["x"] * 11}), "has 11 rows, 10 are possible", limits=Limits(rows=10))
    answered = {"response_a": ["x"], "response_b": ["y"], "winner": ["a"]}
    refused(parquet(answered | {"dwell_ms": [float("nan")]}), "Row 1, column dwell_ms: “nan” is not a whole number")
    refused(parquet(answered | {"seed": [[1, 2, 3]]}), "Row 1, column seed: .* is not a list of 2")
    refused(parquet({"response": pa.array([], pa.string())}), "has no rows")


def test_a_saved_datasets_state_file_cannot_name_other_files(tmp_path: Path):
    from datasets import Dataset

    Dataset.from_dict({"response": ["x"]}).save_to_disk(tmp_path / "saved")
    state = tmp_path / "saved" / "state.json"
    state.write_text(json.dumps({"_data_files": [{"filename": "../../../etc/passwd"}]}), encoding="utf-8")
    assert read_set("table", tmp_path / "saved").items[0].outputs[0].text == "x"


def test_what_is_shown_in_an_error_is_short_and_printable():
    assert shown("a\x00\n\u202e" + "b" * 100) == "“a\ufffd\ufffd\ufffd" + "b" * 56 + "…”"
    assert shown({"a": 1}) == "“{'a': 1}”"


def test_files_made_to_compare_everything_with_everything_take_no_longer(tmp_path: Path):
    """Equal ids with different content, a key at the end that is there twice, thousands of unknown columns."""
    begun = time.process_time()
    rows = [{"id": "same", "response_a": f"x{n}", "response_b": "y", "winner": "a"} for n in range(20_000)]
    rows[0] |= {f"column {n}": 1 for n in range(50_000)}
    judged = table.read(file(tmp_path, "\n".join(map(json.dumps, rows))))
    assert len(judged.items) == 20_000 and len(judged.notes[0]) < 2_000
    votes = [
        {
            "question_id": "same",
            "model_a": "a",
            "model_b": "b",
            "winner": "tie",
            "conversation_a": [{"role": "user", "content": "q"}, {"role": "assistant", "content": f"x{n}"}],
            "conversation_b": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "y"}],
        }
        for n in range(20_000)
    ]
    found = read_set("arena", file(tmp_path, "\n".join(map(json.dumps, votes))))
    assert len({item.item_id for item in found.items}) == 20_000
    keys = ", ".join(f'"{n}": 1' for n in range(200_000))
    refused(file(tmp_path, "{" + keys + ', "199999": 1}'), "the key “199999” is there twice")
    assert time.process_time() - begun < 15


@pytest.mark.parametrize("settings", ['{"stop": "\\\\u0000"}', '{"a\\\\u0007": 1}', '{"a": ["\\\\u0000"]}', "[]", "{"])
def test_generation_settings_are_checked_down_to_their_words(settings: str, tmp_path: Path):
    row = '{"response": "x", "settings": ["%s"]}' % settings.replace('"', '\\"')  # noqa: UP031
    refused(file(tmp_path, row), "column settings")
