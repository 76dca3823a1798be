"""Linear layers laid out for one row, with a second copy for small batches, on a CPU. Knows one model's layers.

torch multiplies fp32 by MKL. oneDNN with weights laid out beforehand took 76 ms where MKL took 108 for eight rows
through SmolLM2-135M's layers, and 79 for 135 with two rows. For one row alone oneDNN is slower (72 ms), but MKL is
quicker, 42 ms instead of 52, where the weights lie input by input. (One thread; bench/engine measures the whole.) The
numbers are the same but for their last bits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.device import free_bytes
from models.pages import LargePages

LAID_OUT_FOR = 8  # rows
SHARE = 0.25  # of the free memory, that the copies may take


class PackedLinear(nn.Linear):
    """A linear layer that shares its weight with the one it replaces."""

    def __init__(self, linear: nn.Linear, room: LargePages) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.weight.data = room.copy(self.weight.detach().t()).t()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), LAID_OUT_FOR)

    def forward(self, x: Tensor) -> Tensor:
        if x.numel() == self.in_features or torch.is_grad_enabled():
            return super().forward(x)
        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self.bias, "none", [], "")


def packed(model: Any, device: str) -> Any:
    """The model with its linear layers packed in place, if that helps here, fits, and gives the same numbers."""
    linears = [module for module in model.modules() if type(module) is nn.Linear]
    needed = sum(module.weight.numel() * module.weight.element_size() for module in linears)
    fp32 = all(module.weight.dtype == torch.float32 for module in linears)
    if device != "cpu" or not linears or not fp32 or needed > SHARE * free_bytes() or not _agrees(linears[0]):
        return model
    room = LargePages([module.weight for module in linears])
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, PackedLinear(child, room))
    return model


@torch.inference_mode()
def _agrees(linear: nn.Linear) -> bool:
    """Whether this build of torch has the operation, and it does what it should."""
    x = torch.linspace(-1, 1, 3 * linear.in_features).reshape(3, -1)
    try:
        return torch.allclose(PackedLinear(linear, LargePages([]))(x), linear(x), rtol=1e-4, atol=1e-4)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
