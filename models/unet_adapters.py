"""LoRA adapters over one resident UNet: several at once, one for each row of a pass (peft's mixed batches).

Knows nothing of requests or of where adapters come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from models.adapters import BASE, Adapters
from models.base import ModelUnavailable
from models.stand_in import StandIn

_FAILURES = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError)


class UNetAdapters(Adapters):
    """The adapters of one pipeline's UNet, which its siblings share. "" names the base without any."""

    def __init__(self, pipe: Any) -> None:
        super().__init__(pipe)
        self._hooks: dict[torch.nn.Module, Any] = {}  # layers that have adapters
        self._rows: list[str] = []  # what each row of the pass that is under way uses

    @contextmanager
    def rows(self, names: Sequence[str]) -> Iterator[None]:
        """While inside, row n of a pass through the UNet uses the adapter names[n]."""
        self._rows = [name or BASE for name in names]
        try:
            yield
        finally:
            self._rows = []

    def stand_in(self, pipe: Any, name: str) -> None:
        """Make `pipe`, a copy that one call owns, draw every row with this adapter."""
        if self._hooks:
            _Adapted(pipe.unet, self, name).stand_in(pipe)

    def close(self) -> None:
        """Let go of the model; its layers would else be held by their hooks."""
        for hook in self._hooks.values():
            hook.remove()
        self._hooks.clear()
        self.model = None

    def _load(self, name: str, folder: str) -> None:
        try:
            if not isinstance(getattr(self.model, "unet", None), UNet2DConditionModel):
                raise ValueError("it is made for a UNet, and this model has none")
            if not any(Path(folder).glob("*.safetensors")):
                raise FileNotFoundError("it holds no weights")
            self.model.load_lora_weights(folder, adapter_name=name)
            self.model.unet.eval()  # diffusers leaves an adapter's dropout on, and no picture would be the same twice
            beyond = [
                part for part, names in self.model.get_list_adapters().items() if part != "unet" and name in names
            ]
            if beyond:
                self.model.delete_adapters(name)
                raise ValueError(f"it changes the {beyond[0]} too, and only the UNet is shared")
        except _FAILURES as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelUnavailable(
                f"The adapter in {Path(folder).name} does not fit this model ({reason[:200]}): choose another version."
            ) from error
        self._hook()

    def _forget(self, name: str) -> None:
        self.model.delete_adapters(name)

    def _hook(self) -> None:
        """Tell every layer that has adapters which of its rows uses which, as peft's own PeftModel does."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        for module in self.model.unet.modules():
            if isinstance(module, BaseTunerLayer) and module not in self._hooks:
                self._hooks[module] = module.register_forward_pre_hook(self._named, with_kwargs=True)

    def _named(self, layer: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
        return args, {**kwargs, "adapter_names": self._rows or [BASE] * len(args[0])}


class _Adapted(StandIn):
    """The UNet with one adapter for all rows of every pass."""

    def __init__(self, unet: torch.nn.Module, adapters: UNetAdapters, name: str) -> None:
        super().__init__(unet)
        self._adapters, self._name = adapters, name

    def forward(self, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        """As the UNet's own."""
        with self._adapters.rows([self._name] * len(sample)):
            return self.denoiser(sample, *args, **kwargs)
