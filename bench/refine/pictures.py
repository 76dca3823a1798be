"""Votes on the embedded image model: does a prompt learn a taste for colour, style or place that only pixels show?

For each seed one person with one hidden taste gives 150 votes at most: some between pictures of prompts with modifiers
at random, as a history has them; the proposer learns from these; its candidates meet the plain prompt in a blind trial
of that one person. What serves afterwards meets the plain prompt on subjects that took no part, before people who took
none: they have the taste, and each an eye and a hand of their own. A picture that shows nothing never wins.

Two tastes are beyond the proposer's words: no term says “symmetric” or “smooth”, so at best it finds one that happens
to help.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.record import Figure
from bench.refine.painter import GUIDANCE, STEPS, Painter
from bench.refine.text import bootstrap
from bench.refine.trial import hold

SEEDS = range(100, 124)  # those below were looked at while the proposer and the votes per stage were chosen
HISTORY, SCREENING, CONFIRMING, CANDIDATES = 80, 30, 40, 4  # votes: 150 in all
BASE = "a {thing}"
KNOWN = (
    "cat", "dog", "rabbit", "panda", "bear", "fox", "pig", "elephant", "frog", "penguin", "fish", "apple", "banana",
    "strawberry", "pineapple", "carrot", "pizza", "tree", "cactus", "mushroom", "sunflower", "car", "rocket", "house",
    "book", "key", "umbrella", "moon", "star", "heart",
)  # fmt: skip
VOTED, HELD_OUT = KNOWN[:8], KNOWN[20:]
BEYOND_SEEDS = range(100, 108)  # of the tastes that no term says
STRANGERS = 6  # held-out people of each seed
SHOWN = 0.02  # of the picture, from which on something is there
PICTURE_SEEDS = 2  # of each subject: enough for luck to show, few enough to be painted once
ARMS = ("no learning", "random proposal", "shuffled feedback", "refined", "oracle")
Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Taste:
    """What somebody likes, as a score of a picture's features; oracle: the prompt that says it."""

    name: str
    score: Callable[[Mapping[str, float]], float]
    oracle: str


TASTES = (
    Taste("blue ground", lambda f: f["background blue"] - max(f["background red"], f["background green"]),
          "a {thing} on a blue background"),
    Taste("red ground", lambda f: f["background red"] - max(f["background blue"], f["background green"]),
          "a {thing} on a red background"),
    Taste("dark ground", lambda f: -(f["background red"] + f["background blue"] + f["background green"]) / 3,
          "a {thing} on a black background"),
    Taste("no colour", lambda f: f["share of greys"], "a {thing} in line style"),
    Taste("on the left", lambda f: -f["position right"], "a {thing} on the left"),
    Taste("on the right", lambda f: f["position right"], "a {thing} on the right"),
)  # fmt: skip


BEYOND = (
    Taste("symmetric", lambda f: f["symmetry left–right"], "a symmetric {thing}"),
    Taste("smooth", lambda f: -f["edges"], "a smooth {thing}"),
)


class Person:
    """Likes what scores higher, cannot tell what hardly differs, and errs now and then."""

    def __init__(self, taste: Taste, rng: Random, *, notices: float = 0.02, errs: float = 0.05) -> None:
        self.taste, self._rng, self._notices, self._errs = taste, rng, notices, errs

    def vote(self, a: Features, b: Features) -> float:
        """What the first of two pictures got: 1, ½ or 0."""
        from models.picture_features import FEATURES

        first, second = (dict(zip(FEATURES, picture, strict=True)) for picture in (a, b))
        if (first["fill"] < SHOWN) != (second["fill"] < SHOWN):
            return float(second["fill"] < SHOWN)
        gap = self.taste.score(first) - self.taste.score(second)
        if abs(gap) < self._notices:
            return 0.5
        return float((gap > 0) != (self._rng.random() < self._errs))


@dataclass(frozen=True, slots=True)
class _Run:
    wins: Mapping[str, float]
    verdict: str
    votes: int


