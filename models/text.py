"""The transformers backend: any causal chat model, several requests side by side, each with its own key-value cache.

The prompt of a request is read once, in pieces, for all of its outputs. Knows nothing of queues, owners or files.
"""

from __future__ import annotations

import gc
import inspect
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from models.base import (
    Ended,
    FinishReason,
    InvalidRequest,
    ModelInfo,
    ModelUnavailable,
    Request,
    Sample,
    TextRequest,
    TextSample,
)
from models.chat import PLAIN_STOP, rendered
from models.device import pick_device
from models.sampling import Draw, Sampler
from models.transcript import Transcript

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ROWS = {"cpu": 16, "mps": 16, "cuda": 64}  # outputs generated at once
PREFILL_TOKENS = 512  # of a prompt, read in one step
CONTEXT_WORDS = 8  # tokens of the prompt decoded along with a continuation


@dataclass(eq=False)
class _Row:
    """One output that is being written."""

    position: int
    transcript: Transcript
    tokens: int = 0


@dataclass(eq=False)
class _Running:
    request: TextRequest
    prompt: list[int]
    limit: int  # new tokens a row may have
    sampler: Sampler
    cache: DynamicCache
    rows: list[_Row]
    since_s: float = field(default_factory=time.perf_counter)
    read: int = 0  # prompt tokens in the cache
    ids: Tensor | None = None  # (rows, tokens): prompt and answers so far, once the prompt is read


