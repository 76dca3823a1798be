"""Puts something of ours in the place of a diffusers pipeline's UNet, for one call alone. Knows no engine."""

from __future__ import annotations

from typing import Any

import torch


class StandIn(torch.nn.Module):
    """Answers for `unet` in everything (config, dtype, device, add_embedding …) but the pass itself."""

    def __init__(self, unet: torch.nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("unet"), name)

    def stand_in(self, pipe: Any) -> None:
        """pipe: a copy that one call owns."""
        # past diffusers' __setattr__, which would write our class into the configuration that copies share
        object.__setattr__(pipe, "unet", self)