def open_painter() -> Painter:
    """The painter with what was painted before."""
    cache = Path(os.environ.get("COLLAB_BENCH_CACHE") or Path.home() / ".cache" / "collab-bench")
    cache.mkdir(parents=True, exist_ok=True)
    return Painter(cache)


def figures() -> list[Figure]:
    """Win rates against the plain prompt on held-out subjects, beside every arm."""
    painter = open_painter()
    runs: dict[str, list[_Run]] = {}
    for seeds, tastes in ((SEEDS, TASTES), (BEYOND_SEEDS, BEYOND)):
        for seed in seeds:
            taste = tastes[seed % len(tastes)]
            runs.setdefault(taste.name, []).append(_run(painter, taste, seed))
    named, beyond = ([run for taste in some for run in runs[taste.name]] for some in (TASTES, BEYOND))
    found = [_about("all tastes", [*named, *beyond]), _about("tastes the proposer has terms for", named),
             _about("tastes beyond its terms", beyond)]  # fmt: skip
    return found + [_about(f"taste “{name}”", some) for name, some in runs.items()]


def _about(name: str, runs: Sequence[_Run]) -> Figure:
    mean = {arm: statistics.fmean(run.wins[arm] for run in runs) for arm in ARMS}
    low, high = bootstrap([run.wins["refined"] for run in runs])
    promoted = sum(run.verdict == "better" for run in runs)
    others = ", ".join(f"{arm} {mean[arm]:.0%}" for arm in ARMS if arm not in ("refined", "no learning"))
    said = (
        f"95 % interval {low:.0%} to {high:.0%}, goal ≥ 75 % over all; {others}; promoted in {promoted} of "
        f"{len(runs)} seeds after {statistics.fmean(run.votes for run in runs):.0f} votes on average"
    )
    return Figure(f"wins of the refined picture prompt, {name}", round(100 * mean["refined"], 1), "%", "no learning",
                  50.0, said)  # fmt: skip


def _run(painter: Painter, taste: Taste, seed: int) -> _Run:
    from collab.prompts import Wording

    rng = Random(f"{taste.name} {seed}")
    person, others = Person(taste, rng), Random(f"strangers {taste.name} {seed}")
    strangers = [Person(taste, others, notices=others.uniform(0.01, 0.05), errs=others.uniform(0.02, 0.1))
                 for _ in range(STRANGERS)]  # fmt: skip
    base = Wording(modality="image", text=BASE, settings={})
    proposed = _proposals(_history(painter, base, person, rng, shuffled=False), rng)
    mixed_up = _proposals(_history(painter, base, person, rng, shuffled=True), rng)
    winner, verdict, votes = _trial(painter, base, proposed, person, rng, seed)
    by_chance, _, _ = _trial(painter, base, mixed_up, person, rng, seed, shuffled=True)

    def wins(wording: Any) -> float:
        if wording.text == base.text:
            return 0.5
        seeds = [s for s in range(PICTURE_SEEDS) for _ in HELD_OUT]
        ours, plain = (painter.look([t.replace("{thing}", x) for _ in range(PICTURE_SEEDS) for x in HELD_OUT], seeds)
                       for t in (wording.text, base.text))  # fmt: skip
        return statistics.fmean(one.vote(a, b) for a, b in zip(ours, plain, strict=True) for one in strangers)

    return _Run(
        {"no learning": 0.5, "random proposal": wins(_modified(base, rng)), "shuffled feedback": wins(by_chance),
         "refined": wins(winner), "oracle": wins(replace(base, text=taste.oracle))},
        verdict, votes,
    )  # fmt: skip


def _modified(base: Any, rng: Random) -> Any:
    """The prompt with one modifier at random, or now and then two, as people try them."""
    from collab.refinement.proposers.picture_terms import ICON_TERMS, with_level

    wording = base
    for slot in rng.sample(sorted(ICON_TERMS), rng.choice((1, 1, 1, 2))):
        wording = with_level(wording, slot, rng.choice(ICON_TERMS[slot]))
    return wording