class TextBackend:
    """One resident causal language model; implements models.base.Backend."""

    def __init__(self, info: ModelInfo, model: Any, tokenizer: Any, device: str) -> None:
        self.info = info
        self._model = model
        self._tokenizer = tokenizer
        self._device = device
        self._running: dict[str, _Running] = {}
        self._eos = _eos_ids(model, tokenizer)
        config = model.config.get_text_config()
        self.context: int | None = getattr(config, "max_position_embeddings", None)  # tokens
        # without it a model computes logits for the whole prompt: gigabytes for a large vocabulary
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in _parameters(model.forward) else {}
        self._piece = lru_cache(maxsize=50_000)(self._shown_alone)

    @classmethod
    def load(cls, info: ModelInfo, progress: Callable[[str, float | None], None]) -> TextBackend:
        """info.base: a folder, or a hub id (then info.revision is the commit). Raises ModelUnavailable."""
        revision = {} if Path(info.base).is_dir() else {"revision": info.revision}
        device = pick_device()
        try:
            progress(f"Loading {info.name}: words", 0.1)
            tokenizer = AutoTokenizer.from_pretrained(info.base, **revision)
            progress(f"Loading {info.name}: weights", 0.3)
            model = AutoModelForCausalLM.from_pretrained(info.base, dtype=DTYPES[info.precision], **revision)
            model = model.eval().to(device)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError) as e:
            raise ModelUnavailable(f"{info.name} could not be loaded: {_first_line(e)}") from e
        progress(f"Loading {info.name}: first words", 0.9)
        backend = cls(info, model, tokenizer, device)
        backend._warm_up()
        return backend

    def room(self, request: Request) -> bool:
        used = sum(len(run.rows) for run in self._running.values())
        return not self._running or used + request.count <= ROWS[self._device]

    def admit(self, request: Request) -> str:
        if not isinstance(request, TextRequest):
            raise InvalidRequest(f"{self.info.name} writes text: choose an image model for an image.")
        prompt = rendered(self._tokenizer, request.messages, request.prefix)
        prompt = prompt.encode("utf-8", "replace").decode("utf-8")  # no tokenizer takes half a surrogate pair
        ids = self._encoded(prompt)
        settings = request.settings
        limit = settings["max_new_tokens"]
        if self.context is not None:
            if len(ids) >= self.context:
                raise InvalidRequest(
                    f"The prompt has {len(ids):,} tokens, but {self.info.name} reads at most {self.context - 1:,}: "
                    "shorten it."
                )
            limit = min(limit, self.context - len(ids))
        stop = [*settings["stop"], *([] if self._tokenizer.chat_template else [PLAIN_STOP])]
        before = ids[-CONTEXT_WORDS:] if request.prefix else ()
        self._running[request.id] = _Running(
            request=request,
            prompt=ids,
            limit=limit,
            sampler=Sampler(settings, [(request.seed + k) % 2**32 for k in range(request.count)]),
            cache=DynamicCache(config=self._model.config),
            rows=[_Row(k, Transcript(self._decode, stop, before)) for k in range(request.count)],
        )
        return prompt

    @torch.inference_mode()
    def step(self) -> Sequence[Sample | Ended]:
        out: list[Sample | Ended] = []
        for request_id, run in list(self._running.items()):
            try:
                out += self._advance(run)
            except (RuntimeError, FloatingPointError) as e:
                # torch.OutOfMemoryError among them: only this request asked for too much
                self.evict(request_id)
                out.append(Ended(request_id, "failed", self._why(e)))
                continue
            if not run.rows:
                self.evict(request_id)
        return out

    def evict(self, request_id: str) -> None:
        self._running.pop(request_id, None)

    def active(self) -> int:
        return len(self._running)

    def close(self) -> None:
        self._running.clear()
        self._model = None
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()

    # ---- one request -----------------------------------------------------------------------------------------------

    def _advance(self, run: _Running) -> list[Sample]:
        """Read a piece of the prompt, or write one token in every unfinished row."""
        if run.ids is None:
            piece = torch.tensor([run.prompt[run.read : run.read + PREFILL_TOKENS]], device=self._device)
            logits = self._forward(piece, run.cache)
            run.read += piece.shape[1]
            if run.read < len(run.prompt):
                return []
            count = len(run.rows)
            run.ids = torch.tensor([run.prompt], device=self._device).expand(count, -1)
            if count > 1:
                run.cache.batch_repeat_interleave(count)
            logits = logits.expand(count, -1)
        else:
            logits = self._forward(run.ids[:, -1:], run.cache)
        draws = run.sampler.draw(logits, run.ids, [row.position for row in run.rows])
        samples, going = [], []
        for place, (row, draw) in enumerate(zip(run.rows, draws, strict=True)):
            sample = self._write(run, row, draw)
            samples.append(sample)
            if sample.finish_reason is None:
                going.append(place)
        drawn = torch.tensor([[draw.token_id] for draw in draws], device=self._device)
        run.ids = torch.cat([run.ids, drawn], dim=1)
        if len(going) < len(run.rows):
            run.rows = [run.rows[place] for place in going]
            keep = torch.tensor(going, dtype=torch.long, device=self._device)
            run.ids = run.ids[keep]
            if going:
                run.cache.batch_select_indices(keep)
        return list(samples)

    def _forward(self, ids: Tensor, cache: DynamicCache) -> Tensor:
        """ids: (rows, new tokens) -> logits of the last one, (rows, vocabulary)."""
        out = self._model(input_ids=ids, past_key_values=cache, use_cache=True, **self._last_only)
        return out.logits[:, -1]

    def _write(self, run: _Running, row: _Row, draw: Draw) -> TextSample:
        row.tokens += 1
        top = tuple((self._piece(token_id), logprob) for token_id, logprob in draw.top)
        stopped = row.transcript.push(draw.token_id, draw.logprob, top)
        finish: FinishReason | None = None
        if stopped or draw.token_id in self._eos:
            finish = "stop"
        elif row.tokens >= run.limit:
            finish = "length"
        if finish and not stopped:
            row.transcript.finish()
        return TextSample(
            request_id=run.request.id,
            position=row.position,
            text=row.transcript.text,
            tokens=row.transcript.take(),
            finish_reason=finish,
            prompt_tokens=len(run.prompt),
            completion_tokens=row.tokens,
            seconds=time.perf_counter() - run.since_s,
        )

    # ---- words -----------------------------------------------------------------------------------------------------

    def _encoded(self, prompt: str) -> list[int]:
        """Raises InvalidRequest for a prompt so long that even counting its tokens would hold everyone up."""
        if self.context is not None and len(prompt) > 40 * self.context:
            raise InvalidRequest(
                f"The prompt has {len(prompt):,} characters, but {self.info.name} reads at most {self.context - 1:,} "
                "tokens: shorten it."
            )
        # a chat template writes the special tokens itself
        ids = self._tokenizer(prompt, add_special_tokens=not self._tokenizer.chat_template)["input_ids"]
        return list(ids) or sorted(self._eos)[:1]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _shown_alone(self, token_id: int) -> str:
        text = str(self._tokenizer.decode([token_id], clean_up_tokenization_spaces=False))
        spaced = str(self._tokenizer.convert_ids_to_tokens(token_id)).startswith("▁")
        return f" {text}" if spaced and not text.startswith(" ") else text

    def _why(self, error: Exception) -> str:
        if isinstance(error, torch.OutOfMemoryError) or "alloc" in str(error).lower():
            if self._device == "cuda":
                torch.cuda.empty_cache()
            return f"{self.info.name} ran out of memory: ask for fewer or shorter outputs, or choose a smaller model."
        return f"{self.info.name} could not go on: {_first_line(error)}"

    @torch.inference_mode()
    def _warm_up(self) -> None:
        """The first pass through a model is slow; nobody should wait for it after asking."""
        ids = torch.tensor([self._encoded("Hello")], device=self._device)
        cache = DynamicCache(config=self._model.config)
        self._forward(ids, cache)
        self._forward(ids[:, -1:], cache)


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    found: set[int] = set()
    for value in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        found |= {value} if isinstance(value, int) else set(value or ())
    return frozenset(found)


def _parameters(function: Callable[..., Any]) -> Any:
    return inspect.signature(function).parameters


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line[:240].rstrip(" .:") + "."
