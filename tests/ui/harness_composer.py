"""A page with the form for a new study over scripted answers: `python -m tests.ui.harness_composer [port]`.

Nothing here is stored or generated: it counts items, refuses a few things, keeps what was created in memory, and reads
an uploaded JSONL file, so the form can be looked at and tested without a store or a model.
"""

from __future__ import annotations

import base64
import json
import math
import sys
import threading
import time
import uuid
from typing import Any

import gradio as gr

from collab.ui.widgets import study_composer
from tests.ui.harness_board import HOSTILE, SKY, data_uri, picture
from tests.ui.looking import launch

MODELS = [
    {"name": "smollm2-135m-instruct", "title": "SmolLM2 135M Instruct", "modality": "text"},
    {"name": "smollm2-360m-instruct", "title": "SmolLM2 360M Instruct", "modality": "text"},
    {"name": "qwen2.5-0.5b-instruct", "title": "Qwen2.5 0.5B Instruct", "modality": "text"},
    {"name": "icons", "title": "Icons 64×64", "modality": "image"},
]
PROMPTS = [
    {"prompt_version_id": "pv-1", "title": "summary", "modality": "text",
     "text": "Explain {topic} to a ten-year-old in three sentences."},
    {"prompt_version_id": "pv-2", "title": "", "modality": "text", "text": "Write a haiku about {topic}."},
    {"prompt_version_id": "pv-3", "title": "", "modality": "text", "text": HOSTILE},
    {"prompt_version_id": "pv-4", "title": "bicycles", "modality": "image", "text": "a {colour} bicycle"},
]  # fmt: skip


def outputs() -> list[dict[str, Any]]:
    """Sixteen texts of eight prompts, and eight pictures of four."""
    subjects = ["Explain why the sky is blue.", "Name three rivers.", HOSTILE, "What is a prime number?",
                "Summarise the water cycle.", "Tell a joke.", "Why do leaves fall?", "What is a lease?"]  # fmt: skip
    texts = [SKY, "Blue light is scattered the most. So we see blue.", HOSTILE, SKY.replace("blue", "violet")]
    found = [
        {"output_id": f"t{n}", "text": texts[n % 4], "prompt": subjects[n // 2], "modality": "text"} for n in range(16)
    ]
    return found + [
        {"output_id": f"i{n}", "image_url": data_uri(picture(n, 64)), "prompt": f"a round bird, number {n // 2}",
         "modality": "image"}
        for n in range(8)
    ]  # fmt: skip


class Desk:
    """What one page asked for; answers the form's `act`. down: how many of the next calls fail as a network does."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.acts: list[dict[str, Any]] = []
        self.created: dict[str, dict[str, Any]] = {}  # request_id -> spec
        self.files: dict[str, list[str]] = {}
        self.down = 0
        self.delay_s = 0.0
        self.value: dict[str, Any] = {"modality": "text", "prompts": PROMPTS, "models": MODELS, "outputs": outputs(),
                                      "draft": None}  # fmt: skip

    def specs(self, act: str) -> list[dict[str, Any]]:
        return [a["spec"] for a in self.acts if a["act"] == act]

    def act(self, payload: dict) -> dict:
        time.sleep(self.delay_s)
        with self.lock:
            self.acts.append(payload)
            if self.down:
                self.down -= 1
                raise RuntimeError("the network is down")
            if payload["act"] == "upload":
                return self.upload(payload)
            if refusal := self.refuse(payload["spec"]):
                return refusal
            if payload["act"] == "check":
                return self.count(payload["spec"])
            self.created.setdefault(payload["request_id"], payload["spec"])
            study_id = f"study-{list(self.created).index(payload['request_id']) + 1}"
            return {"ok": True, "study_id": study_id, "link": f"/?study={study_id}-{uuid.uuid4().hex}"}

    def refuse(self, spec: dict) -> dict | None:
        if spec["overlap"] > 100:
            error = f"“overlap” is {spec['overlap']}: choose 1 to 100."
            return {"ok": False, "error": error, "field": "overlap"}
        for number, arm in enumerate(spec.get("arms", []), 1):
            if "REFUSE" in arm.get("prompt", ""):
                return {"ok": False, "error": f"Arm {number} says REFUSE: say something else.",
                        "field": f"arms.{number - 1}.prompt"}  # fmt: skip
        return None

    def count(self, spec: dict) -> dict:
        arms = len(spec.get("arms", []))
        cases = len(spec.get("cases", [])) or 1
        if "variables" in spec:
            possible = math.prod(len(values) for values in spec["variables"].values())
            cases = min(possible, spec["draws"] or possible)
        each = {"compare": arms * (arms - 1) // 2, "rank": 1}.get(spec["task"], arms)
        items = len(spec.get("outputs", [])) or (each * cases * spec.get("samples", 1) if arms else 2)
        tasks = items * spec["overlap"]
        made = f"{arms} arms × {cases} cases make {items} items" if arms else f"{items} items"
        sentence = f"{made}; with overlap {spec['overlap']} that is {tasks} votes, about {max(1, tasks // 3)} minutes "
        return {"ok": True, "items": items, "tasks": tasks, "generations": arms * cases * spec.get("samples", 1),
                "sentence": sentence + "of people's time."}  # fmt: skip

    def upload(self, payload: dict) -> dict:
        upload_id = payload["upload_id"] or uuid.uuid4().hex
        pieces = self.files.setdefault(upload_id, [])
        assert payload["index"] == len(pieces) and len(payload["data"]) <= 1_000_000
        pieces.append(payload["data"])
        if payload["index"] + 1 < payload["total"]:
            return {"ok": True, "upload_id": upload_id, "done": False}
        rows = []
        for number, line in enumerate(b"".join(map(base64.b64decode, pieces)).decode().splitlines(), 1):
            try:
                rows.append(json.loads(line))
            except ValueError:
                return {"ok": False, "field": "import", "error": f"Row {number} is not JSON: write one object a line."}
        sample = [{"prompt": row["prompt"], "outputs": row["outputs"]} for row in rows[:3]]
        return {"ok": True, "upload_id": upload_id, "done": True, "import": {
            "upload_id": upload_id, "items": len(rows), "task": "compare", "modality": "text", "sample": sample,
            "columns": list(rows[0])}}  # fmt: skip


def build(desk: Desk) -> gr.Blocks:
    with gr.Blocks(title="Composer harness", fill_width=True) as demo:
        with gr.Tabs(), gr.Tab("Studies"):
            composer = study_composer(desk.act, elem_id="composer")
        with gr.Accordion("Harness", open=False):
            seen = gr.JSON(label="Last event", elem_id="seen")
            draft = gr.Textbox(label="Draft spec (JSON)", elem_id="draft")
            gr.Button("Send the value again", elem_id="again").click(
                lambda text: {**desk.value, "opened": time.time(), "draft": json.loads(text) if text else None},
                draft,
                composer,
            )

        def told(event: gr.EventData) -> dict:
            return event._data

        composer.rate(told, None, seen)
        composer.insights(told, None, seen)
        demo.load(lambda: desk.value, None, composer)
    return demo


if __name__ == "__main__":
    launch(build(Desk()), int(sys.argv[1]) if len(sys.argv) > 1 else 7872, wait=True)
