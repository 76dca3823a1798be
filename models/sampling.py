"""Draws the next token of rows that belong to different requests. Knows nothing of models, prompts or text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TOP_SHOWN = 5
NO_NUMBERS = "the model computed values that are not numbers"
HEAD = 1024  # of the likeliest ids, among which top_p is looked for first


@dataclass(frozen=True, slots=True)
class Draw:
    """One drawn token. logprob and top: (id, logprob), under the model's own distribution. A logprob that is not a
    number says that the model computed none for this row."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class _Row:
    """How one row draws. top_k 0 and temperature 0 as in models.base.SETTINGS: off and greedy. drawn: tokens so far."""

    seed: int
    penalty: float
    temperature: float
    top_k: int
    top_p: float
    drawn: int = 0


class Sampler:
    """Penalty, temperature, top-k and top-p as transformers' processors do them, each row with its own; then the token
    whose log-probability plus Gumbel noise is largest (Gumbel 1954; Maddison et al. 2014), which is a draw from the
    softmax.

    The noise of a token follows from the row's seed, the token's place in the answer and its id, so what a row draws
    depends on its seed and its logits alone; logits that differ in their last bits (another batch, another device)
    give another token only where two are as good as equal. The inverse of the cumulative distribution would not do:
    there a last bit moves the borders of all tokens.
    """

    def __init__(self, device: str) -> None:
        self._device = "cpu" if device == "mps" else device  # Apple's GPUs know no float64
        self._rows: list[_Row] = []
        self._seen: Tensor | None = None  # (rows or more, vocabulary): the tokens a row's penalty is about

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, settings: Mapping[str, Any], seeds: Sequence[int], prompt: Sequence[int], vocabulary: int) -> None:
        """Append one row for each seed. prompt: token ids, which the repetition penalty counts as said."""
        first, last = len(self._rows), len(self._rows) + len(seeds)
        if self._seen is None or len(self._seen) < last:
            grown = torch.zeros(last + 8, vocabulary, dtype=torch.bool, device=self._device)
            if self._seen is not None:
                grown[:first] = self._seen[:first]
            self._seen = grown
        self._seen[first:last] = False
        self._seen[first:last, torch.tensor(prompt, device=self._device)] = True
        penalty, temperature, top_k, top_p = (
            settings[key] for key in ("repetition_penalty", "temperature", "top_k", "top_p")
        )
        for seed in seeds:
            self._rows.append(_Row(seed, penalty, temperature, top_k, top_p))

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these, which become 0, 1, 2 … in ascending order."""
        for place, row in enumerate(rows):
            if place != row and self._seen is not None:
                self._seen[place] = self._seen[row]
        self._rows = [self._rows[row] for row in rows]
        if not rows:
            self._seen = None

    def draw(self, logits: Tensor, first: int = 0) -> list[Draw | Exception]:
        """The next token of the rows first, first + 1, …, or why there is none: the row's logits are no numbers, or
        memory ran out even for it alone. logits: (rows, vocabulary) as the model gave them."""
        try:
            draws = self._draw(logits, first)
            return [FloatingPointError(NO_NUMBERS) if math.isnan(draw.logprob) else draw for draw in draws]
        except RuntimeError as error:
            if len(logits) == 1:
                return [error.with_traceback(None)]
        middle = len(logits) // 2  # only here is the memory of the failed attempt free again
        return self.draw(logits[:middle], first) + self.draw(logits[middle:], first + middle)

    def _draw(self, logits: Tensor, first: int) -> list[Draw]:
        """Raises before anything is drawn, or not at all."""
        logits = logits.to(self._device, torch.float32)
        rows = self._rows[first : first + len(logits)]
        assert self._seen is not None and len(rows) == len(logits)
        logprobs = logits.log_softmax(-1)
        scores = self._penalised(logits, rows, self._seen[first : first + len(rows)])
        chosen = torch.empty(len(rows), dtype=torch.long, device=logits.device)
        # rows of a kind are drawn together: all of them, but for odd settings
        for kind in {_kind(row) for row in rows}:
            places = [place for place, row in enumerate(rows) if _kind(row) == kind]
            some = scores if len(places) == len(rows) else scores[places]
            chosen[places] = some.argmax(-1) if kind == "greedy" else _drawn(kind, some, [rows[p] for p in places])
        draws = told(logprobs, chosen)
        self._seen[first : first + len(rows)].scatter_(1, chosen[:, None], True)
        for row in rows:
            row.drawn += 1
        return draws

    def _penalised(self, logits: Tensor, rows: Sequence[_Row], seen: Tensor) -> Tensor:
        if all(row.penalty == 1 for row in rows):
            return logits
        penalty = torch.tensor([row.penalty for row in rows], dtype=torch.float32, device=logits.device)[:, None]
        return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def _kind(row: _Row) -> str:
    if row.temperature == 0:
        return "greedy"
    return "top-k" if row.top_k else "nucleus" if row.top_p < 1 else "all"


def _drawn(kind: str, scores: Tensor, rows: Sequence[_Row]) -> Tensor:
    """scores: (rows, vocabulary), of rows of one kind. One id for each row."""
    temperatures = torch.tensor([row.temperature for row in rows], dtype=torch.float32, device=scores.device)
    scores = scores / temperatures[:, None]
    if kind == "all":
        return (scores.double() + _gumbel(rows, torch.arange(scores.shape[-1], device=scores.device))).argmax(-1)
    return _drawn_of_head(kind, scores, rows, max(row.top_k for row in rows) if kind == "top-k" else HEAD)


def _drawn_of_head(kind: str, scores: Tensor, rows: Sequence[_Row], width: int) -> Tensor:
    """Draws among the `width` likeliest of each row, cut to its own top_k and top_p. To sort the whole vocabulary for
    top_p took half of a step of eight rows through SmolLM2-135M; the few rows whose top_p reaches beyond are drawn
    again among eight times as many."""
    device = scores.device
    width = min(width, scores.shape[-1])
    head = scores.topk(width)
    values, whole = head.values, scores
    if kind == "top-k":
        widths = torch.tensor([row.top_k for row in rows], device=device)[:, None]
        values = whole = values.masked_fill(torch.arange(width, device=device) >= widths, -torch.inf)
    top_p = torch.tensor([row.top_p for row in rows], dtype=torch.float32, device=device)[:, None]
    shares = (values - whole.logsumexp(-1, keepdim=True)).exp()
    likelier = shares.cumsum(-1) - shares  # what is likelier than each, together
    beyond = (likelier >= top_p) & (top_p < 1)
    beyond[:, 0] = False  # the likeliest stays, whatever top_p says
    place = (values.masked_fill(beyond, -torch.inf).double() + _gumbel(rows, head.indices)).argmax(-1)
    chosen = head.indices.gather(-1, place[:, None])[:, 0]
    if kind == "nucleus" and width < scores.shape[-1]:
        short = (~beyond[:, -1]).nonzero()[:, 0]
        if len(short):
            further = [rows[n] for n in short.tolist()]
            chosen[short] = _drawn_of_head(kind, scores[short], further, 8 * width)
    return chosen


def _gumbel(rows: Sequence[_Row], ids: Tensor) -> Tensor:
    """Standard Gumbel noise, float64, (rows, ids), a function of each row's seed and place and of the id alone.

    ids: (ids,) or (rows, ids). The hash is SplitMix64 (Steele et al. 2014), the same on every device.
    """
    keys = [_mixed((_mixed(row.seed * _GOLDEN % 2**64) + row.drawn * _GOLDEN) % 2**64) for row in rows]
    state = torch.tensor([_signed(key) for key in keys], device=ids.device)[:, None]
    state = state + ids * _signed(_GOLDEN)  # int64 wraps around, as the hash wants it
    for shift, factor in _MIX:
        state = (state ^ _shifted(state, shift)) * _signed(factor)
    uniform = (_shifted(state ^ _shifted(state, 31), 11).double() + 0.5) * 2.0**-53  # in (0, 1)
    return -(-uniform.log()).log()


_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))


def _mixed(state: int) -> int:
    for shift, factor in _MIX:
        state = (state ^ (state >> shift)) * factor % 2**64
    return state ^ (state >> 31)


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _shifted(state: Tensor, bits: int) -> Tensor:
    """A shift that brings in zeros; torch's own brings in the sign."""
    return (state >> bits) & (2 ** (64 - bits) - 1)


def told(logprobs: Tensor, chosen: Tensor) -> list[Draw]:
    """Each chosen id with its log-probability and the likeliest. logprobs: (ids, vocabulary)."""
    top = logprobs.topk(min(TOP_SHOWN, logprobs.shape[-1]))
    own = logprobs.gather(-1, chosen[:, None])[:, 0]
    return [
        Draw(token_id, logprob, tuple(zip(ids, values, strict=True)))
        for token_id, logprob, ids, values in zip(
            chosen.tolist(), own.tolist(), top.indices.tolist(), top.values.tolist(), strict=True
        )
    ]
