"""Measures fine-tuning on the embedded model: does what people correct, or prefer, fade from what it writes?

    python -m bench.train [--taste "lower case"] [--kinds sft dpo] [--shuffled]

People of one taste, which nobody is told, correct and order what the model wrote about 48 things. Through the studio's
own feedback, snapshots and trainer an adapter learns from that; then base and adapter write about 24 other things, for
a person who took no part. What an edit costs, and who wins a vote, is told by that person's edits (refine/editors.py).
--shuffled: the control, in which corrections and orders belong to other texts of the same thing at random.
One seed: it says that the parts work together, and how long it takes; not how sure the gain is over seeds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from bench.record import Figure, keep
from bench.refine.editors import TASTES, Edit, Taste, cost
from bench.refine.text import EDITED, HELD_OUT, VOTED
from collab import feedback
from collab.api import train as train_api
from collab.generation import Ask, generate
from collab.identity import LOCAL, Visitor
from collab.settings import read_settings
from collab.types import UNFINISHED, ModelVersion, Output, new_id
from collab.workspace import Workspace, open_workspace

ASKED = "Write one short sentence about {thing}."
EACH = 4  # texts of a thing
TOKENS = 60
THINGS_EACH = 3  # of a person
RESAMPLES = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--taste", default="lower case", choices=[taste.name for taste in TASTES])
    parser.add_argument("--kinds", nargs="+", default=["sft", "dpo"], choices=["sft", "dpo"])
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--settings", default="{}", help="of the recipe, as JSON")
    asked = parser.parse_args()
    taste = next(t for t in TASTES if t.name == asked.taste)
    with tempfile.TemporaryDirectory(prefix="collab-bench-train-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        (home / "models").symlink_to(_cache())
        ws = open_workspace(read_settings({"COLLAB_HOME": str(home)}))
        try:
            began_s = time.perf_counter()
            _gather(ws, taste, shuffled=asked.shuffled)
            print(f"feedback gathered in {time.perf_counter() - began_s:.0f} s", flush=True)
            found = [f for kind in asked.kinds for f in _figures(ws, taste, kind, json.loads(asked.settings),
                                                                 shuffled=asked.shuffled)]  # fmt: skip
        finally:
            ws.close()
    keep(found, "train")


def _cache() -> Path:
    cache = Path(os.environ.get("COLLAB_BENCH_CACHE") or Path.home() / ".cache" / "collab-bench")
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _gather(ws: Workspace, taste: Taste, *, shuffled: bool) -> None:
    """Everybody corrects and orders the texts about their own things."""
    rng, things = Random(0), [*EDITED, *VOTED]
    people = [Visitor(new_id(), "anonymous") for _ in range(0, len(things), THINGS_EACH)]
    asked = [
        generate(ws, people[n // THINGS_EACH], Ask(
            prompt=ASKED.format(thing=thing), count=EACH, seed=n * 1000,
            settings={"max_new_tokens": TOKENS},
        ))
        for n, thing in enumerate(things)
    ]  # fmt: skip
    for n, (thing, generation_id) in enumerate(zip(things, asked, strict=True)):
        person, edit = people[n // THINGS_EACH], taste.person(Random(n // THINGS_EACH))
        outputs = _ended(ws, generation_id)
        said = [output.text or "" for output in outputs]
        costs = [cost(text, edit, thing) for text in said]
        corrected = [edit(text, thing) for text in said]
        if shuffled:
            rng.shuffle(costs)
            rng.shuffle(corrected)
        for output, text, price in zip(outputs, corrected, costs, strict=True):
            if price < 1 and text.strip() and text != output.text:  # what costs 1 is written anew and not corrected
                feedback.edit_text(ws, person, output.id, text)
        order = sorted(set(costs))
        if len(order) > 1:
            groups = [[o.id for o, c in zip(outputs, costs, strict=True) if c == level] for level in order]
            feedback.rank(ws, person, groups)


def _ended(ws: Workspace, generation_id: str) -> list[Output]:
    """The outputs of a generation once it has ended, in order."""

    async def watch() -> None:
        async for _ in ws.runs.changes(generation_id):
            pass

    asyncio.run(watch())
    return sorted(ws.store.find(Output, generation_id=generation_id), key=lambda output: output.position)


def _figures(ws: Workspace, taste: Taste, kind: str, settings: Mapping[str, Any], *, shuffled: bool) -> list[Figure]:
    snapshot = train_api.snapshot(ws, LOCAL, kind)
    print({k: snapshot[k] for k in ("rows", "train", "test", "counts", "too_few")}, flush=True)
    began_s = time.perf_counter()
    job_id = train_api.start(ws, LOCAL, kind, {**settings, "snapshot_id": snapshot["snapshot_id"]})["job_id"]
    while (job := train_api.look(ws, LOCAL, job_id))["status"] in UNFINISHED:
        time.sleep(1)
    minutes = (time.perf_counter() - began_s) / 60
    if job["status"] != "done":
        raise SystemExit(job["error"])
    metrics = job["metrics"]
    print({k: v for k, v in metrics.items() if k != "samples"}, *metrics["samples"], sep="\n", flush=True)
    version = ws.store.get(ModelVersion, job["model_version_id"])
    before, after = _texts(ws, str(version.parent_id)), _texts(ws, version.id)
    person = taste.person(Random(12345))
    old, new = (_costs(texts, person) for texts in (before, after))
    wins = [1.0 if b < a else 0.5 if a == b else 0.0 for a, b in zip(old, new, strict=True)]
    print(*(f"{b:.2f} {a:.2f} {text!r}" for b, a, text in zip(old, new, after, strict=True)), sep="\n", flush=True)
    about = f"taste: {taste.name}, {metrics['rows']} rows, {metrics['steps']} steps, one seed" + ", shuffled" * shuffled
    label = f"{kind}{', shuffled' if shuffled else ''}"
    found = [
        Figure(f"training time ({label})", round(minutes, 2), "min", note=about),
        Figure(f"held-out accuracy ({label})", metrics["accuracy"], "",
               note=f"95 % lower {metrics['accuracy_lower']}, {metrics['held_out']} rows; {about}"),
        Figure(f"gain of liked texts in log-probability ({label})", metrics["chosen_gain"], "nat", note=about),
    ]  # fmt: skip
    fall, low, high = _interval(old, new)
    found.append(Figure(f"held-out edit cost falls by ({label})", round(100 * fall, 1), "%",
                        note=f"from {statistics.mean(old):.3f} to {statistics.mean(new):.3f}, 95 % {100 * low:.0f} to "
                        f"{100 * high:.0f} % over {len(old)} things; {about}"))  # fmt: skip
    found.append(Figure(f"held-out win rate over the base ({label})", round(statistics.mean(wins), 3), "",
                        note=f"{len(wins)} things, ties half; {about}"))  # fmt: skip
    return found


def _costs(texts: Sequence[str], person: Edit) -> list[float]:
    return [cost(text, person, thing) for text, thing in zip(texts, HELD_OUT, strict=True)]


def _texts(ws: Workspace, model: str) -> list[str]:
    """The likeliest text of a model version about each held-out thing."""
    settings = {"max_new_tokens": TOKENS, "temperature": 0, "repetition_penalty": 1.1}
    asked = [generate(ws, LOCAL, Ask(prompt=ASKED.format(thing=thing), model=model, settings=settings))
             for thing in HELD_OUT]  # fmt: skip
    return [_ended(ws, generation_id)[0].text or "" for generation_id in asked]


def _interval(old: Sequence[float], new: Sequence[float]) -> tuple[float, float, float]:
    """By which share the mean fell, and its 95 % percentile bootstrap interval (Efron 1979) over the things."""
    rng, falls = Random(0), []
    for _ in range(RESAMPLES):
        drawn = [rng.randrange(len(old)) for _ in old]
        total = sum(old[n] for n in drawn)
        falls.append(1 - sum(new[n] for n in drawn) / total if total else 0.0)
    falls.sort()
    whole = 1 - sum(new) / sum(old) if sum(old) else 0.0
    return whole, falls[round(0.025 * RESAMPLES)], falls[round(0.975 * RESAMPLES)]


if __name__ == "__main__":
    main()
