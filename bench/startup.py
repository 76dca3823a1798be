"""Seconds from the command to a page one can type into, against a bare Gradio hello-world on the same machine.

Both are started as processes and opened in the same headless Chromium, alternating; the median of each is kept. The
page counts as usable when its text box can be typed into and what was typed stands there.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import Browser, sync_playwright

from bench.record import Figure, keep

ROOT = Path(__file__).parent.parent
ROUNDS = 5
HELLO = """
import gradio as gr
with gr.Blocks() as demo:
    box = gr.Textbox(elem_id="prompt")
    gr.Button("Go").click(lambda text: "Hello " + text, box, gr.Textbox())
demo.launch(server_port={port}, quiet=True)
"""


def main() -> None:
    """Print and keep the figures."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        path = os.environ.get("COLLAB_CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        home = {"COLLAB_HOME": folder, "HF_HUB_OFFLINE": "1"}
        ours: list[float] = []
        bare: list[float] = []
        memory_mib = 0.0
        for number in range(ROUNDS + 1):
            theirs, _ = _seconds(browser, lambda port: [sys.executable, "-c", HELLO.format(port=port)], {})
            mine, memory = _seconds(browser, lambda port: [sys.executable, "app.py"], home, wait_ready=number == ROUNDS)
            memory_mib = max(memory_mib, memory)
            if number:  # the first round warms the disk's cache, and prepares the model once
                ours.append(mine)
                bare.append(theirs)
        browser.close()
    keep(
        [
            Figure("command to usable page", round(statistics.median(ours), 2), "s", "bare Gradio hello-world",
                   round(statistics.median(bare), 2), f"{ROUNDS} rounds each, no model waited for"),
            Figure("peak memory, models loaded", round(memory_mib), "MiB", note="resident set of the server"),
        ],
        "startup",
    )  # fmt: skip


def _seconds(
    browser: Browser, command, environment: dict[str, str], *, wait_ready: bool = False
) -> tuple[float, float]:
    """Seconds until the page is usable, and the server's peak resident memory in MiB."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = browser.new_page()
    began_s = time.perf_counter()
    process = subprocess.Popen(
        command(port), cwd=ROOT, env={**os.environ, **environment, "GRADIO_SERVER_PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        while True:
            try:
                httpx.get(url, timeout=5)
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        page.goto(url)
        box = page.locator("#prompt textarea, #prompt input").first
        box.fill("hello")
        assert box.input_value() == "hello"
        took_s = time.perf_counter() - began_s
        if wait_ready:
            page.wait_for_selector("#model-status p:not(.loading)", timeout=300_000)
        memory = psutil.Process(process.pid).memory_info()
        return took_s, getattr(memory, "peak_wset", memory.rss) / 2**20
    finally:
        page.close()
        process.terminate()
        process.wait(timeout=30)


if __name__ == "__main__":
    main()
