"""Steers a UNet by pictures that a person liked and disliked, as references of its self-attention. Knows no engine.

FABRIC (von Rütte et al. 2023, arXiv 2307.10159): at every denoising step the reference pictures, noised to that
step's level, go through the same UNet; what enters each self-attention layer there is added to the keys and values of
the picture being drawn. Liked pictures are added in the conditional pass, disliked ones in the unconditional pass,
away from which guidance leads. Nothing is trained, and whoever gives no references runs the very same computation as
before: the hooks exist only while a steered request's own UNet call runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from PIL import Image
from torch import Tensor

from models.base import InvalidRequest
from models.stand_in import StandIn

MAX_REFERENCES = 4  # of each kind
# The authors' code gives references weight 0.8 between 33 % and 66 % of the steps and 0.05 in the others, disliked ones
# half of it. Here strength 1 is 0.8 from the first step on: colours and layout are decided early.
LIKED_WEIGHT = 0.8
DISLIKED_SHARE = 0.5
STEERED_SHARE = 0.8  # of the noise levels, from the noisiest; details at the end are the picture's own
FAMILIES = (
    "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline",
    "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline",
)  # fmt: skip


def takes_references(pipe: Any) -> bool:
    """Whether a pipeline is of a family that can be steered: Stable Diffusion 1, 2 and XL, in any size."""
    unet, vae = getattr(pipe, "unet", None), getattr(pipe, "vae", None)
    if type(pipe).__name__ not in FAMILIES or unet is None or vae is None:
        return False
    known_noise = hasattr(pipe.scheduler, "alphas_cumprod")
    # a UNet made for inpainting alone reads masks as well, which references do not have
    return known_noise and unet.config.in_channels == vae.config.latent_channels and bool(_self_attentions(unet))


class References:
    """The reference pictures of one request. strength: 0–1, scales their weight in attention."""

    def __init__(self, liked: Sequence[Image.Image], disliked: Sequence[Image.Image], strength: float) -> None:
        """Raises InvalidRequest for too many pictures or a strength outside 0–1."""
        for kind, pictures in (("liked", liked), ("disliked", disliked)):
            if len(pictures) > MAX_REFERENCES:
                raise InvalidRequest(
                    f"There are {len(pictures)} {kind} pictures to steer by: at most {MAX_REFERENCES} are possible."
                )
        if not 0 <= strength <= 1:
            raise InvalidRequest(f"Steering is {strength:g}: choose a strength from 0 to 1.")
        self.liked, self.disliked, self.strength = len(liked), len(disliked), strength
        self._pictures = [*liked, *disliked]
        self._encoded: tuple[Tensor, Tensor] | None = None

    def encoded(self, pipe: Any) -> tuple[Tensor, Tensor]:
        """Clean latents and their noise, both (liked + disliked, C, h, w); made at the first call.

        The noise follows from a picture's own pixels, so it is the same for every output, order and company.
        """
        if self._encoded is None:
            latents = torch.cat([_latents(pipe, picture) for picture in self._pictures])
            shape = latents.shape[1:]
            noise = torch.stack([torch.randn(shape, generator=_generator(p)) for p in self._pictures]).to(latents)
            self._encoded = latents, noise
            self._pictures = []
        return self._encoded


def steer(pipe: Any, references: References, rows: int) -> None:
    """Make `pipe`, a copy that one call owns, draw its `rows` pictures with these references."""
    _SteeredUNet(pipe, references, rows).stand_in(pipe)


class _SteeredUNet(StandIn):
    """One more pass for the references, then the asked one with them in attention."""

    def __init__(self, pipe: Any, references: References, rows: int) -> None:
        super().__init__(pipe.unet)
        self._layers = _self_attentions(pipe.unet)
        self._references, self._rows = references, rows
        self._latents, self._noise = references.encoded(pipe)
        self._alphas = pipe.scheduler.alphas_cumprod.double().cpu()

    def forward(self, sample: Tensor, timestep: Any, encoder_hidden_states: Tensor, **rest: Any) -> Any:
        """As the UNet's own. sample: (rows, C, h, w), or (2 · rows, C, h, w): the unconditional rows first."""
        at = float(timestep.reshape(-1)[0] if isinstance(timestep, Tensor) else timestep)
        if at < (1 - STEERED_SHARE) * len(self._alphas):
            return self.denoiser(sample, timestep, encoder_hidden_states=encoder_hidden_states, **rest)
        kept = self._hidden_states(sample, timestep, at, encoder_hidden_states, rest)
        guided = len(sample) == 2 * self._rows
        with _hooked(self._layers, lambda layer, hidden: self._with_references(hidden, kept[layer], guided)):
            return self.denoiser(sample, timestep, encoder_hidden_states=encoder_hidden_states, **rest)

    def _hidden_states(
        self, sample: Tensor, timestep: Any, at: float, words: Tensor, rest: dict[str, Any]
    ) -> dict[torch.nn.Module, Tensor]:
        """What enters each self-attention layer for the noised references: (liked + disliked, tokens, channels)."""
        count, signal = len(self._latents), self._signal(at)
        # what all schedulers hand to the UNet: unit variance, this much of it signal
        noised = (signal**0.5 * self._latents + (1 - signal) ** 0.5 * self._noise).to(sample)
        kept: dict[torch.nn.Module, Tensor] = {}
        with _hooked(self._layers, kept.__setitem__):
            # the first row is the unconditional one: the references are shown without the prompt's words
            self.denoiser(noised, timestep, encoder_hidden_states=_first(words, count), **_first(rest, count))
        return kept

    def _signal(self, at: float) -> float:
        """The share of signal in the variance at a timestep, which need not be a whole number."""
        below = min(int(at), len(self._alphas) - 1)
        above = min(below + 1, len(self._alphas) - 1)
        return float(torch.lerp(self._alphas[below], self._alphas[above], at - int(at)))

    def _with_references(self, hidden: Tensor, kept: Tensor, guided: bool) -> dict[str, Tensor]:
        """The layer's keys and values and the logarithms of their weights. hidden: (B, tokens, channels)."""
        liked, disliked = kept[: self._references.liked].flatten(0, 1), kept[self._references.liked :].flatten(0, 1)
        rows, own = hidden.shape[:2]
        unconditional = self._rows if guided else 0
        more = max(len(liked), len(disliked) if guided else 0)
        keys = torch.cat([hidden, hidden.new_zeros(rows, more, hidden.shape[2])], dim=1)
        # softmax over logit + log(weight) is what the authors do: weigh the probabilities, then normalise
        weights = hidden.new_full((rows, 1, own + more), -torch.inf)
        weights[:, :, :own] = 0
        strength = self._references.strength * LIKED_WEIGHT
        for part, weight, of in (
            (liked, strength, slice(unconditional, rows)),
            (disliked, strength * DISLIKED_SHARE, slice(0, unconditional)),
        ):
            end = own + len(part)
            if len(part) and of.start < of.stop:
                keys[of, own:end] = part
                weights[of, :, own:end] = torch.tensor(weight).log().item()
        return {"encoder_hidden_states": keys, "attention_mask": weights}


