"""Continuous batching: rows of different requests in one pass, each as if it were alone. The embedded model's own
contract is in test_text.py."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import (
    MistralConfig,
    MistralForCausalLM,
)

from models.adapters import MAX_ADAPTERS
from models.base import Ended, ModelUnavailable, TextSample
from models.rows import Apart, Together
from models.text import TextBackend
from tests.models.conftest import run_alone, text_request
from tests.models.crowd.tiny import INFO, SHAPE, everybody, llama, texts


def test_a_request_writes_the_same_alone_and_in_any_crowd(backend):
    assert isinstance(backend._batch, Together)
    together = texts(run_alone(backend, *everybody()))
    assert len(together) == 9 and len(set(together.values())) == 9
    for request in everybody():
        for key, text in texts(run_alone(backend, request)).items():
            assert text == together[key], key
    # newcomers while others write, and one that is cancelled in between
    samples: dict[tuple[str, int], list[TextSample]] = {}
    waiting = [text_request(INFO, "Stop me", id="stopped", count=3), *everybody()]
    steps = 0
    while backend.active() or waiting:
        if waiting:
            backend.admit(waiting.pop(0))
        for sample in backend.step():
            samples.setdefault((sample.request_id, sample.position), []).append(sample)
        steps += 1
        if steps == 4:
            backend.evict("stopped")
    assert {key: text for key, text in texts(samples).items() if key[0] != "stopped"} == together
    assert len(backend._batch) == len(backend._sampler) == len(backend._rows) == 0


def test_rows_outgrow_the_block_they_began_in(backend, monkeypatch):
    request = text_request(INFO, "word " * 250, id="growing", max_new_tokens=40, temperature=0)
    other = text_request(INFO, "Hi", id="other", seed=4, max_new_tokens=60)
    grown = texts(run_alone(backend, other, request))
    monkeypatch.setattr("models.rows.GROWN_TOKENS", 1024)
    assert texts(run_alone(backend, other, request)) == grown


def test_a_window_that_slides_is_kept_apart_and_writes_what_transformers_writes(tokenizer):
    torch.manual_seed(1)
    model = MistralForCausalLM(MistralConfig(**SHAPE, sliding_window=8)).eval()
    backend = TextBackend(INFO, model, tokenizer, "cpu")
    assert isinstance(backend._batch, Apart)
    greedy = text_request(INFO, "one two three four five", id="a", temperature=0, repetition_penalty=1.0)
    four = text_request(INFO, "something else", id="b", count=4, seed=3)
    crowd = texts(run_alone(backend, greedy, four))
    assert texts(run_alone(backend, four)) == {key: text for key, text in crowd.items() if key[0] == "b"}
    ids = tokenizer(backend.admit(greedy), add_special_tokens=False, return_tensors="pt")["input_ids"]
    backend.evict("a")
    wanted = model.generate(ids, do_sample=False, max_new_tokens=12)[0, ids.shape[1] :]
    assert crowd["a", 0] == tokenizer.decode(wanted, skip_special_tokens=True)


def test_adapters_of_one_base_share_a_batch_and_each_writes_as_if_alone(tokenizer, adapters):
    infos = [INFO, *(replace(INFO, adapter=folder) for folder in adapters)]
    requests = [text_request(info, "Say it", id=str(n), temperature=0) for n, info in enumerate(infos)]
    backend = TextBackend(INFO, llama(), tokenizer, "cpu")
    before = texts(run_alone(backend, requests[0]))  # while the model knows no adapter yet
    crowd = texts(run_alone(backend, *requests))
    assert len(set(crowd.values())) == 4 and before["0", 0] == crowd["0", 0]
    for number, folder in enumerate(adapters, 1):
        alone = TextBackend(INFO, llama(), tokenizer, "cpu")
        assert texts(run_alone(alone, requests[number])) == {(str(number), 0): crowd[str(number), 0]}
        merged = alone._adapters.model.merge_and_unload()
        plain = TextBackend(INFO, merged, tokenizer, "cpu")
        assert texts(run_alone(plain, requests[0]))["0", 0] == crowd[str(number), 0], folder


def test_a_base_row_that_writes_when_the_first_adapter_comes_stays_a_base_row(tokenizer, adapters):
    backend = TextBackend(INFO, llama(), tokenizer, "cpu")
    base = text_request(INFO, "Say it", id="base", temperature=0)
    wanted = texts(run_alone(backend, base))
    backend.admit(base)
    samples = [*backend.step(), *backend.step()]
    backend.admit(text_request(replace(INFO, adapter=adapters[0]), "Say it", id="adapted", temperature=0))
    while backend.active():
        samples += backend.step()
    assert [s.text for s in samples if s.request_id == "base"][-1] == wanted["base", 0]


def test_adapters_in_use_stay_and_the_oldest_others_go(tokenizer, adapters, tmp_path):
    backend = TextBackend(INFO, llama(), tokenizer, "cpu")
    names = [backend._adapters.named(adapters[0])]
    for number in range(MAX_ADAPTERS + 1):
        copy = tmp_path / str(number)
        copy.symlink_to(adapters[1])
        names.append(backend._adapters.named(str(copy), frozenset(names[:1])))
    assert list(backend._adapters._known) == [names[0], *names[3:]]
    with pytest.raises(ModelUnavailable, match="adapter_config"):
        backend._adapters.named(str(tmp_path))


def test_memory_that_runs_out_makes_the_batch_smaller(backend, monkeypatch):
    forward = backend._batch._forward
    together = texts(run_alone(backend, *everybody()))
    sizes: list[int] = []

    def cramped(ids, *rest, **more):
        if len(ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(ids))
        return forward(ids, *rest, **more)

    monkeypatch.setattr(backend._batch, "_forward", cramped)
    assert texts(run_alone(backend, *everybody())) == together
    assert max(sizes) == 3


def test_a_request_that_memory_cannot_hold_fails_alone(backend, monkeypatch):
    forward = backend._batch._forward

    def cramped(ids, cache, adapters, **more):
        if more["position_ids"].max() > 60:  # the long one
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(ids, cache, adapters, **more)

    monkeypatch.setattr(backend._batch, "_forward", cramped)
    backend.admit(text_request(INFO, "one two three " * 30, id="long", count=2))
    backend.admit(text_request(INFO, "Hi", id="short", temperature=0, max_new_tokens=4))
    events = [event for _ in range(4) for event in backend.step()]
    (ended,) = [e for e in events if isinstance(e, Ended)]
    assert ended.request_id == "long" and ended.status == "failed" and "ran out of memory" in ended.error
    assert [e.finish_reason for e in events if e.request_id == "short"] == [None, None, None, "length"]
    assert backend.active() == 0


def test_a_row_without_numbers_fails_alone(backend, monkeypatch):
    draw = backend._sampler.draw

    def broken(logits, first=0):
        logits = logits.clone()
        for place, row in enumerate(backend._rows[first : first + len(logits)]):
            if row.run.request.id == "bad" and row.tokens == 2:
                logits[place] = torch.nan
        return draw(logits, first)

    monkeypatch.setattr(backend._sampler, "draw", broken)
    backend.admit(text_request(INFO, "Hi", id="bad", count=2))
    backend.admit(text_request(INFO, "Hi", id="good", temperature=0, max_new_tokens=5))
    events = [event for _ in range(6) for event in backend.step()]
    (ended,) = [e for e in events if isinstance(e, Ended)]
    assert ended.request_id == "bad" and "not numbers" in ended.error
    assert [e.finish_reason for e in events if e.request_id == "good"][-1] == "length"
