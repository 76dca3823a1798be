"""Studies at scale: the next task with fifty annotators at once, results on a million votes, 50,000 rows in and out.

The server is `python app.py` on a database filled beforehand; annotators are clients with a cookie each who look at
every item for one to three seconds. Peers, in the same run: an endpoint that does nothing beside answering, and sqlite3
writing the flat rows of the same file into one table without an index.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from bench.record import Figure, keep

ROOT = Path(__file__).parent.parent
PEOPLE, ITEMS, SECONDS = 50, 100_000, 40
VOTES, ARMS, VOTERS = 1_000_000, 8, 200
ROWS = 50_000


def main() -> None:
    """Print and keep the figures."""
    import gradio  # noqa: F401  # whatever a server has loaded by then is no part of an import, an export or Insights

    from collab.studies.results import load_libraries

    load_libraries()  # as `serve` does

    with tempfile.TemporaryDirectory() as folder:
        figures = [*rows_in_and_out(Path(folder) / "rows"), *a_million_votes(Path(folder) / "votes")]
        figures += asyncio.run(many_annotators(Path(folder) / "people"))
    keep(figures, "studies")


# ---- fifty thousand rows --------------------------------------------------------------------------------------------


def rows_in_and_out(home: Path) -> list[Figure]:
    """Import and export of judgements in Chatbot Arena's form."""
    from collab import study_api
    from collab.identity import LOCAL

    home.mkdir()
    file = _arena_file(home / "votes.jsonl")
    flat_s = _flat(file, home / "flat.db")
    ws = _workspace(home)
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


# ---- a million votes ------------------------------------------------------------------------------------------------


def a_million_votes(home: Path) -> list[Figure]:
    """Seconds to everything that Insights draws, cold and again."""
    from collab import study_api
    from collab.identity import LOCAL
    from collab.store.study_queries import listed_studies

    ws = _workspace(home)
    _fill_votes(ws)
    (study,) = listed_studies(ws.store, LOCAL.annotator_id, everything=True)

    took = []
    for _ in range(3):
        began = time.perf_counter()
        found = study_api.results(ws, LOCAL, study.id, str)
        took.append(time.perf_counter() - began)
    assert found["counts"]["votes"] == VOTES, found["counts"]
    ws.close()
    return [
        Figure(f"Insights on {VOTES:,} votes, first", round(took[0], 2), "s",
               note=f"goal < 1 s; {ARMS} arms, {VOTERS} people"),
        Figure(f"Insights on {VOTES:,} votes, again", round(min(took[1:]), 2), "s"),
    ]  # fmt: skip


def _fill_votes(ws: Any) -> None:
    """A study of pairs with a million votes, written as rows of every table that results read."""
    from collab.store.vote_counts import add_votes
    from collab.studies.acts import act_of
    from collab.studies.said import vote_rows
    from collab.types import Annotator, Answer, Task, now

    rng = random.Random(2)
    items_each = VOTES // 5
    study, items, outputs = _study(ws, items_each, arms=ARMS, overlap=5, answered=VOTES)
    people = [Annotator() for _ in range(VOTERS)]
    ws.store.add(*people)
    start = now() - timedelta(days=3)
    for first in range(0, len(items), 20_000):
        tasks, acts, answers, votes = [], [], [], []
        for at, item in enumerate(items[first : first + 20_000], first):
            for nth in range(5):
                who = people[(at * 5 + nth * 37) % VOTERS]
                said = {"winner": rng.choice(("a", "b", "b", "tie"))}
                moment = start + timedelta(milliseconds=250 * (at * 5 + nth))
                task = Task(study_id=study.id, item_id=item.id, annotator_id=who.id, token=f"{at}-{nth}",
                            arrangement=(nth % 2, 1 - nth % 2), lease_until=moment, status="answered",
                            answered_at=moment, dwell_ms=rng.randint(2_000, 40_000))  # fmt: skip
                act = act_of("compare", (), said, outputs, task_id=task.id)
                act = replace(act, annotator_id=who.id, subject=f"task:{task.id}", created_at=moment)
                tasks.append(replace(task, answer_id=act.id))
                acts.append(act)
                answers.append(Answer(id=act.id, created_at=moment, study_id=study.id, item_id=item.id,
                                      task_id=task.id, said=said))  # fmt: skip
                votes += vote_rows(study, item, task, said, act.id)
        with ws.store.writing() as connection:
            ws.store.add(*tasks, *acts, *answers, connection=connection)
            add_votes(connection, votes)


