"""The recipe of the embedded image model: icons drawn from captions, trained from nothing and saved as a Stable
Diffusion folder.

    python -m models.pretrain.icons --run RUN --out models/embedded/icons

Knows the order of the steps: fetch the icon sets (npm), train the autoencoder, encode the scenes, train text encoder
and UNet together, export. Every step resumes where an earlier run of the same `--run` folder stopped; losses are
TensorBoard logs under `RUN/tensorboard`, sample grids PNGs under `RUN/grids`. Trains on CUDA where there is one, else
on the CPU.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Literal

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from transformers import CLIPTokenizer

from models.pretrain.icon_autoencoder import train_autoencoder
from models.pretrain.icon_captions import BACKGROUNDS, STYLES
from models.pretrain.icon_concepts import read_concepts
from models.pretrain.icon_denoiser import (
    Denoiser,
    build_denoiser,
    build_optimizer,
    encode_pictures,
    sample_grid,
    tokenize,
    train_denoiser,
    write_examples,
)
from models.pretrain.icon_networks import assemble_pipeline, build_tokenizer, save_pipeline
from models.pretrain.icon_pictures import download_sets, read_keywords, render_icons
from models.pretrain.training_run import load_checkpoint, save_checkpoint

GRID_SUBJECTS = (
    "cat", "rocket", "tree", "pizza", "elephant", "house", "car", "fish", "key", "sunflower", "apple", "mushroom",
)  # fmt: skip


def main() -> None:
    """Run the recipe from the command line."""
    options = read_options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    device = torch.device(options.device)
    if options.start:
        start_from(options.start, options.run)
    elif options.stage in ("all", "autoencoder"):
        fit_autoencoder(options, device, "autoencoder", options.autoencoder_minutes)
    if options.stage in ("all", "latents"):
        encode_scenes(options, device)
    if options.stage in ("all", "denoiser"):
        if options.workers > 1:
            (options.run / "rendezvous").unlink(missing_ok=True)
            torch.multiprocessing.spawn(join_workers, args=(options,), nprocs=options.workers)
        else:
            fit_denoiser(options, device)
    if options.stage in ("all", "decoder"):
        fit_autoencoder(options, device, "decoder", options.decoder_minutes)
    if options.stage in ("all", "export"):
        export(options)


def read_options() -> argparse.Namespace:
    """The command line. The model card beside the weights says how they were trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the finished pipeline")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder for checkpoints, logs, sample grids and latents"
    )
    parser.add_argument("--data", type=Path, help="folder of the icon packages (default: RUN/data)")
    parser.add_argument("--start", type=Path, help="a finished pipeline whose weights a new run goes on with")
    parser.add_argument(
        "--stage", choices=("all", "autoencoder", "latents", "denoiser", "decoder", "export"), default="all"
    )
    parser.add_argument("--autoencoder-minutes", type=float, default=20)
    parser.add_argument("--decoder-minutes", type=float, default=10, help="more training of the decoder alone")
    parser.add_argument("--autoencoder-batch", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=120, help="wall-clock budget of the text encoder and the UNet")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--variants", type=int, default=24, help="pictures of each concept in each style")
    parser.add_argument("--composed-share", type=float, default=0.06, help="share of counted and paired scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="threads of each process (default: PyTorch's choice)")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes that share the denoiser's batches: two with one thread each train three times as fast as one "
        "with two on a machine that does other work as well, and a sixth slower where nothing else runs",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    options.data = options.data or options.run / "data"
    return options


def start_from(folder: Path, run: Path) -> None:
    """The parts of a finished pipeline as the beginning of a run, unless the run has begun already."""
    if (run / "denoiser.pt").exists():
        return
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.vae.save_pretrained(run / "autoencoder")
    pipeline.tokenizer.save_pretrained(run / "tokenizer")
    denoiser = Denoiser(pipeline.text_encoder, pipeline.unet)
    optimizer = build_optimizer(denoiser, 0.0)
    save_checkpoint(run / "denoiser.pt", model=denoiser, averaged=denoiser, optimizer=optimizer, step=0, spent_s=0.0)


def fit_autoencoder(
    options: argparse.Namespace, device: torch.device, part: Literal["autoencoder", "decoder"], minutes: float
) -> None:
    """Icons to `RUN/autoencoder`; the part `decoder` betters what lies there."""
    download_sets(options.data)
    icons = render_icons(options.data, list(read_concepts()))
    train_autoencoder(
        icons,
        options.run,
        part=part,
        minutes=minutes,
        batch=options.autoencoder_batch,
        peak_lr=1.2e-3,
        seed=options.seed,
        device=device,
    )


def encode_scenes(options: argparse.Namespace, device: torch.device) -> None:
    """Captioned scenes to `RUN/latents.pt`, and the tokenizer in `RUN/tokenizer` unless there is one."""
    concepts = read_concepts()
    icons = render_icons(options.data, list(concepts))
    keywords = read_keywords(options.data, list(concepts))
    pictures, captions = write_examples(
        icons, concepts, keywords, variants=options.variants, composed_share=options.composed_share, seed=options.seed
    )
    if (words := options.run / "tokenizer").exists():  # the text encoder may know its numbers already
        tokenizer = CLIPTokenizer.from_pretrained(words)
    else:
        tokenizer = build_tokenizer((caption for some in captions for caption in some), words)
    ids = torch.stack([tokenize(tokenizer, some) for some in captions]).short()
    autoencoder = AutoencoderKL.from_pretrained(options.run / "autoencoder").to(device).eval()
    latents = encode_pictures(autoencoder, pictures, device)
    torch.save({"latents": latents, "token_ids": ids}, options.run / "latents.pt")
    print(f"{len(latents)} scenes, latent standard deviation {latents.float().std():.3f}", file=sys.stderr)


def join_workers(worker: int, options: argparse.Namespace) -> None:
    """One of several processes on this machine that train the denoiser together, on the CPU."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(options.threads or 1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{options.run.resolve()}/rendezvous", rank=worker, world_size=options.workers
    )
    fit_denoiser(options, torch.device("cpu"), worker)
    torch.distributed.destroy_process_group()


def fit_denoiser(options: argparse.Namespace, device: torch.device, worker: int = 0) -> None:
    """`RUN/latents.pt` to `RUN/denoiser.pt`."""
    examples = torch.load(options.run / "latents.pt", weights_only=True)
    tokenizer = CLIPTokenizer.from_pretrained(options.run / "tokenizer")
    autoencoder = AutoencoderKL.from_pretrained(options.run / "autoencoder").to(device).eval()

    def draw_samples(denoiser: Denoiser, step: int) -> None:
        pipeline = assemble_pipeline(autoencoder, denoiser.text_encoder, tokenizer, denoiser.unet)
        path = options.run / "grids" / f"denoiser-{step:06d}.png"
        sample_grid(pipeline, grid_prompts(), path, columns=len(GRID_SUBJECTS), steps=20)

    train_denoiser(
        examples["latents"],
        examples["token_ids"],
        tokenizer,
        options.run,
        minutes=options.minutes,
        batch=options.batch,
        peak_lr=options.lr,
        seed=options.seed,
        device=device,
        draw_samples=draw_samples,
        worker=worker,
        workers=options.workers,
    )


def export(options: argparse.Namespace) -> None:
    """The averaged weights of the last checkpoint, as a pipeline folder at OUT; can be called while training goes
    on."""
    cpu = torch.device("cpu")
    tokenizer = CLIPTokenizer.from_pretrained(options.run / "tokenizer")
    denoiser = build_denoiser(tokenizer, cpu)
    state = load_checkpoint(options.run / "denoiser.pt", cpu)
    if state is None:
        raise SystemExit(f"{options.run} holds no denoiser.pt yet: run the recipe without --stage export first.")
    denoiser.load_state_dict(state["averaged"])
    denoiser.unet.set_default_attn_processor()
    autoencoder = AutoencoderKL.from_pretrained(options.run / "autoencoder")
    pipeline = assemble_pipeline(autoencoder, denoiser.text_encoder, tokenizer, denoiser.unet)
    sample_grid(pipeline, grid_prompts(), options.run / "grids" / "exported.png", columns=len(GRID_SUBJECTS), steps=20)
    save_pipeline(pipeline, options.out)
    print(f"step {state['step']} written to {options.out}", file=sys.stderr)


def grid_prompts() -> list[str]:
    """Four rows of the same subjects: plain, line style, noto on the coloured backgrounds, small or to one side."""
    rows = [[f"a {name}" for name in GRID_SUBJECTS], [f"a {name} in line style" for name in GRID_SUBJECTS]]
    coloured = BACKGROUNDS[1:]
    rows.append([f"a {name}, {STYLES[2]} style, {coloured[i % 8]} background" for i, name in enumerate(GRID_SUBJECTS)])
    places = ("a small {}", "a large {}", "a {} on the left", "a {} on the right on a blue background")
    rows.append([places[i % 4].format(name) for i, name in enumerate(GRID_SUBJECTS)])
    return [prompt for row in rows for prompt in row]


if __name__ == "__main__":
    main()
