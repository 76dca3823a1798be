"""False and true promotions of the win-rate tests, simulated, beside a test of fixed size that is peeked at.

Thousands of streams of votes go through the arithmetic that `win_rate_test` uses, a few hundred through the function
itself, vote objects and all, which must decide at the same vote. `--quick` simulates a twentieth and keeps nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import numpy as np

from bench.record import Figure, keep
from bench.shares import percent, spread
from collab.statistics.confidence import ELond, count_grades, log_capital
from collab.statistics.evidence import Vote, win_rate_test

STREAMS = 10_000
BATCH = 250  # streams at once, for the memory's sake
PEOPLE, VOTES_EACH, TIES = 400, 8, 0.1
NEEDED = math.log(20)
Z = 1.6449  # one-sided 5 %, as "better" is
FIXED_N, FIXED_N_ONE_SIDED = (
    194,
    153,
)  # a true 60 %, α = 0.05, power 80 %: (z_α/2 · ½ + z_β · √0.24)² / 0.1², and with z_α


def main(quick: bool = False) -> None:
    """Print and keep the figures."""
    streams = STREAMS // 20 if quick else STREAMS
    figures = [
        *equals_judged_by_alike_votes(streams),
        *equals_judged_by_strangers(streams),
        *a_true_sixty_percent(streams),
        *equals_judged_by_a_panel(streams),
        *streams_of_tests(streams // 5),
        agreement_with_the_function(20 if quick else 400),
    ]
    if quick:
        for figure in figures:
            sys.stdout.write(f"{figure.name}: {figure.value:g} {figure.unit} ({figure.peer_value})  {figure.note}\n")
    else:
        keep(figures, "evidence")


def equals_judged_by_alike_votes(streams: int) -> list[Figure]:
    """A/A: each person has a win rate of their own, Beta(2, 2), so that their votes correlate by 0.2."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("block 1", "block 5", "z", "one by one", "either end")}
    for rng, size in batches(streams, seed=1):
        halves = draw_votes(rng, rng.beta(2, 2, (size, PEOPLE, 1)), VOTES_EACH)
        every = halves.reshape(size, -1)
        five = halves[:, :, :5].sum(axis=2)
        found["block 1"].append(ever(halves[:, :, 0], 3))
        found["block 5"].append(ever(five, 11))
        found["either end"].append(found["block 5"][-1] | ever(10 - five, 11))
        found["one by one"].append(ever(every, 3))
        found["z"].append((peeked_z(every) >= Z).any(axis=1))
    share = {name: np.concatenate(parts) for name, parts in found.items()}
    told = f"{PEOPLE} people × {VOTES_EACH} votes, correlated by 0.2, a look after every vote"
    peer = "z-test after every vote from the 20th on", percent(share["z"])
    beside = f"; an end of the interval ever wrong: {spread(share['either end'])}"
    return [
        Figure("false “better”, population, block 1", percent(share["block 1"]), "%", *peer,
               f"{told}; {spread(share['block 1'])}"),
        Figure("false “better”, population, block 5", percent(share["block 5"]), "%", *peer,
               f"{told}; {spread(share['block 5'])}{beside}"),
        Figure("false “better”, betting on alike votes one by one", percent(share["one by one"]), "%",
               note=f"what blocks are for; {told}; {spread(share['one by one'])}"),
    ]  # fmt: skip


def equals_judged_by_strangers(streams: int) -> list[Figure]:
    """A/A with independent votes, the z-test's best case, and how soon the test gives up on an equal."""
    votes_each = 1500
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("better", "futile", "missed", "z", "z first", "z both")}
    for rng, size in batches(streams, seed=2):
        votes = draw_votes(rng, np.full((size, 1, 1), 0.5), votes_each)[:, 0]
        z = peeked_z(votes, since=1)
        found["better"].append(ever(votes, 3))
        found["futile"].append(first(ruled_out(votes)))
        found["missed"].append(ruled_out(2 * (rng.random((size, votes_each)) < 0.55)).any(axis=1))
        found["z"].append((z[:, 19:] >= Z).any(axis=1))
        found["z first"].append((z >= Z).any(axis=1))
        found["z both"].append((abs(z[:, 19:1000]) >= 1.96).any(axis=1))
    share = {name: np.concatenate(parts) for name, parts in found.items()}
    return [
        Figure("false “better”, population, independent votes", percent(share["better"]), "%",
               "z-test after every vote from the 20th on", percent(share["z"]),
               f"{votes_each:,} votes, {TIES:.0%} ties; {spread(share['better'])}; z-test from the first vote on: "
               f"{percent(share['z first'])} %; z-test either way, 20th to 1,000th vote: {percent(share['z both'])} %"),
        Figure("votes until “futile” for an equal, median", float(np.median(share["futile"])), "votes",
               note=f"a true 55 % ever called futile within {votes_each:,} votes: {spread(share['missed'])}"),
    ]  # fmt: skip


