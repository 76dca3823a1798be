"""How likely a model finds a text that is there already: its tokens are read, none is drawn (teacher forcing).

Knows one loaded causal model; nothing of requests or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from models.base import InvalidRequest
from models.rows import Forward
from models.sampling import NO_NUMBERS, Draw, told

PIECE_TOKENS = 64  # read in one pass, which has logits for each of them


def continued(tokenizer: Any, prompt: Sequence[int], whole: Sequence[int], text: str) -> list[int]:
    """The ids of a text behind a prompt. whole: of both together; where they share one, the text is read by itself."""
    if list(whole[: len(prompt)]) == list(prompt):
        return list(whole[len(prompt) :])
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def check_fits(tokens: int, context: int, name: str) -> None:
    """Raises InvalidRequest where a prompt and its text have more tokens than a model reads."""
    if tokens > context:
        raise InvalidRequest(
            f"Prompt and text have {tokens:,} tokens, but {name} reads at most {context:,}: choose a shorter text."
        )


class Scoring:
    """One text behind one prompt. draws: its tokens so far with their probabilities, and at the end the likeliest of
    `ends`, if there are any: that the text is over.

    cache, logits: after the prompt, (1, vocabulary). The cache is used up.
    """

    def __init__(
        self, ids: Sequence[int], ends: Sequence[int], cache: DynamicCache, logits: Tensor, adapter: str
    ) -> None:
        self.draws: list[Draw] = []
        self._ids, self._ends, self._adapter = list(ids), list(ends), adapter
        self._cache, self._next = cache, logits

    def advance(self, forward: Forward, device: str) -> bool:
        """Read one piece on; whether all is read. Raises FloatingPointError where the model has no probabilities."""
        piece = self._ids[len(self.draws) : len(self.draws) + PIECE_TOKENS]
        if piece:
            after = forward.every(torch.tensor([piece], device=device), self._cache, [self._adapter])[0]
            self._tell(torch.cat([self._next, after[:-1]]), piece)
            self._next = after[-1:]
        if len(self.draws) < len(self._ids):
            return False
        if self._ends:
            self._tell(self._next, [self._ends[int(self._next[0, self._ends].argmax())]])
        return True

    def _tell(self, logits: Tensor, ids: Sequence[int]) -> None:
        """logits: (ids, vocabulary), each from before its id was read."""
        found = told(logits.float().log_softmax(-1), torch.tensor(ids, device=logits.device))
        if any(draw.logprob != draw.logprob for draw in found):
            raise FloatingPointError(NO_NUMBERS)
        self.draws += found
