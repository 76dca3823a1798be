"""One simulated person in a browser: opens the page, generates, waits, rates, looks at the history, thinks, repeats."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx

WORDS = ("river", "lamp", "garden", "letter", "engine", "window", "bread", "storm", "violin", "bridge")
THINGS = ("apple", "cat", "rocket", "guitar", "tree", "heart", "bicycle", "umbrella")
# what the endpoints take, for a bare POST knows no defaults
DEFAULTS: dict[str, list[Any]] = {
    "generate": ["", "text", "", 1, None, None, "", "", None, None, "", "", None],
    "rate": ["", None, None, None, "", None, None, ""],
    "history": [50, "", "", None],
}


@dataclass
class Diary:
    """What all people together saw. rated: output id -> the stars that were acknowledged."""

    rated: dict[str, int] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)  # generation id -> its last streamed state, and seed
    waits_s: list[float] = field(default_factory=list)
    saves_s: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


async def call(client: httpx.AsyncClient, name: str, data: list[Any]) -> Any:
    """The last answer of an endpoint. Raises RuntimeError with its sentence."""
    return [state async for state in states(client, name, data)][-1]


async def states(client: httpx.AsyncClient, name: str, data: list[Any]) -> AsyncIterator[Any]:
    """All answers of an endpoint, as gradio_client asks for them: a POST, then the stream of events."""
    body = {"data": [*data, *DEFAULTS[name][len(data) :]]}
    event_id = (await client.post(f"/gradio_api/call/{name}", json=body)).json()["event_id"]
    async with client.stream("GET", f"/gradio_api/call/{name}/{event_id}") as response:
        event = ""
        async for line in response.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event in ("generating", "complete"):
                yield json.loads(line.removeprefix("data: "))[0]
            elif line.startswith("data: ") and event == "error":
                raise RuntimeError(line.removeprefix("data: "))


async def person(url: str, number: int, until: float, diary: Diary, *, tokens: int = 24, think_s: float = 3.0) -> None:
    """Use the studio until the clock says `until` (time.perf_counter). Every fourth thing made is a picture."""
    rng = random.Random(number)
    limits = httpx.Limits(max_connections=4, keepalive_expiry=2)  # a server may close what rests for five seconds
    async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False, limits=limits) as client:
        await asyncio.sleep(rng.uniform(0, think_s))
        await client.get("/")
        turn = 0
        while time.perf_counter() < until:
            turn += 1
            try:
                await _make_and_rate(client, rng, number, turn, tokens, diary)
            except RuntimeError as error:  # a sentence, such as that too many wait
                diary.refused.append(str(error))
            except (httpx.HTTPError, KeyError, ValueError) as error:
                diary.lost.append(f"person {number}, turn {turn}: {error!r}")
            await asyncio.sleep(rng.uniform(0.5, 1.5) * think_s)


async def _make_and_rate(
    client: httpx.AsyncClient, rng: random.Random, number: int, turn: int, tokens: int, diary: Diary
) -> None:
    seed = number * 1000 + turn
    if turn % 4 == 3:
        prompt, modality = f"a {rng.choice(THINGS)} number {seed}", "image"
        settings: dict[str, Any] = {"num_inference_steps": 8}
    else:
        prompt, modality = f"Write about a {rng.choice(WORDS)} and the number {seed}.", "text"
        settings = {"max_new_tokens": tokens}
    began_s = time.perf_counter()
    state = await call(client, "generate", [prompt, modality, "", 1, seed, settings])
    diary.waits_s.append(time.perf_counter() - began_s)
    if state["status"] != "done":
        diary.lost.append(f"{state['generation_id']} ended as {state['status']}")
        return
    diary.made[state["generation_id"]] = {**state, "prompt": prompt, "seed": seed, "settings": settings}
    output_id, stars = state["outputs"][0]["output_id"], rng.randint(1, 5)
    began_s = time.perf_counter()
    if "feedback_id" not in await call(client, "rate", [output_id, stars]):
        diary.lost.append(f"the rating of {output_id} was not acknowledged")
        return
    diary.saves_s.append(time.perf_counter() - began_s)
    diary.rated[output_id] = stars
    if turn % 3 == 0:
        page = await call(client, "history", [5])
        own = {each["generation_id"] for each in page["items"]}
        if state["generation_id"] not in own:
            diary.lost.append(f"{state['generation_id']} is not in its maker's history")