def a_true_sixty_percent(streams: int) -> list[Figure]:
    """Votes until "better" for a challenger that wins 60 %: by strangers, and by people with five alike votes each."""
    single, grouped = [], []
    for rng, size in batches(streams, seed=4):
        single.append(first(log_capital(count_grades(2 * (rng.random((size, 1500)) < 0.6), 3)) >= NEEDED))
        likes = rng.beta(2.4, 1.6, (size, PEOPLE, 1))
        grades = 2 * (rng.random((size, PEOPLE, 5)) < likes).sum(axis=2)
        grouped.append(5 * first(log_capital(count_grades(grades, 11)) >= NEEDED))
    took, took_grouped = np.concatenate(single), np.concatenate(grouped)
    return [
        Figure("votes to settle a true 60 %, population, block 1, median", float(np.median(took)), "votes",
               "fixed-n z-test, power 80 %", FIXED_N,
               f"80 % of streams by vote {np.quantile(took, 0.8):g}, mean {took.mean():.0f}; "
               f"planned at the start: {win_rate_test([]).votes_needed}; one-sided fixed n: {FIXED_N_ONE_SIDED}"),
        Figure("votes to settle a true 60 %, population, block 5, median", float(np.median(took_grouped)), "votes",
               note=f"five votes a person, correlated by 0.2, so {np.median(took_grouped) / 5:g} people"),
    ]  # fmt: skip


def equals_judged_by_a_panel(streams: int) -> list[Figure]:
    """A/A of an owner alone and of three who agree: on each item the challenger wins by its own chance, Beta(½, ½)."""
    alone, three = [], []
    for rng, size in batches(streams, seed=5):
        halves = draw_votes(rng, rng.beta(0.5, 0.5, (size, 1000, 1)), 3)
        alone.append(ever(halves[:, :, 0], 3))
        three.append(ever(halves.sum(axis=2), 7))
    one, some = np.concatenate(alone), np.concatenate(three)
    return [
        Figure("false “better”, panel of one", percent(one), "%", note=f"1,000 items; {spread(one)}"),
        Figure("false “better”, panel of three who agree", percent(some), "%", note=f"1,000 items; {spread(some)}"),
    ]


def streams_of_tests(streams: int) -> list[Figure]:
    """Fifty tests one after the other, three in ten of them of a true 62 %, each with the votes of 300 people.

    The same people vote in all of them, each with a leaning of their own for whatever is new, so that the tests depend
    on each other; their e-values are taken at the end. Beside it, new people in each test and a stop once its level is
    reached; the peer, a z-test at 5 % after every vote from the 20th on, judges these.
    """
    tests, people = 50, 300
    results: dict[str, list[tuple[float, float]]] = {"same": [], "new": [], "z": []}
    for rng, size in batches(streams, seed=6, batch=50):
        true = rng.random((size, tests)) < 0.3
        for kind in ("same", "new"):
            leaning = rng.beta(2, 2, (size, 1 if kind == "same" else tests, people))
            wins = rng.random((size, tests, people)) < leaning
            wins |= true[..., None] & (rng.random(wins.shape) < 0.24)  # ½ + ½ · 0.24 = 0.62
            counts = count_grades(2 * wins, 3)
            capital = np.exp(log_capital(counts[..., -1, :] if kind == "same" else counts))
            values = capital if kind == "same" else capital.max(axis=-1)  # it stops at its level, or never reaches it
            for stream, truth in zip(values, true, strict=True):
                control = ELond(0.05)
                results[kind].append(discoveries([control.decide(value) for value in stream], truth))
        for stream, truth in zip((peeked_z(2 * wins) >= Z).any(axis=-1), true, strict=True):
            results["z"].append(discoveries(stream, truth))
    false = {kind: np.array(pairs)[:, 0] for kind, pairs in results.items()}
    power = {kind: np.array(pairs)[:, 1].mean() for kind, pairs in results.items()}

    def told(kind: str) -> str:
        margin = 196 * false[kind].std() / math.sqrt(streams)
        return f"{100 * false[kind].mean():.2f} ± {margin:.2f} % false, {power[kind]:.0%} of what is true found"

    return [
        Figure("false discoveries, 50 tests by the same people, e-LOND", round(100 * false["same"].mean(), 2), "%",
               note=f"{streams:,} streams, 30 % are a true 62 %, 300 votes each; {told('same')}"),
        Figure("false discoveries, 50 tests by new people, e-LOND", round(100 * false["new"].mean(), 2), "%",
               "z-tests peeked at", round(100 * false["z"].mean(), 2),
               f"as above, stopping at the level; {told('new')}; z-tests: {told('z')}"),
    ]  # fmt: skip


