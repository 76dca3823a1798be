"""Eight-bit weights for a causal model on a CPU: a model version of its own, several times quicker, a little worse.

Weights are rounded to int8 once, with a scale for each output channel; what enters a layer is rounded as it comes, with
a scale for each row (as in Dettmers et al. 2022, LLM.int8(), without its outliers). The products are whole numbers and
summed exactly, so a row's result does not depend on the rows beside it: torch's own dynamic quantisation has one scale
for a whole batch and would break that. Knows one model's layers; nothing of requests.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Rounding:
    """What enters a layer in int8, and what one step of each row stands for. Layers that read the same thing one after
    another (queries, keys and values do) have it rounded once."""

    def __init__(self) -> None:
        self._last: tuple[Tensor, Tensor, Tensor] | None = None

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (…, in) -> (rows, in) int8 and (rows, 1)."""
        if self._last is None or self._last[0] is not x:
            rows = x.reshape(-1, x.shape[-1]).float()
            step = rows.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
            self._last = x, (rows / step).round_().to(torch.int8), step
        return self._last[1], self._last[2]


class Int8Linear(nn.Module):
    """y = x W^T + b with W in int8. weight: (out, in) int8. scale: (out,), what one step of a weight stands for."""

    def __init__(self, linear: nn.Linear, rounding: Rounding) -> None:
        super().__init__()
        self._rounded = rounding
        weight = linear.weight.detach().float()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.scale = weight.abs().amax(1).clamp_min(1e-12) / 127
        self.weight = (weight / self.scale[:, None]).round().to(torch.int8)
        self.bias = None if linear.bias is None else linear.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """x: (…, in) -> (…, out), float32."""
        whole, step = self._rounded(x)
        y = torch._int_mm(whole, self.weight.t()).float() * step * self.scale
        if self.bias is not None:
            y = y + self.bias
        return y.reshape(*x.shape[:-1], self.out_features)


def quantised(model: Any) -> Any:
    """The model with all its linear layers, the one that gives the logits among them, replaced in place."""
    rounding = Rounding()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, Int8Linear(child, rounding))
    return model