def _study(ws: Any, items: int, *, arms: int, overlap: int, answered: int = 0) -> tuple[Any, list[Any], list[Any]]:
    """A study of ready pairs, all of the same two outputs, with what they refer to."""
    from collab.identity import LOCAL
    from collab.studies.spec import check_spec
    from collab.types import (
        Annotator,
        Generation,
        ModelVersion,
        Output,
        Prompt,
        PromptVersion,
        Study,
        StudyArm,
        StudyItem,
    )

    prompt = Prompt(title="p", modality="text", created_by=LOCAL.annotator_id)
    version = PromptVersion(prompt_id=prompt.id, text="p", content_sha256="0" * 64, created_by=LOCAL.annotator_id)
    models = [ModelVersion(name=f"m{n}", modality="text", base=f"m{n}", revision="r", precision="fp32")
              for n in range(arms)]  # fmt: skip
    made = Generation(prompt_version_id=version.id, model_version_id=models[0].id, settings={}, seed=0, count=2,
                      status="done", requested_by=LOCAL.annotator_id, origin="study")  # fmt: skip
    outputs = [Output(generation_id=made.id, position=n, seed=n, text=f"answer {n}", media_type="text/plain",
                      finish_reason="stop") for n in range(2)]  # fmt: skip
    asked = check_spec({"title": "Bench", "task": "compare", "arms": [{"prompt": "a"}, {"prompt": "b"}], "seed": 1,
                        "overlap": overlap})  # fmt: skip
    study = Study(title="Bench", task="compare", modality="text", spec=asked.spec.as_json(), link="bench" * 4,
                  items=items, answered=answered, created_by=LOCAL.annotator_id)  # fmt: skip
    pairs = [(a, b) for a in range(arms) for b in range(a + 1, arms)]
    rows = [
        StudyItem(study_id=study.id, position=n, status="ready", cells=((pairs[n % len(pairs)][0], n, 0),
                  (pairs[n % len(pairs)][1], n, 0)), outputs=(outputs[0].id, outputs[1].id),
                  context=(("prompt", f"question {n}"),), room=0 if answered else overlap,
                  answered=overlap if answered else 0)
        for n in range(items)
    ]  # fmt: skip
    stored = [StudyArm(study_id=study.id, position=n, name=f"arm {n}", prompt_version_id=version.id,
                       model_version_id=model.id) for n, model in enumerate(models)]  # fmt: skip
    owner = Annotator(id=LOCAL.annotator_id, origin="local", display_name="local")
    ws.store.add(owner, prompt, version, *models, made, *outputs, study, *stored, *rows)
    return study, rows, outputs


# ---- fifty annotators -----------------------------------------------------------------------------------------------


async def many_annotators(home: Path) -> list[Figure]:
    """How long the next task and the saving of an answer take, for a page and for a client of the endpoints."""
    ws = _workspace(home)
    study, _, _ = _study(ws, ITEMS, arms=2, overlap=3)
    ws.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    nowhere = "remote:none@http://127.0.0.1:9/v1"  # no model is loaded beside it: nothing is generated here
    environment = {**os.environ, "COLLAB_HOME": str(home), "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1",
                   "COLLAB_TEXT_MODEL": nowhere, "COLLAB_IMAGE_MODEL": nowhere}  # fmt: skip
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    took: dict[str, list[float]] = {}
    given = 0
    try:
        desk = await _desk_of(url)
        for ask, seconds in ((_Page(desk), SECONDS), (_Endpoints(), SECONDS / 2)):
            until = time.perf_counter() + seconds
            given += sum(await asyncio.gather(*(
                _annotator(url, ask, study.id, f"{type(ask).__name__} {n}", until, took) for n in range(PEOPLE)
            )))  # fmt: skip
        until = time.perf_counter() + 10
        await asyncio.gather(*(_idle_caller(url, n, until, took) for n in range(PEOPLE)))
    finally:
        server.terminate()
        server.wait(timeout=30)
    assert (kept := _count_answers(home / "collab.db")) == (given, 3), (kept, given)
    said = f"goal < 200 ms; {PEOPLE} people, {ITEMS:,} items, {given:,} answers acknowledged and kept"
    nothing = "an endpoint that only lists models, as many callers"
    return [
        Figure("next task on the page, p95", _ms(took["page next"], 95), "ms", nothing, _ms(took["models"], 95), said),
        Figure("next task on the page, median", _ms(took["page next"], 50), "ms", nothing, _ms(took["models"], 50)),
        Figure("saving an answer on the page, p95", _ms(took["page answer"], 95), "ms", nothing,
               _ms(took["models"], 95)),
        Figure("saving an answer on the page, p99", _ms(took["page answer"], 99), "ms"),
        Figure("next task by /next_task, p95", _ms(took["api next"], 95), "ms", nothing, _ms(took["models"], 95)),
    ]  # fmt: skip


