"""How much each term of a picture's prompt adds to people's liking, with how sure that is. Knows no wording to propose.

One Bayesian model of votes and ratings. A picture's worth is the sum of its terms' effects, in logits. Of two pictures
people prefer the first with odds e^(difference) (Bradley & Terry 1952); a rating is LIKING_PER_LOGIT times the worth,
plus what its subject is worth, plus noise. Effects have a normal prior of mean 0 and standard deviation PRIOR_LOGITS,
which a term that was never tried keeps. The posterior is Laplace's approximation (MacKay 1992).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from collab.refinement.digest import Digest, JudgedOutput
from collab.refinement.proposers.picture_terms import negative_terms, read_slots, read_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PRIOR_LOGITS = 1.0
LIKING_PER_LOGIT = 0.3  # on a scale of −1 … 1
# How alike judgements are beyond the terms: votes on one picture share its seed, those on one version its wording.
# n of them count as n / (1 + (n − 1) ρ) (Kish 1965, the design effect): the version is the unit, not the vote.
PICTURE_CORRELATION = 0.2
VERSION_CORRELATION = 0.05
RATED_VERSION_CORRELATION = 0.1
MIN_ROWS = 4  # judgements in which a term makes a difference
MAX_WORDS = 60
NUMBERS = ("guidance_scale", "num_inference_steps")
Terms = Mapping[str, float]
Contrast = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """mean (k,) and covariance (k, k) of the effects of `terms`, in logits; opposite: terms of which one always came in
    the other's place; rows: what each act of feedback says of which terms; beside_none: in how many judgements a slot's
    level was beside none."""

    terms: Sequence[str]
    mean: Array
    covariance: Array
    opposite: Mapping[str, str]
    rows: Sequence[tuple[str, Terms]]
    beside_none: Mapping[str, int]
    votes: int
    ratings: int

    def of(self, contrast: Contrast) -> tuple[float, float]:
        """(mean, standard deviation) of a weighted sum of effects; a term without data has its prior."""
        place = {term: n for n, term in enumerate(self.terms)}
        known = [(place[term], c) for term, c in contrast.items() if term in place]
        fresh = sum(c * c for term, c in contrast.items() if term not in place) * PRIOR_LOGITS**2
        mean = sum(float(self.mean[n]) * c for n, c in known)
        variance = sum(float(self.covariance[n, m]) * c * d for n, c in known for m, d in known)
        return mean, math.sqrt(max(0.0, variance) + fresh)

    def tried(self, contrast: Contrast) -> bool:
        """Whether people judged pictures with and without each of these terms. To add or leave out a slot's level they
        must have seen it beside pictures without any level of that slot: else only the prior would speak."""
        if not all(term in self.terms for term in contrast):
            return False
        total: dict[str, float] = defaultdict(float)
        for term, c in contrast.items():
            if "=" in term:
                total[_slot(term)] += c
        open_slots = {slot for slot, c in total.items() if abs(c) > 1e-9}
        return all(self.beside_none.get(slot, 0) >= MIN_ROWS for slot in open_slots)

    def events(self, contrast: Contrast) -> tuple[str, ...]:
        """The acts of feedback in which it made a difference."""
        return tuple(dict.fromkeys(event for event, row in self.rows if any(row.get(term) for term in contrast)))


def terms_of(output: JudgedOutput) -> dict[str, float]:
    """What there is of a picture's prompt and settings: `style=line`, `word:fluffy`, `negative:blurry`,
    `scheduler=ddim` as 1, and the binary logarithm of guidance_scale and num_inference_steps."""
    found = {f"{slot}={each.level}": 1.0 for slot, each in read_slots(output.asked or output.wording.text).items()}
    found |= {f"word:{term}": 1.0 for term in read_words(output.wording.text)}
    found |= {f"negative:{term}": 1.0 for term in negative_terms(output.wording)}
    settings: Mapping[str, Any] = output.settings
    if isinstance(settings.get("scheduler"), str):
        found[f"scheduler={settings['scheduler']}"] = 1.0
    for name in NUMBERS:
        value = settings.get(name)
        if isinstance(value, int | float) and value > 0:
            found[name] = math.log2(value)
    return found


def fit_effects(digest: Digest) -> Effects:
    """The posterior of all terms that made a difference in at least MIN_ROWS judgements of this digest."""
    import numpy as np

    terms_by = {name: terms_of(output) for name, output in digest.outputs.items()}
    votes, ratings = _votes(digest, terms_by), _ratings(digest, terms_by)
    rows = [(event, terms) for event, terms, _ in votes]
    rows += [(event, terms) for events, terms, _, _ in ratings for event in events]
    named, opposite = _distinct([terms for _, terms, _ in votes], [terms for _, terms, _, _ in ratings])
    x = _matrix([terms for _, terms, _ in votes], named)
    z = _matrix([terms for _, terms, _, _ in ratings], named) * LIKING_PER_LOGIT
    mean, covariance = _posterior(
        x, np.array([weight for *_, weight in votes]),
        z, np.array([liking for _, _, liking, _ in ratings]), np.array([weight for *_, weight in ratings]),
    )  # fmt: skip
    return Effects(
        terms=named, mean=mean, covariance=covariance, opposite=opposite, rows=rows,
        beside_none=_beside_none([terms for _, terms in rows]), votes=len(votes), ratings=len(ratings),
    )  # fmt: skip


def _votes(digest: Digest, terms_by: Mapping[str, Terms]) -> Sequence[tuple[str, Terms, float]]:
    """(event, better's terms less worse's, weight) of each pair that differs in any."""
    pairs = [pair for pair in digest.pairs if pair.better in terms_by and pair.worse in terms_by]
    version = {name: output.prompt_version_id for name, output in digest.outputs.items()}
    shown: Counter[str] = Counter(name for pair in pairs for name in (pair.better, pair.worse))
    against = Counter(frozenset((version[pair.better], version[pair.worse])) for pair in pairs)
    ranked: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        ranked[pair.event_id] += [pair.better, pair.worse]
    made = []
    for pair in pairs:
        difference = _less(terms_by[pair.better], terms_by[pair.worse])
        if difference:
            # an order of k pictures makes k(k − 1)/2 pairs and says as much as k − 1 of them
            named = ranked[pair.event_id]
            share = min(1.0, (len(set(named)) - 1) / (len(named) / 2))
            same = max(shown[pair.better], shown[pair.worse])
            versions = against[frozenset((version[pair.better], version[pair.worse]))]
            alike = 1 + (same - 1) * PICTURE_CORRELATION + (versions - 1) * VERSION_CORRELATION
            made.append((pair.event_id, difference, pair.weight * share / alike))
    return made


def _ratings(digest: Digest, terms_by: Mapping[str, Terms]) -> Sequence[tuple[tuple[str, ...], Terms, float, float]]:
    """(events, terms, liking, weight), terms and liking less their mean among pictures of the same subject."""
    groups: dict[str, list[JudgedOutput]] = defaultdict(list)
    for output in digest.outputs.values():
        if output.liking is not None:
            groups[_subject(output)].append(output)
    made = []
    for outputs in groups.values():
        of_version = Counter(output.prompt_version_id for output in outputs)
        weights = [
            output.weight / (1 + (of_version[output.prompt_version_id] - 1) * RATED_VERSION_CORRELATION)
            for output in outputs
        ]
        total = sum(weights)
        mean: dict[str, float] = defaultdict(float)
        for output, weight in zip(outputs, weights, strict=True):
            for term, value in terms_by[output.output_id].items():
                mean[term] += value * weight / total
        liking = sum((output.liking or 0) * weight for output, weight in zip(outputs, weights, strict=True)) / total
        for output, weight in zip(outputs, weights, strict=True):
            centred = _less(terms_by[output.output_id], mean)
            if centred:
                made.append((output.event_ids, centred, (output.liking or 0) - liking, weight))
    return made


def _slot(term: str) -> str:
    return term.partition("=")[0]


def _beside_none(rows: Sequence[Terms]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        total: dict[str, float] = defaultdict(float)
        for term, value in row.items():
            if "=" in term:
                total[_slot(term)] += value
        counts.update(slot for slot, value in total.items() if abs(value) > 1e-9)
    return counts


def _subject(output: JudgedOutput) -> str:
    first = (output.asked or output.wording.text).split(",")[0]
    return " ".join(sorted(term for term in read_words(first) if " " not in term))


def _less(a: Terms, b: Terms) -> dict[str, float]:
    difference = {term: a.get(term, 0.0) - b.get(term, 0.0) for term in {**a, **b}}
    # a setting that one of two pictures lacks cannot be compared
    return {t: v for t, v in difference.items() if abs(v) > 1e-9 and (t not in NUMBERS or (t in a and t in b))}


def _distinct(votes: Sequence[Terms], ratings: Sequence[Terms]) -> tuple[list[str], dict[str, str]]:
    """The terms worth an effect of their own: of those that always came together one, a known slot's before phrases
    before words; and which came only in each other's place."""
    support: Counter[str] = Counter(term for row in (*votes, *ratings) for term in row)
    column: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for n, row in enumerate((*votes, *ratings)):
        for term, value in row.items():
            column[term].append((n, round(value, 9)))
    ordered = sorted(support, key=lambda term: (term.startswith("word:"), -support[term], -len(term), term))
    kept: dict[tuple[tuple[int, float], ...], str] = {}
    opposite: dict[str, str] = {}
    words = 0
    for term in ordered:
        values = tuple(column[term])
        is_word = term.startswith("word:")
        if support[term] < MIN_ROWS or values in kept or (is_word and words >= MAX_WORDS):
            continue
        words += is_word
        kept[values] = term
        other = kept.get(tuple((n, -value) for n, value in values))
        if other is not None and is_word and other.startswith("word:"):
            opposite[term], opposite[other] = other, term
    return list(kept.values()), opposite


