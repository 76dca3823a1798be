"""A deterministic backend and catalog for tests: words of the prompt for text, one flat colour for images.

Knows nothing of torch; loads in no time. What a person types steers it:
`!crash` in the prompt raises inside step(), `!fail` fails that one request, `!refuse` is refused on admission.
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from models.base import (
    DIFFUSION,
    IMAGE_DEFAULTS,
    TEXT_DEFAULTS,
    Backend,
    Ended,
    ImageRequest,
    ImageSample,
    InvalidRequest,
    Modality,
    ModelInfo,
    ModelNotFound,
    ModelUnavailable,
    Request,
    Sample,
    TextRequest,
    TextSample,
    Token,
)
from models.catalog import CatalogEntry

Progress = Callable[[str, float | None], None]

FAKE_TEXT = ModelInfo(
    name="fake-text",
    modality="text",
    base="fake-text",
    revision="f" * 40,
    precision="fp32",
    defaults=dict(TEXT_DEFAULTS, max_new_tokens=32),
    can=frozenset({"logprobs", "prefix", "top_k"}),
)
FAKE_IMAGE = ModelInfo(
    name="fake-image",
    modality="image",
    base="fake-image",
    revision="e" * 40,
    precision="fp32",
    defaults=dict(IMAGE_DEFAULTS, num_inference_steps=4, width=64, height=64),
    can=DIFFUSION | {"negative", "image-to-image", "inpaint", "references"},
)
BROKEN = replace(FAKE_TEXT, name="fake-broken", base="fake-broken")


def fake_words(prompt: str, seed: int) -> list[str]:
    """The answer to a prompt: its words in an order drawn from the seed, then its own seed, so all seeds differ."""
    words = prompt.split()
    random.Random(seed).shuffle(words)
    return [*words, f"#{seed}"]


@dataclass
class _Admitted:
    request: Request
    since_s: float
    steps_done: int = 0


class FakeBackend:
    """One word or one denoising step per position and step. delay_s: how long a step takes."""

    def __init__(self, info: ModelInfo, *, rows: int = 8, delay_s: float = 0.0) -> None:
        self.info = info
        self.rows = rows
        self.delay_s = delay_s
        self.closed = False
        self.admissions: list[str] = []  # request ids in the order of admission
        self._admitted: dict[str, _Admitted] = {}

    def room(self, request: Request, share: float = 1.0) -> bool:
        used = sum(a.request.count for a in self._admitted.values())
        return not self._admitted or used + request.count <= share * self.rows

    def admit(self, request: Request) -> str:
        prompt = _prompt(request)
        if "!refuse" in prompt:
            raise InvalidRequest("The prompt says !refuse: write another one.")
        self.admissions.append(request.id)
        self._admitted[request.id] = _Admitted(request, time.perf_counter())
        return prompt

    def step(self) -> Sequence[Sample | Ended]:
        if self.delay_s:
            time.sleep(self.delay_s)
        out: list[Sample | Ended] = []
        for id_, admitted in list(self._admitted.items()):
            prompt = _prompt(admitted.request)
            if "!crash" in prompt:
                raise RuntimeError("the fake backend crashed as asked")
            if "!fail" in prompt:
                del self._admitted[id_]
                out.append(Ended(id_, "failed", "The prompt says !fail: write another one."))
                continue
            admitted.steps_done += 1
            samples = self._text(admitted) if isinstance(admitted.request, TextRequest) else self._images(admitted)
            out += samples
            if self._finished(admitted):
                del self._admitted[id_]
        return out

    def evict(self, request_id: str) -> None:
        self._admitted.pop(request_id, None)

    def active(self) -> int:
        return len(self._admitted)

    def close(self) -> None:
        self._admitted.clear()
        self.closed = True

    def _length(self, admitted: _Admitted) -> int:
        if isinstance(admitted.request, ImageRequest):
            return int(admitted.request.settings["num_inference_steps"])
        whole = len(self._words(admitted.request, admitted.request.seed))
        return min(whole, int(admitted.request.settings["max_new_tokens"]))

    def _words(self, request: TextRequest, seed: int) -> list[str]:
        """The whole answer; as many words whatever the seed."""
        return fake_words(_prompt(request), seed)

    def _finished(self, admitted: _Admitted) -> bool:
        return admitted.steps_done >= self._length(admitted)

    def _text(self, admitted: _Admitted) -> list[Sample]:
        request, n = admitted.request, admitted.steps_done
        assert isinstance(request, TextRequest)
        prompt, finished = _prompt(request), self._finished(admitted)
        samples: list[Sample] = []
        for position in range(request.count):
            words = self._words(request, (request.seed + position) % 2**32)
            piece = words[n - 1] if n == 1 else f" {words[n - 1]}"
            whole = "stop" if n == len(words) else "length"
            samples.append(
                TextSample(
                    request_id=request.id,
                    position=position,
                    text=" ".join(words[:n]),
                    tokens=(Token(piece, -0.5, ((piece, -0.5), (" other", -1.5))),),
                    finish_reason=whole if finished else None,  # type: ignore[arg-type]
                    prompt_tokens=len(prompt.split()),
                    completion_tokens=n,
                    seconds=time.perf_counter() - admitted.since_s,
                )
            )
        return samples

    def _images(self, admitted: _Admitted) -> list[Sample]:
        request, n = admitted.request, admitted.steps_done
        steps, finished = self._length(admitted), self._finished(admitted)
        size = (int(request.settings["width"]), int(request.settings["height"]))
        samples: list[Sample] = []
        for position in range(request.count):
            by = (request.steering, request.liked, request.disliked) if request.steering else ""
            colour = random.Random(f"{_prompt(request)} {(request.seed + position) % 2**32}{by}").randbytes(3)
            samples.append(
                ImageSample(
                    request_id=request.id,
                    position=position,
                    step=n,
                    steps=steps,
                    preview=_encoded(colour, (16, 16), "JPEG"),
                    image=_encoded(colour, size, "PNG") if finished else None,
                    finish_reason="stop" if finished else None,
                    seconds=time.perf_counter() - admitted.since_s,
                )
            )
        return samples


class FakeCatalog:
    """Knows `fake-text`, `fake-image` and `fake-broken` (which never loads). Keeps what it loaded in `loaded`."""

    backend: type[FakeBackend] = FakeBackend  # what it loads

    def __init__(self, *, load_s: float = 0.0, delay_s: float = 0.0, rows: int = 8) -> None:
        self.load_s = load_s
        self.delay_s = delay_s
        self.rows = rows
        self.infos = {info.base: info for info in (FAKE_TEXT, FAKE_IMAGE, BROKEN)}
        self.loaded: list[FakeBackend] = []

    def entries(self, modality: Modality | None = None) -> list[CatalogEntry]:
        infos = [i for i in self.infos.values() if modality in (None, i.modality) and i is not BROKEN]
        return [CatalogEntry(i.name, i.name, i.modality, i.base, "for tests", i.defaults, can=i.can) for i in infos]

    def resolve(self, name: str, modality: Modality) -> ModelInfo:
        info = self.infos.get(name or f"fake-{modality}")
        if info is None:
            raise ModelNotFound(f"There is no model “{name}”: choose one from the list.")
        if info.modality != modality:
            raise ModelNotFound(f"{name} makes {info.modality}s, not {modality}s: choose another model.")
        return info

    def load(self, info: ModelInfo, progress: Progress) -> Backend:
        progress("Loading weights", 0.5)
        if self.load_s:
            time.sleep(self.load_s)
        if info.base == "fake-broken":
            raise ModelUnavailable("fake-broken needs 900 GB, but 8 GB are free: choose a smaller model.")
        backend = self.backend(info, rows=self.rows, delay_s=self.delay_s)
        self.loaded.append(backend)
        return backend


def _prompt(request: Request) -> str:
    if isinstance(request, TextRequest):
        return request.messages[-1].content
    assert isinstance(request, ImageRequest)
    return request.prompt


def _encoded(colour: bytes, size: tuple[int, int], kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, tuple(colour)).save(buffer, kind)
    return buffer.getvalue()
