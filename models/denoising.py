"""Runs one diffusers call for some outputs of a request and reports every denoising step. Knows no engine."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from torch import Tensor

from models.base import ImageRequest
from models.embedded_prompts import EmbeddedPrompts
from models.fabric import References, steer
from models.pipelines import Kind, Pipeline, copy_with_scheduler, input_channels
from models.sharing import Pass, SharedDenoiser, shared_place
from models.unet_adapters import UNetAdapters


@dataclass(frozen=True, slots=True)
class Progress:
    """After denoising step `step` of `steps`. latents: what a preview can be made of, (positions of the call, …)."""

    step: int
    steps: int
    latents: Tensor


@dataclass(frozen=True, slots=True)
class Plan:
    """A validated request: which of the family's pipelines does it, from which pictures.

    init, mask: of the size that is drawn. whole: the picture as it was given, with the mask in its size (inpainting).
    adapter: its name in the UNet, "" for none.
    """

    request: ImageRequest
    kind: Kind
    prompt: str
    negative_prompt: str
    init: Image.Image | None = None
    mask: Image.Image | None = None  # "L", white where to repaint
    references: References | None = None
    whole: tuple[Image.Image, Image.Image] | None = None
    adapter: str = ""


@dataclass
class _Latest:
    """The scheduler's newest estimate of the finished latents, if it makes one."""

    estimate: Tensor | None = field(default=None)