def _history(painter: Painter, base: Any, person: Person, rng: Random, *, shuffled: bool) -> Any:
    """Votes between pictures of one subject from prompts with different modifiers, the plain one among them."""
    from collab.refinement.digest import Digest, JudgedOutput, JudgedPair
    from collab.types import PromptVersion

    version = PromptVersion(prompt_id="p", text=base.text, content_sha256=base.sha256, created_by="o")
    outputs, pairs = {}, []
    shown = [
        (rng.choice(VOTED), rng.randrange(PICTURE_SEEDS),
         [base if rng.random() < 0.25 else _modified(base, rng), _modified(base, rng)])
        for _ in range(HISTORY)
    ]  # fmt: skip
    seen = painter.look([w.text.replace("{thing}", subject) for subject, _, two in shown for w in two],
                        [at for _, at, _ in shown for _ in range(2)])  # fmt: skip
    for number, (subject, _, two) in enumerate(shown):
        got = rng.choice((0.0, 1.0)) if shuffled else person.vote(*seen[2 * number : 2 * number + 2])
        for side, wording in enumerate(two):
            outputs[f"{number} {side}"] = JudgedOutput(
                output_id=f"{number} {side}", prompt_version_id=f"{version.id} {wording.text}", wording=wording,
                weight=1.0, asked=wording.text.replace("{thing}", subject), variables={"thing": subject},
                settings={"guidance_scale": GUIDANCE, "num_inference_steps": STEPS, "width": 64, "height": 64},
                blob_sha256="0" * 64, event_ids=(f"v{number}",),
            )  # fmt: skip
        if got != 0.5:
            better, worse = (0, 1) if got == 1 else (1, 0)
            pairs.append(JudgedPair(better=f"{number} {better}", worse=f"{number} {worse}", event_id=f"v{number}",
                                    annotator_id="me", weight=1.0))  # fmt: skip
    return Digest(version=version, wording=base, modality="image", outputs=outputs, pairs=tuple(pairs))


def _proposals(digest: Any, rng: Random) -> list[Any]:
    from collab.refinement.guardrails import objection
    from collab.refinement.proposal import NothingToLearn, Tools
    from collab.refinement.proposers.modifiers import Modifiers
    from models.embedding import embed_by_spelling

    tools = Tools(ask=lambda _: "", embed=embed_by_spelling, tokens=len, rng=Random(rng.random()))
    try:
        candidates = Modifiers().propose(digest, tools, CANDIDATES + 2)
    except NothingToLearn:
        return []
    kept: list[Any] = []
    for candidate in candidates:
        if candidate.wording.text != digest.wording.text and not objection(candidate.wording, digest.wording, kept):
            kept.append(candidate.wording)
    return kept[:CANDIDATES]


def _trial(
    painter: Painter, base: Any, candidates: Sequence[Any], person: Person, rng: Random, seed: int, *,
    shuffled: bool = False,
) -> tuple[Any, str, int]:  # fmt: skip
    """What serves afterwards, the verdict, and all votes given. shuffled: the votes are about nothing."""
    if not candidates:
        return base, "nothing proposed", HISTORY
    arms = [base, *candidates]
    every = [(w.text.replace("{thing}", x), at) for w in arms for x in VOTED for at in range(PICTURE_SEEDS)]
    painter.look([prompt for prompt, _ in every], [at for _, at in every])

    def vote(a: int, b: int, _who: str, _number: int) -> float:
        if shuffled:
            return rng.choice((0.0, 1.0))
        subject, at = rng.choice(VOTED), rng.randrange(PICTURE_SEEDS)
        return person.vote(*painter.look([arms[x].text.replace("{thing}", subject) for x in (a, b)], [at, at]))

    found = hold(len(arms), vote, screening=SCREENING, confirming=CONFIRMING, block=1, seed=seed, alone=True)
    return (arms[found.leader] if found.verdict == "better" else base), found.verdict, HISTORY + found.votes
