"""What OpenAI-compatible servers are sent and what they answer, as plain values. Knows no network or engine."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from models.base import FinishReason, ImageRequest, ModelNotFound, ModelUnavailable, Request, TextRequest, Token

MAX_EVENT_BYTES = 64 * 1024 * 1024
TOP_LOGPROBS = 5
OPENAI_URL = "https://api.openai.com/v1"

# fields beyond the common core; a server that refuses one is asked again without it
OPTIONAL = (
    "logprobs",
    "top_logprobs",
    "stream_options",
    "top_k",
    "repetition_penalty",
    "num_inference_steps",
    "guidance_scale",
    "response_format",
    "seed",
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a remote model lives: url ends without a slash."""

    model: str
    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @classmethod
    def parse(cls, base: str) -> Address:
        """From `remote:MODEL@https://host/v1`. Raises ModelNotFound."""
        found = re.fullmatch(r"remote:(?P<model>.+)@(?P<url>https?://\S+)", base)
        if found is None:
            raise ModelNotFound(f"“{base[:80]}” is no remote model: write it as remote:MODEL@https://host/v1.")
        url = found["url"].rstrip("/")
        if "@" in urlsplit(url).netloc or not urlsplit(url).hostname:
            raise ModelNotFound(
                "A remote address holds a host and no password: give the key in the environment as COLLAB_REMOTE_KEY."
            )
        return cls(found["model"], url)


def key_for(url: str, environment: Mapping[str, str] = os.environ) -> str:
    """The key meant for this address, or "". A key goes to no server but the one the environment pairs it with:

    COLLAB_REMOTE_KEY to COLLAB_REMOTE_URL or the remote default models (COLLAB_TEXT_MODEL, COLLAB_IMAGE_MODEL);
    OPENAI_API_KEY to OPENAI_BASE_URL, or OpenAI's own where that is not set. So a person who names a server of their
    own as a model is not sent the studio's key.
    """
    defaults = (environment.get(name, "") for name in ("COLLAB_TEXT_MODEL", "COLLAB_IMAGE_MODEL"))
    ours = [environment.get("COLLAB_REMOTE_URL", "")]
    ours += [name.rpartition("@")[2] for name in defaults if name.startswith("remote:")]
    if environment.get("COLLAB_REMOTE_KEY") and any(_same_server(url, mine) for mine in ours):
        return environment["COLLAB_REMOTE_KEY"].strip()
    if _same_server(url, environment.get("OPENAI_BASE_URL") or OPENAI_URL):
        return environment.get("OPENAI_API_KEY", "").strip()
    return ""


def _same_server(url: str, other: str) -> bool:
    a, b = urlsplit(url), urlsplit(other)
    return bool(b.hostname) and (a.scheme, a.hostname, a.port) == (b.scheme, b.hostname, b.port)


# ---- what is sent -------------------------------------------------------------------------------------------------


def encodable(text: str) -> str:
    """The text without lone surrogates, which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def chat_body(request: TextRequest, model: str, position: int, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of POST /chat/completions for one output."""
    settings = request.settings
    messages = [{"role": m.role, "content": encodable(m.content)} for m in request.messages]
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "stream": True,
        "max_tokens": settings["max_new_tokens"],
        "temperature": settings["temperature"],
        "top_p": settings["top_p"],
        "seed": _seed(request, position),
        "logprobs": True,
        "top_logprobs": TOP_LOGPROBS,
        "stream_options": {"include_usage": True},
    }
    if settings["stop"]:
        body["stop"] = [encodable(stop) for stop in settings["stop"]]
    body |= _changed(settings, defaults, ("top_k", "repetition_penalty"))
    if request.prefix:
        messages.append({"role": "assistant", "content": encodable(request.prefix)})
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    return body


def image_body(request: ImageRequest, model: str, position: int, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of POST /images/generations for one output."""
    settings = request.settings
    body: dict[str, Any] = {
        "model": model,
        "prompt": encodable(request.prompt),
        "n": 1,
        "size": f"{settings['width']}x{settings['height']}",
        "response_format": "b64_json",
        "seed": _seed(request, position),
    }
    if request.negative_prompt.strip():
        body["negative_prompt"] = encodable(request.negative_prompt).strip()
    return body | _changed(settings, defaults, ("num_inference_steps", "guidance_scale"))


def without_refused(body: dict[str, Any], refused: set[str]) -> dict[str, Any]:
    """The body as this server is known to accept it."""
    kept = {name: value for name, value in body.items() if name not in refused}
    if "max_tokens" in refused and "max_tokens" in body:
        kept["max_completion_tokens"] = body["max_tokens"]  # its newer name
    return kept


def newly_refused(body: dict[str, Any], answer: str) -> set[str]:
    """Which fields to leave out after a 400 or 422: those the server names, else everything optional; none: give up."""
    named = {name for name in (*OPTIONAL, "max_tokens") if name in body and re.search(rf"\b{name}\b", answer)}
    if "logprobs" in named:
        named.add("top_logprobs")
    if named or re.search(r"\b(continue_final_message|add_generation_prompt|negative_prompt|stop)\b", answer):
        return named & set(body)
    return set(OPTIONAL) & set(body)


def _seed(request: Request, position: int) -> int:
    return (request.seed + position) % 2**32 % 2**31  # some servers read 32 bits with a sign


def _changed(settings: Mapping[str, Any], defaults: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: settings[name] for name in names if settings[name] != defaults.get(name)}


# ---- what is answered ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delta:
    """What one streamed chunk adds."""

    text: str = ""
    tokens: tuple[Token, ...] = ()
    finish_reason: FinishReason | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


async def events(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The data of each server-sent event (HTML standard, 9.2). Splits at CR, LF and CRLF alone: str.splitlines would
    also split at U+2028, which JSON may hold as it is."""
    pending, data = b"", []
    async for chunk in chunks:
        pending += chunk
        if len(pending) > MAX_EVENT_BYTES:
            raise ModelUnavailable("The server sent an endless line instead of an answer: check its address.")
        *lines, pending = pending.replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data).decode("utf-8", "replace")
                data = []
    if pending.startswith(b"data:"):
        data.append(pending[5:].strip())
    if data:
        yield b"\n".join(data).decode("utf-8", "replace")


