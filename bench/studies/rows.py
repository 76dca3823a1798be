"""Fifty thousand judgements in and out. Peer: sqlite3 writing the flat rows of the same file, without an index."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from pathlib import Path

from bench.record import Figure
from bench.studies.made import workspace

ROWS = 50_000


def figures(home: Path) -> list[Figure]:
    """Import and export of judgements in Chatbot Arena's form."""
    from collab.api import study as study_api
    from collab.identity import LOCAL

    home.mkdir()
    file = _arena_file(home / "votes.jsonl")
    flat_s = _flat(file, home / "flat.db")
    ws = workspace(home)
    began = time.perf_counter()
    study = study_api.import_file(ws, LOCAL, "arena", file)
    import_s = time.perf_counter() - began
    assert study["answers"] == ROWS
    export_s = {}
    for format in ("arena", "table", "trl-dpo"):
        began = time.perf_counter()
        study_api.write_export(ws, LOCAL, format, study["study_id"], home / format)
        export_s[format] = time.perf_counter() - began
    ws.close()
    peer = "sqlite3, the flat rows in one table without an index"
    note = "Label Studio takes about 4 minutes for as many rows"
    return [
        Figure(f"import of {ROWS:,} arena rows", round(import_s, 2), "s", peer, round(flat_s, 2), "goal < 10 s"),
        Figure(f"export of {ROWS:,} rows as arena", round(export_s["arena"], 2), "s", note=f"goal < 5 s; {note}"),
        Figure(f"export of {ROWS:,} rows as a table", round(export_s["table"], 2), "s", note=f"goal < 5 s; {note}"),
        Figure(
            f"export of {ROWS:,} rows as trl-dpo",
            round(export_s["trl-dpo"], 2),
            "s",
            note=f"goal < 5 s; half of the rows prefer nothing; {note}",
        ),
    ]


def _arena_file(path: Path) -> Path:
    rng = random.Random(1)
    with path.open("w") as file:
        for number in range(ROWS):
            a, b = rng.sample(range(20), 2)

            def turns(model: int, number: int = number) -> list[dict[str, str]]:
                answer = f"answer of {model} " + "word " * 30
                return [{"role": "user", "content": f"question {number}"}, {"role": "assistant", "content": answer}]

            row = {
                "question_id": f"q{number}", "model_a": f"m{a}", "model_b": f"m{b}", "judge": f"judge {number % 500}",
                "winner": rng.choice(["model_a", "model_b", "tie", "tie (bothbad)"]), "conversation_a": turns(a),
                "conversation_b": turns(b), "turn": 1, "anony": True, "language": "English", "tstamp": 1.7e9 + number,
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    return path


def _flat(file: Path, database: Path) -> float:
    """Seconds to parse the file and write its rows as they are."""
    began = time.perf_counter()
    with file.open() as lines:
        rows = [json.loads(line) for line in lines]
    names = list(rows[0])
    connection = sqlite3.connect(database)
    connection.execute(f"CREATE TABLE votes ({', '.join(names)})")
    values = ([json.dumps(row[n]) if isinstance(row[n], list) else row[n] for n in names] for row in rows)
    connection.executemany(f"INSERT INTO votes VALUES ({', '.join('?' * len(names))})", values)
    connection.commit()
    connection.close()
    return time.perf_counter() - began
