"""Memory in large pages, for weights that are read from end to end for every token.

With pages of 4 kB the processor spends much of that reading on looking pages up: a sixth of it in a chain of products
alone, and of a whole token of SmolLM2-135M in fp32 seven per cent (56.4 ms, and 52.6 in pages of 2 MB). Knows no model.
"""

from __future__ import annotations

import math
import mmap

import torch
from torch import Tensor

_APART = 64  # bytes, a cache line


class LargePages:
    """Room for copies of tensors on the CPU, given back when the last of them is gone. Where a system has no large
    pages to offer, the copies lie in ordinary memory."""

    def __init__(self, tensors: list[Tensor]) -> None:
        """tensors: all that will be copied here."""
        self._memory: mmap.mmap | None = None
        self._used = 0  # bytes
        size = sum(_size(tensor) for tensor in tensors)
        if not size or not hasattr(mmap, "MADV_HUGEPAGE"):
            return
        try:
            memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            memory.madvise(mmap.MADV_HUGEPAGE)
        except (OSError, ValueError):  # a kernel without them
            return
        self._memory = memory

    def copy(self, tensor: Tensor) -> Tensor:
        """The same numbers, contiguous."""
        if self._memory is None or self._used + tensor.numel() * tensor.element_size() > len(self._memory):
            return tensor.clone(memory_format=torch.contiguous_format)
        flat = torch.frombuffer(self._memory, dtype=tensor.dtype, count=tensor.numel(), offset=self._used)
        self._used += _size(tensor)
        return flat.view(tensor.shape).copy_(tensor)


def _size(tensor: Tensor) -> int:
    """Bytes, and what is left free behind them."""
    return math.ceil(tensor.numel() * tensor.element_size() / _APART) * _APART
