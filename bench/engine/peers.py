"""What people would use without the engine: transformers' `generate` and its continuous batching, llama-cpp-python's
server (installed here, for it compiles for minutes), diffusers' pipeline."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.engine.people import THINGS, TOKENS, TOPICS, cache
from models import smollm2, weights

LLAMA_PORT = 7873
SAMPLING = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.15}


class Transformers:
    """The embedded text model in transformers' own hands, in fp32."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        file = smollm2.gguf()
        assert file is not None
        folder = smollm2.converted(file, smollm2.folder(cache(), weights.file_sha256(file, cache())), lambda *_: None)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()

    def ids(self, number: int) -> list[int]:
        turn = [{"role": "user", "content": f"Write a long story about {TOPICS[number % len(TOPICS)]}."}]
        encoded = self.tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True)
        return list(encoded["input_ids"])

    def one_at_a_time(self, people: int) -> float:
        """Tokens a second of `people` requests, one `generate` after another."""
        import torch

        tokens, began_s = 0, time.perf_counter()
        for number in range(people):
            ids = torch.tensor([self.ids(number)])
            out = self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, **SAMPLING)
            tokens += out.shape[1] - ids.shape[1]
        return tokens / (time.perf_counter() - began_s)

    def continuously(self, people: int) -> float:
        """Tokens a second of `people` requests in transformers' continuous batching, which drops the penalty."""
        from transformers import GenerationConfig

        config = GenerationConfig(
            max_new_tokens=TOKENS, do_sample=True, temperature=0.6, top_p=0.9, top_k=40,
            eos_token_id=self.tokenizer.eos_token_id, pad_token_id=self.tokenizer.pad_token_id,
        )  # fmt: skip
        began_s = time.perf_counter()
        out = self.model.generate_batch([self.ids(n) for n in range(people)], generation_config=config)
        seconds = time.perf_counter() - began_s
        return sum(len(each.generated_tokens) for each in out.values()) / seconds


class Diffusers:
    """The embedded image model's pipeline as diffusers loads it."""

    def __init__(self) -> None:
        import torch
        from diffusers import AutoPipelineForText2Image

        folder = Path(__file__).parents[2] / "models" / "embedded" / "icons"
        self.pipe = AutoPipelineForText2Image.from_pretrained(folder, dtype=torch.float32)
        self.pipe.set_progress_bar_config(disable=True)

    def one_at_a_time(self, people: int) -> float:
        """Pictures a second, one call after another."""
        import torch

        began_s = time.perf_counter()
        for number in range(people):
            generator = torch.Generator().manual_seed(number)
            self.pipe(THINGS[number % len(THINGS)], num_inference_steps=20, guidance_scale=3.0, generator=generator)
        return people / (time.perf_counter() - began_s)


@contextmanager
def llama_server() -> Iterator[Any]:
    """From a number of clients to tokens a second, by llama-cpp-python's server on the GGUF itself (Q4_1)."""
    python = cache() / "llama-cpp" / "bin" / "python"
    if not (python.parent / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "llama-cpp-python[server]"], check=True)
        (python.parent / ".ready").touch()
    command = [str(python), "-m", "llama_cpp.server", "--model", str(smollm2.gguf()), "--port", str(LLAMA_PORT)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{LLAMA_PORT}/v1/chat/completions"

    def one(number: int) -> int:
        turn = [{"role": "user", "content": f"Write a long story about {TOPICS[number % len(TOPICS)]}."}]
        body = {"messages": turn, "max_tokens": TOKENS, "temperature": 0.6, "top_p": 0.9, "top_k": 40, "seed": number,
                "repeat_penalty": 1.15}  # fmt: skip
        return int(httpx.post(address, json=body, timeout=600).json()["usage"]["completion_tokens"])

    def tokens_a_second(people: int) -> float:
        began_s = time.perf_counter()
        with ThreadPoolExecutor(people) as pool:
            tokens = sum(pool.map(one, range(people)))
        return tokens / (time.perf_counter() - began_s)

    try:
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{LLAMA_PORT}/v1/models", timeout=2)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield tokens_a_second
    finally:
        server.terminate()
        server.wait(timeout=30)
