"""Reads prompts into keys and values, long ones piece by piece and short ones side by side, and remembers the newest so
that a shared beginning is read once. Knows one loaded causal model; nothing of rows, sampling or text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from models.rows import Forward

PIECE_TOKENS = 512  # of a prompt, read in one pass
TOGETHER_TOKENS = 128  # of short prompts, read in one pass: more take as much longer as they are more
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
    bytes: int


class Reader:
    """remembers: whether a remembered beginning may be used; only where keys and values stand for themselves."""

    def __init__(self, forward: Forward, device: str, *, remembers: bool) -> None:
        self._forward, self._device, self._remembers = forward, device, remembers
        self._kept: list[_Kept] = []  # most recently used last

    def begin(self, ids: Sequence[int], adapter: str = "") -> Reading:
        """A reading that starts behind the longest beginning which any remembered prompt shares with this one."""
        return Reading(ids, adapter, self._forward.new_cache())

    def read_on(self, readings: Sequence[Reading]) -> Iterator[tuple[Reading, Tensor | Exception]]:
        """Read PIECE_TOKENS tokens of these, the shortest rest first. Yields each that is read, with the logits after
        it, (1, vocabulary), and each that failed, with why."""
        waiting = sorted(readings, key=self._left)
        budget = PIECE_TOKENS
        while waiting and budget > 0:
            group = self._alike(waiting)
            waiting = waiting[len(group) :]
            before = sum(reading.left for reading in group)
            yield from self._read(group, budget)
            budget -= before - sum(reading.left for reading in group)

    def _alike(self, readings: Sequence[Reading]) -> list[Reading]:
        """The first reading and those behind it that can be read to their ends in one pass with it."""
        group, new = [readings[0]], self._left(readings[0])
        for reading in readings[1:] if self._remembers else ():
            longest = max(new, self._left(reading))
            shortest = min(len(each.ids) for each in (*group, reading))
            if longest > shortest or longest * (len(group) + 1) > TOGETHER_TOKENS:
                break
            group.append(reading)
            new = longest
        return group

    def _read(self, group: Sequence[Reading], budget: int) -> Iterator[tuple[Reading, Tensor | Exception]]:
        failed: RuntimeError | None = None
        try:
            logits = self._together(group) if len(group) > 1 else self._piece(group[0], budget)
        except RuntimeError as error:
            failed, logits = error.with_traceback(None), None  # else what the pass had computed would stay in memory
        if failed is not None and len(group) > 1:  # whoever asks for too much fails alone
            for reading in group:
                yield from self._read([reading], budget)
        elif failed is not None:
            yield group[0], failed
        elif logits is not None:
            yield from zip(group, logits.split(1), strict=True)

    def _piece(self, reading: Reading, budget: int) -> Tensor | None:
        """Read on in one prompt; the logits after it, (1, vocabulary), once it is read whole."""
        piece = reading.ids[reading.read : reading.read + budget]
        logits = self._forward(torch.tensor([list(piece)], device=self._device), reading.cache, [reading.adapter])
        reading.read += len(piece)
        if reading.left:
            return None
        self._remember(reading)
        return logits

    def _together(self, readings: Sequence[Reading]) -> Tensor:
        """Read several prompts to their ends in one pass; the logits after each, (prompts, vocabulary). All read as
        many tokens as who has most left: the others read the end of their remembered beginning once more."""
        new = max(self._left(reading) for reading in readings)
        pasts = [len(reading.ids) - new for reading in readings]
        longest, cache = max(pasts), self._side_by_side(readings, pasts)
        past, fresh = torch.tensor(pasts, device=self._device)[:, None], torch.arange(new, device=self._device)
        keys = torch.arange(longest + new, device=self._device)
        seen = (keys < past)[:, None] | ((keys >= longest) & (keys <= longest + fresh[:, None]))  # (prompts, new, keys)
        logits = self._forward(
            torch.tensor([list(reading.ids[-new:]) for reading in readings], device=self._device),
            cache,
            [reading.adapter for reading in readings],
            attention_mask=seen[:, None],
            position_ids=past + fresh,
        )
        for row, (reading, length) in enumerate(zip(readings, pasts, strict=True)):
            reading.cache = self._forward.new_cache()
            for index, layer in enumerate(cache.layers):
                parts = [torch.cat((of[row : row + 1, :, :length], of[row : row + 1, :, longest:]), dim=2)
                         for of in (layer.keys, layer.values)]  # fmt: skip
                reading.cache.update(parts[0], parts[1], index)
            reading.read = len(reading.ids)
            self._remember(reading)
        return logits

    def forget(self) -> None:
        self._kept.clear()

    def _left(self, reading: Reading) -> int:
        """How many tokens are to be read, when what is remembered has been recalled."""
        if not reading.read:
            self._recall(reading)
        return reading.left

    def _side_by_side(self, readings: Sequence[Reading], pasts: Sequence[int]) -> DynamicCache:
        """The first tokens of each reading, so many as pasts says, in one cache; zeros behind the shorter ones."""
        cache, longest = self._forward.new_cache(), max(pasts)
        if not longest:
            return cache
        known = next(reading.cache for reading, past in zip(readings, pasts, strict=True) if past)
        for index, like in enumerate(known.layers):
            keys, values = (of.new_zeros(len(readings), of.shape[1], longest, of.shape[3])
                            for of in (like.keys, like.values))  # fmt: skip
            for row, (reading, past) in enumerate(zip(readings, pasts, strict=True)):
                if past:
                    keys[row, :, :past] = reading.cache.layers[index].keys[0, :, :past]
                    values[row, :, :past] = reading.cache.layers[index].values[0, :, :past]
            cache.update(keys, values, index)
        return cache

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
        kept = tuple((layer.keys, layer.values) for layer in layers)
        size = sum(tensor.numel() * tensor.element_size() for pair in kept for tensor in pair)
        self._kept.append(_Kept(ids, reading.adapter, kept, size))
        while len(self._kept) > 1 and sum(kept.bytes for kept in self._kept) > KEPT_BYTES:
            self._kept.pop(0)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many ids two prompts share from the start."""
    return next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
