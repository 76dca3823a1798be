"""The losses by which people's judgements move a diffusion model. Pure: tensors in, tensors out.

All of them rest on one number a picture: how far the model's prediction is from what was to be predicted, at one noise
and one timestep, as a mean over the latent. A smaller error means a likelier picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def errors(
    unet: Any, scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor, words: Tensor,
    more: Mapping[str, Tensor],
) -> Tensor:  # fmt: skip
    """(B, A): the mean squared error of the model's prediction for each of a row's A pictures.

    latents: (B, A, C, h, w), clean. noise: (B, C, h, w) and timesteps: (B,), the same for all pictures of a row, so
    that they differ by their content alone. words: (B, T, D). more: a UNet's further conditions, each (B, …).
    scheduler: says by its config whether noise, velocity or the clean latents are predicted.
    """
    rows, pictures = latents.shape[:2]
    clean = latents.flatten(0, 1)
    noise, timesteps, words = (each.repeat_interleave(pictures, 0) for each in (noise, timesteps, words))
    noisy = scheduler.add_noise(clean, noise, timesteps)
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        target = noise
    elif kind == "v_prediction":
        target = scheduler.get_velocity(clean, noise, timesteps)
    else:
        target = clean
    weight = next(unet.parameters())
    added = {name: each.repeat_interleave(pictures, 0).to(weight.dtype) for name, each in more.items()} or None
    out = unet(
        noisy.to(weight.dtype), timesteps, encoder_hidden_states=words.to(weight.dtype), added_cond_kwargs=added
    ).sample
    return ((out.float() - target.float()) ** 2).mean(dim=(1, 2, 3)).view(rows, pictures)


def dpo_loss(ours: Tensor, reference: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """(the loss, (B,) margins) of Diffusion-DPO (Wallace et al. 2023, arXiv 2311.12908, eq. 14), T·ω in beta.

    ours, reference: (B, 2), the errors of the preferred picture and of the other. The margin is the implicit reward of
    the preferred one over that of the other: above 0 where the pair is in people's order.
    """
    rewards = beta * (reference - ours)  # (B, 2)
    margins = rewards[:, 0] - rewards[:, 1]
    return -torch.nn.functional.logsigmoid(margins).mean(), margins


def kto_loss(ours: Tensor, reference: Tensor, good: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """(the loss, (B,) rewards) of Diffusion-KTO (Li et al. 2024, arXiv 2404.04465) with the sigmoid as its utility.

    ours, reference: (B, 1) errors. good: (B,), 1 for a picture that people liked and 0 for one that they did not. What
    a reward is compared with is the batch's mean reward, not below 0, through which no gradient goes.
    """
    rewards = (beta * (reference - ours))[:, 0]
    usual = rewards.mean().clamp(min=0).detach()
    wanted = 2 * good - 1
    return (1 - torch.sigmoid(wanted * (rewards - usual))).mean(), rewards
