"""What a model makes of held-out rows, before and after it was trained: likelihoods, accuracies, samples.

Works on any causal (or, for a reward model, scoring) transformers model; knows no trainer and no files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.recipe import Kind
from models.tuning_rows import Encoded

SAMPLE_TOKENS = 64
BATCH = 4
Z = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Of one answer given its prompt: the sum of its tokens' natural log-probabilities, and how many they are."""

    logp: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One model on the held-out rows: for each, of each of its answers, the likelihood or (a reward model's) score."""

    likelihoods: tuple[tuple[Likelihood, ...], ...] = ()
    scores: tuple[tuple[float, ...], ...] = ()


@contextmanager
def still(model: Any) -> Iterator[None]:
    """Without dropout and gradients, as it was afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def measure(model: Any, rows: Sequence[Encoded], kind: Kind, pad_id: int) -> Measured:
    """The model as it is now on these rows."""
    flat = [(row.prompt, answer) for row in rows for answer in row.answers]
    with still(model):
        values = [v for at in range(0, len(flat), BATCH) for v in _batch(model, flat[at : at + BATCH], kind, pad_id)]
    found, at = [], 0
    for row in rows:
        found.append(tuple(values[at : at + len(row.answers)]))
        at += len(row.answers)
    return Measured(scores=tuple(found)) if kind == "reward" else Measured(likelihoods=tuple(found))


def _batch(model: Any, pairs: Sequence[tuple[list[int], list[int]]], kind: Kind, pad_id: int) -> list[Any]:
    ids, mask = _padded([prompt + answer for prompt, answer in pairs], pad_id, model.device)
    if kind == "reward":
        return [float(score) for score in model(input_ids=ids, attention_mask=mask).logits[:, 0].float()]
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    # (rows, tokens - 1): of each token that is there, given those before
    logps = torch.log_softmax(logits, dim=-1).gather(2, ids[:, 1:].unsqueeze(2)).squeeze(2)
    found = []
    for row, (prompt, answer) in enumerate(pairs):
        start = max(len(prompt) - 1, 0)
        own = logps[row, start : len(prompt) + len(answer) - 1]
        found.append(Likelihood(float(own.sum()), len(own)))
    return found


def _padded(sequences: Sequence[list[int]], pad_id: int, device: Any, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """(rows, longest) ids and their attention mask."""
    longest = max(len(s) for s in sequences)
    ids = torch.full((len(sequences), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(sequences), longest), dtype=torch.long)
    for row, sequence in enumerate(sequences):
        place = slice(longest - len(sequence), longest) if left else slice(0, len(sequence))
        ids[row, place] = torch.tensor(sequence)
        mask[row, place] = 1
    return ids.to(device), mask.to(device)


def figures(kind: Kind, rows: Sequence[Encoded], before: Measured, after: Measured) -> dict[str, float | int]:
    """What the held-out rows say of the training, as plain numbers.

    accuracy: dpo, the share of pairs whose preferred text gained more log-probability than the other (the implicit
    reward of Rafailov et al. 2023); kto, how often a good text gained more than a bad one (the area under the ROC
    curve); sft, the share of texts that became likelier; reward, the share of pairs scored in the right order.
    accuracy_lower: the lower end of its 95 % interval (Wilson 1927), of a kto over as many pairs as there are rows.
    perplexity_…: per token of the texts that are good; chosen_gain: their mean gain in log-probability, natural log.
    """
    if not rows:
        return {}
    if kind == "reward":
        right = [order(chosen, rejected) for chosen, rejected in after.scores]
        first = [order(chosen, rejected) for chosen, rejected in before.scores]
        return {"held_out": len(rows), **share_right(right), "accuracy_before": round(sum(first) / len(first), 4)}
    good = [n for n, row in enumerate(rows) if row.good]
    gains = [[a.logp - b.logp for a, b in zip(ours, theirs, strict=True)]
             for ours, theirs in zip(after.likelihoods, before.likelihoods, strict=True)]  # fmt: skip
    found: dict[str, float | int] = {"held_out": len(rows)}
    if good:
        found["perplexity_before"] = _perplexity(before.likelihoods[n][0] for n in good)
        found["perplexity_after"] = _perplexity(after.likelihoods[n][0] for n in good)
        found["chosen_gain"] = round(sum(gains[n][0] for n in good) / len(good), 4)
    if kind == "dpo":
        found |= share_right([order(chosen, rejected) for chosen, rejected in gains])
    elif kind == "sft":
        found |= share_right([order(gain[0], 0.0) for gain in gains])
    else:
        bad = [gains[n][0] for n in range(len(rows)) if not rows[n].good]
        if good and bad:
            right = [order(gains[n][0], other) for n in good for other in bad]
            found |= share_right(right, count=len(rows))
    return found


def order(higher: float, lower: float) -> float:
    return 1.0 if higher > lower else 0.5 if higher == lower else 0.0


def share_right(right: Sequence[float], count: int | None = None) -> dict[str, float]:
    n, share = count or len(right), sum(right) / len(right)
    centre = share + Z * Z / (2 * n)
    spread = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return {"accuracy": round(share, 4), "accuracy_lower": round((centre - spread) / (1 + Z * Z / n), 4)}


def _perplexity(likelihoods: Iterable[Likelihood]) -> float:
    known = list(likelihoods)
    mean = sum(k.logp for k in known) / max(1, sum(k.tokens for k in known))
    return round(math.exp(min(-mean, 80.0)), 4)  # beyond, any number says the same


def sampled(model: Any, tokenizer: Any, prompts: Sequence[list[int]], tokens: int = SAMPLE_TOKENS) -> list[str]:
    """The likeliest answer to each prompt, in the same order: the same whenever the weights are."""
    if not prompts:
        return []
    ids, mask = _padded(prompts, tokenizer.pad_token_id, model.device, left=True)
    with still(model):
        out = model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False, repetition_penalty=1.1,
            temperature=None, top_p=None, top_k=None, pad_token_id=tokenizer.pad_token_id, use_cache=True,
        )  # fmt: skip
    return [str(text).strip() for text in tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)]
