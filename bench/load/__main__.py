"""`python -m bench.load [--people 200] [--minutes 5]`: a soak; `python -m bench.load --saving`: ratings beside load.

The soak ends with an account: was anything lost or mixed up, did memory or any container of the server grow, is every
acknowledged rating in the database, and does a request made in the crowd give the same text when it is made alone.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.load.people import Diary, call, person
from bench.record import Figure, keep

ROOT = Path(__file__).parents[2]
REPLAYED = 20
SAVES = 200


@contextmanager
def server(home: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server with warm models, and the file it writes its state to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home.mkdir()
    diary = home.parent / "held.jsonl"
    environment = {**os.environ, "COLLAB_HOME": str(home), "GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1"}
    log = (home.parent / "server.log").open("w")
    command = [sys.executable, "-m", "bench.load.server", str(diary)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(240):
            if diary.exists() and diary.read_text().count("\n") and _held(diary)[-1]["models ready"] == 2:
                break
            time.sleep(0.5)
        else:
            raise RuntimeError(f"The server did not start: {(home.parent / 'server.log').read_text()[-2000:]}")
        yield f"http://127.0.0.1:{port}", diary
    finally:
        process.terminate()
        process.wait(timeout=60)
        log.close()


def soak(people: int, minutes: float) -> list[Figure]:
    """Everybody at once for so long, then the account."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with server(home) as (url, file):
            diary = asyncio.run(_crowd(url, people, minutes * 60))
            time.sleep(70)  # gradio forgets a closed session after a minute
            held = _held(file)
            changed = asyncio.run(_replay(url, diary))
        _account(diary, held, home / "collab.db", changed)
        waits = sorted(diary.waits_s)
        said = f"{people} people, {minutes:g} min, {len(diary.made)} generations, {len(diary.rated)} ratings"
        calm = [each["memory MB"] for each in held if each["at"] > held[0]["at"] + 60] or [held[-1]["memory MB"]]
        return [
            Figure("soak: lost or mixed up", len(diary.lost) + changed, "", note=said),
            Figure("soak: refused with a sentence", len(diary.refused), "", note=said),
            Figure("soak: memory at the end", round(held[-1]["memory MB"]), "MB", "a minute after its start",
                   round(calm[0]), said),
            Figure("soak: wait for 24 tokens or a picture, median", round(statistics.median(waits), 1), "s", note=said),
            Figure("soak: saving a rating, p99", _ms(diary.saves_s), "ms", note=said),
        ]  # fmt: skip


def saving() -> list[Figure]:
    """How long a rating takes to save while eight generations run, and while nothing does."""
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "home") as (url, _):
        idle, busy = asyncio.run(_saving(url))
    note = f"{SAVES} ratings by HTTP; goal < 250 ms"
    return [Figure("saving a rating beside 8 generations, p99", _ms(busy), "ms", "idle", _ms(idle), note)]


async def _crowd(url: str, people: int, seconds: float) -> Diary:
    diary, until = Diary(), time.perf_counter() + seconds
    await asyncio.gather(*(person(url, number, until, diary) for number in range(people)))
    return diary


async def _replay(url: str, diary: Diary) -> int:
    """Make some of the crowd's texts again, alone; how many came out otherwise."""
    texts = [made for made in diary.made.values() if "max_new_tokens" in made["settings"]]
    changed = 0
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
        for made in random.Random(0).sample(texts, min(REPLAYED, len(texts))):
            again = await call(client, "generate", [made["prompt"], "text", "", 1, made["seed"], made["settings"]])
            changed += again["outputs"][0]["text"] != made["outputs"][0]["text"]
    return changed


async def _saving(url: str) -> tuple[list[float], list[float]]:
    async def save(client: httpx.AsyncClient, output_id: str, times: int) -> list[float]:
        took = []
        for number in range(times):
            began_s = time.perf_counter()
            await call(client, "rate", [output_id, number % 5 + 1])
            took.append(time.perf_counter() - began_s)
        return took

    async def busy(number: int, over: asyncio.Event) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
            while not over.is_set():
                await call(client, "generate", ["Write a long story.", "text", "", 1, number, {"max_new_tokens": 96}])

    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
        made = await call(client, "generate", ["Hello", "text", "", 1, 1, {"max_new_tokens": 4}])
        output_id = made["outputs"][0]["output_id"]
        await save(client, output_id, 20)
        idle = await save(client, output_id, SAVES)
        over = asyncio.Event()
        crowd = [asyncio.create_task(busy(number, over)) for number in range(8)]
        await asyncio.sleep(3)
        loaded = await save(client, output_id, SAVES)
        over.set()
        await asyncio.gather(*crowd)
    return idle, loaded


def _account(diary: Diary, held: list[dict[str, float]], database: Path, changed: int) -> None:
    """Print what went wrong, if anything did."""
    stored = dict(
        sqlite3.connect(database).execute(
            "SELECT ratings.output_id, ratings.score FROM ratings JOIN feedback ON feedback.id = ratings.id"
        )
    )
    diary.lost += [f"rating of {id_}" for id_, stars in diary.rated.items() if stored.get(id_) != stars]
    for made in diary.made.values():
        output = made["outputs"][0]
        if output["seed"] != made["seed"]:
            diary.lost.append(f"{made['generation_id']} has somebody else's seed")
    first, last = held[0], held[-1]
    grown = {name: (first[name], last[name]) for name in last if name != "at" and last[name] > first[name]}
    sys.stdout.write(f"at the end more than at the start: {grown}\n")
    for line in [*diary.lost[:10], *sorted(set(diary.refused))[:3], f"{changed} texts came out otherwise alone"]:
        sys.stdout.write(line + "\n")


def _held(file: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def _ms(seconds: list[float]) -> float:
    return round(statistics.quantiles(seconds, n=100)[98] * 1000, 1)


def keep_all() -> None:
    """Both, as `make bench` runs them."""
    keep(saving(), "load --saving")
    keep(soak(200, 5), "load")


def main() -> None:
    """Print and keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--saving", action="store_true")
    asked = parser.parse_args()
    figures = saving() if asked.saving else soak(asked.people, asked.minutes)
    keep(figures, "load --saving" if asked.saving else f"load --people {asked.people} --minutes {asked.minutes:g}")


if __name__ == "__main__":
    main()
