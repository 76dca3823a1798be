"""Reads facts about model files without loading them: content hashes, parameter counts, default picture sizes.

Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_lock = threading.Lock()
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth")

# another word in a model's card makes no other model: old generations must stay replayable
CARD_SUFFIXES = {".md", ".png", ".jpg", ".jpeg", ".webp"}


def file_sha256(file: Path, cache: Path) -> str:
    """SHA-256 of one file's content, remembered in `cache/hashes.json` by path, size and time of change."""
    return _remembered(cache, [file], lambda: _digest(file).hex())


def folder_sha256(folder: Path, cache: Path) -> str:
    """SHA-256 over the sorted relative names and content hashes of a folder's files, dot files and cards aside."""
    files = _files(folder)

    def compute() -> str:
        whole = hashlib.sha256()
        for file in files:
            whole.update(file.relative_to(folder).as_posix().encode() + b"\0" + _digest(file))
        return whole.hexdigest()

    return _remembered(cache, files, compute, root=folder)


def parameters(folder: Path) -> int:
    """How many parameters a model folder's weights hold (each component's once, precision variants skipped)."""
    total = 0
    folders = [folder, *(f for f in sorted(folder.iterdir()) if f.is_dir() and not f.name.startswith("."))]
    for component in folders:
        weights = [f for f in component.iterdir() if f.suffix in WEIGHT_SUFFIXES and not _is_variant(f)]
        tensors = [f for f in weights if f.suffix == ".safetensors"]
        if component == folder and (folder / "model_index.json").is_file():
            continue  # single-file checkpoints beside a pipeline repeat its components
        if tensors:
            total += sum(_tensor_count(f) for f in tensors)
        else:
            total += sum(f.stat().st_size for f in weights) // 4
    return total


def picture_size(folder: Path) -> tuple[int, int] | None:
    """(width, height) in pixels that a diffusers pipeline was trained for, or None if it does not say."""
    denoiser = _json(folder / "unet" / "config.json") or _json(folder / "transformer" / "config.json")
    sample = denoiser.get("sample_size")
    vae = _json(folder / "vae" / "config.json")
    levels = vae.get("block_out_channels") or vae.get("down_block_types") or []
    factor = 2 ** (len(levels) - 1) if levels else 1
    if vae.get("_class_name") == "AutoencoderDC":
        factor = 32
    if isinstance(sample, int):
        sample = [sample, sample]
    if not isinstance(sample, list) or len(sample) != 2 or not all(isinstance(n, int) for n in sample):
        return None
    height, width = (n * factor for n in sample)
    return (width, height) if 32 <= width <= 2048 and 32 <= height <= 2048 and not (width % 8 or height % 8) else None


def pipeline_class(folder: Path) -> str:
    """The class a diffusers folder names, such as "StableDiffusionPipeline"; "" if it names none."""
    return str(_json(folder / "model_index.json").get("_class_name", ""))


def _is_variant(file: Path) -> bool:
    return any(part in ("fp16", "bf16", "fp32", "non_ema", "ema") for part in file.name.split(".")[1:-1])


def _tensor_count(file: Path) -> int:
    """Elements in a safetensors file, from its header: 8 bytes of length, then JSON."""
    try:
        with file.open("rb") as f:
            (length,) = struct.unpack("<Q", f.read(8))
            header = json.loads(f.read(min(length, 100_000_000)))
        count = 0
        for name, tensor in header.items():
            if name != "__metadata__":
                elements = 1
                for n in tensor["shape"]:
                    elements *= n
                count += elements
        return count
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return file.stat().st_size // 4  # broken: loading will say so


def _files(folder: Path) -> list[Path]:
    def counts(file: Path) -> bool:
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        return file.is_file() and not hidden and file.suffix.lower() not in CARD_SUFFIXES

    return sorted(file for file in folder.rglob("*") if counts(file))


def _digest(file: Path) -> bytes:
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").digest()


def _remembered(cache: Path, files: Iterable[Path], compute: Callable[[], str], root: Path | None = None) -> str:
    stamps = [f"{f}|{f.stat().st_size}|{f.stat().st_mtime_ns}" for f in files]
    key = hashlib.sha256("\n".join([str(root), *stamps]).encode()).hexdigest()
    with _lock:
        store = cache / "hashes.json"
        known: dict[str, Any] = _json(store)
        if not isinstance(known.get(key), str):
            known[key] = compute()
            cache.mkdir(parents=True, exist_ok=True)
            fresh = store.with_suffix(f".{os.getpid()}.tmp")
            fresh.write_text(json.dumps(dict(list(known.items())[-500:])))
            os.replace(fresh, store)
        return str(known[key])


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
