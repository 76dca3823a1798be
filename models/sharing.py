"""Lets the diffusers calls of several people share every pass of their UNet. Knows no engine and no requests.

Each call runs diffusers' own pipeline, whole and unchanged, but for its UNet: in its place stands one that writes down
what it is to be run on and sleeps. Whoever steps the calls puts the wishes of all of them into one batch, whatever
their seeds, prompts, timesteps, guidance and schedulers, runs the real UNet once, and wakes them with their own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor

from models.stand_in import StandIn
from models.unet_adapters import UNetAdapters


class Pass:
    """One call's wish for one pass of a UNet. sample: (rows, C, h, w). adapter: its name, "" for the UNet as it is.
    Wishes of equal `kind` fit into one batch."""

    def __init__(self, sample: Tensor, timestep: Any, rest: dict[str, Any], adapter: str = "") -> None:
        self.rows, self.adapter = len(sample), adapter
        # floats hold every whole timestep exactly, and the UNet turns them into floats anyway
        steps = torch.as_tensor(timestep, device=sample.device).reshape(-1).to(torch.float32)
        self._arguments = {"sample": sample, "timestep": steps.expand(self.rows), **rest}
        self.kind: Hashable = _kind(self._arguments, self.rows)
        self._outcome: Tensor | Exception | None = None

    def take(self) -> Tensor:
        """What the pass gave this call, (rows, C, h, w). Raises what the pass raised."""
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class SharedUNet(StandIn):
    """hand_over: takes the wish and returns when it has been granted (see `grant`)."""

    def __init__(self, unet: torch.nn.Module, hand_over: Callable[[Pass], None], adapter: str = "") -> None:
        super().__init__(unet)
        self._hand_over, self._adapter = hand_over, adapter

    def forward(self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **rest: Any) -> Any:
        """As the UNet's own."""
        return_dict = rest.pop("return_dict", True)
        wish = Pass(sample, timestep, {"encoder_hidden_states": encoder_hidden_states, **rest}, self._adapter)
        self._hand_over(wish)
        result = wish.take()
        return UNet2DConditionOutput(sample=result) if return_dict else (result,)


@torch.no_grad()
def grant(unet: torch.nn.Module, wishes: Sequence[Pass], adapters: UNetAdapters) -> bool:
    """Run the UNet once for wishes of one kind, each row with its wish's adapter. Whether memory sufficed; else they
    are run one by one, and those that still fail are told why (see `Pass.take`)."""
    try:
        rows = [wish.rows for wish in wishes]
        with adapters.rows([wish.adapter for wish in wishes for _ in range(wish.rows)]):
            out = unet(**_joined([wish._arguments for wish in wishes], rows), return_dict=False)[0]
        for wish, part in zip(wishes, out.split(rows), strict=True):
            wish._outcome = part
        return True
    except Exception as error:  # of any library below: it is raised again in the call it belongs to
        if len(wishes) == 1:
            wishes[0]._outcome = error
            return True
        for wish in wishes:
            grant(unet, [wish], adapters)
        return False


def _kind(value: Any, rows: int) -> Hashable:
    """Equal for arguments that can be put into one batch. What is not one tensor a row must be the same thing."""
    if isinstance(value, dict):
        return tuple((name, _kind(each, rows)) for name, each in sorted(value.items()))
    if isinstance(value, Tensor):
        return ("rows", value.shape[1:], value.dtype) if value.ndim and len(value) == rows else id(value)
    return (type(value), value) if isinstance(value, Hashable) else id(value)


def _joined(values: Sequence[Any], rows: Sequence[int]) -> Any:
    first = values[0]
    if len(values) == 1:
        return first
    if isinstance(first, dict):
        return {name: _joined([value[name] for value in values], rows) for name in first}
    if isinstance(first, Tensor) and first.ndim and len(first) == rows[0]:
        return torch.cat(list(values))
    return first
