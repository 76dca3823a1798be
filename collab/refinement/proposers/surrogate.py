"""A model of past votes that scores outputs nobody has judged. It only ORDERS candidates: it never promotes one.

What it says is a guess about the people who voted before; whether a candidate is better, a blind trial decides. Knows
nothing of the store, of prompts or of the models that made the outputs.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from collab.refinement.digest import Digest, JudgedPair
from collab.refinement.proposal import Tools

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MIN_PAIRS = 30
MAX_PAIRS = 3000  # those of this prompt first
MIN_GROUPS = FOLDS = 5
DIRECTIONS = 48  # principal directions of the differences that are kept
PENALTIES = (0.03, 0.3, 3.0, 30.0)
_CEILING_VOTES = 10
_RESAMPLES = 500

HeldOut = Literal["prompts", "outputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogate:
    """A fitted ranker. accuracy: the share of held-out votes whose winner it names, with its 99 % interval; votes of
    `held_out_by` "prompts" never share a prompt with those learned from, of "outputs" never an output. ceiling: the
    share of votes that the majority of the other people named, None with too few pairs judged by several.
    """

    features: Callable[[Sequence[str | bytes]], Array]
    weights: Array  # (d,), logits per feature
    accuracy: float
    lower: float
    upper: float
    ceiling: float | None
    pairs: int
    held_out_by: HeldOut
    penalty: float

    def score(self, outputs: Sequence[str | bytes]) -> Array:
        """Logits (n,) of texts, or of encoded pictures: a difference of d is odds of e^d that people prefer it."""
        return self.features(outputs) @ self.weights

    @property
    def said(self) -> str:
        """How good it is, in words."""
        ceiling = "" if self.ceiling is None else f"; people agree with each other on {self.ceiling:.0%}"
        return (
            f"It names the winner of {self.accuracy:.0%} of past votes it has not seen "
            f"({self.lower:.0%}–{self.upper:.0%}, from {self.pairs} votes{ceiling})."
        )


def fit(digest: Digest, tools: Tools, picture: Callable[[str], bytes] | None = None) -> Surrogate | None:
    """Bradley–Terry's model on features of the outputs (Bradley & Terry 1952; as a logistic regression on differences:
    Agresti, Categorical Data Analysis, 11.6), with an L2 penalty chosen inside each training part.

    Texts: `tools.embed` and the logarithm of their length; pictures, which `picture` reads by their SHA-256: plain
    features of colour and shape, without any network. None with fewer than MIN_PAIRS votes, where nothing can be held
    out, or when the lower bound of its accuracy on held-out votes is not above one half.
    """
    import numpy as np

    pairs = _usable(digest, pictures=picture is not None)
    if len(pairs) < MIN_PAIRS:
        return None
    groups, held_out_by = _groups(digest, pairs)
    if len(set(groups)) < MIN_GROUPS:
        return None
    features = _picture_features() if digest.modality == "image" else _text_features(tools)
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.better, pair.worse)))
    tools.tell(0.1, "Looking at the outputs that people voted on")
    read = features([_content(digest, name, picture) for name in names])  # (outputs, d)
    row = {name: n for n, name in enumerate(names)}
    differences = read[[row[p.better] for p in pairs]] - read[[row[p.worse] for p in pairs]]  # (pairs, d)
    # as many directions as are worth learning: the penalty treats them alike, so nothing else changes
    directions = np.linalg.svd(differences, full_matrices=False)[2][:DIRECTIONS]
    x, weight = differences @ directions.T, np.array([pair.weight for pair in pairs])
    folds = _folds(groups)
    right = np.zeros(len(pairs))
    for fold in range(FOLDS):
        tools.tell(0.2 + 0.6 * fold / FOLDS, "Checking a model of past votes on votes it has not seen")
        test = folds == fold  # neither empty nor everything: there are at least as many groups as folds
        penalty = _best_penalty(x[~test], weight[~test], folds[~test])
        margin = x[test] @ _logistic(x[~test], weight[~test], penalty)
        right[test] = np.where(np.abs(margin) < 1e-12, 0.5, margin > 0)
    accuracy, lower, upper = _interval(right, weight, np.array(groups), seed=len(pairs))
    if lower <= 0.5:
        return None
    penalty = _best_penalty(x, weight, folds)
    return Surrogate(
        features=features, weights=directions.T @ _logistic(x, weight, penalty), accuracy=accuracy, lower=lower,
        upper=upper, ceiling=_ceiling(pairs), pairs=len(pairs), held_out_by=held_out_by, penalty=penalty,
    )  # fmt: skip


def _usable(digest: Digest, *, pictures: bool) -> list[JudgedPair]:
    def readable(name: str) -> bool:
        output = digest.outputs.get(name)
        if output is None:
            return False
        return bool(output.blob_sha256) and pictures if digest.modality == "image" else bool(output.text)

    known = [pair for pair in digest.pairs if readable(pair.better) and readable(pair.worse)]
    return sorted(known, key=lambda pair: -pair.weight)[:MAX_PAIRS]


def _content(digest: Digest, name: str, picture: Callable[[str], bytes] | None) -> str | bytes:
    output = digest.outputs[name]
    return picture(output.blob_sha256 or "") if picture and digest.modality == "image" else output.text or ""


def _text_features(tools: Tools) -> Callable[[Sequence[str | bytes]], Array]:
    def features(outputs: Sequence[str | bytes]) -> Array:
        import numpy as np

        texts = [output if isinstance(output, str) else "" for output in outputs]
        lengths = np.log1p([tools.tokens(text) for text in texts])[:, None] / 4  # of an embedding's order of size
        return np.hstack([np.asarray(tools.embed(texts), float), lengths])

    return features


def _picture_features() -> Callable[[Sequence[str | bytes]], Array]:
    def features(outputs: Sequence[str | bytes]) -> Array:
        import numpy as np

        from models.picture_features import FEATURES, picture_features

        rows = [picture_features(output) for output in outputs if isinstance(output, bytes)]
        return np.asarray(rows, float).reshape(-1, len(FEATURES))

    return features


def _groups(digest: Digest, pairs: Sequence[JudgedPair]) -> tuple[list[int], HeldOut]:
    """The group of each pair, held out together: pairs whose prompts are linked; where that leaves too few groups,
    pairs whose outputs are linked."""
    asked = _linked((digest.outputs[p.better].asked, digest.outputs[p.worse].asked) for p in pairs)
    if len(set(asked)) >= MIN_GROUPS:
        return asked, "prompts"
    return _linked((p.better, p.worse) for p in pairs), "outputs"


def _linked(edges: Iterable[tuple[Hashable, Hashable]]) -> list[int]:
    """The connected component of each edge (union–find)."""
    parent: dict[Hashable, Hashable] = {}

    def root(name: Hashable) -> Hashable:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    kept = list(edges)
    for a, b in kept:
        parent[root(a)] = root(b)
    number: dict[Hashable, int] = {}
    return [number.setdefault(root(a), len(number)) for a, _ in kept]


def _folds(groups: Sequence[int]) -> NDArray[np.int64]:
    """A fold for each pair: the largest groups first, each into the emptiest fold."""
    import numpy as np

    filled, fold = [0] * FOLDS, {}
    for group, size in Counter(groups).most_common():
        fold[group] = min(range(FOLDS), key=filled.__getitem__)
        filled[fold[group]] += size
    return np.array([fold[group] for group in groups])


def _best_penalty(x: Array, weight: Array, folds: NDArray[np.int64]) -> float:
    """The penalty under which held-out votes are likeliest."""
    import numpy as np

    def likelihood(penalty: float) -> float:
        total = 0.0
        for fold in set(folds.tolist()):
            test = folds == fold
            if not test.all():
                margin = x[test] @ _logistic(x[~test], weight[~test], penalty)
                total -= float(weight[test] @ np.logaddexp(0, -margin))
        return total

    return max(reversed(PENALTIES), key=likelihood)


def _logistic(x: Array, weight: Array, penalty: float) -> Array:
    """Weights (d,) that maximise Σ weight·log σ(x·w) − ½ penalty·|w|², by Newton's method with halved steps."""
    import numpy as np
    from scipy.special import expit

    def loss(at: Array) -> float:
        return float(weight @ np.logaddexp(0, -(x @ at)) + penalty / 2 * at @ at)

    w = np.zeros(x.shape[1])
    value = loss(w)
    for _ in range(50):
        chance = expit(-(x @ w))
        hessian = x.T @ (x * (weight * chance * (1 - chance))[:, None]) + penalty * np.eye(len(w))
        step = np.linalg.solve(hessian, x.T @ (weight * chance) - penalty * w)
        while loss(w + step) > value + 1e-12 and np.abs(step).max() > 1e-9:
            step = step / 2
        w = w + step
        value = loss(w)
        if np.abs(step).max() < 1e-7:
            break
    return w


