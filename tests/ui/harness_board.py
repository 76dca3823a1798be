"""A page with the board and the history list over scripted data: `python tests/ui/harness_board.py [port]`.

Nothing here generates: it plays texts and pictures at ten updates a second and keeps feedback in memory, so the
widgets can be looked at and tested without a store or a model.
"""

from __future__ import annotations

import base64
import copy
import io
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw, ImageFilter

from collab.errors import InvalidFeedback
from collab.ui.widgets import history_list, output_board
from tests.ui.looking import launch

SKY = (
    "Sunlight looks white, but it is really made of every colour mixed together. When it meets the air, the tiny "
    "bits of air bounce the blue light around far more than the red. So wherever you look up, some of that bounced "
    "blue light comes down to your eyes, and the whole sky seems blue."
)
HOSTILE = (
    '<img src=x onerror="window.pwned=1"> <script>window.pwned=2</script> ${window.pwned=3} `${alert(1)}` {{value}} '
    "{{{value}}} @children &lt;b&gt; \\u0041 \u202eright to left override\u202c مرحبا بالعالم 你好，世界 👩‍👩‍👧‍👦🏳️‍🌈 "
    "averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongwordwithoutanyspace"
)
TEXTS = [
    SKY,
    "Blue light is scattered the most.\n\n1. Sunlight has all colours.\n2. Air scatters blue most.\n3. So we see blue.",
    SKY + "\n\n" + SKY.replace("blue", "violet") + "\n\n" + SKY,
    HOSTILE,
]
ASPECTS = {"text": ["helpful", "correct", "style"], "image": ["prompt match", "aesthetics", "artefacts"]}
TAGS = {"text": ["too long", "off topic", "made up", "clear"], "image": ["blurry", "wrong colour", "lovely"]}


