"""Loads diffusers pipelines and says what each family can do. Knows nothing of requests, threads or previews."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import diffusers
import httpx
import torch
import transformers
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, DiffusionPipeline
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from models.base import InvalidRequest, ModelInfo, ModelNotFound, ModelUnavailable
from models.residents import NotEnoughMemory

LoadProgress = Callable[[str, float | None], None]
Pipeline = Any  # a DiffusionPipeline, whose parts mypy cannot see
Kind = Literal["text-to-image", "image-to-image", "inpaint"]

EMBEDDED = Path(__file__).parent / "embedded"
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SCHEDULER_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler-ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "dpm++": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),  # its Runge–Kutta warm-up is not made for latents
}

log = logging.getLogger(__name__)


def load_pipeline(info: ModelInfo, device: str, progress: LoadProgress) -> Pipeline:
    """The pipeline of `info`, on `device`. Raises ModelNotFound or ModelUnavailable."""
    source = _source(info)
    progress(f"Loading {info.name}", None)
    for library in (diffusers, transformers):  # their notes are for programmers; progress goes through `progress`
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    try:
        pipe = _from_pretrained(source, info)
        _tame(pipe)
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise ModelNotFound(
            f"The hub has no model “{info.base}” (revision {info.revision}): check it, or log in if it is private."
        ) from error
    except GatedRepoError as error:
        raise ModelUnavailable(
            f"“{info.base}” asks you to accept its terms: do so on its hub page and log in with `hf auth login`."
        ) from error
    except (LocalEntryNotFoundError, ConnectionError, httpx.TransportError) as error:
        raise ModelUnavailable(_out_of_reach(info)) from error
    except EntryNotFoundError as error:
        raise ModelNotFound(
            f"“{info.base}” has no model_index.json, so it is not a diffusers pipeline: choose another model."
        ) from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelUnavailable(f"“{info.name}” does not fit in memory: choose a smaller model.") from error
    except (OSError, ValueError, RuntimeError, AttributeError, ImportError, TypeError, KeyError) as error:
        if is_out_of_memory(error):
            raise ModelUnavailable(f"“{info.name}” does not fit in memory: choose a smaller model.") from error
        if "not fully cached locally" in str(error):
            raise ModelUnavailable(_out_of_reach(info)) from error
        raise ModelUnavailable(f"“{info.name}” could not be loaded: {first_line(error)}") from error
    if "prompt" not in inspect.signature(type(pipe).__call__).parameters:
        raise ModelUnavailable(f"“{info.name}” ({type(pipe).__name__}) takes no prompt: choose another model.")
    progress(f"Moving {info.name} to {device}", None)
    return _placed(pipe, device)


def pipelines_by_kind(pipe: Pipeline) -> dict[Kind, Pipeline]:
    """The loaded pipeline and its family's siblings, all sharing its modules."""
    accepts = inspect.signature(type(pipe).__call__).parameters
    if "mask_image" in accepts or input_channels(pipe) == 9:  # a checkpoint trained for inpainting only
        return {"inpaint": _sibling(AutoPipelineForInpainting, pipe) or pipe}
    found: dict[Kind, Pipeline] = {"text-to-image": pipe}
    families: dict[Kind, Any] = {"image-to-image": AutoPipelineForImage2Image, "inpaint": AutoPipelineForInpainting}
    for kind, family in families.items():
        if (sibling := _sibling(family, pipe)) is not None:
            found[kind] = sibling
    return found


def copy_with_scheduler(pipe: Pipeline, name: str) -> Pipeline:
    """The same modules under a scheduler of its own, so that two runs share no state.

    Raises InvalidRequest if the model's family cannot use the scheduler `name`.
    """
    own = pipe.scheduler
    if name == "default":
        scheduler = type(own).from_config(own.config)
    else:
        class_name, options = SCHEDULER_CLASSES[name]
        scheduler_class = getattr(diffusers, class_name)
        if scheduler_class is not type(own) and scheduler_class not in own.compatibles:
            raise InvalidRequest(f"This model cannot use the scheduler “{name}”: choose “default”.")
        try:
            # clip_sample, where a config leaves it out, defaults to True, which turns latents into noise
            scheduler = scheduler_class.from_config({**own.config, "clip_sample": False, **options})
        except ImportError as error:
            raise InvalidRequest(f"The scheduler “{name}” needs scipy: install it, or choose another.") from error
    shallow = copy.copy(pipe)
    shallow.scheduler = scheduler
    return shallow


