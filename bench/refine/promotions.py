"""How often a trial promotes what is no better: real votes on pictures made before, shuffled among the arms.

Each person has a taste of their own and, unknown to everybody, takes the arms for one another in an order of their
own: what they say is consistent, so that one person's votes are alike, and yet about no arm. Whatever wins the
screening did so by chance. A fixed test looked at after every block stands beside it.
"""

from __future__ import annotations

from math import sqrt
from random import Random

from bench.record import Figure
from bench.refine.painter import Painter
from bench.refine.pictures import BASE, PICTURE_SEEDS, TASTES, VOTED, Person, open_painter
from bench.refine.trial import hold

RUNS, SCREENING, CONFIRMING, BLOCK = 1_000, 90, 200, 5
SUBJECTS = VOTED[:8]


def figures() -> list[Figure]:
    """The share of trials that end in a promotion, with its 95 % interval (Wilson 1927)."""
    from collab.prompts import Wording
    from collab.refinement.proposers.picture_terms import ICON_TERMS, with_level
    from collab.refinement.trying.trial_votes import wilson

    painter, base = open_painter(), Wording(modality="image", text=BASE)
    styled = [with_level(base, slot, level).text for slot, levels in ICON_TERMS.items() for level in levels]
    every = [(t.replace("{thing}", x), at) for t in (BASE, *styled) for x in SUBJECTS for at in range(PICTURE_SEEDS)]
    painter.look([prompt for prompt, _ in every], [at for _, at in every])
    runs = [_run(painter, [BASE, *Random(seed).sample(styled, 5)], seed) for seed in range(RUNS)]
    promoted, naive = (sum(run[n] for run in runs) for n in (0, 1))
    _, low, high = wilson(promoted, RUNS)
    said = f"goal ≤ 5 %; 95 % interval {low:.1%} to {high:.1%}; {RUNS:,} trials of 5 candidates no better"
    return [Figure("false promotions with shuffled feedback", round(100 * promoted / RUNS, 2), "%",
                   "z-test looked at after every block", round(100 * naive / RUNS, 2), said)]  # fmt: skip


def _run(painter: Painter, prompts: list[str], seed: int) -> tuple[bool, bool]:
    """Whether the trial promoted, and whether the peeked test would have."""
    rng = Random(seed)
    people: dict[str, tuple[Person, list[int]]] = {}
    seen: list[float] = []
    crossed = False

    def vote(a: int, b: int, who: str, _number: int) -> float:
        nonlocal crossed
        if who not in people:
            people[who] = Person(rng.choice(TASTES), rng), rng.sample(range(len(prompts)), len(prompts))
        person, order = people[who]
        subject, at = rng.choice(SUBJECTS), rng.randrange(PICTURE_SEEDS)
        shown = [prompts[order[arm]].replace("{thing}", subject) for arm in (a, b)]
        got = person.vote(*painter.look(shown, [at, at]))
        if who.startswith("fresh"):
            seen.append(got)
            n, mean = len(seen), sum(seen) / len(seen)
            crossed |= n % BLOCK == 0 and n >= 20 and (mean - 0.5) / (0.5 / sqrt(n)) > 1.96
        return got

    found = hold(len(prompts), vote, screening=SCREENING, confirming=CONFIRMING, block=BLOCK, seed=seed)
    return found.verdict == "better", crossed