def picture(seed: int, side: int, clarity: float = 1.0) -> Image.Image:
    """A drawn icon, blurred into noise while `clarity` is below 1."""
    big = Image.new("RGB", (256, 256), (250, 248, 244))
    draw = ImageDraw.Draw(big)
    colour = [(214, 76, 60), (54, 118, 196), (74, 160, 92), (236, 174, 52)][seed % 4]
    draw.ellipse((40, 60, 216, 236), fill=colour)
    draw.polygon([(128, 20), (60 + 13 * (seed % 5), 110), (196, 110)], fill=(60, 52, 48))
    draw.ellipse((84, 120, 112, 148), fill="white")
    draw.ellipse((144, 120, 172, 148), fill="white")
    small = big.resize((side, side * 3 // 4), Image.Resampling.LANCZOS)
    if clarity < 1:
        small = small.filter(ImageFilter.GaussianBlur((1 - clarity) * side / 6))
        noise = Image.effect_noise(small.size, 120).convert("RGB")
        small = Image.blend(small, noise, (1 - clarity) * 0.7)
    return small


def data_uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


class Memory:
    """The generations and their feedback of one harness page; answers the widgets' `act`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.generations: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []
        self.acts: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.trail: dict[str, tuple[str, dict[str, Any] | None]] = {}  # feedback_id -> (kind, what it replaced)
        self.down = 0  # how many of the next calls fail as a broken network does
        self.delay_s = 0.0
        self.stop = False
        self.counter = 0

    def new(self, modality: str, count: int, prompt: str) -> dict[str, Any]:
        generation_id = uuid.uuid4().hex
        outputs = [
            {"output_id": f"{generation_id}-{i}", "position": i, "seed": 1234 + i, "finished": False,
             "finish_reason": None, "text": None, "image_url": None, "preview": None, "step": 0, "steps": 0,
             "seconds": 0.0, "tokens": 0, "feedback": {"rating": None, "edit": None}}
            for i in range(count)
        ]  # fmt: skip
        generation = {
            "generation_id": generation_id, "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "modality": modality, "status": "queued", "error": None, "note": "", "prompt": prompt,
            "model": "SmolLM2-135M", "ahead": 0, "count": count, "outputs": outputs, "ranking": None,
            "width": 64, "height": 48, "origin": "replay" if len(self.order) % 3 == 1 else "new",
            "aspects": ASPECTS[modality], "tags": TAGS[modality],
        }  # fmt: skip
        self.generations[generation_id] = generation
        self.order.insert(0, generation_id)
        return generation

    def find(self, output_id: str) -> dict[str, Any]:
        return next(o for g in self.generations.values() for o in g["outputs"] if o["output_id"] == output_id)

    def act(self, payload: dict, request: gr.Request) -> dict:
        time.sleep(self.delay_s)
        with self.lock:
            self.acts.append(payload)
            if self.down:
                self.down -= 1
                raise RuntimeError("the network is down")
            if payload["act"] in ("page", "open"):
                return self.look(payload)
            if payload["request_id"] not in self.answers:
                self.answers[payload["request_id"]] = self.store(payload)
            return self.answers[payload["request_id"]]

    def store(self, payload: dict) -> dict:
        self.counter += 1
        feedback_id = f"{self.counter:08d}"
        answer = {"ok": True, "feedback_id": feedback_id, "saved_at": time.strftime("%H:%M:%S")}
        if payload["act"] == "undo":
            where, before = self.trail[payload["feedback_id"]]
            if (taken := self.taken_over(payload["feedback_id"], where)) is not None:
                return taken
            if where.startswith("ranking "):
                self.generations[where.removeprefix("ranking ")]["ranking"] = before
                return {**answer, "ranking": before}
            kind, output_id = where.split(" ", 1)
            self.find(output_id)["feedback"][kind] = before
            return {**answer, "feedback": self.find(output_id)["feedback"]}
        if payload["act"] == "rank":
            ids = [i for group in payload["groups"] for i in group]
            generation = next(g for g in self.generations.values() if self.order and self.of(g, ids))
            self.trail[feedback_id] = ("ranking " + generation["generation_id"], generation["ranking"])
            generation["ranking"] = {"feedback_id": feedback_id, "groups": payload["groups"]} if ids else None
            return {**answer, "ranking": generation["ranking"]}
        output = self.find(payload["output_id"])
        kind = "edit" if payload["act"] == "edit" else "rating"
        before = output["feedback"][kind]
        now = copy.deepcopy(before) or {"score": None, "thumb": None, "aspects": {}, "tags": [], "comment": ""}
        if "REFUSE" in str(payload):
            raise InvalidFeedback("The word REFUSE is not allowed here: choose another.")
        if kind == "edit":
            now = {"text": payload["text"]}
        elif payload["act"] == "clear":
            now.update({field: "" if field == "comment" else None for field in payload["fields"]})
        else:
            now.update({k: v for k, v in payload.items() if k not in ("act", "output_id", "request_id")})
        output["feedback"] = {**output["feedback"], kind: {**now, "feedback_id": feedback_id}}
        self.trail[feedback_id] = (f"{kind} {output['output_id']}", before)
        return {**answer, "feedback": output["feedback"]}

    def taken_over(self, feedback_id: str, where: str) -> dict | None:
        """The refusal of an undo whose act no longer holds, because another page has acted since."""
        kind, about = where.split(" ", 1)
        if kind == "ranking":
            return None
        now = self.find(about)["feedback"]
        if now[kind] and now[kind]["feedback_id"] == feedback_id:
            return None
        return {"ok": False, "error": "This was replaced meanwhile.", "output_id": about, "feedback": now}

    def of(self, generation: dict[str, Any], ids: list[str]) -> bool:
        own = {o["output_id"] for o in generation["outputs"]}
        return set(ids) <= own if ids else generation["generation_id"] == self.order[0]

    def look(self, payload: dict) -> dict:
        if payload["act"] == "page":
            at = int(payload["cursor"])
            return {"ok": True, **self.page(at)}
        generation = self.generations[payload["generation_id"]]
        return {
            "ok": True,
            "detail": {
                **generation,
                "provenance": [
                    ["Prompt version", "0198f0c2-7f1e-7cc0-9d0e-2f6c1a"],
                    ["Model", generation["model"] + " @ 12fd25f (fp32)"],
                    ["Settings", "temperature 0.8, top_p 0.95, max_new_tokens 256"],
                    ["System text", HOSTILE],
                    ["Seed", "1234"],
                    ["Asked", generation["created_at"]],
                ],
                "replays": [
                    {"generation_id": self.order[-1], "same": True},
                    {"generation_id": self.order[0], "same": None},
                ],
            },
        }

    def page(self, at: int = 0, size: int = 8) -> dict[str, Any]:
        ids = self.order[at : at + size]
        more = str(at + size) if at + size < len(self.order) else None
        return {"items": [self.generations[i] for i in ids], "next_cursor": more}

    def play(self, generation: dict[str, Any], fail: bool = False) -> Iterator[dict[str, Any]]:
        self.stop = False
        outputs = generation["outputs"]
        for note in ("loading SmolLM2 … 40 %", "2 ahead of you"):
            yield {**generation, "note": note, "ahead": 2}
            time.sleep(0.5)
        generation["status"] = "running"
        start = time.time()
        for tick in range(1, 200):
            time.sleep(0.1)
            if self.stop or (fail and tick == 25):
                generation["status"] = "failed" if fail else "cancelled"
                generation["error"] = (
                    "The model ran out of memory: choose fewer outputs or a smaller model." if fail else None
                )
                for o in outputs:
                    o["finish_reason"] = o["finish_reason"] or ("error" if fail else "cancelled")
                yield copy.deepcopy(generation)
                return
            for i, o in enumerate(outputs):
                if o["finished"] or (i and i == len(outputs) - 1 and tick < 8):
                    continue
                o["seconds"] = round(time.time() - start, 2)
                if generation["modality"] == "text":
                    words = TEXTS[i % 4].split(" ")
                    o["tokens"] = min(len(words), tick * 3)
                    o["text"] = " ".join(words[: o["tokens"]])
                    o["finished"] = o["tokens"] >= len(words)
                    o["finish_reason"] = ("length" if i == 2 else "stop") if o["finished"] else None
                else:
                    o["steps"], o["step"] = 25, min(25, tick)
                    o["preview"] = data_uri(picture(o["seed"], 32, o["step"] / 25))
                    if o["step"] == 25:
                        o.update(finished=True, preview=None, image_url=data_uri(picture(o["seed"], 64)))
            if all(o["finished"] for o in outputs):
                generation["status"] = "done"
            yield copy.deepcopy(generation)
            if generation["status"] == "done":
                return


def build(memory: Memory) -> gr.Blocks:
    with gr.Blocks(title="Widget harness", fill_width=True) as demo:
        with gr.Tabs():
            with gr.Tab("Create"):
                prompt = gr.Textbox(label="Prompt", value="Explain why the sky is blue.", elem_id="prompt")
                with gr.Row():
                    modality = gr.Radio(["text", "image"], value="text", label="Modality", elem_id="modality")
                    count = gr.Slider(1, 8, value=4, step=1, label="Outputs", elem_id="count")
                with gr.Row():
                    go = gr.Button("Generate", variant="primary", elem_id="go")
                    fail = gr.Button("Generate and fail", elem_id="fail")
                    stop = gr.Button("Stop", elem_id="stop")
                    again = gr.Button("Reload the same", elem_id="again")
                board = output_board(memory.act, elem_id="board")
                seen = gr.JSON(label="Last event", elem_id="seen")
            with gr.Tab("History"):
                history = history_list(memory.act, elem_id="history")
                seen_history = gr.JSON(label="Last event", elem_id="seen-history")

        def generate(prompt: str, modality: str, count: int) -> Iterator[dict]:
            yield from memory.play(memory.new(modality, int(count), prompt))

        def generate_and_fail(prompt: str, modality: str, count: int) -> Iterator[dict]:
            yield from memory.play(memory.new(modality, int(count), prompt), fail=True)

        def halt() -> None:
            memory.stop = True

        def example() -> str:
            return "a red bicycle"

        def told(event: gr.EventData) -> dict:
            return event._data

        def shown(event: gr.EventData) -> dict:
            return copy.deepcopy(memory.generations[event._data["generation_id"]])

        inputs = [prompt, modality, count]
        go.click(generate, inputs, board, show_progress="hidden")
        fail.click(generate_and_fail, inputs, board, show_progress="hidden")
        stop.click(halt)
        again.click(lambda: copy.deepcopy(memory.generations[memory.order[0]]), None, board)
        board.example(example, None, prompt)
        for event in (board.regenerate, board.lockseed, board.rerun):
            event(told, None, seen)
        for event in (history.replay, history.reuse):
            event(told, None, seen_history)
        history.show(shown, None, board)
        demo.load(lambda: memory.page(), None, history)
        gr.Button("Refresh history", elem_id="refresh").click(lambda: memory.page(), None, history)
    return demo


def main(port: int) -> None:
    launch(build(Memory()), port, wait=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7871)
