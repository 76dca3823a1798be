"""Lets the diffusers calls of several people share every pass of their denoiser. Knows no engine and no requests.

Each call runs diffusers' own pipeline, whole and unchanged, but for its UNet or transformer: in its place stands one
that writes down what it is to be run on and sleeps. Whoever steps the calls puts the wishes of all of them into one
batch, whatever their seeds, prompts, timesteps, guidance and schedulers, runs the real denoiser once, and wakes them
with their own rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput
from torch import Tensor

from models.stand_in import StandIn
from models.unet_adapters import UNetAdapters

# where each token of a picture or text lies: the same for every row, and as long as there are tokens
_PLACES = frozenset({"img_ids", "txt_ids"})


def shared_place(pipe: Any) -> str:
    """What the pipeline calls the denoiser whose passes can be shared: "unet", "transformer", or "" for none."""
    if isinstance(getattr(pipe, "unet", None), UNet2DConditionModel):
        return "unet"
    transformer = getattr(pipe, "transformer", None)
    told = inspect.signature(type(transformer).forward).parameters if isinstance(transformer, torch.nn.Module) else {}
    return "transformer" if list(told)[1:2] == ["hidden_states"] and {"timestep", "return_dict"} <= told.keys() else ""


class Pass:
    """One call's wish for one pass of a denoiser. arguments: by name, what is to be denoised first, a row for each
    sample; of the others what has as many rows is taken for rows. adapter: its name, "" for the denoiser as it is.
    Wishes of equal `kind` fit into one batch."""

    def __init__(self, arguments: Mapping[str, Any], adapter: str = "") -> None:
        self.rows, self.adapter = len(next(iter(arguments.values()))), adapter
        self._arguments = dict(arguments)
        self.kind: Hashable = _kind(self._arguments, self.rows)
        self._outcome: Tensor | Exception | None = None

    def take(self) -> Tensor:
        """What the pass gave this call, (rows, …). Raises what the pass raised."""
        outcome, self._outcome = self._outcome, None
        assert outcome is not None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class SharedDenoiser(StandIn):
    """hand_over: takes the wish and returns when it has been granted (see `grant`)."""

    def __init__(self, denoiser: torch.nn.Module, hand_over: Callable[[Pass], None], adapter: str = "") -> None:
        super().__init__(denoiser)
        self._hand_over, self._adapter = hand_over, adapter
        self._told = inspect.signature(type(denoiser).forward)
        self._is_unet = isinstance(denoiser, UNet2DConditionModel)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the denoiser's own."""
        arguments = self._told.bind(self.denoiser, *args, **kwargs).arguments
        arguments.pop("self")
        return_dict = arguments.pop("return_dict", True)
        denoised = next(iter(arguments.values()))
        arguments["timestep"] = self._steps(arguments.get("timestep"), denoised)
        wish = Pass(arguments, self._adapter)
        self._hand_over(wish)
        result = wish.take()
        if not return_dict:
            return (result,)
        return (UNet2DConditionOutput if self._is_unet else Transformer2DModelOutput)(sample=result)

    def _steps(self, timestep: Any, denoised: Any) -> Any:
        """The timestep, one for each row."""
        if self._is_unet or isinstance(timestep, (int, float)):
            # floats hold every whole timestep exactly, and the UNet turns them into floats anyway
            timestep = torch.as_tensor(timestep, device=denoised.device).to(torch.float32)
        alone = isinstance(timestep, Tensor) and timestep.numel() == 1
        return timestep.reshape(1).expand(len(denoised)) if alone else timestep


@torch.no_grad()
def grant(denoiser: torch.nn.Module, wishes: Sequence[Pass], adapters: UNetAdapters) -> bool:
    """Run the denoiser once for wishes of one kind, each row with its wish's adapter. Whether memory sufficed; else
    they are run one by one, and those that still fail are told why (see `Pass.take`)."""
    try:
        rows = [wish.rows for wish in wishes]
        with adapters.rows([wish.adapter for wish in wishes for _ in range(wish.rows)]):
            out = denoiser(**_joined([wish._arguments for wish in wishes], rows), return_dict=False)[0]
        for wish, part in zip(wishes, out.split(rows), strict=True):
            wish._outcome = part
        return True
    except Exception as error:  # of any library below: it is raised again in the call it belongs to
        if len(wishes) == 1:
            wishes[0]._outcome = error.with_traceback(None)
            return True
    for wish in wishes:  # only here is the memory of the failed pass free again
        grant(denoiser, [wish], adapters)
    return False


def _kind(value: Any, rows: int, name: str = "") -> Hashable:
    """Equal for arguments that can be put into one batch. What is not one tensor a row must be the same thing."""
    if isinstance(value, dict):
        return tuple((each, _kind(of, rows, each)) for each, of in sorted(value.items()))
    if isinstance(value, Tensor):
        if name in _PLACES:
            return (value.shape, value.dtype, value.to("cpu", torch.float32).numpy().tobytes())
        return ("rows", value.shape[1:], value.dtype) if value.ndim and len(value) == rows else id(value)
    return (type(value), value) if isinstance(value, Hashable) else id(value)


def _joined(values: Sequence[Any], rows: Sequence[int], name: str = "") -> Any:
    first = values[0]
    if len(values) == 1 or name in _PLACES:
        return first
    if isinstance(first, dict):
        return {each: _joined([value[each] for value in values], rows, each) for each in first}
    if isinstance(first, Tensor) and first.ndim and len(first) == rows[0]:
        return torch.cat(list(values))
    return first
