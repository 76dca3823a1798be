"""The next task with fifty annotators at once, who look at every item for one to three seconds.

The server is `python app.py` on a database filled beforehand; annotators are clients with a cookie each. Peer, in the
same run: an endpoint that does nothing beside answering.
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
import time
from pathlib import Path
from typing import Any

import httpx

from bench.record import Figure
from bench.studies.made import made_study, workspace

ROOT = Path(__file__).parent.parent.parent
PEOPLE, ITEMS, SECONDS = 50, 100_000, 40


def figures(home: Path) -> list[Figure]:
    """How long the next task and the saving of an answer take, for a page and for a client of the endpoints."""
    return asyncio.run(_many_annotators(home))


async def _many_annotators(home: Path) -> list[Figure]:
    ws = workspace(home)
    study, _, _ = made_study(ws, ITEMS, arms=2, overlap=3)
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
