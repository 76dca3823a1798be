"""The remote backend: chat and pictures from any OpenAI-compatible server. Imports no torch.

Every output is a stream of its own on one network thread; `step` only collects what has arrived. The key comes from the
environment, is sent to the server it is meant for alone, and is neither stored nor logged (see remote_wire.key_for).
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from models.base import (
    Ended,
    FinishReason,
    ImageRequest,
    ImageSample,
    InvalidRequest,
    ModelError,
    ModelInfo,
    ModelUnavailable,
    Request,
    Sample,
    TextRequest,
    TextSample,
    Token,
)
from models.pictures import decode_picture, encode_png
from models.remote_wire import (
    Address,
    Delta,
    chat_body,
    encodable,
    events,
    image_body,
    key_for,
    newly_refused,
    read_delta,
    read_picture,
    refusal,
    without_refused,
)

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 300.0  # between two pieces of an answer; a server may first have to load the model
MAX_STREAMS = 32

Arrival = Sample | Exception


@dataclass
class _Running:
    request: Request
    admitted: float
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    unfinished: set[int] = field(default_factory=set)


class RemoteBackend:
    """One model of one server; implements models.base.Backend."""

    def __init__(self, info: ModelInfo, address: Address, key: str) -> None:
        self.info = info
        self._address = address
        self._key = key
        self._refused: set[str] = set()  # fields this server does not take; touched by the network thread alone
        self._running: dict[str, _Running] = {}
        self._arrived: queue.SimpleQueue[tuple[_Running, int, Arrival]] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"remote {address.host}", daemon=True)
        self._thread.start()
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=None),
            follow_redirects=False,  # the key goes to the named server and nowhere else
        )

    @classmethod
    def load(cls, info: ModelInfo, progress: Callable[[str, float | None], None]) -> RemoteBackend:
        """Raises ModelNotFound for a malformed address, ModelUnavailable for a server that does not answer."""
        address = Address.parse(info.base)
        progress(f"Connecting to {address.host}", None)
        backend = cls(info, address, key_for(address.url))
        try:
            backend._wait_for(backend._greet())
        except ModelUnavailable:
            backend.close()
            raise
        return backend

    # ---- the Backend protocol --------------------------------------------------------------------------------------

    def room(self, request: Request, share: float = 1.0) -> bool:
        streams = sum(len(running.unfinished) for running in self._running.values())
        return not self._running or streams + request.count <= share * MAX_STREAMS

    def admit(self, request: Request) -> str:
        running = _Running(request, time.monotonic(), unfinished=set(range(request.count)))
        if isinstance(request, TextRequest) and request.given:
            raise InvalidRequest(f"{self.info.name} cannot say how likely a text is: choose a model that runs here.")
        if isinstance(request, TextRequest):
            rendered = "\n\n".join(f"{message.role}: {encodable(message.content)}" for message in request.messages)
            if request.prefix:
                rendered += f"\n\nassistant: {encodable(request.prefix)}"
            work = [self._chat(running, request, position) for position in range(request.count)]
        elif isinstance(request, ImageRequest):
            if request.init_image is not None or request.mask is not None:
                raise InvalidRequest(f"“{self.info.name}” draws from words only: leave out the picture.")
            rendered, negative = encodable(request.prompt), encodable(request.negative_prompt).strip()
            if negative:
                rendered += f"\n\nNegative prompt: {negative}"
            work = [self._draw(running, request, position) for position in range(request.count)]
        else:
            raise InvalidRequest("A remote model takes text and image requests only.")
        self._running[request.id] = running
        running.tasks = self._wait_for(self._start(running, work))
        return rendered

    def step(self) -> Sequence[Sample | Ended]:
        """What has arrived since the last step, one sample per output; never waits."""
        collected: dict[tuple[str, int], Sample] = {}
        ended: list[Ended] = []
        while True:
            try:
                running, position, arrival = self._arrived.get_nowait()
            except queue.Empty:
                break
            id_ = running.request.id
            if self._running.get(id_) is not running:
                continue  # evicted meanwhile
            if isinstance(arrival, Exception):
                self.evict(id_)
                ended.append(Ended(id_, "failed", self._explained(arrival)))
                continue
            earlier = collected.get((id_, position))
            if isinstance(arrival, TextSample) and isinstance(earlier, TextSample):
                arrival = replace(arrival, tokens=earlier.tokens + arrival.tokens)
            collected[id_, position] = arrival
            if arrival.finish_reason is not None:
                running.unfinished.discard(position)
                if not running.unfinished:
                    del self._running[id_]
        return [*collected.values(), *ended]

    def evict(self, request_id: str) -> None:
        running = self._running.pop(request_id, None)
        if running is not None:
            for task in running.tasks:
                self._loop.call_soon_threadsafe(task.cancel)  # which closes its connection

    def active(self) -> int:
        return len(self._running)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        self._running.clear()
        self._wait_for(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # ---- on the network thread -------------------------------------------------------------------------------------

    def _wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _start(self, running: _Running, work: list[Coroutine[Any, Any, None]]) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._watched(running, i, one)) for i, one in enumerate(work)]

    async def _shut(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()

    async def _greet(self) -> None:
        """Find out early whether the server is there and takes the key. Many serve models that they do not list."""
        try:
            answer = await self._client.get(f"{self._address.url}/models", timeout=CONNECT_TIMEOUT_S)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ModelUnavailable(self._explained(error)) from error
        except httpx.HTTPError:
            return  # there, but slow or odd: the first request will tell
        if answer.status_code in (401, 403):
            raise ModelUnavailable(refusal(answer.status_code, "", self._address, {}, bool(self._key)))

    async def _watched(self, running: _Running, position: int, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # handed to `step`, which puts it into words
            self._arrived.put((running, position, error))

    async def _chat(self, running: _Running, request: TextRequest, position: int) -> None:
        text, written, prompt_tokens = "", 0, 0
        counted: int | None = None  # by the server, which knows its tokens; pieces need not be tokens
        finish_reason: FinishReason | None = None
        full = chat_body(request, self._address.model, position, self.info.defaults)
        async with _Post(self, "/chat/completions", full) as response:
            is_json = response.headers.get("content-type", "").startswith("application/json")
            source = _whole(response) if is_json else events(response.aiter_bytes())
            async for event in source:
                if event.strip() == "[DONE]":
                    finish_reason = finish_reason or "stop"
                    break
                delta: Delta = read_delta(event, self._address.host)
                finish_reason = delta.finish_reason or finish_reason
                prompt_tokens = delta.prompt_tokens or prompt_tokens
                counted = delta.completion_tokens if delta.completion_tokens is not None else counted
                if not delta.text:
                    continue
                text += delta.text
                written += len(delta.tokens) or 1
                cut = _first_stop(text, request.settings["stop"])
                if cut is not None:  # some servers leave the stop string in, or do not know stop strings
                    text, finish_reason = text[:cut], "stop"
                    break
                self._put_text(running, position, text, delta.tokens, None, prompt_tokens, written)
        if finish_reason is None:
            raise ModelUnavailable(f"The connection to {self._address.host} broke off in mid-answer: try again.")
        self._put_text(
            running, position, text, (), finish_reason, prompt_tokens, written if counted is None else counted
        )

    def _put_text(
        self,
        running: _Running,
        position: int,
        text: str,
        tokens: tuple[Token, ...],
        finish_reason: FinishReason | None,
        prompt_tokens: int,
        written: int,
    ) -> None:
        seconds = time.monotonic() - running.admitted
        id_ = running.request.id
        sample = TextSample(id_, position, text, tokens, finish_reason, prompt_tokens, written, seconds)
        self._arrived.put((running, position, sample))

    async def _draw(self, running: _Running, request: ImageRequest, position: int) -> None:
        id_ = request.id
        self._arrived.put((running, position, ImageSample(id_, position, 0, 1)))
        full = image_body(request, self._address.model, position, self.info.defaults)
        async with _Post(self, "/images/generations", full) as response:
            await response.aread()
        picture = await asyncio.to_thread(_plain_png, read_picture(response.text, self._address.host))
        seconds = time.monotonic() - running.admitted
        done = ImageSample(id_, position, 1, 1, image=picture, finish_reason="stop", seconds=seconds)
        self._arrived.put((running, position, done))

    def _explained(self, error: Exception) -> str:
        host = self._address.host
        match error:
            case ModelError():
                sentence = str(error)
            case httpx.ConnectError() | httpx.ConnectTimeout():
                sentence = f"{host} cannot be reached: check that the server runs and that the address is right."
            case httpx.TimeoutException():
                sentence = f"{host} has sent nothing for {READ_TIMEOUT_S:g} seconds: try again later."
            case httpx.InvalidURL() | httpx.UnsupportedProtocol():
                sentence = f"“{self._address.url[:80]}” is no address: write it as https://host/v1."
            case httpx.HTTPError():
                sentence = f"The connection to {host} broke off in mid-answer: try again."
            case _:
                sentence = f"{host} answered in an unknown form ({type(error).__name__}): choose another model."
        return sentence.replace(self._key, "…") if self._key else sentence


class _Post:
    """POST a body and hold the streamed response; asks again without the fields that the server refuses.

    Raises ModelUnavailable with a sentence for any final status but 200."""

    def __init__(self, backend: RemoteBackend, path: str, body: dict[str, Any]) -> None:
        self._backend, self._path, self._body = backend, path, body
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        backend = self._backend
        while True:
            body = without_refused(self._body, backend._refused)
            request = backend._client.build_request("POST", backend._address.url + self._path, json=body)
            response = await self._sent(request)
            if response.status_code == httpx.codes.OK:
                self._response = response
                return response
            answer = (await response.aread()).decode("utf-8", "replace")
            await response.aclose()
            dropped = newly_refused(body, answer) if response.status_code in (400, 422) else set()
            if not dropped:
                raise ModelUnavailable(
                    refusal(response.status_code, answer, backend._address, body, bool(backend._key))
                )
            backend._refused |= dropped

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        """A kept-alive connection may have died in the meantime: once, try a fresh one."""
        try:
            return await self._backend._client.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self._backend._client.send(request, stream=True)

    async def __aexit__(self, *_: object) -> None:
        if self._response is not None:
            await self._response.aclose()


async def _whole(response: httpx.Response) -> AsyncIterator[str]:
    yield (await response.aread()).decode("utf-8", "replace")


def _first_stop(text: str, stops: Sequence[str]) -> int | None:
    found = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    return min(found) if found else None


def _plain_png(data: bytes) -> bytes:
    return encode_png(decode_picture(data))