def denoise(
    plan: Plan,
    positions: Sequence[int],
    pipelines: dict[Kind, Pipeline],
    words: EmbeddedPrompts,
    adapters: UNetAdapters,
    report: Callable[[Progress | Pass], None],
) -> list[Image.Image]:
    """The finished pictures of `positions`, in order. `report` may block: it is told every denoising step that is done,
    and, by the families that can share, every pass of the denoiser that is wanted; it returns when that is granted."""
    settings = plan.request.settings
    blends = plan.kind == "inpaint" and blends_latents(pipelines)
    pipe = copy_with_scheduler(pipelines["image-to-image" if blends else plan.kind], settings["scheduler"])
    words.serve(pipe)
    if plan.references is not None:
        adapters.stand_in(pipe, plan.adapter)
        steer(pipe, plan.references, len(positions))
    elif place := shared_place(pipe):
        SharedDenoiser(getattr(pipe, place), report, plan.adapter).stand_in(pipe, place)
    latest = _Latest()
    _watch_scheduler(pipe.scheduler, latest)
    generators = [seeded(plan.request.seed, position) for position in positions]
    accepts = inspect.signature(type(pipe).__call__).parameters
    offered: dict[str, Any] = {
        "prompt": plan.prompt,
        "num_inference_steps": settings["num_inference_steps"],
        "guidance_scale": settings["guidance_scale"],
        "generator": generators,
        "num_images_per_prompt": len(positions),
        "width": settings["width"],
        "height": settings["height"],
        "output_type": "pil",
    }
    if plan.negative_prompt:  # what stands for none differs between families
        offered["negative_prompt"] = plan.negative_prompt
    if plan.init is not None:
        offered |= {"image": plan.init, "strength": settings["strength"]}
    if plan.mask is not None:
        offered["mask_image"] = plan.mask
    mix = _Blend(plan, pipelines, positions) if blends else None

    def after_step(own: Pipeline, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        steps = getattr(own, "num_timesteps", None) or settings["num_inference_steps"]
        latents = tensors["latents"]
        if mix is not None:
            latents = mix(own, index, steps, latents)
        shown = latents if latest.estimate is None else latest.estimate
        if shown.ndim == 3 and hasattr(own, "_unpack_latents"):  # Flux and its kin denoise rows of patches
            shown = _unpacked(own, shown, settings)
        report(Progress(index + 1, steps, shown))
        return {"latents": latents}

    if "callback_on_step_end" in accepts:
        offered |= {"callback_on_step_end": after_step, "callback_on_step_end_tensor_inputs": ["latents"]}
    with _same_dtype(getattr(pipe, "vae", None)):
        pictures = pipe(**{name: value for name, value in offered.items() if name in accepts}).images
    if plan.whole is not None:  # what was not to be repainted keeps its very pixels, in the size it came in
        picture, mask = plan.whole
        fitted = [p.resize(picture.size, Image.Resampling.LANCZOS) if p.size != picture.size else p for p in pictures]
        return [Image.composite(p, picture, mask) for p in fitted]
    return list(pictures)


@contextmanager
def _same_dtype(vae: Any) -> Iterator[None]:
    """Some pipelines turn their autoencoder to fp32 while they decode; where that raises they leave it so, and no later
    picture would be drawn."""
    dtype = getattr(vae, "dtype", None)
    try:
        yield
    finally:
        if dtype is not None and vae.dtype != dtype:
            vae.to(dtype)


def seeded(seed: int, position: int) -> torch.Generator:
    """The generator of one output. On the CPU, so that every device draws the same noise."""
    return torch.Generator("cpu").manual_seed((seed + position) % 2**32)


def blends_latents(pipelines: dict[Kind, Pipeline]) -> bool:
    """Whether inpainting goes through image-to-image with latents mixed after every step.

    diffusers' Stable Diffusion inpainting knows latents of 4 channels only; our mixing knows any number.
    """
    base = pipelines.get("text-to-image")
    if base is None or "image-to-image" not in pipelines or getattr(base, "vae", None) is None:
        return False
    if "inpaint" not in pipelines:
        return False
    channels = getattr(base.vae.config, "latent_channels", None)
    return getattr(base, "unet", None) is not None and channels not in (None, 4) and input_channels(base) == channels


class _Blend:
    """After every step, puts the noised original back wherever the mask is black (as in Lugmayr et al. 2022, RePaint,
    without its resampling)."""

    def __init__(self, plan: Plan, pipelines: dict[Kind, Pipeline], positions: Sequence[int]) -> None:
        assert plan.init is not None and plan.mask is not None
        pipe = pipelines["image-to-image"]
        vae = pipe.vae
        weight = next(vae.parameters())
        picture = pipe.image_processor.preprocess(plan.init).to(weight)
        with torch.no_grad():
            latents = vae.encode(picture).latent_dist.mode()  # (1, C, h, w)
        self._original = (latents - (getattr(vae.config, "shift_factor", None) or 0.0)) * vae.config.scaling_factor
        mask = torch.from_numpy(pipe.image_processor.pil_to_numpy(plan.mask)).reshape(1, 1, *plan.mask.size[::-1])
        # a latent is repainted if any of its pixels is
        pooled = torch.nn.functional.adaptive_max_pool2d(mask, latents.shape[-2:])  # mask in 0…1
        self._repaint = (pooled > 0.5).to(latents)  # (1, 1, h, w)
        noise = [torch.randn(latents.shape[1:], generator=seeded(plan.request.seed, p)) for p in positions]
        self._noise = torch.stack(noise).to(latents)

    def __call__(self, pipe: Pipeline, index: int, steps: int, latents: Tensor) -> Tensor:
        original = self._original.expand_as(latents)
        if index + 1 < steps:
            left = pipe.scheduler.timesteps[len(pipe.scheduler.timesteps) - steps + index + 1]
            original = pipe.scheduler.add_noise(original, self._noise, left.reshape(1).expand(len(latents)))
        return torch.where(self._repaint.bool(), latents, original.to(latents))


def _unpacked(pipe: Pipeline, latents: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """(B, C, h, w) from rows of 2×2 patches, where the family says how; else unchanged (and without a preview)."""
    try:
        return pipe._unpack_latents(latents, settings["height"], settings["width"], pipe.vae_scale_factor)
    except (TypeError, ValueError, RuntimeError):
        return latents


def _watch_scheduler(scheduler: Any, latest: _Latest) -> None:
    """Note the estimate of the clean latents that each step makes anyway: a far better preview than noisy latents."""
    step = scheduler.step
    if "return_dict" not in inspect.signature(step).parameters:
        return

    flows = isinstance(scheduler, FlowMatchEulerDiscreteScheduler)

    @wraps(step)
    def watched(*args: Any, return_dict: bool = True, **kwargs: Any) -> Any:
        output = step(*args, return_dict=True, **kwargs)
        estimate = getattr(output, "pred_original_sample", getattr(output, "denoised", None))
        if estimate is None and _keeps_clean_estimates(scheduler):
            estimate = scheduler.model_outputs[-1]
        elif estimate is None and flows and len(args) > 2:
            velocity, _timestep, noisy = args[:3]  # rectified flow: clean = noisy − sigma · velocity
            estimate = noisy - scheduler.sigmas[scheduler.step_index - 1] * velocity
        latest.estimate = estimate
        return output if return_dict else output.to_tuple()

    scheduler.step = watched


def _keeps_clean_estimates(scheduler: Any) -> bool:
    """Solvers of the ++ and UniPC kind remember predictions of the clean latents instead of returning them."""
    plus = getattr(scheduler.config, "algorithm_type", "") in ("dpmsolver++", "sde-dpmsolver++")
    return plus or bool(getattr(scheduler.config, "predict_x0", False))
