"""Keys and values of rows that belong to different requests, and the forward pass that moves all of them on by one
token. Knows one loaded causal model; nothing of requests, sampling or text.

`Together` holds all rows side by side in one block of memory, each as long as it is, so that one pass over the
weights serves everybody (continuous batching: Yu et al. 2022, Orca). `Apart` keeps a cache for each group of rows and
serves the models whose memory has another shape (sliding windows, state spaces …). `batches_exactly` tells, by trying,
which of the two a model needs.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

from models.adapters import Adapters

GROWN_TOKENS = 256  # the block grows by so many tokens at a time
# largest difference between a row in a crowd and the row alone that is taken for rounding
SAME_LOGITS = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 0.3}


class Forward:
    """One pass through a causal model, with an adapter of its own for each row."""

    def __init__(self, adapters: Adapters) -> None:
        parameters = inspect.signature(adapters.model.forward).parameters
        # transformers renamed the argument in 5.24
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"
        # without it a model computes logits for the whole prompt: gigabytes for a large vocabulary
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self._adapters = adapters

    def __call__(self, ids: Tensor, cache: Any, adapters: Sequence[str], **more: Any) -> Tensor:
        """ids: (rows, new tokens) -> logits of the last one, (rows, vocabulary). adapters: their name for each row."""
        return self.every(ids, cache, adapters, **self._last_only, **more)[:, -1]

    def every(self, ids: Tensor, cache: Any, adapters: Sequence[str], **more: Any) -> Tensor:
        """The same with the logits of all new tokens, (rows, new tokens, vocabulary)."""
        arguments = {**more, **self._adapters.chosen(adapters), self._cache_name: cache}
        return self._adapters.model(input_ids=ids, use_cache=True, **arguments).logits

    def new_cache(self) -> DynamicCache:
        return DynamicCache(config=self._adapters.model.config)


class Rows(Protocol):
    """Rows in a fixed order, 0, 1, 2 …, each with all of its past but the newest token."""

    def add(self, cache: DynamicCache, count: int, adapter: str = "") -> None:
        """Append `count` rows that go on from the same past. cache: of batch size 1; it may be used up."""

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these, which become 0, 1, 2 … in ascending order."""

    def clear(self, rows: Sequence[int]) -> None:
        """Wipe what these rows remember. A row whose values are no numbers would leave them behind: masked by 0, they
        still are no numbers, and spoil whoever comes to its place."""

    def forward(self, ids: Tensor) -> list[Tensor | Exception]:
        """ids: (rows,), the newest token of each. For each row its next logits (vocabulary,), or why there are none;
        such a row has not moved. A pass that fails is tried again with half the rows."""

    def __len__(self) -> int: ...


