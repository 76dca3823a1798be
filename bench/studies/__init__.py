"""Studies at scale: 50,000 rows in and out, results on a million votes, the next task with fifty annotators at once.

`python -m bench.studies [rows|votes|people|reveal]`
"""

from __future__ import annotations

PARTS = ("rows", "votes", "people", "reveal")


def main(parts: tuple[str, ...] = PARTS) -> None:
    """Print and keep the figures of these parts."""
    import tempfile
    from pathlib import Path

    import gradio  # noqa: F401  # whatever a server has loaded by then is no part of an import, an export or Insights

    from bench.record import keep
    from bench.studies import people, reveal, rows, votes
    from collab.studies.results import load_libraries

    load_libraries()  # as `serve` does
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            module = {"rows": rows, "votes": votes, "people": people, "reveal": reveal}[part]
            keep(module.figures(Path(folder) / part), "studies")
