"""The engine's vocabulary: requests, samples and the Backend protocol. Imports no torch and loads no weights.

A token and a denoising step are the same thing here: a backend admits a request, each `step()` moves everything it
has admitted by one unit of work and returns what became visible, and `evict` frees a request's place at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

Modality = Literal["text", "image"]
FinishReason = Literal["stop", "length", "cancelled"]
Role = Literal["system", "user", "assistant"]


class ModelError(Exception):
    """Something a person can act on went wrong with a model: the message is one sentence to be shown as it is."""


class ModelNotFound(ModelError):
    """No such catalog name, folder, hub model or remote model."""


class ModelUnavailable(ModelError):
    """The model exists but cannot serve now: out of memory, server down, hub unreachable, files broken."""


class InvalidRequest(ModelError):
    """The model cannot do what is asked: a prompt longer than its context, a picture size it cannot make …"""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model is, known before its weights are loaded.

    name: what people see. base: the catalog name, hub id, local path or `remote:NAME@URL` it was resolved from.
    revision: the hub commit, the hash of a local folder's files, a GGUF's hash, or "unpinned" for a remote.
    precision: "fp32", "bf16", "fp16", "int8" (see int8.py) or "remote": the same weights in another are another model.
    defaults: this model's default settings, complete: every settings key of its modality is present.
    """

    name: str
    modality: Modality
    base: str
    revision: str
    precision: str
    defaults: Mapping[str, Any]
    where: str = "here, CPU"
    # image: "image-to-image", "inpaint", "negative", "references" and the settings of DIFFUSION that it heeds;
    # text: "logprobs", "prefix", "score", "top_k" …
    can: frozenset[str] = frozenset()
    adapter: str | None = None  # folder of a LoRA adapter, used from the request on; None: the base itself


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """One piece of work: `count` outputs of one prompt, whose results depend on nothing but what is written here.

    Output number `position` (0 ≤ position < count) is drawn with seed `(seed + position) % 2**32`.
    settings: complete and canonical (see SETTINGS); owner: whom the engine's fairness counts it for.
    """

    id: str
    owner: str
    model: ModelInfo
    settings: Mapping[str, Any]
    seed: int
    count: int


@dataclass(frozen=True, slots=True)
class TextRequest(Request):
    """messages: system, few-shot and user turns, ending with the user's. prefix: words the answer must begin with
    (it is not repeated in the samples' text). given: the whole answer, where nothing is to be written: the one sample
    holds it with the probabilities of its tokens and of its end. Only for models that can "score", with count 1."""

    messages: tuple[Message, ...] = ()
    prefix: str = ""
    given: str = ""


@dataclass(frozen=True, slots=True)
class ImageRequest(Request):
    """init_image: encoded picture for image-to-image or inpainting. mask: encoded, white where to repaint.
    liked, disliked: encoded pictures to steer by, at most 4 each. steering: their strength, 0 (off) to 1."""

    prompt: str = ""
    negative_prompt: str = ""
    init_image: bytes | None = None
    mask: bytes | None = None
    liked: tuple[bytes, ...] = ()
    disliked: tuple[bytes, ...] = ()
    steering: float = 0.0


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token. text: its characters ("" while a multi-byte character is incomplete). logprob: natural log
    under the model's own distribution (temperature 1, before top-k/top-p). top: up to 5 likeliest (text, logprob)."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """The request left the queue. rendered: the exact prompt sent to the model, chat template and all."""

    request_id: str
    rendered: str