def input_channels(pipe: Pipeline) -> int | None:
    """How many channels the UNet or transformer reads, where its config says so."""
    denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    return getattr(getattr(denoiser, "config", None), "in_channels", None)


def size_multiple(pipe: Pipeline) -> int:
    """Width and height must be multiples of this; other sizes come out rounded."""
    config = getattr(getattr(pipe, "image_processor", None), "config", None)
    return int(getattr(config, "vae_scale_factor", 1) or 1)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, CUDA or Python says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "alloc" in words)


def first_line(error: BaseException) -> str:
    """An error of a library as the end of a sentence."""
    lines = str(error).strip().splitlines()
    line = lines[0].strip() if lines else type(error).__name__
    return (line[:240] + "…" if len(line) > 240 else line).rstrip(".") + "."


def _source(info: ModelInfo) -> str:
    """A folder's path, or the hub id. Raises ModelNotFound for a path without a pipeline in it."""
    if (EMBEDDED / info.base).is_dir() and "/" not in info.base:
        return str(EMBEDDED / info.base)
    folder = Path(info.base).expanduser()
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise ModelNotFound(f"Folder {info.base} has no model_index.json: choose a diffusers folder.")
        return str(folder)
    if info.base.startswith(("/", "./", "../", "~")) or info.base.count("/") != 1:
        raise ModelNotFound(f"There is no model “{info.base}”: give a catalog name, a hub id or a folder.")
    return info.base


def _out_of_reach(info: ModelInfo) -> str:
    return f"“{info.base}” is not on this machine and the hub cannot be reached: connect, or choose a local model."


def _from_pretrained(source: str, info: ModelInfo) -> Pipeline:
    options: dict[str, Any] = {"dtype": DTYPES[info.precision], "local_files_only": Path(source).is_dir()}
    if not options["local_files_only"]:
        options["revision"] = info.revision or None
    attempts = [{"variant": "fp16"}, {}] if info.precision == "fp16" else [{}]  # half the download, where it exists
    for attempt in attempts[:-1]:
        try:
            return DiffusionPipeline.from_pretrained(source, **options, **attempt)
        except (ValueError, OSError) as error:
            log.debug("No %s: %s", attempt, error)
    try:
        return DiffusionPipeline.from_pretrained(source, **options)
    except (ConnectionError, httpx.TransportError):  # offline: what was downloaded before still serves
        return DiffusionPipeline.from_pretrained(source, **{**options, "local_files_only": True})


def _tame(pipe: Pipeline) -> None:
    pipe.set_progress_bar_config(disable=True)
    for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
        tokenizer = getattr(pipe, name, None)
        encoder = getattr(pipe, name.replace("tokenizer", "text_encoder"), None)
        longest = getattr(getattr(encoder, "config", None), "max_position_embeddings", None)
        if tokenizer is not None and longest and getattr(tokenizer, "model_max_length", 0) > longest:
            tokenizer.model_max_length = longest  # a tokenizer saved without its limit would pad without end


def _placed(pipe: Pipeline, device: str) -> Pipeline:
    try:
        return pipe.to(device)
    except torch.OutOfMemoryError:
        pipe.to("cpu")
    if device == "cuda":
        torch.cuda.empty_cache()
    raise NotEnoughMemory("The model does not fit in memory: choose a smaller one.")


def _sibling(family: Any, pipe: Pipeline) -> Pipeline | None:
    try:
        sibling = family.from_pipe(pipe)
    except ValueError:  # the family has no such pipeline
        return None
    if "callback_on_step_end" not in inspect.signature(type(sibling).__call__).parameters:
        return None
    sibling.set_progress_bar_config(disable=True)
    return sibling