def _ms(seconds: list[float], percent: int) -> float:
    return round(statistics.quantiles(seconds, n=100)[percent - 1] * 1000, 1)


class _Page:
    """Asks as the page does: the desk's own server function."""

    def __init__(self, desk: int) -> None:
        self.desk = desk

    async def act(self, client: httpx.AsyncClient, payload: dict[str, Any]) -> dict[str, Any]:
        body = {"session_hash": client.headers["x-session"], "component_id": self.desk, "fn_name": "act",
                "data": payload}  # fmt: skip
        return (await client.post("/gradio_api/component_server", json=body)).json()

    async def next(self, client: httpx.AsyncClient, study_id: str) -> dict[str, Any]:
        return (await self.act(client, {"act": "next", "study_id": study_id, "held": []}))["task"]

    async def answer(self, client: httpx.AsyncClient, task_id: str, answer: dict[str, Any]) -> dict[str, Any]:
        return await self.act(client, {"act": "answer", "task_id": task_id, "answer": answer})

    name = "page"


class _Endpoints:
    """Asks as gradio_client does: a POST, then the stream of its answer."""

    async def next(self, client: httpx.AsyncClient, study_id: str) -> dict[str, Any]:
        return await _call(client, "next_task", [study_id, None])

    async def answer(self, client: httpx.AsyncClient, task_id: str, answer: dict[str, Any]) -> dict[str, Any]:
        return await _call(client, "answer_task", [task_id, answer])

    name = "api"


async def _desk_of(url: str) -> int:
    """The number of the desk's component, once the server answers."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(240):
            try:
                components = (await client.get(f"{url}/config", timeout=5)).json()["components"]
                return next(c["id"] for c in components if c["props"].get("elem_id") == "desk")
            except (httpx.HTTPError, ValueError, KeyError):
                await asyncio.sleep(0.5)
    raise RuntimeError("The server did not start.")


async def _annotator(
    url: str, ask: _Page | _Endpoints, study_id: str, name: str, until: float, took: dict[str, list[float]]
) -> int:
    """One person with a cookie of their own; how many answers were acknowledged."""
    rng, answered = random.Random(name), 0
    headers = {"x-session": name.replace(" ", "")}
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, headers=headers) as client:
        await client.get("/collab/alive")
        await asyncio.sleep(rng.uniform(0, 3))
        while time.perf_counter() < until:
            began = time.perf_counter()
            task = await ask.next(client, study_id)
            took.setdefault(f"{ask.name} next", []).append(time.perf_counter() - began)
            await asyncio.sleep(rng.uniform(1, 3))
            began = time.perf_counter()
            said = {"winner": rng.choice(("a", "b", "tie")), "dwell_ms": 2000}
            answered += "feedback_id" in await ask.answer(client, task["task_id"], said)
            took.setdefault(f"{ask.name} answer", []).append(time.perf_counter() - began)
    return answered


async def _idle_caller(url: str, number: int, until: float, took: dict[str, list[float]]) -> None:
    rng = random.Random(number)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
        while time.perf_counter() < until:
            began = time.perf_counter()
            await _call(client, "models", [])
            took.setdefault("models", []).append(time.perf_counter() - began)
            await asyncio.sleep(rng.uniform(0.5, 1.5))


async def _call(client: httpx.AsyncClient, name: str, data: list[Any]) -> dict[str, Any]:
    event = (await client.post(f"/gradio_api/call/{name}", json={"data": data})).json()["event_id"]
    answer = (await client.get(f"/gradio_api/call/{name}/{event}")).text
    kind, _, body = answer.partition("\ndata: ")
    assert "complete" in kind, answer[:300]
    return json.loads(body.strip())[0]


def _count_answers(database: Path) -> tuple[int, int]:
    """(answers in force, the most on any one item) as the database has them."""
    connection = sqlite3.connect(database)
    (answers,) = connection.execute("SELECT count(*) FROM tasks WHERE status = 'answered'").fetchone()
    (most,) = connection.execute(
        "SELECT max(n) FROM (SELECT count(*) n FROM tasks WHERE status IN ('leased', 'answered') GROUP BY item_id)"
    ).fetchone()
    connection.close()
    return answers, most


def _workspace(home: Path) -> Any:
    from collab.settings import read_settings
    from collab.workspace import open_workspace

    return open_workspace(read_settings({"COLLAB_HOME": str(home)}))


if __name__ == "__main__":
    main()
