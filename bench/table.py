"""`python -m bench.table` writes the speed table of README.md from bench/results.json. Knows the goals only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.record import RESULTS

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- speed: made by python -m bench.table -->", "<!-- end of speed -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a figure, the peer it is told against, and the ratio it should reach on two CPU cores."""

    what: str
    figure: str
    peer: str
    goal: str


ROWS = (
    Row("tokens/s, 8 people", "tokens/s of 8 people, fp32", "generate, one at a time", "≥ 3.5"),
    Row("", "tokens/s of 8 people, fp32", "transformers continuous batching", "≥ 1.3"),
    Row("", "tokens/s of 8 people, fp32", "llama-cpp-python server, Q4_1", "≥ 1.2"),
    Row("tokens/s, 8 people, int8", "tokens/s of 8 people, int8", "generate, one at a time", "≥ 5"),
    Row("", "tokens/s of 8 people, int8", "llama-cpp-python server, Q4_1", "≥ 2"),
    Row("tokens/s alone", "tokens/s alone, fp32", "generate", "≥ 1.2"),
    Row("tokens/s alone, int8", "tokens/s alone, int8", "generate", "≥ 1.7"),
    Row("time for the best of 4", "best of 4", "four one after another", "≤ 0.4"),
    Row("pictures/s, 8 people", "pictures/s of 8 people", "pipeline calls, one at a time", "≥ 1.5"),
    Row("wait of a light request behind 50", "wait of a light request behind 50", "first in, first out", "≤ 0.05"),
    Row("cancel until its place is free", "cancel to slot free", "one step of eight people", "≤ 1"),
    Row("saving a rating, p99", "saving a rating beside 8 generations, p99", "idle", "told"),
)


def table(figures: list[dict[str, Any]]) -> str:
    """The table's lines. A figure that was not measured has no line."""
    found = {(each["name"], each["peer"]): each for each in figures}
    lines = ["| | here | against | there | ratio | goal |", "|---|---|---|---|---|---|"]
    for row in ROWS:
        if (each := found.get((row.figure, row.peer))) is not None:
            unit = {"1/s": ""}.get(each["unit"], f" {each['unit']}")
            here, there = f"{each['value']:g}{unit}", f"{each['peer_value']:g}{unit}"
            lines.append(f"| {row.what} | {here} | {row.peer} | {there} | {each['ratio']:.2g} | {row.goal} |")
    return "\n".join(lines)


def main() -> None:
    """Put the table between its marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    made = table(json.loads(RESULTS.read_text(encoding="utf-8")))
    README.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
