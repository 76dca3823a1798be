"""Prompts: side by side, piece by piece, a shared beginning once."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import torch

from models import reading
from models.reading import Reader
from models.rows import Forward
from models.text import TextBackend
from tests.models.conftest import run_alone, text_request
from tests.models.crowd.tiny import INFO, everybody, llama, texts


def test_a_shared_beginning_is_read_once(backend, monkeypatch):
    backend._reader.forget()
    passed: list[int] = []
    call = Forward.__call__

    def counted(self, ids, *rest, **more):
        if not more:  # a prompt, not a token of an answer
            passed.append(ids.shape[1])
        return call(self, ids, *rest, **more)

    monkeypatch.setattr(Forward, "__call__", counted)
    first = text_request(INFO, "A long beginning that everybody shares, then this", id="1", seed=1)
    second = text_request(INFO, "A long beginning that everybody shares, then something else", id="2", seed=1)
    fresh = texts(run_alone(backend, first))
    assert texts(run_alone(backend, replace(first, id="1"))) == fresh
    assert passed[1] == 1
    recalled = texts(run_alone(backend, second))
    assert 1 < passed[2] < passed[0]
    backend._reader.forget()
    assert texts(run_alone(backend, second)) == recalled
    assert passed[3] > passed[0]


def test_short_prompts_are_read_in_one_pass_each_as_if_alone(tokenizer, adapters):
    model = TextBackend(INFO, llama(), tokenizer, "cpu")
    names = ["", model._adapters.named(adapters[0], frozenset()), ""]
    rng = Random(3)
    shared = [rng.randrange(60) for _ in range(10)]
    prompts = [[*shared, *(rng.randrange(60) for _ in range(length))] for length in (5, 9, 7)]
    rows: list[int] = []

    def counted(ids, *rest, **more):
        rows.append(len(ids))
        return model._forward(ids, *rest, **more)

    counted.new_cache = model._forward.new_cache
    reader = Reader(counted, "cpu", remembers=True)
    list(reader.read_on([reader.begin([*shared, 1])]))  # a beginning that the base remembers, and the adapter does not
    together = [reader.begin(ids, name) for ids, name in zip(prompts, names, strict=True)]
    with torch.inference_mode():
        read = {id(reading): logits for reading, logits in reader.read_on(together)}
        assert rows[1:] == [2, 1] or rows[1:] == [3]
        for reading, ids, name in zip(together, prompts, names, strict=True):
            alone = Reader(model._forward, "cpu", remembers=False)
            ((wanted, logits),) = alone.read_on([alone.begin(ids, name)])
            assert torch.allclose(read[id(reading)], logits, atol=1e-4)
            for ours, theirs in zip(reading.cache.layers, wanted.cache.layers, strict=True):
                assert torch.allclose(ours.keys, theirs.keys, atol=1e-4)
                assert torch.allclose(ours.values, theirs.values, atol=1e-4)


def test_prompts_that_memory_cannot_hold_together_are_read_one_by_one(backend, monkeypatch):
    backend._reader.forget()
    together = texts(run_alone(backend, *everybody()))
    forward, sizes = backend._reader._forward, []

    def cramped(ids, *rest, **more):
        if len(ids) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(ids))
        return forward(ids, *rest, **more)

    cramped.new_cache = forward.new_cache
    monkeypatch.setattr(backend._reader, "_forward", cramped)
    backend._reader.forget()
    assert texts(run_alone(backend, *everybody())) == together and len(sizes) >= len(everybody())


def test_what_is_remembered_of_prompts_is_bounded(backend, monkeypatch):
    backend._reader.forget()
    monkeypatch.setattr(reading, "KEPT_BYTES", 30_000)
    for number in range(6):
        run_alone(backend, text_request(INFO, f"{number} is a number of its own", max_new_tokens=1))
    kept = backend._reader._kept
    assert 1 <= len(kept) < 6 and sum(each.bytes for each in kept) <= 30_000
    backend._reader.forget()
