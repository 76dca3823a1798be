"""Seconds to the first token through the whole product (HTTP, queue, store, engine), against transformers' streamer.

Both run the embedded model, warm, on the same prompt with one output, alternating; the medians are kept. The peer is a
bare `generate` with a `TextIteratorStreamer` in a process of its own kind: no server, no store, no fairness.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx

from bench.record import Figure, keep

ROOT = Path(__file__).parent.parent
ROUNDS = 9
PROMPT = "Explain why the sky is blue to a ten-year-old, in three sentences."
PORT = 7871


def main() -> None:
    """Print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLLAB_HOME": folder, "GRADIO_SERVER_PORT": str(PORT), "HF_HUB_OFFLINE": "1"}
        server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            ours = _through_the_product()
        finally:
            server.terminate()
            server.wait(timeout=30)
        peer = _through_transformers(Path(folder))
    note = f"median of {ROUNDS}, warm, SmolLM2-135M, one output"
    keep(
        [
            Figure("first token", ours[0], "s", "transformers generate + streamer", peer[0], note),
            Figure("64 tokens", ours[1], "s", "transformers generate + streamer", peer[1], note),
        ],
        "first_token",
    )


def _through_the_product() -> tuple[float, float]:
    from gradio_client import Client

    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{PORT}", timeout=5)
            break
        except httpx.HTTPError:
            time.sleep(0.2)
    client = Client(f"http://127.0.0.1:{PORT}", verbose=False)
    settings = {"max_new_tokens": 64, "temperature": 0.0}
    first_s: list[float] = []
    whole_s: list[float] = []
    for number in range(ROUNDS + 1):
        began_s = time.perf_counter()
        first = 0.0
        for state in client.submit(PROMPT, settings=settings, api_name="/generate"):
            if not first and state["outputs"][0]["text"]:
                first = time.perf_counter() - began_s
        if number:
            first_s.append(first)
            whole_s.append(time.perf_counter() - began_s)
    return round(statistics.median(first_s), 3), round(statistics.median(whole_s), 3)


def _through_transformers(home: Path) -> tuple[float, float]:
    from models.catalog import Catalog  # before torch: it decides how OpenMP waits

    folder = next((home / "models").glob("**/config.json")).parent
    assert Catalog is not None
    from transformers import AutoModelForCausalLM, AutoTokenizer, TextIteratorStreamer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    first_s: list[float] = []
    whole_s: list[float] = []
    for number in range(ROUNDS + 1):
        began_s = time.perf_counter()
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": PROMPT}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
        options = {**inputs, "streamer": streamer, "max_new_tokens": 64, "do_sample": False, "repetition_penalty": 1.15}
        thread = threading.Thread(target=model.generate, kwargs=options)
        thread.start()
        first = 0.0
        for words in streamer:
            if not first and words:
                first = time.perf_counter() - began_s
        thread.join()
        if number:
            first_s.append(first)
            whole_s.append(time.perf_counter() - began_s)
    return round(statistics.median(first_s), 3), round(statistics.median(whole_s), 3)


if __name__ == "__main__":
    main()
