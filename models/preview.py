"""Turns latents into small pictures while a pipeline still denoises. Knows one VAE; nothing of requests or engines.

A small VAE decodes the latents itself. For a large one a linear map from latent channels to RGB is fitted once, by
least squares over a synthetic picture of coloured patches that the VAE encodes; that works for any number of channels.
"""

from __future__ import annotations

import io
import logging
import time
from typing import Any

import torch
from PIL import Image
from torch import Tensor

PREVIEW_TYPE = "image/jpeg"
MAX_SIDE = 256
SMALL_VAE_PARAMETERS = 15_000_000
PATCH_PIXELS = 32
PATCHES_A_SIDE = 8
SHARE = 0.03  # of the time, that previews of all requests together may take
INTERVAL_S = 0.1

log = logging.getLogger(__name__)


class Previewer:
    """Makes previews of the latents of one VAE (a diffusers autoencoder, or None).

    Of latents in an unknown shape it makes none, and it never raises."""

    def __init__(self, vae: Any) -> None:
        self._vae = vae
        self._map: Tensor | None = None  # (channels + 1, 3): RGB in −1…1 = [latent, 1] @ map
        self._decodes = vae is not None and sum(p.numel() for p in vae.parameters()) < SMALL_VAE_PARAMETERS
        if vae is not None and not self._decodes:
            try:
                self._map = _fitted_map(vae)
            except Exception as error:  # an unusual autoencoder costs its previews, never the model
                log.info("No previews for %s: %s", type(vae).__name__, error)

    @torch.no_grad()
    def previews(self, latents: Tensor) -> list[bytes | None]:
        """One JPEG of at most 256 pixels a side for each of (B, C, h, w) latents as the denoising loop holds them."""
        try:
            return [_jpeg(picture) for picture in self._pictures(latents)]
        except Exception as error:  # a preview is never worth a failed generation
            log.debug("No preview: %s", error)
            return [None] * len(latents)

    def _pictures(self, latents: Tensor) -> Tensor:
        """(B, 3, H, W) in −1…1."""
        if latents.ndim != 4 or self._vae is None:
            raise ValueError(f"latents of shape {tuple(latents.shape)} are not a batch of pictures")
        # schedulers of the Euler kind scale latents up by their noise level: bring them back to unit variance
        unit = latents.float() / latents.float().std(dim=(1, 2, 3), keepdim=True).clamp_min(1.0)
        if self._decodes:
            config = self._vae.config
            weight = next(self._vae.parameters())
            unscaled = unit / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
            return self._vae.decode(unscaled.to(weight), return_dict=False)[0].float()
        if self._map is None:
            raise ValueError("this autoencoder has no linear map")
        mixed = torch.einsum("bchw,cd->bdhw", unit.cpu(), self._map[:-1])
        return mixed + self._map[-1][:, None, None]


class PreviewClock:
    """Lets the first preview through at once and later ones as often as they stay cheap."""

    def __init__(self) -> None:
        self._cost_s = 0.0
        self._started_s = 0.0
        self._ended_s = float("-inf")

    def is_due(self) -> bool:
        rest_s = max(INTERVAL_S, self._cost_s * (1 / SHARE - 1))
        return time.monotonic() - self._ended_s >= rest_s

    def __enter__(self) -> None:
        self._started_s = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._ended_s = time.monotonic()
        self._cost_s = self._ended_s - self._started_s


@torch.no_grad()
def _fitted_map(vae: Any) -> Tensor:
    """Least squares from latents to the mean colour of the pixels each stands for."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(1, 3, PATCHES_A_SIDE, PATCHES_A_SIDE, generator=generator) * 2 - 1
    patches = colours.repeat_interleave(PATCH_PIXELS, 2).repeat_interleave(PATCH_PIXELS, 3)
    weight = next(vae.parameters())
    encoded = vae.encode(patches.to(weight))
    latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    latents = ((latents.float() - shift) * vae.config.scaling_factor).cpu()  # (1, C, h, w)
    targets = torch.nn.functional.interpolate(patches, size=latents.shape[-2:], mode="area")
    rows = torch.cat([latents[0].flatten(1).T, torch.ones(latents[0, 0].numel(), 1)], dim=1)
    fitted = torch.linalg.lstsq(rows, targets[0].flatten(1).T).solution
    if not torch.isfinite(fitted).all():
        raise ValueError("the autoencoder's latents are not finite")
    return fitted


def _jpeg(picture: Tensor) -> bytes:
    """picture: (3, H, W) in −1…1, clamped here."""
    levels = ((picture.nan_to_num() + 1) * 127.5).clamp(0, 255).round().byte()
    image = Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=85, subsampling=0)
    return encoded.getvalue()