def read_delta(event: str, host: str) -> Delta:
    """One event of a streamed chat completion, or one whole unstreamed answer. Raises ModelUnavailable."""
    answer = _object(event, host)
    if answer.get("error"):
        raise ModelUnavailable(f"{host} failed: {said(event)}")
    usage = answer.get("usage")
    counts = [usage.get(name) if isinstance(usage, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, completion_tokens = (count if isinstance(count, int) else None for count in counts)
    choices = answer.get("choices")
    if not isinstance(choices, list):
        raise ModelUnavailable(f"{host} answered in an unknown form: check that it is an OpenAI-compatible server.")
    if not choices:
        return Delta(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    choice = choices[0] if isinstance(choices[0], dict) else {}
    said_now = choice.get("delta") or choice.get("message") or {}
    text = said_now.get("content") if isinstance(said_now, dict) else ""
    ended = choice.get("finish_reason")
    return Delta(
        text if isinstance(text, str) else "",
        _tokens(choice.get("logprobs")),
        ("length" if ended == "length" else "stop") if ended else None,
        prompt_tokens,
        completion_tokens,
    )


def read_picture(answer: str, host: str) -> bytes:
    """The encoded picture of an image answer. Raises ModelUnavailable."""
    found = _object(answer, host).get("data")
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    encoded = first.get("b64_json")
    if not isinstance(encoded, str):
        if first.get("url"):
            raise ModelUnavailable(f"{host} answered with a link instead of a picture: set it to answer in base64.")
        raise ModelUnavailable(f"{host} answered without a picture: check that this model draws.")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ModelUnavailable(f"{host} answered with a damaged picture: try again.") from error


def _tokens(logprobs: Any) -> tuple[Token, ...]:
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    try:
        return tuple(
            Token(
                str(one["token"]),
                float(one["logprob"]),
                tuple((str(top["token"]), float(top["logprob"])) for top in one.get("top_logprobs") or ())[
                    :TOP_LOGPROBS
                ],
            )
            for one in content or ()
        )
    except (KeyError, TypeError, ValueError):  # log-probabilities are an extra: the words still count
        return ()


def _object(text: str, host: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise ModelUnavailable(f"{host} sent no JSON: check that the address is an API’s and ends in /v1.") from error
    if not isinstance(answer, dict):
        raise ModelUnavailable(f"{host} answered in an unknown form: check that it is an OpenAI-compatible server.")
    return answer


# ---- errors --------------------------------------------------------------------------------------------------------


def said(answer: str) -> str:
    """The message inside a server's error answer, one line, ending with a full stop."""
    try:
        found: Any = json.loads(answer)
        for name in ("error", "message", "detail"):
            if isinstance(found, dict) and found.get(name):
                found = found[name]
        message = found if isinstance(found, str) else json.dumps(found)
    except ValueError:
        message = "" if answer.lstrip().startswith("<") else answer
    line = " ".join(message.split())
    return (line[:200] + "…" if len(line) > 200 else line or "it gave no reason").rstrip(".") + "."


def refusal(status: int, answer: str, address: Address, body: Mapping[str, Any], has_key: bool) -> str:
    """One sentence for an HTTP status other than 200."""
    host = address.host
    if status in (401, 403):
        if has_key:
            return f"{host} refused the key: set COLLAB_REMOTE_KEY to one it accepts."
        return f"{host} asks for a key: set COLLAB_REMOTE_KEY, and COLLAB_REMOTE_URL to {address.url}."
    if status in (400, 422) and "continue_final_message" in body:
        return f"{host} cannot go on from a given beginning: leave the beginning empty, or use a local model."
    if status in (400, 422) and "negative_prompt" in body:
        return f"{host} knows no negative prompt: leave it empty, or use a local model."
    if status == 404:
        return f"{host} has no model “{address.model}” at {address.url}: check the name and the address."
    if status == 429:
        return f"{host} is too busy, or your quota is used up: wait a little, then try again."
    if 300 <= status < 400:
        return f"{host} points elsewhere ({status}): give the address it points to."
    return f"{host} {'failed' if status >= 500 else 'refused'} ({status}): {said(answer)}"
