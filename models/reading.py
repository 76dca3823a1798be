"""Reads prompts into keys and values, piece by piece, and remembers the newest so that a shared beginning is read
once. Knows one loaded causal model; nothing of rows, sampling or text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from models.rows import Forward

PIECE_TOKENS = 512  # of a prompt, read in one pass
KEPT_BYTES = 256 * 2**20  # of remembered prompts


@dataclass(eq=False)
class Reading:
    """A prompt that is being read. cache: keys and values of the first `read` ids, batch size 1."""

    ids: Sequence[int]
    adapter: str
    cache: DynamicCache
    read: int = 0

    @property
    def left(self) -> int:
        return len(self.ids) - self.read


@dataclass(frozen=True, eq=False)
class _Kept:
    ids: tuple[int, ...]
    adapter: str
    layers: tuple[tuple[Tensor, Tensor], ...]  # of each layer (1, heads, tokens, dim)

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for pair in self.layers for t in pair)


class Reader:
    """remembers: whether a remembered beginning may be used; only where keys and values stand for themselves."""

    def __init__(self, forward: Forward, device: str, *, remembers: bool) -> None:
        self._forward, self._device, self._remembers = forward, device, remembers
        self._kept: list[_Kept] = []  # most recently used last

    def begin(self, ids: Sequence[int], adapter: str = "") -> Reading:
        """A reading that starts behind the longest beginning which any remembered prompt shares with this one."""
        return Reading(ids, adapter, self._forward.new_cache())

    def advance(self, reading: Reading, at_most: int = PIECE_TOKENS) -> Tensor | None:
        """Read on; the logits after the whole prompt, (1, vocabulary), once it is read."""
        if not reading.read:
            self._recall(reading)
        piece = reading.ids[reading.read : reading.read + min(at_most, PIECE_TOKENS)]
        logits = self._forward(torch.tensor([list(piece)], device=self._device), reading.cache, [reading.adapter])
        reading.read += len(piece)
        if reading.left:
            return None
        self._remember(reading)
        return logits

    def forget(self) -> None:
        self._kept.clear()

    def _recall(self, reading: Reading) -> None:
        # the last token is always read afresh: its logits are what the answer begins with
        shared = [(_common(kept.ids, reading.ids[:-1]), kept) for kept in self._kept if kept.adapter == reading.adapter]
        length, best = max(shared, key=lambda pair: pair[0], default=(0, None))
        if best is None or not length:
            return
        for index, (keys, values) in enumerate(best.layers):
            reading.cache.update(keys[:, :, :length], values[:, :, :length], index)
        reading.read = length
        self._kept.remove(best)
        self._kept.append(best)

    def _remember(self, reading: Reading) -> None:
        layers = reading.cache.layers
        if not self._remembers or not all(type(layer) is DynamicLayer for layer in layers):
            return
        ids = tuple(reading.ids)
        # what the new one begins with needs no memory of its own
        self._kept = [k for k in self._kept if k.adapter != reading.adapter or _common(k.ids, ids) < len(k.ids)]
        self._kept.append(_Kept(ids, reading.adapter, tuple((layer.keys, layer.values) for layer in layers)))
        while len(self._kept) > 1 and sum(kept.bytes for kept in self._kept) > KEPT_BYTES:
            self._kept.pop(0)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many ids two prompts share from the start."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
