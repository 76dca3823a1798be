"""Trains the autoencoder of the embedded image model on composed scenes.

Knows pictures and the autoencoder; knows nothing of captions, text or diffusion.
"""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from models.pretrain.icon_captions import BACKGROUNDS, STYLES, Scene, Style, sample_scene
from models.pretrain.icon_networks import build_autoencoder
from models.pretrain.icon_pictures import compose
from models.pretrain.icon_thumbnail_start import start_as_thumbnail
from models.pretrain.training_run import autocast, draw_progress, learning_rate, load_checkpoint, save_checkpoint

KL_WEIGHT = 1e-6  # at 2e-4 the fourth channel, random at the start, was given up within minutes
DECODER_NOISE = 0.05  # of the latents' standard deviation: a denoiser's latents are never exact
GRADIENT_WEIGHT = 1.0


def train_autoencoder(
    icons: Mapping[tuple[str, Style], Image.Image],
    run_dir: Path,
    *,
    part: Literal["autoencoder", "decoder"] = "autoencoder",
    minutes: float,
    batch: int,
    peak_lr: float,
    seed: int,
    device: torch.device,
) -> AutoencoderKL:
    """Train for so many minutes of wall-clock, resuming `run_dir/<part>.pt`; saves and returns it with centred latents.

    The part `decoder` goes on with the decoder of a trained autoencoder and leaves its latents as they are, so that
    it can run after (or beside) the training of a UNet on these latents.
    """
    torch.manual_seed(seed)
    rng = Random(seed)
    slugs = sorted({slug for slug, _ in icons})
    if part == "autoencoder":
        model = build_autoencoder()
        start_as_thumbnail(model, random_pictures(icons, slugs, 32, rng))
    else:
        model = AutoencoderKL.from_pretrained(run_dir / "autoencoder").train()
        for frozen in (model.encoder, model.quant_conv):
            frozen.requires_grad_(False)
    model = model.to(device).to(memory_format=torch.channels_last)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=peak_lr, betas=(0.9, 0.99), weight_decay=1e-4, fused=True)
    state = load_checkpoint(run_dir / f"{part}.pt", device)
    step, spent_s = 0, 0.0
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent_s = state["step"], state["spent_s"]
        rng.seed(seed + step)
    log = SummaryWriter(str(run_dir / "tensorboard" / part))
    budget_s, began, saved_at = minutes * 60, time.monotonic() - spent_s, time.monotonic()
    while (spent_s := time.monotonic() - began) < budget_s:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(spent_s / budget_s, step, peak_lr, warmup_steps=50)
        pictures = random_pictures(icons, slugs, batch, rng).to(device)
        with autocast(device):
            posterior = model.encode(pictures).latent_dist
            latents = posterior.sample()
            if part == "decoder":
                latents = latents + DECODER_NOISE * torch.randn_like(latents)
            rebuilt = model.decode(latents).sample.float()
        distance = (rebuilt - pictures).abs().mean()
        edges = edge_distance(rebuilt, pictures)
        divergence = posterior.kl().float().mean() / math.prod(posterior.mean.shape[1:])
        loss = distance + GRADIENT_WEIGHT * edges + KL_WEIGHT * divergence
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        if step % 25 == 0:
            log.add_scalar("distance", distance.item(), step)
            log.add_scalar("edges", edges.item(), step)
            log.add_scalar("kl", divergence.item(), step)
            draw_progress(part, spent_s, budget_s, step, step * batch, distance.item())
        if time.monotonic() - saved_at > 120:
            saved_at = time.monotonic()
            spent_s = time.monotonic() - began
            save_checkpoint(run_dir / f"{part}.pt", model=model, optimizer=optimizer, step=step, spent_s=spent_s)
            rebuilt_grid(model, icons, run_dir / "grids" / f"{part}-{step:06d}.png", device)
    log.close()
    if part == "autoencoder":
        centre_latents(model, random_pictures(icons, slugs, 256, Random(seed + 1)).to(device))
    save_checkpoint(run_dir / f"{part}.pt", model=model, optimizer=optimizer, step=step, spent_s=spent_s)
    rebuilt_grid(model, icons, run_dir / "grids" / f"{part}-final.png", device)
    model.save_pretrained(run_dir / "autoencoder")
    return model.eval()


def random_pictures(
    icons: Mapping[tuple[str, Style], Image.Image], slugs: Sequence[str], count: int, rng: Random
) -> Tensor:
    """Composed scenes as (count, 3, 64, 64) in ±1."""
    pictures = []
    for _ in range(count):
        scene = sample_scene(rng.choice(slugs), rng.choice(STYLES), slugs, 0.2, rng)
        moved = (rng.randint(-4, 4), rng.randint(-4, 4))  # pictures that people bring stand anywhere
        pictures.append(np.roll(compose(scene, icons), moved, (0, 1)))
    return to_tensor(np.stack(pictures))


def to_tensor(pictures: np.ndarray) -> Tensor:
    """(B, 64, 64, 3) uint8 to (B, 3, 64, 64) in ±1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def edge_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of the horizontal and vertical differences of neighbouring pixels: keeps outlines
    sharp."""
    difference = a - b
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


@torch.no_grad()
def centre_latents(model: AutoencoderKL, pictures: Tensor) -> None:
    """Make every latent channel zero-mean and unit-variance on these pictures (B, 3, 64, 64), without changing what
    is rebuilt.

    The shift and the scale of each channel go into the 1×1 convolutions on both sides of the latents, so that
    `scaling_factor` is 1 and the diffusion starts from noise with the latents' own mean.
    """
    means = model.encode(pictures).latent_dist.mean
    centre, spread = means.mean(dim=(0, 2, 3)), means.std(dim=(0, 2, 3))
    channels = len(centre)
    before, after = model.quant_conv, model.post_quant_conv
    after.bias += after.weight[:, :, 0, 0] @ centre
    after.weight *= spread[None, :, None, None]
    before.weight[:channels] /= spread[:, None, None, None]
    before.bias[:channels] = (before.bias[:channels] - centre) / spread
    before.bias[channels:] -= 2 * spread.log()
    model.register_to_config(scaling_factor=1.0)


@torch.no_grad()
def rebuilt_grid(
    model: AutoencoderKL, icons: Mapping[tuple[str, Style], Image.Image], path: Path, device: torch.device
) -> None:
    """A PNG of originals above their reconstructions."""
    rng = Random(7)
    slugs = sorted({slug for slug, _ in icons})
    scenes = [Scene((rng.choice(slugs),), STYLES[i % 3], BACKGROUNDS[i % 9]) for i in range(24)]
    originals = to_tensor(np.stack([compose(scene, icons) for scene in scenes])).to(device)
    rebuilt = model.decode(model.encode(originals).latent_dist.mean).sample.clamp(-1, 1)
    rows = [part for half in (0, 12) for part in (originals[half : half + 12], rebuilt[half : half + 12])]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(((sheet + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()).save(path)
