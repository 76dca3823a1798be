"""Trains the text encoder and the UNet of the embedded image model together, on latents computed beforehand.

Knows latents, token ids and noise; the loop never touches pictures, so that a slow machine spends its time on the
UNet alone. v-prediction (Salimans & Ho 2022) on a zero-terminal-SNR schedule (Lin et al. 2023), the loss weight
capped in the manner of min-SNR-γ (Hang et al. 2023), 10 % empty captions for classifier-free guidance (Ho & Salimans
2022).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from PIL import Image
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.tensorboard import SummaryWriter
from transformers import CLIPTextModel, CLIPTokenizer

from models.pretrain.icon_autoencoder import to_tensor
from models.pretrain.icon_captions import STYLES, Style, sample_scene, write_caption
from models.pretrain.icon_concepts import Concept
from models.pretrain.icon_networks import PROMPT_TOKENS, build_text_encoder, build_training_schedule, build_unet
from models.pretrain.icon_pictures import compose
from models.pretrain.training_run import autocast, draw_progress, learning_rate, load_checkpoint, save_checkpoint

CAPTIONS_PER_PICTURE = 3
EMPTY_CAPTION_SHARE = 0.1
SNR_CAP = 5.0
EMA_DECAY = 0.998


def write_examples(
    icons: Mapping[tuple[str, Style], Image.Image],
    concepts: Mapping[str, Concept],
    keywords: Mapping[str, Sequence[str]],
    *,
    variants: int,
    composed_share: float,
    seed: int,
) -> tuple[np.ndarray, list[list[str]]]:
    """`variants` pictures (N, 64, 64, 3) of every concept in every style, and some wordings of each."""
    rng = Random(seed)
    slugs = list(concepts)
    pictures, captions = [], []
    for slug in slugs:
        for style in STYLES:
            for _ in range(variants):
                scene = sample_scene(slug, style, slugs, composed_share, rng)
                pictures.append(compose(scene, icons))
                captions.append([write_caption(scene, concepts, keywords, rng) for _ in range(CAPTIONS_PER_PICTURE)])
    return np.stack(pictures), captions


@torch.no_grad()
def encode_pictures(autoencoder: AutoencoderKL, pictures: np.ndarray, device: torch.device) -> Tensor:
    """(N, 64, 64, 3) uint8 to scaled latents (N, 4, 16, 16), fp16 on the CPU."""
    latents = []
    for start in range(0, len(pictures), 64):
        with autocast(device):
            part = autoencoder.encode(to_tensor(pictures[start : start + 64]).to(device)).latent_dist.mean
        latents.append((part.float() * autoencoder.config.scaling_factor).half().cpu())
    return torch.cat(latents)


def tokenize(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """Token ids (N, 24), padded and cut as the pipeline pads and cuts."""
    encoded = tokenizer(captions, padding="max_length", max_length=PROMPT_TOKENS, truncation=True, return_tensors="pt")
    return encoded.input_ids


class Denoiser(nn.Module):
    """The text encoder and the UNet as one module: v for noisy latents and token ids."""

    def __init__(self, text_encoder: CLIPTextModel, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.text_encoder = text_encoder
        self.unet = unet

    def forward(self, noisy: Tensor, timesteps: Tensor, token_ids: Tensor) -> Tensor:
        """(B, 4, 16, 16), (B,), (B, 24) to (B, 4, 16, 16)."""
        states = self.text_encoder(token_ids)[0]
        return self.unet(noisy, timesteps, states).sample


def build_denoiser(tokenizer: CLIPTokenizer, device: torch.device) -> Denoiser:
    """An untrained denoiser, laid out for speed on this device."""
    denoiser = Denoiser(build_text_encoder(tokenizer), build_unet()).to(device)
    # PyTorch's fused attention has a slow backward on CPU: a fifth of the whole step
    denoiser.unet.set_attn_processor(AttnProcessor() if device.type == "cpu" else AttnProcessor2_0())
    return denoiser.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def build_optimizer(denoiser: Denoiser, lr: float) -> torch.optim.Optimizer:
    """AdamW over text encoder and UNet together."""
    return torch.optim.AdamW(denoiser.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)


def train_denoiser(
    latents: Tensor,
    token_ids: Tensor,
    tokenizer: CLIPTokenizer,
    run_dir: Path,
    *,
    minutes: float,
    batch: int,
    peak_lr: float,
    seed: int,
    device: torch.device,
    draw_samples: Callable[[Denoiser, int], None],
    sample_every_minutes: float = 10,
    worker: int = 0,
    workers: int = 1,
) -> Denoiser:
    """Train for so many minutes of wall-clock on latents (N, 4, 16, 16) and ids (N, captions, 24); returns the
    averaged weights.

    Resumes `run_dir/denoiser.pt`, and calls `draw_samples(averaged, step)` now and then. With several workers (the
    process group is the caller's) each takes its share of the batch, and the first one alone writes.
    """
    torch.manual_seed(seed)
    denoiser = build_denoiser(tokenizer, device)
    averaged = build_denoiser(tokenizer, device).requires_grad_(False).eval()
    averaged.load_state_dict(denoiser.state_dict())
    optimizer = build_optimizer(denoiser, peak_lr)
    step, spent_s = 0, 0.0
    state = load_checkpoint(run_dir / "denoiser.pt", device)
    if state:
        denoiser.load_state_dict(state["model"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent_s = state["step"], state["spent_s"]
    torch.manual_seed(seed + step * workers + worker)
    forward = DistributedDataParallel(denoiser) if workers > 1 else denoiser
    share = batch // workers
    schedule = build_training_schedule()
    alphas = schedule.alphas_cumprod.to(device)
    snr = alphas / (1 - alphas)
    loss_weight = (snr + 1).clamp(max=SNR_CAP + 1) / (snr + 1)
    empty_ids = tokenize(tokenizer, [""])[0]
    log = SummaryWriter(str(run_dir / "tensorboard" / "denoiser")) if worker == 0 else None
    budget_s, began = minutes * 60, time.monotonic() - spent_s
    saved_at = sampled_at = time.monotonic()
    order, cursor, smooth_loss = torch.randperm(len(latents)), 0, None

    def checkpoint() -> None:
        spent = time.monotonic() - began
        save_checkpoint(
            run_dir / "denoiser.pt", model=denoiser, averaged=averaged, optimizer=optimizer, step=step, spent_s=spent
        )

    denoiser.train()
    while (spent_s := first_workers(time.monotonic() - began, workers)) < budget_s:
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(spent_s / budget_s, step, peak_lr, warmup_steps=150)
        if cursor + share > len(order):
            order, cursor = torch.randperm(len(latents)), 0
        picked = order[cursor : cursor + share]
        cursor += share
        clean = latents[picked].float().to(device)
        ids = token_ids[picked, torch.randint(token_ids.shape[1], (share,))].long()
        ids[torch.rand(share) < EMPTY_CAPTION_SHARE] = empty_ids
        # stratified, so that every batch sees all noise levels
        timesteps = ((torch.randperm(share) + torch.rand(share)) / share * len(alphas)).long().to(device)
        noise = torch.randn_like(clean)
        noisy = schedule.add_noise(clean, noise, timesteps).contiguous(memory_format=torch.channels_last)
        target = schedule.get_velocity(clean, noise, timesteps)
        with autocast(device):
            predicted = forward(noisy, timesteps, ids.to(device))
        errors = (predicted.float() - target).square().mean(dim=(1, 2, 3))
        loss = (errors * loss_weight[timesteps]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        optimizer.step()
        step += 1
        move_average(averaged, denoiser, min(EMA_DECAY, (1 + step) / (10 + step)))
        smooth_loss = errors.mean().item() if smooth_loss is None else smooth_loss * 0.98 + errors.mean().item() * 0.02
        if log is None:
            continue
        if step % 25 == 0:
            log.add_scalar("v_error", smooth_loss, step)
            log.add_scalar("learning_rate", optimizer.param_groups[0]["lr"], step)
            draw_progress("denoiser", spent_s, budget_s, step, step * batch, smooth_loss)
        if time.monotonic() - saved_at > 180:
            checkpoint()
            saved_at = time.monotonic()
        if time.monotonic() - sampled_at > sample_every_minutes * 60:
            draw_samples(averaged, step)
            sampled_at = time.monotonic()
    if log is not None:
        checkpoint()
        log.close()
        draw_samples(averaged, step)
    return averaged


def first_workers(value: float, workers: int) -> float:
    """The first worker's value, on every worker: clocks differ, and all must stop at the same step."""
    if workers == 1:
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    torch.distributed.broadcast(shared, 0)
    return shared.item()


@torch.no_grad()
def move_average(averaged: nn.Module, current: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights, in place."""
    torch._foreach_lerp_(list(averaged.parameters()), list(current.parameters()), 1 - decay)


def sample_grid(
    pipeline: StableDiffusionPipeline, prompts: Sequence[str], path: Path, *, columns: int, steps: int
) -> None:
    """One picture for every prompt, seeded by its place, as a PNG contact sheet."""
    pipeline.set_progress_bar_config(disable=True)
    generators = [torch.Generator().manual_seed(index) for index in range(len(prompts))]
    pictures: list[Image.Image] = pipeline(
        list(prompts), num_inference_steps=steps, guidance_scale=3.0, generator=generators
    ).images
    side = pictures[0].width
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side), "white")
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % columns * side, index // columns * side))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
