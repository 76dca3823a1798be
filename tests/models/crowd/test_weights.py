"""Packed weights, eight bits, large pages: the same numbers, or as close as they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models import pages
from models.base import InvalidRequest
from models.int8 import quantised
from models.packed import PackedLinear, packed
from models.text import TextBackend
from tests.models.conftest import run_alone, text_request
from tests.models.crowd.tiny import INFO, everybody, llama, texts


def test_eight_bits_are_close_and_a_crowd_changes_nothing(tokenizer, adapters):
    model = quantised(llama())
    ids = torch.arange(40)[None]
    whole, rounded = llama()(ids).logits, model(ids).logits
    assert 0 < (whole - rounded).abs().max() < 0.2 * whole.abs().max()
    info = replace(INFO, precision="int8")
    backend = TextBackend(info, model, tokenizer, "cpu")
    crowd = run_alone(backend, *everybody())
    for request in everybody():
        for key, samples in run_alone(backend, request).items():
            alone = [t.logprob for s in samples for t in s.tokens]
            assert alone == pytest.approx([t.logprob for s in crowd[key] for t in s.tokens], abs=1e-4)
    with pytest.raises(InvalidRequest, match="full precision"):
        backend.admit(text_request(replace(info, adapter=adapters[0]), "Hi"))


def test_packed_layers_give_the_same_numbers_carry_adapters_and_keep_tied_weights(tokenizer, adapters):
    plain, quick = llama(), packed(llama(), "cpu")
    assert isinstance(quick.lm_head, PackedLinear) and isinstance(quick.model.layers[0].mlp.up_proj, PackedLinear)
    assert quick.state_dict().keys() == plain.state_dict().keys()
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        assert torch.allclose(plain(ids).logits, quick(ids).logits, atol=1e-4)
    requests = [
        text_request(info, "Say it", id=str(n), temperature=0)
        for n, info in enumerate((INFO, replace(INFO, adapter=adapters[0])))
    ]
    wanted = texts(run_alone(TextBackend(INFO, plain, tokenizer, "cpu"), *requests))
    assert texts(run_alone(TextBackend(INFO, quick, tokenizer, "cpu"), *requests)) == wanted


def test_a_model_too_large_for_a_second_copy_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr("models.packed.free_bytes", lambda: 1000)
    assert not any(isinstance(module, PackedLinear) for module in packed(llama(), "cpu").modules())


def test_weights_in_large_pages_are_the_same_numbers_wherever_they_lie(monkeypatch):
    tensors = [torch.randn(5, 7), torch.arange(3), torch.randn(64, 96).t()]
    for offered in (True, False):
        if not offered:
            monkeypatch.delattr(pages.mmap, "MADV_HUGEPAGE", raising=False)
        room = pages.LargePages(tensors)
        copies = [room.copy(tensor) for tensor in tensors]
        more = room.copy(torch.ones(9, 9))  # for which there is no room
        del room
        for copy, tensor in zip([*copies, more], [*tensors, torch.ones(9, 9)], strict=True):
            assert torch.equal(copy, tensor) and copy.is_contiguous() and copy.dtype == tensor.dtype
        copies[0].zero_()
        assert tensors[0].any() and torch.equal(copies[1], tensors[1])
