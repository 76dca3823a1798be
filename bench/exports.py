"""Seconds for each export of the Data tab: 250 people rated 50,000 texts and compared 50,000 pairs outside studies.

A table of ratings alternates with the peer, which writes the same rows as anyone would who knows the database: one
SELECT with its joins, to CSV by Python's own module. It makes no pseudonyms, no Parquet, no JSON Lines and no card.
Seconds from asking to the files being on the disk; the ZIP of the page's download is counted apart.

`python -m bench.exports`
"""

from __future__ import annotations

import csv
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import gradio  # noqa: F401  # a server has loaded it, and what it loads, before anybody asks for an export

from bench.history import said
from bench.record import Figure, keep
from collab.api import data as data_api
from collab.identity import LOCAL
from collab.prompts import Wording
from collab.settings import read_settings
from collab.types import Annotator, Generation, ModelVersion, Output, Preference, Prompt, PromptVersion, Rating, Winner
from collab.workspace import Workspace, open_workspace
from models.base import TEXT_DEFAULTS

ACTS, PEOPLE, PROMPTS, ROUNDS = 50_000, 250, 2_000, 3
EXPORTS = (("table", "rate:text"), ("table", "compare:text"), ("arena", "compare:text"), ("trl-sft", ""),
           ("trl-dpo", ""), ("trl-kto", ""))  # fmt: skip
GOAL = "goal < 5 s; Label Studio takes about 4 minutes for as many"
PEER = "SELECT … JOIN …, csv.writer"
PEER_SQL = """
SELECT v.text, o.text, m.name, r.score, r.thumb, f.created_at, v.id, m.revision, o.seed, g.settings, o.id, f.id,
f.annotator_id, r.comment FROM ratings r JOIN feedback f ON f.id = r.id JOIN outputs o ON o.id = r.output_id
JOIN generations g ON g.id = o.generation_id JOIN prompt_versions v ON v.id = g.prompt_version_id
JOIN model_versions m ON m.id = g.model_version_id ORDER BY f.id
"""


def main() -> None:
    """Print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        ws = open_workspace(read_settings({"COLLAB_HOME": folder}))
        try:
            fill(ws)
            keep([*exported(ws, Path(folder)), *opened(ws)], "exports")
        finally:
            ws.close()


def exported(ws: Workspace, folder: Path) -> list[Figure]:
    figures, target = [], folder / "export"
    for format, source in EXPORTS:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            worked_s = time.process_time()
            wall_s = seconds(lambda format=format, source=source: data_api.write(ws, LOCAL, format, source, target))
            ours.append((wall_s, time.process_time() - worked_s))
            rows = sum(path.read_bytes().count(b"\n") for path in target.glob("*.jsonl"))
            data_api.remove(target)
            if source == "rate:text":
                theirs.append(seconds(lambda: plainly(ws, folder / "plain.csv")))
        name = f"export of {rows:,} rows outside studies as {format}"
        name += f", {source.partition(':')[0]}" if format == "table" else ""
        # on a machine with other work, the time on the processor tells more
        note = f"{GOAL}; the best of {ROUNDS}; {min(cpu_s for _, cpu_s in ours):.2f} s on the processor"
        figures.append(Figure(name, min(wall_s for wall_s, _ in ours), "s", PEER if theirs else "",
                              min(theirs) if theirs else None, note))  # fmt: skip
    zipped = seconds(lambda: data_api.write_archive(ws, LOCAL, "table", "rate:text", "all", folder / "all.zip"))
    figures.append(Figure(f"the same table of {ACTS:,} ratings as a ZIP", zipped, "s", note="all three forms"))
    return figures


def opened(ws: Workspace) -> list[Figure]:
    """What the page asks for: the exports with their rows, when nothing was counted and when nothing changed since."""
    note = f"{2 * ACTS:,} acts of {PEOPLE} people"
    first = seconds(lambda: data_api.offers(ws, LOCAL))
    again = seconds(lambda: data_api.offers(ws, LOCAL))
    looks = {f: seconds(lambda f=f, s=s: data_api.preview(ws, LOCAL, f, s)) for f, s in EXPORTS[1:]}
    slowest = max(looks, key=looks.__getitem__)
    return [
        Figure("Data tab: what each export holds, first opening", first, "s", note=note),
        Figure("Data tab: what each export holds, opened again", again, "s", note=note),
        Figure("Data tab: a look at five rows, the slowest format", looks[slowest], "s", note=f"{slowest}; {note}"),
    ]


def fill(ws: Workspace) -> None:
    """A rating and a comparison of each of so many generations."""
    rng = Random(0)
    model = ModelVersion(name="m", modality="text", base="m", revision="r", precision="fp32")
    people = [Annotator(origin="anonymous") for _ in range(PEOPLE)]
    ws.store.add(model, *people)
    versions = []
    for at in range(PROMPTS):
        text = f"Write about {said(rng, 12)} ({at})"
        line = Prompt(title=text[:80], modality="text", created_by=people[0].id)
        version = PromptVersion(prompt_id=line.id, text=text, created_by=people[0].id,
                                content_sha256=Wording(modality="text", text=text).sha256)  # fmt: skip
        ws.store.add(line, version)
        versions.append(version)
    winners: tuple[Winner, ...] = ("a", "b")
    for start in range(0, ACTS, 5_000):
        generations, outputs, ratings, votes = [], [], [], []
        for at in range(start, start + 5_000):
            # each person judges what was made for prompts of a few others: groups hang together, as they do
            who, other = people[at % PEOPLE].id, people[(at * 7 + 1) % PEOPLE].id
            made = Generation(prompt_version_id=versions[at % PROMPTS].id, model_version_id=model.id, seed=at, count=2,
                              settings=TEXT_DEFAULTS, status="done", requested_by=who)  # fmt: skip
            a, b = (Output(generation_id=made.id, position=n, seed=at + n, text=said(rng, 70), media_type="text/plain",
                           finish_reason="stop") for n in range(2))  # fmt: skip
            generations.append(made)
            outputs += [a, b]
            ratings.append(Rating(annotator_id=who, subject=f"rating:{a.id}", output_id=a.id, generation_id=made.id,
                                  score=rng.choice((4, 5)), thumb=1, comment=said(rng, 5)))  # fmt: skip
            votes.append(Preference(annotator_id=other, subject=f"preference:{a.id}:{b.id}", output_a_id=a.id,
                                    output_b_id=b.id, generation_id=made.id, winner=rng.choice(winners)))  # fmt: skip
        ws.store.add(*generations, *outputs, *ratings, *votes)


def plainly(ws: Workspace, path: Path) -> None:
    connection = sqlite3.connect(ws.settings.home / "collab.db")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(connection.execute(PEER_SQL))
    connection.close()


def seconds(do: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    do()
    return round(time.perf_counter() - began_s, 3)


if __name__ == "__main__":
    main()
