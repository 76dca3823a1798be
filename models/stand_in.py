"""Puts something of ours in the place of a diffusers pipeline's denoiser, for one call alone. Knows no engine."""

from __future__ import annotations

from typing import Any

import torch


class StandIn(torch.nn.Module):
    """Answers for the denoiser in everything (config, dtype, device, add_embedding …) but the pass itself."""

    def __init__(self, denoiser: torch.nn.Module) -> None:
        super().__init__()
        self.denoiser = denoiser

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("denoiser"), name)

    def stand_in(self, pipe: Any, place: str = "unet") -> None:
        """pipe: a copy that one call owns. place: what the pipeline calls its denoiser."""
        # past diffusers' __setattr__, which would write our class into the configuration that copies share
        object.__setattr__(pipe, place, self)