class _Layer(CacheLayerMixin):
    """One layer's part of the block. keys, values: (rows or more, heads, tokens or more, dim)."""

    def __init__(self, block: Together, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self._block = block
        self.keys: Tensor = keys
        self.values: Tensor = values
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing: the block makes its layers whole."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """key_states, value_states: (rows of the window, heads, 1, dim), written behind each row's own past."""
        block = self._block
        window = slice(block.first, block.last)
        self.keys[block.places, :, block.lengths] = key_states[:, :, 0]
        self.values[block.places, :, block.lengths] = value_states[:, :, 0]
        return self.keys[window, :, : block.longest], self.values[window, :, : block.longest]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._block.longest, 0

    def get_seq_length(self) -> int:
        return self._block.longest - 1

    def get_max_length(self) -> int:
        return -1


class Together:
    """All rows in one block. The rows first … last − 1, a window, go through the model in one pass."""

    def __init__(self, forward: Forward, device: str) -> None:
        self._forward, self._device = forward, device
        self._cache: Cache | None = None
        self._past: list[int] = []  # tokens of each row
        self._adapters: list[str] = []
        # the window of the pass that runs, read by the layers
        self.first = self.last = self.longest = 0
        self.places = self.lengths = torch.empty(0, dtype=torch.long)

    def __len__(self) -> int:
        return len(self._past)

    def add(self, cache: DynamicCache, count: int, adapter: str = "") -> None:
        tokens = cache.get_seq_length()
        first, last = len(self._past), len(self._past) + count
        self._reserve(last, max([tokens, *self._past]) + 1, cache)
        assert self._cache is not None
        for ours, theirs in zip(self._cache.layers, cache.layers, strict=True):
            ours.keys[first:last, :, :tokens] = theirs.keys
            ours.values[first:last, :, :tokens] = theirs.values
        self._past += [tokens] * count
        self._adapters += [adapter] * count

    def keep(self, rows: Sequence[int]) -> None:
        layers = self._cache.layers if self._cache is not None else []
        for place, row in enumerate(rows):
            if place == row:
                continue
            tokens = self._past[row]
            for layer in layers:
                layer.keys[place, :, :tokens] = layer.keys[row, :, :tokens]
                layer.values[place, :, :tokens] = layer.values[row, :, :tokens]
        self._past = [self._past[row] for row in rows]
        self._adapters = [self._adapters[row] for row in rows]
        if not rows:
            self._cache = None  # an idle model keeps its weights only

    def clear(self, rows: Sequence[int]) -> None:
        for layer in self._cache.layers if self._cache is not None else []:
            for row in rows:
                layer.keys[row].zero_()
                layer.values[row].zero_()

    def forward(self, ids: Tensor) -> list[Tensor | Exception]:
        return self._attempt(ids, 0, len(self._past))

    def _attempt(self, ids: Tensor, first: int, last: int) -> list[Tensor | Exception]:
        if first == last:
            return []
        logits = None
        try:
            logits = self._pass(ids, first, last)
        except RuntimeError as error:  # out of memory among them: whoever asks for too much fails alone
            if last - first == 1:
                return [error.with_traceback(None)]
        if logits is None:  # only here is the memory of the failed pass free again
            middle = (first + last) // 2
            return self._attempt(ids, first, middle) + self._attempt(ids, middle, last)
        for row in range(first, last):
            self._past[row] += 1
        return list(logits)

    def _pass(self, ids: Tensor, first: int, last: int) -> Tensor:
        past = self._past[first:last]
        self._reserve(len(self._past), max(past) + 1)
        self.first, self.last, self.longest = first, last, max(past) + 1
        self.places = torch.arange(first, last, device=self._device)
        self.lengths = torch.tensor(past, device=self._device)
        mask = torch.arange(self.longest, device=self._device) <= self.lengths[:, None]
        return self._forward(
            ids[first:last, None],
            self._cache,
            self._adapters[first:last],
            attention_mask=mask[:, None, None, :],  # (rows, heads, queries, keys)
            position_ids=self.lengths[:, None],
        )

    def _reserve(self, rows: int, tokens: int, like: DynamicCache | None = None) -> None:
        """Room for so many rows of so many tokens. Zeros, for what is masked must still be a number."""
        layers = self._cache.layers if self._cache is not None else []
        if layers and len(layers[0].keys) >= rows and layers[0].keys.shape[2] >= tokens:
            return
        tokens = -(-tokens // GROWN_TOKENS) * GROWN_TOKENS
        rows = 1 << (rows - 1).bit_length()  # twice as many, and not a copy of everything for each newcomer
        if layers:
            rows, tokens = max(rows, len(layers[0].keys)), max(tokens, layers[0].keys.shape[2])
        grown = [self._layer(layer, rows, tokens) for layer in (layers or (like.layers if like else []))]
        for new, old in zip(grown, layers, strict=False):
            used, long = len(self._past), max(self._past, default=0)
            new.keys[:used, :, :long] = old.keys[:used, :, :long]
            new.values[:used, :, :long] = old.values[:used, :, :long]
        self._cache = Cache(layers=grown)

    def _layer(self, like: Any, rows: int, tokens: int) -> _Layer:
        def zeros(tensor: Tensor) -> Tensor:
            return tensor.new_zeros(rows, tensor.shape[1], tokens, tensor.shape[3])

        return _Layer(self, zeros(like.keys), zeros(like.values))


class Apart:
    """A cache for each group of rows that were added together, in whatever shape the model remembers things."""

    def __init__(self, forward: Forward, device: str) -> None:
        self._forward, self._device = forward, device
        self._groups: list[tuple[Any, list[str]]] = []  # cache, the adapter of each of its rows

    def __len__(self) -> int:
        return sum(len(adapters) for _, adapters in self._groups)

    def add(self, cache: DynamicCache, count: int, adapter: str = "") -> None:
        if count > 1:
            cache.batch_repeat_interleave(count)
        self._groups.append((cache, [adapter] * count))

    def keep(self, rows: Sequence[int]) -> None:
        kept, first = [], 0
        for cache, adapters in self._groups:
            own = [row - first for row in rows if first <= row < first + len(adapters)]
            first += len(adapters)
            if not own:
                continue
            if len(own) < len(adapters):
                cache.batch_select_indices(torch.tensor(own, device=self._device))
            kept.append((cache, [adapters[row] for row in own]))
        self._groups = kept

    def clear(self, rows: Sequence[int]) -> None:
        """Nothing: no group sees what another remembers."""

    def forward(self, ids: Tensor) -> list[Tensor | Exception]:
        out: list[Tensor | Exception] = []
        for cache, adapters in self._groups:
            first = len(out)
            try:
                out += list(self._forward(ids[first : first + len(adapters), None], cache, adapters))
            except RuntimeError as error:
                out += [error] * len(adapters)
        return out


@torch.inference_mode()
def batches_exactly(forward: Forward, device: str, prompt: Sequence[int]) -> bool:
    """Whether rows of different lengths, side by side in one block, get the logits that each gets alone.

    prompt: at least four tokens to try it with. Costs six short passes.
    """
    together, alone = Together(forward, device), []
    newest = torch.tensor([prompt[-1]] * 2, device=device)
    try:
        for past in (list(prompt[:-1]), list(prompt[:-1][1:-1])):
            cache = forward.new_cache()
            forward(torch.tensor([past], device=device), cache, [""])
            if not all(type(layer) is DynamicLayer for layer in cache.layers):
                return False  # a window may slide only after more tokens than are tried here
            together.add(cache, 1)
            alone.append(forward(newest[:1, None], cache, [""])[0])
        crowd = together.forward(newest)
    except Exception:  # a cache or a mask of another kind fails in whatever way its model fails
        return False
    near = SAME_LOGITS[alone[0].dtype]
    return all(
        isinstance(row, Tensor) and torch.allclose(row.float(), wanted.float(), atol=near, rtol=near)
        for row, wanted in zip(crowd, alone, strict=True)
    )
