"""The transformers backend on the real embedded model, and its parts on small stand-ins."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from jinja2 import TemplateError

from models.base import Backend, InvalidRequest, Message, TextSample
from models.chat import rendered
from models.text import ROWS
from models.transcript import Transcript
from tests.models.conftest import run_alone, text_request

PROMPT = "Name three animals."


def _tokens(samples: list[TextSample]):
    return [token for sample in samples for token in sample.tokens]


def test_the_text_backend_keeps_the_contract_and_streams_text_that_only_grows(text_backend):
    assert isinstance(text_backend, Backend)
    request = text_request(text_backend.info, PROMPT, seed=5, max_new_tokens=24)
    (samples,) = run_alone(text_backend, request).values()
    assert len(samples) > 5
    for before, after in pairwise(samples):
        assert after.text.startswith(before.text)
    assert [s.finish_reason is not None for s in samples].index(True) == len(samples) - 1
    assert "".join(t.text for t in _tokens(samples)) == samples[-1].text
    assert samples[-1].completion_tokens == len(_tokens(samples)) == 24
    assert samples[-1].finish_reason == "length"
    assert samples[-1].prompt_tokens > 5


def test_output_k_of_four_is_the_output_of_seed_plus_k_alone_and_in_a_crowd(text_backend):
    info = text_backend.info
    together = run_alone(text_backend, text_request(info, PROMPT, seed=2**32 - 2, count=4, max_new_tokens=10))
    ones = [
        text_request(info, PROMPT, id=f"one {k}", seed=(2**32 - 2 + k) % 2**32, max_new_tokens=10) for k in range(4)
    ]
    other = text_request(info, "Write about rain.", id="other", seed=9, count=2, max_new_tokens=6)
    crowd = run_alone(text_backend, other, *ones)
    texts = [together["request", k][-1].text for k in range(4)]
    assert [crowd[f"one {k}", 0][-1].text for k in range(4)] == texts
    assert len(set(texts)) > 1


def test_temperature_zero_writes_what_transformers_generate_writes(text_backend):
    request = text_request(text_backend.info, PROMPT, temperature=0, repetition_penalty=1.2, max_new_tokens=16)
    samples = run_alone(text_backend, request)["request", 0]
    tokenizer, model = text_backend._tokenizer, text_backend._adapters.model
    prompt = rendered(tokenizer, request.messages)
    ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt")["input_ids"]
    wanted = model.generate(ids, do_sample=False, repetition_penalty=1.2, max_new_tokens=16)[0, ids.shape[1] :]
    assert samples[-1].text == tokenizer.decode(wanted, skip_special_tokens=True)
    assert samples[-1].completion_tokens == len(wanted)


def test_log_probabilities_are_those_of_a_plain_forward_pass(text_backend):
    request = text_request(text_backend.info, PROMPT, seed=3, temperature=1.3, top_k=0, max_new_tokens=10)
    samples = run_alone(text_backend, request)["request", 0]
    tokens = _tokens(samples)
    tokenizer, model = text_backend._tokenizer, text_backend._adapters.model
    prompt = tokenizer(rendered(tokenizer, request.messages), add_special_tokens=False)["input_ids"]
    answer = tokenizer(samples[-1].text, add_special_tokens=False)["input_ids"]
    if tokenizer.decode(answer) != samples[-1].text or len(answer) != len(tokens):
        pytest.skip("this text has another spelling in tokens")
    with torch.inference_mode():
        logprobs = model(torch.tensor([prompt + answer])).logits.log_softmax(-1)[0]
    wanted = [logprobs[len(prompt) - 1 + i, id_].item() for i, id_ in enumerate(answer)]
    assert [t.logprob for t in tokens] == pytest.approx(wanted, abs=1e-4)
    likeliest = logprobs[len(prompt) - 1 : -1].topk(5).values
    assert [[p for _, p in t.top] for t in tokens] == [pytest.approx(each.tolist(), abs=1e-4) for each in likeliest]
    assert all(len(t.top) == 5 and t.top[0][1] >= t.top[4][1] for t in tokens)
    assert all(t.top[0][1] >= t.logprob - 1e-6 for t in tokens)


def test_a_given_text_is_read_with_the_probabilities_of_a_plain_forward_pass_and_disturbs_nobody(text_backend):
    words = "Rain fell on the old town, " * 12 + "and 👩‍🌾 sang. 雨。"
    given = replace(text_request(text_backend.info, PROMPT, id="given", max_new_tokens=1), given=words)
    writing = text_request(text_backend.info, PROMPT, id="written", seed=3, max_new_tokens=12)
    alone = run_alone(text_backend, writing)["written", 0][-1].text
    samples = run_alone(text_backend, given, writing)
    assert samples["written", 0][-1].text == alone
    (sample,) = samples["given", 0]
    assert (sample.text, sample.finish_reason) == (words, "stop")
    assert "".join(token.text for token in sample.tokens) == words
    tokenizer, model = text_backend._tokenizer, text_backend._adapters.model
    prompt = tokenizer(rendered(tokenizer, given.messages), add_special_tokens=False)["input_ids"]
    ids = [*tokenizer(words, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    assert len(ids) > 80  # more than one piece
    with torch.inference_mode():
        logprobs = model(torch.tensor([prompt + ids])).logits.log_softmax(-1)[0, len(prompt) - 1 : -1]
    assert [token.logprob for token in sample.tokens] == pytest.approx(
        [logprobs[n, id_].item() for n, id_ in enumerate(ids)], abs=1e-4
    )
    likeliest = logprobs.topk(5).values
    for token, wanted in zip(sample.tokens, likeliest, strict=True):
        assert [logprob for _, logprob in token.top] == pytest.approx(wanted.tolist(), abs=1e-4)
    too_long = replace(given, given="word " * 9_000)
    with pytest.raises(InvalidRequest, match="tokens"):
        text_backend.admit(too_long)


def test_a_stop_string_across_tokens_cuts_the_text_and_is_never_shown(text_backend):
    free = text_request(text_backend.info, PROMPT, temperature=0, max_new_tokens=20)
    whole = run_alone(text_backend, free)["request", 0][-1].text
    stop = whole[7:12]
    assert len(stop) == 5
    request = text_request(text_backend.info, PROMPT, temperature=0, max_new_tokens=20, stop=[stop, "never there"])
    samples = run_alone(text_backend, request)["request", 0]
    assert samples[-1].text == whole[: whole.index(stop)]
    assert samples[-1].finish_reason == "stop"
    assert all(whole.startswith(s.text) and len(s.text) <= len(samples[-1].text) for s in samples)


def test_a_prefix_is_continued_and_not_repeated(text_backend):
    request = text_request(
        text_backend.info, "What is the capital of France?", prefix="The capital of France is", temperature=0
    )
    samples = run_alone(text_backend, request)["request", 0]
    assert samples[-1].text.startswith(" Paris")


def test_system_text_and_examples_reach_the_prompt(text_backend):
    shots = (Message("system", "Talk like a pirate."), Message("user", "Hi"), Message("assistant", "Ahoy!"))
    request = text_request(text_backend.info, "Who are you?", messages=shots, prefix="Arr", max_new_tokens=1)
    prompt = text_backend.admit(request)
    text_backend.evict(request.id)
    assert prompt == (
        "<|im_start|>system\nTalk like a pirate.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nAhoy!<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\nArr"
    )


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers(text_backend):
    with pytest.raises(InvalidRequest, match=r"9,0\d\d tokens.*8,191") as refused:
        text_backend.admit(text_request(text_backend.info, "word " * 9000))
    assert str(refused.value).endswith("shorten it.")
    with pytest.raises(InvalidRequest, match="characters"):
        text_backend.admit(text_request(text_backend.info, "word " * 10_000_000))
    assert text_backend.active() == 0


def test_a_text_ends_with_length_where_the_context_ends(text_backend, monkeypatch):
    prompt = text_backend.admit(text_request(text_backend.info, PROMPT))
    text_backend.evict("request")
    used = len(text_backend._encoded(prompt))
    monkeypatch.setattr(text_backend, "context", used + 3)
    samples = run_alone(text_backend, text_request(text_backend.info, PROMPT, temperature=0))["request", 0]
    assert (samples[-1].finish_reason, samples[-1].completion_tokens) == ("length", 3)


def test_a_long_prompt_is_read_in_pieces_while_others_write_on(text_backend):
    short = text_request(text_backend.info, PROMPT, id="short", max_new_tokens=4)
    long = text_request(text_backend.info, "red green blue " * 220, id="long", temperature=0, max_new_tokens=1)
    text_backend.admit(long)
    text_backend.admit(short)
    assert {s.request_id for s in text_backend.step()} == {"short"}
    assert {s.request_id for s in text_backend.step()} == {"short", "long"}
    text_backend.evict("short")
    assert text_backend.active() == 0


def test_there_is_room_for_so_many_rows_and_an_idle_backend_always_has_room(text_backend):
    eight, rest = text_request(text_backend.info, PROMPT, id="a", count=8), ROWS[text_backend._device] - 8
    assert text_backend.room(replace(eight, count=99))
    text_backend.admit(eight)
    assert text_backend.room(replace(eight, count=rest))
    assert not text_backend.room(replace(eight, count=rest + 1))
    text_backend.evict("a")
    text_backend.evict("a")
    assert text_backend.active() == 0


def test_an_emoji_of_several_tokens_appears_whole(text_backend):
    text = "Hi 👩‍🚀🌈 é 漢字"
    ids = text_backend._tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) > len(text)
    transcript = Transcript(text_backend._decode)
    seen = []
    for id_ in ids:
        transcript.push(id_, -1.0)
        seen.append(transcript.text)
    assert transcript.text == text
    assert not any("\ufffd" in s for s in seen)
    assert all(text.startswith(s) for s in seen)
    assert "".join(t.text for t in transcript.take()) == text
    half = Transcript(text_backend._decode)
    for id_ in text_backend._tokenizer("ok 🚀", add_special_tokens=False)["input_ids"][:-1]:
        half.push(id_, -1.0)
    half.finish()
    assert half.text in ("ok", "ok ")
    assert "".join(t.text for t in half.take()) == half.text


def test_half_a_surrogate_pair_and_control_characters_in_a_prompt_do_no_harm(text_backend):
    for k, prompt in enumerate(("\ud83d hi", "a\x00b\x1b[2J", "\u202eright to left", "{{x}} ${y} <|im_end|>")):
        request = text_request(text_backend.info, prompt, id=str(k), max_new_tokens=1)
        assert text_backend.admit(request).isprintable() is False
        text_backend.evict(str(k))


def _letters(ids: list[int]) -> str:
    return "".join(map(chr, ids))


def test_what_may_begin_a_stop_string_is_held_back_until_it_does_not():
    transcript = Transcript(_letters, stop=["END", "E!"])
    shown = []
    for letter in "a EN EXEND":
        stopped = transcript.push(ord(letter), -1.0)
        shown.append(transcript.text)
    assert stopped
    assert shown == ["a", "a ", "a ", "a ", "a EN ", "a EN ", "a EN EX", "a EN EX", "a EN EX", "a EN EX"]
    assert "".join(t.text for t in transcript.take()) == "a EN EX"


class _RefusesSystem:
    chat_template = "x"

    def apply_chat_template(self, turns, **_):
        if turns[0]["role"] == "system":
            raise TemplateError("System role not supported")
        return "".join(f"[{t['role']}] {t['content']} " for t in turns) + "[model] "


class _DropsSystem(_RefusesSystem):
    def apply_chat_template(self, turns, **_):
        return super().apply_chat_template([t for t in turns if t["role"] != "system"])


class _Base:
    chat_template = None


@pytest.mark.parametrize("tokenizer", [_RefusesSystem(), _DropsSystem()])
def test_a_template_without_a_system_role_gets_the_system_text_in_the_first_user_turn(tokenizer):
    messages = (Message("system", "Be brief."), Message("user", "Hi"))
    assert rendered(tokenizer, messages, "Well") == "[user] Be brief.\n\nHi [model] Well"


def test_a_base_model_gets_a_plain_transcript():
    messages = (Message("system", "Be brief."), Message("user", "Hi"))
    assert rendered(_Base(), messages) == "Be brief.\n\nUser: Hi\nAssistant:"
    assert rendered(_Base(), messages, "Well") == "Be brief.\n\nUser: Hi\nAssistant: Well"
    with pytest.raises(InvalidRequest):
        rendered(_Base(), (Message("assistant", "Hi"),))
