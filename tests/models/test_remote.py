"""The remote backend against `transformers serve` (a real server that is not ours) and, where no real one is at hand
(pictures, misbehaving servers), against a few lines of http.server."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from models.base import (
    IMAGE_DEFAULTS,
    TEXT_DEFAULTS,
    Backend,
    Ended,
    ImageRequest,
    ImageSample,
    InvalidRequest,
    Message,
    ModelInfo,
    ModelNotFound,
    ModelUnavailable,
    TextRequest,
    TextSample,
    canonical_settings,
)
from models.remote import RemoteBackend
from models.remote_wire import key_for

SERVER_START_S = 90
DEADLINE_S = 60


def info_of(url: str, model: str = "m", modality: str = "text") -> ModelInfo:
    defaults = TEXT_DEFAULTS if modality == "text" else IMAGE_DEFAULTS
    return ModelInfo(model, modality, f"remote:{model}@{url}", "unpinned", "remote", defaults)


def chat(id_: str = "r", *, words: str = "Name a fruit.", count: int = 1, seed: int = 1, prefix: str = "", **settings):
    given = canonical_settings("text", {"max_new_tokens": 24, **settings}, TEXT_DEFAULTS)
    messages = (Message("system", "Be brief."), Message("user", words))
    return TextRequest(id_, "owner", info_of("http://x/v1"), given, seed, count, messages=messages, prefix=prefix)


def drawing(id_: str = "r", *, count: int = 1, seed: int = 1, negative: str = "", **rest):
    given = canonical_settings("image", {"width": 64, "height": 48, **rest}, IMAGE_DEFAULTS)
    return ImageRequest(id_, "o", info_of("http://x/v1"), given, seed, count, prompt="a cat", negative_prompt=negative)


@dataclass
class Outcome:
    samples: list[Any] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def of(self, request_id: str, position: int = 0) -> list[Any]:
        return [s for s in self.samples if (s.request_id, s.position) == (request_id, position)]


def run(backend: Backend, *requests, until: Callable[[Outcome], bool] = lambda outcome: False) -> Outcome:
    for one in requests:
        backend.admit(one)
    outcome, deadline = Outcome(), time.monotonic() + DEADLINE_S
    while backend.active() and not until(outcome):
        assert time.monotonic() < deadline, "the server answers too slowly"
        for event in backend.step():
            (outcome.ended if isinstance(event, Ended) else outcome.samples).append(event)
        time.sleep(0.002)
    return outcome


@pytest.fixture
def connect() -> Iterator[Callable[[ModelInfo], RemoteBackend]]:
    opened: list[RemoteBackend] = []

    def open_(info: ModelInfo) -> RemoteBackend:
        opened.append(RemoteBackend.load(info, lambda message, fraction: None))
        return opened[-1]

    yield open_
    for backend in opened:
        backend.close()


# ---- transformers serve --------------------------------------------------------------------------------------------

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def save_tiny_chat_model(folder: Path) -> Path:
    """A llama of random weights that says one byte a token and never comes to an end by itself."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    letters = [chr(code) for code in range(32, 127)]
    vocabulary = {token: i for i, token in enumerate([*letters, "Ġ", "Ċ", "<|end|>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    end = vocabulary["<|end|>"]
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=8192,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight *= 20  # uneven odds, so that temperature matters
        model.lm_head.weight[end] = 0
    model.generation_config.update(do_sample=True)
    model.save_pretrained(folder)
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Serving:
    process: subprocess.Popen[bytes]
    url: str
    model: str


def start_server(model: Path) -> Serving:
    port = free_port()
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with open(model / f"serve-{port}.log", "wb") as log:
        process = subprocess.Popen([*command, "--device", "cpu"], env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + SERVER_START_S
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", timeout=1).raise_for_status()
            return Serving(process, f"http://127.0.0.1:{port}/v1", str(model))
        except httpx.HTTPError:
            assert process.poll() is None, (model / f"serve-{port}.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "transformers serve does not come up"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chat_model(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def serving(chat_model: Path) -> Iterator[Serving]:
    server = start_server(chat_model)
    yield server
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()


@pytest.fixture
def backend(serving: Serving, connect) -> RemoteBackend:
    return connect(info_of(serving.url, serving.model))


def test_the_remote_backend_is_a_backend(backend):
    assert isinstance(backend, Backend)
    assert backend.room(chat(count=8)) and backend.active() == 0


def test_words_stream_from_a_real_server_and_end_with_their_reason(backend):
    samples = run(backend, chat(max_new_tokens=60)).of("r")
    assert len(samples) > 5, "streamed in pieces"
    assert all(later.text.startswith(sooner.text) for sooner, later in pairwise(samples))
    assert [s.finish_reason for s in samples[:-1]] == [None] * (len(samples) - 1)
    last = samples[-1]
    assert (last.finish_reason, last.completion_tokens) == ("length", 60) and last.prompt_tokens > 10
    assert backend.active() == 0


def test_several_requests_of_several_outputs_stream_at_once(backend):
    outcome = run(backend, chat("a", count=2, max_new_tokens=200), chat("b", count=2, max_new_tokens=200))
    streams = [outcome.of(id_, position) for id_ in "ab" for position in (0, 1)]
    assert all(stream[-1].finish_reason == "length" for stream in streams)
    assert all(len(stream) > 5 for stream in streams), "streamed in pieces"


def test_a_greedy_answer_is_the_same_twice(backend):
    texts = {run(backend, chat(temperature=0.0, seed=s)).of("r")[-1].text for s in (1, 2)}
    assert len(texts) == 1 and texts != {""}


def test_settings_that_the_server_refuses_are_left_out(backend):
    last = run(backend, chat(top_k=3, repetition_penalty=1.5)).of("r")[-1]
    assert last.finish_reason == "length"
    assert {"top_k", "repetition_penalty"} <= backend._refused


def test_a_stop_string_ends_the_text_before_itself(backend):
    whole = run(backend, chat(temperature=0.0)).of("r")[-1].text
    stop = whole[10:13]
    last = run(backend, chat(temperature=0.0, stop=[stop])).of("r")[-1]
    assert (last.text, last.finish_reason) == (whole[: whole.index(stop)], "stop")


def test_a_cancelled_request_is_silent_at_once_and_its_stream_is_closed(backend):
    run(backend, chat("long", max_new_tokens=8000), until=lambda outcome: len(outcome.samples) > 3)
    (task,) = backend._running["long"].tasks
    backend.evict("long")
    assert backend.active() == 0 and not backend.step()
    deadline = time.monotonic() + 5
    while not task.done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert run(backend, chat("next")).of("next")[-1].finish_reason == "length"


def test_an_unknown_model_fails_with_one_sentence(serving, connect):
    backend = connect(info_of(serving.url, "nobody/no-such-model"))
    (ended,) = run(backend, chat()).ended
    assert ended.status == "failed" and "127.0.0.1" in ended.error and "\n" not in ended.error


def test_a_beginning_that_the_server_cannot_continue_is_refused_in_words(backend):
    (ended,) = run(backend, chat(prefix="Once upon")).ended
    assert "cannot go on from a given beginning" in ended.error


def test_any_script_and_broken_text_reach_the_server(backend):
    for words in ("חתול 🐈‍⬛", "\ud83d", "\x00\x07", "{{x}} ${y} <b>", "\u2028"):
        assert run(backend, chat(words=words)).of("r")[-1].finish_reason == "length"


def test_a_server_killed_in_mid_stream_fails_the_request_in_words(serving, backend):
    """The last test that may use the server: starting a second one takes ten seconds."""
    run(backend, chat(max_new_tokens=8000), until=lambda outcome: len(outcome.samples) > 3)
    serving.process.send_signal(signal.SIGKILL)
    (ended,) = run(backend).ended
    assert ended.status == "failed" and "broke off in mid-answer" in ended.error
    (ended,) = run(backend, chat("again")).ended
    assert "cannot be reached" in ended.error


# ---- a stand-in for servers that are not at hand -------------------------------------------------------------------


class StandIn:
    """A local HTTP server whose answers a test scripts: `answer` writes one response."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, str], dict[str, Any]]] = []  # path, headers, JSON body
        self.answer: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None] = lambda handler, body: None
        self.greeting = 200
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stand_in.heard.append((self.path, dict(self.headers), {}))
                send(self, b'{"data": []}', status=stand_in.greeting)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                stand_in.heard.append((self.path, dict(self.headers), body))
                stand_in.answer(self, body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def send(handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, kind: str = "application/json") -> None:
    handler.send_response(status)
    handler.send_header("content-type", kind)
    handler.end_headers()
    handler.wfile.write(body)


def stream(*events_: bytes) -> Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]:
    return lambda handler, body: send(handler, b"".join(events_), kind="text/event-stream")


def chunk(text: str | None = None, *, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish, **more}
    return b"data: " + json.dumps({"choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_every_output_has_its_own_seed_that_fits_into_31_bits(stand_in, connect):
    stand_in.answer = stream(chunk("ok", finish="stop"), b"data: [DONE]\n\n")
    run(connect(info_of(stand_in.url)), chat(seed=2**32 - 2, count=3))
    seeds = {body["seed"] for _, _, body in stand_in.heard if body}
    assert seeds == {(2**32 - 2) % 2**31, (2**32 - 1) % 2**31, 0}


def test_log_probabilities_are_kept(stand_in, connect):
    content = [{"token": "ok", "logprob": -0.5, "top_logprobs": [{"token": "ok", "logprob": -0.5}]}]
    stand_in.answer = stream(chunk("ok", logprobs={"content": content}), chunk(finish="stop"))
    samples = run(connect(info_of(stand_in.url)), chat()).of("r")
    (token,) = [token for sample in samples for token in sample.tokens]
    assert (token.text, token.logprob, token.top) == ("ok", -0.5, (("ok", -0.5),))


def test_odd_but_lawful_streams_are_read(stand_in, connect):
    text = "a\u2028b\x85c😀"
    whole = b": keep-alive\r\n\r\n" + chunk(text).replace(b"\n", b"\r\n") + b'data: {"choices": []}\n\n' + chunk(None)

    def dribble(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        send(handler, b"", kind="text/event-stream")
        for byte in whole + chunk(finish="stop"):
            handler.wfile.write(bytes([byte]))

    stand_in.answer = dribble
    assert run(connect(info_of(stand_in.url)), chat()).of("r")[-1].text == text


def test_a_server_that_does_not_stream_is_read_as_well(stand_in, connect):
    answer = {
        "choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}],
        "usage": {"completion_tokens": 3},
    }
    stand_in.answer = lambda handler, body: send(handler, json.dumps(answer).encode())
    last = run(connect(info_of(stand_in.url)), chat()).of("r")[-1]
    assert (last.text, last.finish_reason, last.completion_tokens) == ("whole", "stop", 3)


def test_a_newer_server_gets_max_completion_tokens(stand_in, connect):
    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        if "max_tokens" in body:
            send(
                handler,
                b'{"error": {"message": "Use \'max_completion_tokens\' instead of \'max_tokens\'"}}',
                status=400,
            )
        else:
            stream(chunk("ok", finish="stop"))(handler, body)

    stand_in.answer = answer
    assert run(connect(info_of(stand_in.url)), chat(max_new_tokens=5)).of("r")[-1].text == "ok"
    assert stand_in.heard[-1][2]["max_completion_tokens"] == 5


def reply(status: int, body: bytes, kind: str = "application/json"):
    return lambda handler, asked: send(handler, body, status=status, kind=kind)


FAILURES = {
    "a refused key": (reply(401, b'{"error": {"message": "bad key sk-1234"}}'), "asks for a key"),
    "no such model": (reply(404, b'{"error": {"message": "no model"}}'), "has no model “m”"),
    "a used-up quota": (reply(429, b"{}"), "wait a little"),
    "a server error": (reply(500, b'{"error": {"message": "GPU on fire"}}'), "failed (500): GPU on fire."),
    "a gateway's page": (reply(502, b"<html>Bad gateway</html>", "text/html"), "failed (502): it gave no reason."),
    "a refused setting": (
        reply(400, b'{"detail": "temperature is too high"}'),
        "refused (400): temperature is too high.",
    ),
    "a redirect": (reply(302, b""), "points elsewhere"),
    "a web page": (reply(200, b"data: <html>\n\n", "text/event-stream"), "sent no JSON"),
    "half a line of JSON": (stream(chunk("hi"), b'data: {"choices": [{"del'), "sent no JSON"),
    "a list": (stream(b"data: [1, 2]\n\n"), "unknown form"),
    "something else": (stream(b'data: {"object": "page"}\n\n'), "unknown form"),
    "an error in mid-stream": (stream(chunk("hi"), b'data: {"error": "out of memory"}\n\n'), "failed: out of memory."),
    "an end without a reason": (stream(chunk("hi")), "broke off in mid-answer"),
    "nothing at all": (stream(), "broke off in mid-answer"),
}


def test_outputs_are_asked_for_all_at_once(stand_in, connect):
    all_here = threading.Barrier(4, timeout=DEADLINE_S)

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        all_here.wait()  # answers none before all four have asked
        stream(chunk("ok", finish="stop"))(handler, body)

    stand_in.answer = answer
    outcome = run(connect(info_of(stand_in.url)), chat("a", count=3), chat("b"))
    assert sum(s.finish_reason == "stop" for s in outcome.samples) == 4 and not outcome.ended


@pytest.mark.parametrize("name", FAILURES)
def test_a_failing_server_gives_one_clear_sentence(stand_in, connect, name):
    stand_in.answer, sentence = FAILURES[name]
    outcome = run(connect(info_of(stand_in.url)), chat(count=2))
    (ended,) = outcome.ended
    assert (ended.request_id, ended.status) == ("r", "failed")
    assert sentence in ended.error and "\n" not in ended.error


def test_a_port_where_nobody_listens_is_unavailable():
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        RemoteBackend.load(info_of(f"http://127.0.0.1:{free_port()}/v1"), lambda message, fraction: None)


@pytest.mark.parametrize("base", ["remote:m", "remote:m@ftp://x", "remote:@http://x", "remote:m@http://me:pw@host/v1"])
def test_a_malformed_address_is_refused(base):
    info = ModelInfo("m", "text", base, "unpinned", "remote", TEXT_DEFAULTS)
    with pytest.raises(ModelNotFound) as caught:
        RemoteBackend.load(info, lambda message, fraction: None)
    assert "pw" not in str(caught.value)


# ---- the key -------------------------------------------------------------------------------------------------------


def test_a_key_goes_to_the_server_it_is_paired_with_and_to_no_other():
    ours = {"COLLAB_REMOTE_KEY": "k", "COLLAB_REMOTE_URL": "https://llm.example/v1", "OPENAI_API_KEY": "o"}
    assert key_for("https://llm.example/v1", ours) == "k"
    assert key_for("https://api.openai.com/v1", ours) == "o"
    for other in ("https://evil.example/v1", "http://llm.example/v1", "https://llm.example:444/v1"):
        assert key_for(other, ours) == ""
    default = {"COLLAB_REMOTE_KEY": "k", "COLLAB_TEXT_MODEL": "remote:org/m@1@https://llm.example/v1"}
    assert key_for("https://llm.example/v1", default) == "k"
    assert key_for("https://api.openai.com/v1", {"OPENAI_API_KEY": "o", "OPENAI_BASE_URL": "https://x.example"}) == ""


def test_the_key_is_sent_but_never_logged_nor_repeated(stand_in, connect, monkeypatch, caplog):
    monkeypatch.setenv("COLLAB_REMOTE_KEY", "sk-very-secret")
    monkeypatch.setenv("COLLAB_REMOTE_URL", stand_in.url)
    stand_in.answer = reply(500, b'{"error": "Key sk-very-secret is odd"}')
    with caplog.at_level(logging.DEBUG):
        backend = connect(info_of(stand_in.url))
        (ended,) = run(backend, chat()).ended
    assert stand_in.heard[-1][1]["Authorization"] == "Bearer sk-very-secret"
    assert "secret" not in ended.error + caplog.text + repr(backend) + repr(backend.info)


def test_a_server_that_wants_a_key_says_so_on_connecting(stand_in):
    stand_in.greeting = 401
    with pytest.raises(ModelUnavailable, match="set COLLAB_REMOTE_KEY"):
        RemoteBackend.load(info_of(stand_in.url), lambda message, fraction: None)


# ---- pictures ------------------------------------------------------------------------------------------------------


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, "WEBP", lossless=True)
    return buffer.getvalue()


def test_pictures_come_as_plain_pngs_one_call_each(stand_in, connect):
    answer = {"data": [{"b64_json": base64.b64encode(picture()).decode()}]}
    stand_in.answer = lambda handler, body: send(handler, json.dumps(answer).encode())
    outcome = run(connect(info_of(stand_in.url, modality="image")), drawing(count=2, negative="blurry"))
    for position in (0, 1):
        first, *_, last = outcome.of("r", position)
        assert (last.step, last.steps, last.finish_reason) == (1, 1, "stop")
        assert isinstance(first, ImageSample)
        drawn = Image.open(io.BytesIO(last.image))
        assert (drawn.format, drawn.size, drawn.getpixel((0, 0)), drawn.info) == ("PNG", (64, 48), (255, 0, 0), {})
    path, _, body = stand_in.heard[-1]
    assert path == "/v1/images/generations"
    assert (body["size"], body["n"], body["response_format"]) == ("64x48", 1, "b64_json")
    assert body["negative_prompt"] == "blurry"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b'{"data": [{"url": "http://127.0.0.1/secret"}]}', "a link instead of a picture"),
        (b'{"data": []}', "without a picture"),
        (b'{"data": [{"b64_json": "%%%"}]}', "damaged picture"),
        (b'{"data": [{"b64_json": "aGVsbG8="}]}', "not a PNG, JPEG or WebP"),
        (b"hello", "sent no JSON"),
    ],
)
def test_an_answer_without_a_picture_fails_in_words(stand_in, connect, answer, sentence):
    stand_in.answer = reply(200, answer)
    (ended,) = run(connect(info_of(stand_in.url, modality="image")), drawing()).ended
    assert sentence in ended.error


def test_starting_from_a_picture_is_refused(stand_in, connect):
    backend = connect(info_of(stand_in.url, modality="image"))
    from dataclasses import replace

    with pytest.raises(InvalidRequest, match="words only"):
        backend.admit(replace(drawing(), init_image=picture()))
    assert backend.active() == 0


def test_a_text_sample_says_what_it_is(stand_in, connect):
    stand_in.answer = stream(chunk("ok", finish="stop"))
    assert isinstance(run(connect(info_of(stand_in.url)), chat()).samples[-1], TextSample)