@dataclass(frozen=True, slots=True)
class TextSample:
    """The text so far of one output; `tokens` are those since the previous sample of this position.

    finish_reason is set on the last sample of a position only. seconds: since admission.
    """

    request_id: str
    position: int
    text: str
    tokens: tuple[Token, ...] = ()
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ImageSample:
    """One denoising step of one output. preview: small encoded picture (media type `preview_type`) or None.

    image: the finished PNG, on the last sample of a position only, with finish_reason "stop" ("cancelled": none).
    """

    request_id: str
    position: int
    step: int
    steps: int
    preview: bytes | None = None
    preview_type: str = "image/jpeg"
    image: bytes | None = None
    finish_reason: FinishReason | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event of every request, exactly one. error: one sentence, when status is "failed"."""

    request_id: str
    status: Literal["done", "failed", "cancelled"]
    error: str = ""
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds: queued, loading, first, total


Sample = TextSample | ImageSample
Event = Started | TextSample | ImageSample | Ended


@runtime_checkable
class Backend(Protocol):
    """One loaded model. Called from the engine's thread alone.

    A request's samples depend on its own seed, settings and model, never on what else is admitted.
    """

    info: ModelInfo

    def room(self, request: Request, share: float = 1.0) -> bool:
        """Whether `admit` would take this request now and at most this share of the capacity would then be in use
        (an idle backend always has room)."""

    def admit(self, request: Request) -> str:
        """Take the request in; return the rendered prompt. Takes nothing when it raises InvalidRequest or
        ModelUnavailable."""

    def step(self) -> Sequence[Sample | Ended]:
        """One unit of work for everything admitted. A request leaves by itself with the finish_reason of its last
        position. An `Ended(status="failed")` means that one request failed and has been evicted. Must not block
        longer than one unit of work; a remote that has nothing new returns []."""

    def evict(self, request_id: str) -> None:
        """Forget the request at once; unknown ids are ignored."""

    def active(self) -> int:
        """How many requests are admitted."""

    def close(self) -> None:
        """Free the memory."""


# ---- settings -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """One settings key: its type and the inclusive range a value must lie in."""

    kind: Literal["int", "float", "strings", "choice"]
    low: float = 0
    high: float = 0
    step: int = 1  # ints must be a multiple of it
    choices: tuple[str, ...] = ()


SCHEDULERS = ("default", "ddim", "euler", "euler-ancestral", "dpm++", "unipc", "lms", "pndm")

SETTINGS: Mapping[Modality, Mapping[str, Setting]] = {
    "text": {
        "max_new_tokens": Setting("int", 1, 8192),
        "temperature": Setting("float", 0.0, 5.0),  # 0 is greedy
        "top_p": Setting("float", 0.01, 1.0),
        "top_k": Setting("int", 0, 1000),  # 0 is off
        "repetition_penalty": Setting("float", 0.5, 3.0),
        "stop": Setting("strings", 0, 8),  # at most 8 strings of 1–64 characters
    },
    "image": {
        "num_inference_steps": Setting("int", 1, 200),
        "guidance_scale": Setting("float", 0.0, 50.0),
        "width": Setting("int", 32, 2048, step=8),
        "height": Setting("int", 32, 2048, step=8),
        "scheduler": Setting("choice", choices=SCHEDULERS),
        "strength": Setting("float", 0.0, 1.0),
    },
}

TEXT_DEFAULTS: Mapping[str, Any] = {
    "max_new_tokens": 256,
    "temperature": 0.7,
    "top_p": 0.95,
    "top_k": 50,
    "repetition_penalty": 1.1,
    "stop": [],
}
IMAGE_DEFAULTS: Mapping[str, Any] = {
    "num_inference_steps": 25,
    "guidance_scale": 7.0,
    "width": 512,
    "height": 512,
    "scheduler": "default",
    "strength": 0.6,
}


DIFFUSION = frozenset({"num_inference_steps", "guidance_scale", "scheduler"})  # settings that not every model heeds


def canonical_settings(
    modality: Modality, given: Mapping[str, Any] | None, defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """The complete settings: `given` over `defaults`, every value of its proper type, keys in a fixed order.

    Raises InvalidRequest naming the first unknown key or value out of range.
    """
    specs = SETTINGS[modality]
    given = given or {}
    for key in given:
        if key not in specs:
            raise InvalidRequest(f"Unknown {modality} setting “{str(key)[:40]}”: use one of {', '.join(specs)}.")
    return {key: _checked(key, spec, given.get(key, defaults[key])) for key, spec in specs.items()}


def _checked(key: str, spec: Setting, value: Any) -> Any:
    if spec.kind == "strings":
        strings = [value] if isinstance(value, str) else value
        if not isinstance(strings, list | tuple) or not all(isinstance(s, str) and 1 <= len(s) <= 64 for s in strings):
            raise InvalidRequest(f"Setting {key} must be a list of strings of 1 to 64 characters.")
        if len(strings) > spec.high:
            raise InvalidRequest(f"Setting {key} has {len(strings)} strings: at most {spec.high:g} are possible.")
        return list(strings)
    if spec.kind == "choice":
        if value not in spec.choices:
            raise InvalidRequest(f"Setting {key} is “{str(value)[:40]}”: choose one of {', '.join(spec.choices)}.")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if isinstance(value, str | list | dict | bool):
        said = repr(value)[:40]
        raise InvalidRequest(f"Setting {key} is {said}, not a number: choose one from {spec.low:g} to {spec.high:g}.")
    if not number or not spec.low <= value <= spec.high:
        raise InvalidRequest(f"Setting {key} is {str(value)[:40]}: choose a number from {spec.low:g} to {spec.high:g}.")
    if spec.kind == "float":
        return float(value)
    if value != int(value) or int(value) % spec.step:
        multiple = f"a multiple of {spec.step}" if spec.step > 1 else "a whole number"
        raise InvalidRequest(f"Setting {key} is {str(value)[:40]}: choose {multiple}.")
    return int(value)
