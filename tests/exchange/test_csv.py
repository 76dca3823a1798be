"""CSV that no spreadsheet computes, and that is read back unharmed."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab.exchange import read_set, write_set
from collab.exchange.cells import LIMITS, clean
from collab.exchange.csv_rows import csv_rows, guard_cell, unguard_cell, write_csv
from tests.exchange import sets

# what is storable: no control characters but tab and line feed, no lone surrogates
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\t\n"), max_size=40)
formulas = st.builds(
    lambda quotes, sign, rest: "'" * quotes + sign + rest, st.integers(0, 3), st.sampled_from("=+-@\t＝"), texts
)


@given(st.lists(st.lists(texts | formulas, min_size=3, max_size=3), min_size=1, max_size=5))
def test_every_text_comes_back_from_csv(rows: list[list[str]]):
    file = io.BytesIO()
    write_csv(["item_id", "event_ids", "words"], list(zip(*rows, strict=True)), file)
    assert [list(row.values()) for row in csv_rows(file.getvalue().decode(), LIMITS)] == rows


@given(texts | formulas)
def test_no_cell_begins_like_a_formula(text: str):
    assert not guard_cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    assert unguard_cell(guard_cell(text)) == text


@given(st.text(max_size=30))
def test_texts_pass_exactly_where_the_store_would_take_them(text: str):
    from collab.checks import clean_text
    from collab.errors import InvalidImport

    def outcome(check):  # type: ignore[no-untyped-def]
        try:
            return check()
        except InvalidImport:
            return None

    stored = outcome(lambda: clean_text(text, "text", limit=100_000, error=InvalidImport))
    assert outcome(lambda: clean(text, 1, "words", LIMITS)) == stored


@given(st.lists(texts | formulas, min_size=1, max_size=6))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_comes_back_through_a_whole_export(tmp_path_factory, words: list[str]):
    folder = tmp_path_factory.mktemp("csv") / "out"
    judged = sets.edit_texts()
    items = tuple(
        replace(
            judged.items[0],
            item_id=f"i{n}",
            prompt=text,
            answers=(sets.said({"text": text}, comment=text),),
        )
        for n, text in enumerate(words)
    )
    judged = replace(judged, items=items)
    write_set("table", judged, folder)
    for name in ("table.parquet", "table.jsonl"):
        (folder / name).unlink()
    assert read_set("table", folder) == judged


def test_a_strangers_apostrophes_stay(tmp_path: Path):
    (tmp_path / "x.csv").write_text("response\n'=1+1\n", encoding="utf-8")
    assert read_set("table", tmp_path / "x.csv").items[0].outputs[0].text == "'=1+1"


def test_numbers_are_written_as_numbers(tmp_path: Path):
    write_set("table", sets.rate_texts(), tmp_path / "out")
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert row["answer.thumb"] == "-1" and row["answer.Tone of it"] == "'=cold" and row["dwell_ms"] == "4200"