@contextmanager
def _hooked(
    layers: Sequence[torch.nn.Module], see: Callable[[torch.nn.Module, Tensor], dict[str, Tensor] | None]
) -> Iterator[None]:
    """While inside, `see(layer, hidden_states)` is called before each of the layers; what it returns is added to the
    layer's arguments. Any attention processor, LoRA or offloading then works as it would without."""

    def before(layer: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        added = see(layer, args[0])
        return None if added is None else (args, {**kwargs, **added})

    handles = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _self_attentions(unet: Any) -> list[torch.nn.Module]:
    blocks = (module for module in unet.modules() if isinstance(module, BasicTransformerBlock))
    return [block.attn1 for block in blocks if not block.only_cross_attention]


def _first(value: Any, count: int) -> Any:
    """The first row of every tensor in a UNet call's arguments, `count` times; all else as it is."""
    if isinstance(value, dict):
        return {key: _first(each, count) for key, each in value.items()}
    if isinstance(value, Tensor) and value.ndim:
        return value[:1].expand(count, *value.shape[1:])
    return value


def _latents(pipe: Any, picture: Image.Image) -> Tensor:
    """(1, C, h, w) as the UNet reads them."""
    vae = pipe.vae
    dtype = next(vae.parameters()).dtype
    upcast = dtype == torch.float16 and bool(getattr(vae.config, "force_upcast", False))
    if upcast:  # SDXL's autoencoder overflows in half precision
        vae.to(torch.float32)
    try:
        with torch.no_grad():
            pixels = pipe.image_processor.preprocess(picture).to(next(vae.parameters()))
            latents = vae.encode(pixels).latent_dist.mode()
    finally:
        if upcast:
            vae.to(dtype)
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    return ((latents - shift) * vae.config.scaling_factor).to(pipe.unet.dtype)


def _generator(picture: Image.Image) -> torch.Generator:
    digest = hashlib.sha256(picture.tobytes()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:4], "big"))
