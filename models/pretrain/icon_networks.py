"""The parts of the embedded image model, untrained, and their assembly as a StableDiffusionPipeline folder.

Knows sizes and file formats; knows nothing of data or of how to train. Four latent channels, because diffusers'
inpainting loop accepts a UNet of four (or nine) input channels only; a factor of 4, because four channels at a factor
of 8 lose too much at 64 pixels.
"""

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    SchedulerMixin,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

PICTURE_PX = 64
LATENT_CHANNELS = 4
LATENT_PX = 16
PROMPT_TOKENS = 24
TEXT_WIDTH = 192
START, END = "<|startoftext|>", "<|endoftext|>"
NOISE_SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,  # coloured backgrounds need the last step to hold no signal (Lin et al. 2023)
    "timestep_spacing": "trailing",
    "clip_sample": False,  # True clips latents to ±1 and turns good weights into noise
}


def build_autoencoder() -> AutoencoderKL:
    """Pictures (B, 3, 64, 64) in ±1 to latents (B, 4, 16, 16) and back; fully convolutional.

    One normalisation group: with more, each group's mean is lost, and with it the colour of a plain background.
    """
    return AutoencoderKL(
        block_out_channels=(32, 48, 64),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=LATENT_CHANNELS,
        layers_per_block=1,
        norm_num_groups=1,
        mid_block_add_attention=False,
        sample_size=PICTURE_PX,
    )


def build_unet() -> UNet2DConditionModel:
    """Predicts v for latents (B, 4, 16, 16), a timestep (B,) and text states (B, 24, 192).

    Reads the text at 8×8 and 4×4 by cross-attention, and everywhere in a summary that is added to the timestep's
    embedding.
    """
    return UNet2DConditionModel(
        sample_size=LATENT_PX,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(48, 96, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        addition_embed_type="text",
        addition_embed_type_num_heads=8,
        attention_head_dim=4,
        norm_num_groups=8,
    )


def build_tokenizer(captions: Iterable[str], folder: Path) -> CLIPTokenizer:
    """A byte-level CLIP tokenizer in which every word of the captions is one token; any other unicode falls back to
    bytes.

    Writes `vocab.json` and `merges.txt` into the folder and loads them as any user of the folder will.
    """
    words = Counter(word for caption in captions for word in caption.lower().replace(",", " , ").split())
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=20_000, min_frequency=1, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    # one word a line: a leading space would otherwise become part of the word, which CLIP's own splitting never does
    tokenizer.train_from_iterator(sorted(words), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.model.save(str(folder))
    merges = [
        tuple(line.split(" ")) for line in (folder / "merges.txt").read_text().splitlines() if not line.startswith("#")
    ]
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens += [joined for joined in dict.fromkeys(a + b for a, b in merges) if joined not in set(tokens)]
    vocabulary = {token: index for index, token in enumerate([*tokens, START, END])}
    clip = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=PROMPT_TOKENS)
    shutil.rmtree(folder)
    clip.save_pretrained(folder)
    return CLIPTokenizer.from_pretrained(folder)


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Token ids (B, 24) to text states (B, 24, 192)."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=TEXT_WIDTH * 3,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_TOKENS,
            projection_dim=TEXT_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_training_schedule() -> DDPMScheduler:
    """The forward noising used in training; the shipped sampler has the same betas."""
    return DDPMScheduler(**NOISE_SCHEDULE)


def build_sampler() -> SchedulerMixin:
    """The sampler that ships with the weights."""
    return DDIMScheduler(**NOISE_SCHEDULE)


def assemble_pipeline(
    autoencoder: AutoencoderKL, text_encoder: CLIPTextModel, tokenizer: CLIPTokenizer, unet: UNet2DConditionModel
) -> StableDiffusionPipeline:
    """A pipeline of these parts, without a safety checker."""
    return StableDiffusionPipeline(
        vae=autoencoder.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        unet=unet.eval(),
        scheduler=build_sampler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def save_pipeline(pipeline: StableDiffusionPipeline, folder: Path) -> None:
    """Write fp16 safetensors into the folder; files of an earlier version are replaced, a model card beside them is
    kept."""
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
    pipeline.to(torch.float16).save_pretrained(fresh, safe_serialization=True)
    if folder.exists():
        for kept in folder.iterdir():
            if kept.suffix in {".md", ".png"} and not (fresh / kept.name).exists():
                shutil.copy2(kept, fresh / kept.name)
        shutil.rmtree(folder)
    fresh.rename(folder)
