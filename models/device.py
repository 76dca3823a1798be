"""Where models run and how much memory is free there. Imports torch only when a GPU might be present."""

from __future__ import annotations

import ctypes
import functools
import glob
import platform
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import psutil

from models.base import Modality

DeviceKind = Literal["cuda", "mps", "cpu"]

PRECISION: dict[tuple[DeviceKind, Modality], str] = {
    ("cuda", "text"): "bf16",
    ("cuda", "image"): "fp16",
    ("mps", "text"): "fp16",
    ("mps", "image"): "fp16",
    ("cpu", "text"): "fp32",
    ("cpu", "image"): "fp32",
}
loading = threading.Lock()  # transformers and diffusers change torch's defaults while they load: one model at a time
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 4}  # a parameter while it is loaded: int8 is made of fp32


@functools.cache
def pick_device() -> DeviceKind:
    """The best device here. Where there plainly is no GPU this answers without importing torch, which takes seconds."""
    if sys.platform == "darwin":
        return "mps" if platform.machine() == "arm64" and _torch().backends.mps.is_available() else "cpu"
    may_have_gpu = bool(glob.glob("/dev/nvidia[0-9]*") or glob.glob("/dev/dxg") or glob.glob("/dev/kfd"))
    if (sys.platform != "win32" and not may_have_gpu) or _is_cpu_build():
        return "cpu"
    return "cuda" if _torch().cuda.is_available() else "cpu"


def precision(modality: Modality) -> str:
    """ "fp32", "bf16" or "fp16": bf16 for text on GPUs that compute in it, fp16 on older ones."""
    if (
        pick_device() == "cuda"
        and modality == "text"
        and not _torch().cuda.is_bf16_supported(including_emulation=False)
    ):
        return "fp16"
    return PRECISION[pick_device(), modality]


def where() -> str:
    """For people: "here, CPU" or "here, NVIDIA H100"."""
    if pick_device() == "cuda":
        return f"here, {_torch().cuda.get_device_name(0)}"
    return "here, Apple GPU" if pick_device() == "mps" else "here, CPU"


def free_bytes() -> int:
    """Memory a new model may take on the device: what is free, never more than a container's limit leaves."""
    if pick_device() == "cuda":
        return int(_torch().cuda.mem_get_info()[0])
    return min(psutil.virtual_memory().available, _container_bytes())


def taken_bytes() -> int:
    """Memory of the device that this process holds, its models above all."""
    if pick_device() == "cuda":
        return int(_torch().cuda.memory_reserved())
    return int(psutil.Process().memory_info().rss)


def give_memory_back() -> None:
    """Let the system have what was freed here and is kept for later: after a crowd of 200 that is a gigabyte. Only
    glibc is asked; what others do with freed memory is theirs."""
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _container_bytes() -> int:
    for limit_file, used_file, stat_file in (
        ("memory.max", "memory.current", "memory.stat"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
    ):
        try:
            root = Path("/sys/fs/cgroup")
            limit, used = int((root / limit_file).read_text()), int((root / used_file).read_text())
            stat = dict(line.split(maxsplit=1) for line in (root / stat_file).read_text().splitlines())
        except (OSError, ValueError):
            continue
        # file pages count as used but are given up under pressure
        reclaimable = int(stat.get("inactive_file", 0)) + int(stat.get("active_file", 0))
        return max(0, limit - used + reclaimable)
    return sys.maxsize


def _is_cpu_build() -> bool:
    try:
        return "+cpu" in metadata.version("torch")
    except metadata.PackageNotFoundError:
        return True


def _torch() -> Any:
    import torch

    return torch