def _interval(right: Array, weight: Array, groups: NDArray[np.int64], seed: int) -> tuple[float, float, float]:
    """(share, lower, upper) at 99 %: the wider, on either side, of Wilson's interval (1927) and a bootstrap over groups
    (Efron & Tibshirani 1993), whose votes are not independent. 99 and not 95, because folds that share what they learn
    from make both too narrow (Bengio & Grandvalet 2004): from coin flips 95 % made a ranker in 9 % of runs."""
    import numpy as np

    share = float(right @ weight / weight.sum())
    n, z = weight.sum() ** 2 / (weight**2).sum(), 2.576
    middle, half = (share + z * z / (2 * n)), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    lower, upper = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    totals = np.array([np.bincount(groups, right * weight), np.bincount(groups, weight)])  # (2, groups)
    drawn = np.random.default_rng(seed).integers(totals.shape[1], size=(_RESAMPLES, totals.shape[1]))
    sums = totals[:, drawn].sum(axis=-1)
    low, high = np.quantile(sums[0] / sums[1], [0.005, 0.995])
    return share, min(float(lower), float(low)), max(float(upper), float(high))


def _ceiling(pairs: Sequence[JudgedPair]) -> float | None:
    """The share of votes that the majority of the other people's votes on the same two outputs named, ties half."""
    votes: dict[frozenset[str], dict[str, str]] = defaultdict(dict)
    for pair in pairs:
        votes[frozenset((pair.better, pair.worse))][pair.annotator_id] = pair.better
    agreed = []
    for said in votes.values():
        for winner in said.values() if len(said) > 1 else ():
            same = sum(other == winner for other in said.values()) - 1
            others = len(said) - 1
            agreed.append(1.0 if 2 * same > others else 0.5 if 2 * same == others else 0.0)
    return sum(agreed) / len(agreed) if len(agreed) >= _CEILING_VOTES else None
