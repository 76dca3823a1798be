"""Draws the next token of every row of one request. Knows nothing of models, prompts or text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopPLogitsWarper

TOP_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn token. logprob and top: (id, logprob), under the model's own distribution."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...]


class Sampler:
    """Penalty, temperature, top-k, top-p, then one number of the row's own CPU generator through the inverse CDF.

    A row uses exactly one random number a token, so what it draws depends on its seed and its logits alone.
    """

    def __init__(self, settings: Mapping[str, Any], seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        penalty, temperature, top_p = (settings[k] for k in ("repetition_penalty", "temperature", "top_p"))
        self._penalty = RepetitionPenaltyLogitsProcessor(penalty) if penalty != 1 else None
        self._greedy = temperature == 0
        self._temperature = TemperatureLogitsWarper(temperature) if temperature not in (0, 1) else None
        self._top_k = settings["top_k"]
        self._top_p = TopPLogitsWarper(top_p) if top_p < 1 else None

    def draw(self, logits: Tensor, ids: Tensor, rows: Sequence[int]) -> list[Draw]:
        """logits: (len(rows), vocabulary) as the model gave them. ids: (len(rows), tokens so far). rows: which seeds.

        Raises FloatingPointError if the model computed no numbers.
        """
        logits = logits.float()
        logprobs = logits.log_softmax(-1)
        scores = self._penalty(ids, logits.clone()) if self._penalty else logits
        chosen = scores.argmax(-1) if self._greedy else self._sample(scores, rows)
        chosen_logprobs = logprobs.gather(-1, chosen[:, None])[:, 0].tolist()
        if any(value != value for value in chosen_logprobs):
            raise FloatingPointError("the model computed values that are not numbers")
        top = logprobs.topk(min(TOP_SHOWN, logprobs.shape[-1]))
        return [
            Draw(token_id, logprob, tuple(zip(top_ids, top_values, strict=True)))
            for token_id, logprob, top_ids, top_values in zip(
                chosen.tolist(), chosen_logprobs, top.indices.tolist(), top.values.tolist(), strict=True
            )
        ]

    def _sample(self, scores: Tensor, rows: Sequence[int]) -> Tensor:
        unused = torch.empty(0, dtype=torch.long)
        if self._temperature:
            scores = self._temperature(unused, scores)
        candidates = None
        if 0 < self._top_k < scores.shape[-1]:
            # in the order of their ids: two that are all but equal must not change places in another batch
            candidates = scores.topk(self._top_k).indices.sort(-1).values
            scores = scores.gather(-1, candidates)
        if self._top_p:
            scores = self._top_p(unused, scores)
        cumulative = scores.double().softmax(-1).cumsum(-1)
        random = torch.stack([torch.rand((), generator=self._generators[r], dtype=torch.float64) for r in rows])
        wanted = random.to(cumulative.device)[:, None] * cumulative[:, -1:]
        place = torch.searchsorted(cumulative, wanted, right=True).clamp_max(scores.shape[-1] - 1)
        return (place if candidates is None else candidates.gather(-1, place))[:, 0]