def _matrix(rows: Sequence[Terms], terms: Sequence[str]) -> Array:
    import numpy as np

    return np.array([[row.get(term, 0.0) for term in terms] for row in rows], float).reshape(len(rows), len(terms))


def _posterior(x: Array, votes_weight: Array, z: Array, liking: Array, rated_weight: Array) -> tuple[Array, Array]:
    """Mean and covariance: a ridge fit first for the ratings' noise, then Newton's method on both kinds together."""
    import numpy as np
    from scipy.special import expit

    k = x.shape[1]
    prior = np.eye(k) / PRIOR_LOGITS**2
    noise = 0.25  # variance of a rating about its expectation; a guess until there are ratings to go by
    if len(z) > 1:
        for _ in range(3):
            information = z.T @ (z * rated_weight[:, None]) / noise
            guess = np.linalg.solve(information + prior, z.T @ (rated_weight * liking) / noise)
            fitted = float(np.trace(np.linalg.solve(information + prior, information)))
            left = float(rated_weight @ (liking - z @ guess) ** 2)
            noise = max(0.04, left / max(1.0, float(rated_weight.sum()) - fitted - 1))
    pull = z.T @ (rated_weight * liking) / noise
    precision = z.T @ (z * rated_weight[:, None]) / noise + prior

    def loss(at: Array) -> float:
        return float(votes_weight @ np.logaddexp(0, -(x @ at)) + at @ precision @ at / 2 - pull @ at)

    mean = np.zeros(k)
    value, hessian = loss(mean), precision
    for _ in range(50):
        chance = expit(-(x @ mean))
        hessian = x.T @ (x * (votes_weight * chance * (1 - chance))[:, None]) + precision
        step = np.linalg.solve(hessian, x.T @ (votes_weight * chance) + pull - precision @ mean)
        while loss(mean + step) > value + 1e-12 and np.abs(step).max() > 1e-9:
            step = step / 2
        mean = mean + step
        value = loss(mean)
        if k == 0 or np.abs(step).max() < 1e-8:
            break
    return mean, np.asarray(np.linalg.inv(hessian), np.float64)
