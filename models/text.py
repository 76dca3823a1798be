"""The transformers backend: any causal chat model, all its requests in one batch (continuous batching).

Every step moves every output on by one token in one pass over the weights, whoever asked for it and whatever settings,
seed, length and adapter it has. A prompt is read once for all outputs of its request, a beginning that prompts share
once for all of them. Knows nothing of queues, owners or files.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.adapters import Adapters
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
from models.int8 import quantised
from models.packed import packed
from models.reading import Reader, Reading
from models.rows import Apart, Forward, Rows, Together, batches_exactly
from models.sampling import Draw, Sampler
from models.scoring import Scoring, check_fits, continued
from models.transcript import Transcript

DTYPES = {"fp32": torch.float32, "int8": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ROWS = {"cpu": 32, "mps": 16, "cuda": 64}  # outputs generated at once
CONTEXT_WORDS = 8  # tokens of the prompt decoded along with a continuation
TRIED_WITH = "Hello there, how are you today?"  # any words: a loaded model is warmed up and tried with them


@dataclass(eq=False)
class _Running:
    """One admitted request. adapter: its name in the batch, "" for the base as it is."""

    request: TextRequest
    prompt: list[int]
    limit: int  # new tokens an output may have
    transcripts: list[Transcript]
    adapter: str
    reading: Reading | None  # until the prompt is read
    unfinished: int
    given: Sequence[int] = ()  # the answer's tokens, where it is only read
    scoring: Scoring | None = None  # then, once the prompt is read
    since_s: float = field(default_factory=time.perf_counter)


@dataclass(eq=False)
class _Row:
    """One output that is being written. newest: its last token, which the model has not read yet."""

    run: _Running
    position: int
    newest: int = 0
    tokens: int = 0


class TextBackend:
    """One resident causal language model; implements models.base.Backend."""

    def __init__(self, info: ModelInfo, model: Any, tokenizer: Any, device: str) -> None:
        self.info = info
        self._tokenizer = tokenizer
        self._device = device
        self._eos = _eos_ids(model, tokenizer)
        config = model.config.get_text_config()
        self.context: int | None = getattr(config, "max_position_embeddings", None)  # tokens
        self._adapters = Adapters(model)
        self._forward = forward = Forward(self._adapters)
        self._piece = lru_cache(maxsize=50_000)(self._shown_alone)
        together = batches_exactly(forward, device, (self._encoded(TRIED_WITH) * 4)[:8])
        self._reader = Reader(forward, device, remembers=together)
        self._batch: Rows = (Together if together else Apart)(forward, device)
        self._sampler = Sampler(device)
        self._running: dict[str, _Running] = {}
        self._rows: list[_Row] = []  # row for row as in the batch and in the sampler

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
            if info.precision == "int8":
                progress(f"Loading {info.name}: rounding weights", 0.7)
                model = quantised(model)
            model = packed(model.eval().to(device), device)
        except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError) as e:
            raise ModelUnavailable(f"{info.name} could not be loaded: {_first_line(e)}") from e
        progress(f"Loading {info.name}: first words", 0.9)
        return cls(info, model, tokenizer, device)  # tries the model: nobody should wait for its slow first pass

    def room(self, request: Request, share: float = 1.0) -> bool:
        taken = sum(run.unfinished for run in self._running.values())
        return not self._running or taken + request.count <= share * ROWS[self._device]

    def admit(self, request: Request) -> str:
        if not isinstance(request, TextRequest):
            raise InvalidRequest(f"{self.info.name} writes text: choose an image model for an image.")
        prompt = rendered(self._tokenizer, request.messages, request.prefix)
        prompt = prompt.encode("utf-8", "replace").decode("utf-8")  # no tokenizer takes half a surrogate pair
        ids = self._encoded(prompt)
        settings = request.settings
        limit = settings["max_new_tokens"]
        words = request.given
        given = continued(self._tokenizer, ids, self._encoded(prompt + words), words) if words else []
        if self.context is not None:
            if given:
                check_fits(len(ids) + len(given), self.context, self.info.name)
            if len(ids) >= self.context:
                turns = any(message.role == "assistant" for message in request.messages)
                raise InvalidRequest(
                    f"The {'conversation' if turns else 'prompt'} has {len(ids):,} tokens, but {self.info.name} reads "
                    f"at most {self.context - 1:,}: "
                    + ("go on from an earlier turn, or begin a new one." if turns else "shorten it.")
                )
            limit = min(limit, self.context - len(ids))
        stop = [*settings["stop"], *([] if self._tokenizer.chat_template else [PLAIN_STOP])]
        before = ids[-CONTEXT_WORDS:] if request.prefix or given else ()
        in_use = frozenset(run.adapter for run in self._running.values())
        if request.model.adapter and self.info.precision == "int8":
            raise InvalidRequest(f"{self.info.name} takes no adapters: choose the model in full precision.")
        adapter = self._adapters.named(request.model.adapter, in_use)
        self._running[request.id] = _Running(
            request=request,
            prompt=ids,
            limit=limit,
            transcripts=[Transcript(self._decode, () if given else stop, before) for _ in range(request.count)],
            adapter=adapter,
            reading=self._reader.begin(ids, adapter),
            unfinished=request.count,
            given=given,
        )
        return prompt

    @torch.inference_mode()
    def step(self) -> Sequence[Sample | Ended]:
        """One token for every output that is being written, and a piece of the prompts that are still to be read."""
        written = self._write_on()
        return [*written, *self._read_on(), *self._score_on()]

    @torch.inference_mode()
    def evict(self, request_id: str) -> None:
        if (run := self._running.pop(request_id, None)) is not None:
            self._keep(lambda row: row.run is not run)

    def active(self) -> int:
        return len(self._running)

    def close(self) -> None:
        for request_id in list(self._running):
            self.evict(request_id)
        self._reader.forget()
        self._adapters.model = None
        gc.collect()
        if self._device == "cuda":
            torch.cuda.empty_cache()

    # ---- one step --------------------------------------------------------------------------------------------------

    def _read_on(self) -> list[Sample | Ended]:
        """Read on in the waiting prompts; begin the answers of those that are read."""
        out: list[Sample | Ended] = []
        runs = {id(run.reading): run for run in self._running.values() if run.reading is not None}
        for reading, logits in self._reader.read_on([run.reading for run in runs.values() if run.reading is not None]):
            run = runs[id(reading)]
            try:
                if isinstance(logits, Exception):
                    raise logits
                out += self._begin(run, logits)
            except RuntimeError as error:
                out.append(self._failed(run.request.id, error))
        return out

    def _begin(self, run: _Running, logits: Tensor) -> list[Sample | Ended]:
        """The first token of each output of a request whose prompt is read. logits: (1, vocabulary)."""
        assert run.reading is not None
        if run.given:
            run.scoring = Scoring(run.given, sorted(self._eos), run.reading.cache, logits, run.adapter)
            run.reading = None
            return []
        request, first = run.request, len(self._rows)
        count = request.count
        seeds = [(request.seed + position) % 2**32 for position in range(count)]
        self._batch.add(run.reading.cache, count, run.adapter)
        try:
            self._sampler.add(request.settings, seeds, run.prompt, logits.shape[-1])
        except RuntimeError:
            self._batch.keep(range(first))  # rows that nobody knows would shift all later ones
            raise
        self._rows += [_Row(run, position) for position in range(count)]
        run.reading = None
        return self._wrote(first, self._sampler.draw(logits.expand(count, -1), first))

    def _score_on(self) -> list[Sample | Ended]:
        """A piece more of one answer that is only read: whoever writes waits for no more in a step."""
        run = next((run for run in self._running.values() if run.scoring is not None), None)
        if run is None or run.scoring is None:
            return []
        try:
            if not run.scoring.advance(self._forward, self._device):
                return []
        except (RuntimeError, FloatingPointError) as error:
            return [self._failed(run.request.id, error)]
        for draw in run.scoring.draws[:-1]:
            self._push(run.transcripts[0], draw)
        del self._running[run.request.id]
        row = _Row(run, 0, tokens=len(run.scoring.draws) - 1)
        return [replace(self._write(row, run.scoring.draws[-1]), finish_reason="stop")]

    def _write_on(self) -> list[Sample | Ended]:
        """One token more in every row."""
        if not self._rows:
            return []
        rows = list(self._rows)
        logits = self._batch.forward(torch.tensor([row.newest for row in rows], device=self._device))
        failed = {row.run.request.id: e for row, e in zip(rows, logits, strict=True) if isinstance(e, Exception)}
        out = [self._failed(request_id, error) for request_id, error in failed.items()]
        going = [
            each
            for row, each in zip(rows, logits, strict=True)
            if isinstance(each, Tensor) and row.run.request.id not in failed
        ]
        return [*out, *(self._wrote(0, self._sampler.draw(torch.stack(going))) if going else [])]

    def _wrote(self, first: int, draws: Sequence[Draw | Exception]) -> list[Sample | Ended]:
        """Take in the tokens drawn for the rows first, first + 1, …; whoever is finished leaves the batch."""
        out: list[Sample | Ended] = []
        done: set[int] = set()
        broken: dict[str, Exception] = {}
        for row, draw in zip(self._rows[first : first + len(draws)], draws, strict=True):
            if isinstance(draw, Exception):
                broken[row.run.request.id] = draw
                continue
            sample = self._write(row, draw)
            out.append(sample)
            if sample.finish_reason is not None:
                done.add(id(row))
                row.run.unfinished -= 1
                if not row.run.unfinished:
                    del self._running[row.run.request.id]
        if broken:
            self._batch.clear([place for place, row in enumerate(self._rows) if row.run.request.id in broken])
        if done:
            self._keep(lambda row: id(row) not in done)
        for request_id, error in broken.items():
            out = [sample for sample in out if sample.request_id != request_id]
            out.append(self._failed(request_id, error))
        return out

    def _write(self, row: _Row, draw: Draw) -> TextSample:
        run = row.run
        row.newest, row.tokens = draw.token_id, row.tokens + 1
        transcript = run.transcripts[row.position]
        stopped = self._push(transcript, draw)
        finish: FinishReason | None = None
        if stopped or draw.token_id in self._eos:
            finish = "stop"
        elif row.tokens >= run.limit:
            finish = "length"
        if finish and not stopped:
            transcript.finish()
        return TextSample(
            request_id=run.request.id,
            position=row.position,
            text=transcript.text,
            tokens=transcript.take(),
            finish_reason=finish,
            prompt_tokens=len(run.prompt),
            completion_tokens=row.tokens,
            seconds=time.perf_counter() - run.since_s,
        )

    def _push(self, transcript: Transcript, draw: Draw) -> bool:
        top = tuple((self._piece(token_id), logprob) for token_id, logprob in draw.top)
        return transcript.push(draw.token_id, draw.logprob, top)

    def _keep(self, wanted: Callable[[_Row], bool]) -> None:
        kept = [place for place, row in enumerate(self._rows) if wanted(row)]
        if len(kept) < len(self._rows):
            self._rows = [self._rows[place] for place in kept]
            self._batch.keep(kept)
            self._sampler.keep(kept)

    def _failed(self, request_id: str, error: Exception) -> Ended:
        self.evict(request_id)
        return Ended(request_id, "failed", self._why(error))

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


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    found: set[int] = set()
    for value in (model.generation_config.eos_token_id, model.config.eos_token_id, tokenizer.eos_token_id):
        found |= {value} if isinstance(value, int) else set(value or ())
    return frozenset(found)


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line[:240].rstrip(" .:") + "."