def agreement_with_the_function(streams: int) -> Figure:
    """Votes of many people in any order, as objects: `win_rate_test` must decide at the very vote that completes the
    block with which the arithmetic does, and say the same e-value at the end. Fails otherwise."""
    rng = np.random.default_rng(7)
    checked = decided = 0
    for number in range(streams):
        block, rate = (1, 5)[number % 2], (0.5, 0.65)[number // 2 % 2]
        halves = draw_votes(rng, rng.beta(4 * rate, 4 * (1 - rate), (1, 80, 1)), VOTES_EACH)[0]
        order = rng.permutation(np.repeat(np.arange(80), VOTES_EACH))
        turn = np.zeros(80, dtype=int)
        votes, grades, ends = [], [], []
        for person in order:
            votes.append(Vote(f"person {person}", halves[person, turn[person]] / 2))
            turn[person] += 1
            if turn[person] == block:
                grades.append(halves[person, :block].sum())
                ends.append(len(votes))
        logs = log_capital(count_grades(np.array(grades), 2 * block + 1))
        evidence = win_rate_test(votes, block=block)
        assert math.isclose(evidence.e_value, math.exp(logs[-1]), rel_tol=1e-9)
        crossing = np.flatnonzero(logs >= NEEDED)
        if len(crossing):
            vote = ends[crossing[0]]
            assert win_rate_test(votes[:vote], block=block).verdict == "better"
            assert win_rate_test(votes[: vote - 1], block=block).verdict != "better"
            decided += 1
        else:
            assert evidence.verdict != "better"
        checked += 1
    return Figure("streams on which win_rate_test agrees with the simulation", checked, "streams",
                  note=f"of {streams}; “better” at the same vote in {decided}")  # fmt: skip


# ---- the simulation's parts -----------------------------------------------------------------------------------------


def batches(streams: int, *, seed: int, batch: int = BATCH) -> Iterator[tuple[np.random.Generator, int]]:
    rng = np.random.default_rng(seed)
    for begun in range(0, streams, batch):
        yield rng, min(batch, streams - begun)


def draw_votes(rng: np.random.Generator, rate: np.ndarray, each: int) -> np.ndarray:
    """Half points 0, 1, 2 of `each` votes by everyone; rate (streams, people, 1) is what is won of what is not tied."""
    shape = (*rate.shape[:2], each)
    return np.where(rng.random(shape) < TIES, 1, 2 * (rng.random(shape) < rate)).astype(np.int8)


def ever(grades: np.ndarray, levels: int) -> np.ndarray:
    """Whether "better" is ever said. grades (streams, n) → (streams,)."""
    return (log_capital(count_grades(grades, levels)) >= NEEDED).any(axis=1)


def ruled_out(grades: np.ndarray) -> np.ndarray:
    """After which votes a win rate of 55 % is ruled out. grades (streams, n) of 0, 1, 2 → (streams, n)."""
    return log_capital(count_grades(grades, 3)[..., ::-1], 0.45) >= NEEDED


def first(there: np.ndarray) -> np.ndarray:
    """The number, from 1, of the first look that is there; n + 1 for none. (streams, n) → (streams,)."""
    return np.where(there.any(axis=1), there.argmax(axis=1) + 1, there.shape[1] + 1)


def peeked_z(halves: np.ndarray, since: int = 20) -> np.ndarray:
    """The z statistic against "no better" after each vote from `since` on; ties add no variance. (…, n)."""
    points = halves.astype(np.float32) - 1
    return (points.cumsum(axis=-1) / np.sqrt(np.maximum(1, (points**2).cumsum(axis=-1))))[..., since - 1 :]


def discoveries(found: object, true: np.ndarray) -> tuple[float, float]:
    """The share of the discoveries that are false, and the share of what is true that was found."""
    found = np.asarray(found)
    return float((found & ~true).sum() / max(1, found.sum())), float((found & true).sum() / max(1, true.sum()))


if __name__ == "__main__":
    main(quick="--quick" in sys.argv[1:])
