"""Measures fine-tuning on the embedded model: does what people correct, or prefer, fade from what it writes?

    python -m bench.train [--taste brief] [--kinds sft dpo kto reward] [--shuffled] [--seed 0]

People of one taste, which nobody is told, correct, judge and order what the model wrote about 48 things: a text that
needs no change gets a thumb up, one that would have to be written anew a thumb down. Through the studio's own
feedback, snapshots and trainer an adapter learns from that; then base and adapter write four texts, with the settings
people write with, about each of 24 other things, from the same seeds. What a text costs to make right, new people of
that taste tell (refine/editors.py), and which of two costs less has their vote. Whether the votes would promote the
adapter, the studio's own test says; of a reward model, which writes nothing, only the held-out accuracy counts.
--shuffled: the control, in which corrections, judgements and orders belong to other texts of the same thing at random.
--seed: of what the texts are drawn with, who the people are, and the training. One run says how sure the gain is over
things and voters, not over seeds.

The likeliest text (temperature 0) is a bad measure here: the base loses its subject in none of 24, but in 27 of 96
texts that people would see, and an adapter that loses it less often there lost it in 1 to 4 of the 24.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from bench.record import Figure, keep
from bench.refine.editors import TASTES, Edit, Taste, cost
from bench.refine.text import EDITED, HELD_OUT, VOTED
from collab import feedback
from collab.api import train as train_api
from collab.generation import Ask, generate
from collab.identity import LOCAL, Visitor
from collab.settings import read_settings
from collab.statistics.evidence import Vote, win_rate_test
from collab.types import UNFINISHED, ModelVersion, Output, new_id
from collab.workspace import Workspace, open_workspace

ASKED = "Write one short sentence about {thing}."
EACH = 4  # texts of a thing
TOKENS = 60
THINGS_EACH = 3  # of a person
VOTERS = 2  # of each held-out thing
RESAMPLES = 2_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--taste", default="brief", choices=[taste.name for taste in TASTES])
    parser.add_argument("--kinds", nargs="+", default=["sft", "dpo"], choices=["sft", "dpo", "kto", "reward"])
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
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
            _gather(ws, taste, asked.seed, shuffled=asked.shuffled)
            print(f"feedback gathered in {time.perf_counter() - began_s:.0f} s", flush=True)
            for kind in asked.kinds:
                settings = {"seed": asked.seed, **json.loads(asked.settings)}
                keep(_figures(ws, taste, kind, settings, shuffled=asked.shuffled), "train")
        finally:
            ws.close()


def _cache() -> Path:
    cache = Path(os.environ.get("COLLAB_BENCH_CACHE") or Path.home() / ".cache" / "collab-bench")
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _gather(ws: Workspace, taste: Taste, seed: int, *, shuffled: bool) -> None:
    """Everybody corrects, judges and orders the texts about their own things."""
    rng, things = Random(seed), [*EDITED, *VOTED]
    people = [Visitor(new_id(), "anonymous") for _ in range(0, len(things), THINGS_EACH)]
    asked = [
        generate(ws, people[n // THINGS_EACH], Ask(
            prompt=ASKED.format(thing=thing), count=EACH, seed=n * 1000 + seed * 1_000_000,
            settings={"max_new_tokens": TOKENS},
        ))
        for n, thing in enumerate(things)
    ]  # fmt: skip
    for n, (thing, generation_id) in enumerate(zip(things, asked, strict=True)):
        person, edit = people[n // THINGS_EACH], taste.person(Random(n // THINGS_EACH + 1000 * seed))
        outputs = ended(ws, generation_id)
        said = [output.text or "" for output in outputs]
        costs = [cost(text, edit, thing) for text in said]
        corrected = [edit(text, thing) for text in said]
        if shuffled:
            rng.shuffle(costs)
            rng.shuffle(corrected)
        for output, text, price in zip(outputs, corrected, costs, strict=True):
            if price in (0, 1):
                feedback.rate(ws, person, output.id, thumb=1 if price == 0 else -1)
            elif text.strip() and text != output.text:
                feedback.edit_text(ws, person, output.id, text)
        order = sorted(set(costs))
        if len(order) > 1:
            groups = [[o.id for o, c in zip(outputs, costs, strict=True) if c == level] for level in order]
            feedback.rank(ws, person, groups)


def ended(ws: Workspace, generation_id: str) -> list[Output]:
    """The outputs of a generation once it has ended, in order."""

    async def watch() -> None:
        async for _ in ws.runs.changes(generation_id):
            pass

    asyncio.run(watch())
    return sorted(ws.store.find(Output, generation_id=generation_id), key=lambda output: output.position)


def trained(ws: Workspace, kind: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
    """The job of a training from all feedback there is, once it is done, and its minutes."""
    snapshot = train_api.snapshot(ws, LOCAL, kind)
    print({k: snapshot[k] for k in ("rows", "train", "test", "counts", "too_few")}, flush=True)
    began_s = time.perf_counter()
    job_id = train_api.start(ws, LOCAL, kind, {**settings, "snapshot_id": snapshot["snapshot_id"]})["job_id"]
    while (job := train_api.look(ws, LOCAL, job_id))["status"] in UNFINISHED:
        time.sleep(1)
    if job["status"] != "done":
        raise SystemExit(job["error"])
    print({k: v for k, v in job["metrics"].items() if k != "samples"}, flush=True)
    return job, (time.perf_counter() - began_s) / 60


def _figures(ws: Workspace, taste: Taste, kind: str, settings: Mapping[str, Any], *, shuffled: bool) -> list[Figure]:
    job, minutes = trained(ws, kind, settings)
    metrics = job["metrics"]
    print(*metrics["samples"], sep="\n", flush=True)
    seed = settings["seed"]
    about = f"{metrics['rows']} rows, {metrics['steps']} steps, seed {seed}"
    label = f"{kind}, {taste.name}{', shuffled' if shuffled else ''}{f', seed {seed}' if seed else ''}"
    gates = ", ".join(f"{gate['gate']} {'passed' if gate['passed'] else 'failed'}" for gate in metrics["gates"])
    found = [
        Figure(f"training time ({label})", round(minutes, 2), "min", note=about),
        Figure(f"held-out accuracy ({label})", metrics["accuracy"], "",
               note=f"95 % lower {metrics['accuracy_lower']}, {metrics['held_out']} rows; gates: {gates}; {about}"),
    ]  # fmt: skip
    if kind == "reward":
        return found
    found.append(Figure(f"gain of liked texts in log-probability ({label})", metrics["chosen_gain"], "nat", note=about))
    version = ws.store.get(ModelVersion, job["model_version_id"])
    before, after = (_texts(ws, model, seed) for model in (str(version.parent_id), version.id))
    people = [taste.person(Random(12345 + n + 1000 * seed)) for n in range(VOTERS * len(HELD_OUT))]
    old, new = (_costs(texts, people) for texts in (before, after))  # of each voter's texts
    print(*(f"{fmean(b):.2f} {fmean(a):.2f} {texts[0]!r}"
            for b, a, texts in zip(old, new, after * VOTERS, strict=True)), sep="\n", flush=True)  # fmt: skip
    fall, low, high = _interval(old, new)
    lost = [sum(c == 1 for costs in of[: len(HELD_OUT)] for c in costs) for of in (old, new)]
    found.append(Figure(f"held-out edit cost falls by ({label})", round(100 * fall, 1), "%",
                        note=f"from {fmean(map(fmean, old)):.3f} to {fmean(map(fmean, new)):.3f}, 95 % {100 * low:.0f} "
                        f"to {100 * high:.0f} % over {len(HELD_OUT)} things; to be written anew: {lost[0]}, then "
                        f"{lost[1]} of {EACH * len(HELD_OUT)}; {about}"))  # fmt: skip
    votes = [Vote(f"voter {who}", 1.0 if b < a else 0.5 if a == b else 0.0, f"{who % len(HELD_OUT)} {at}")
             for who, pair in enumerate(zip(old, new, strict=True))
             for at, (a, b) in enumerate(zip(*pair, strict=True))]  # fmt: skip
    test = win_rate_test(votes, scope="population", block=EACH)
    won = [fmean(v.outcome for v in votes if v.item_id.split()[0] == str(n)) for n in range(len(HELD_OUT))]
    low = _percentiles([fmean(Random(n).choices(won, k=len(won))) for n in range(RESAMPLES)])[0]
    found.append(Figure(f"held-out blind win rate over the base ({label})", round(fmean(won), 3), "",
                        note=f"95 % lower {low:.3f} over {len(won)} things; {len(votes)} votes of {len(people)} "
                        f"people: {test.verdict}; {about}"))  # fmt: skip
    return found


def _costs(texts: Sequence[Sequence[str]], people: Sequence[Edit]) -> list[list[float]]:
    """For each voter what the texts about their thing cost to make right; everybody takes one thing, in turns."""
    return [[cost(text, edit, HELD_OUT[n % len(HELD_OUT)]) for text in texts[n % len(HELD_OUT)]]
            for n, edit in enumerate(people)]  # fmt: skip


def _texts(ws: Workspace, model: str, seed: int) -> list[list[str]]:
    """What people would see of a model version about each held-out thing."""
    asked = [generate(ws, LOCAL, Ask(prompt=ASKED.format(thing=thing), model=model, count=EACH,
                                     seed=77 + 1000 * n + 1_000_000 * seed,
                                     settings={"max_new_tokens": TOKENS}))
             for n, thing in enumerate(HELD_OUT)]  # fmt: skip
    return [[output.text or "" for output in ended(ws, generation_id)] for generation_id in asked]


def _interval(old: Sequence[Sequence[float]], new: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """By which share the mean fell, and its 95 % percentile bootstrap interval (Efron 1979) over the things."""
    things = range(len(HELD_OUT))
    before, after = ([fmean(fmean(costs) for costs in of[n :: len(HELD_OUT)]) for n in things] for of in (old, new))
    rng, falls = Random(0), []
    for _ in range(RESAMPLES):
        drawn = rng.choices(things, k=len(before))
        falls.append(1 - sum(after[n] for n in drawn) / sum(before[n] for n in drawn))
    return 1 - sum(after) / sum(before), *_percentiles(falls)


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The middle 95 %."""
    ordered = sorted(values)
    return ordered[round(0.025 * len(ordered))], ordered[round(0.975 * len(ordered)) - 1]


if __name__ == "__main__":
    main()
