"""A page with the rating desk over scripted studies: `python -m tests.ui.harness_desk [port]`.

Nothing here is stored: one annotator answers studies of every task kind in memory, so the widget can be looked at and
tested without a store or a model. `?study=compare-text` opens a study, `?empty=annotator` and `?empty=owner` the two
empty states, no query the list.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import gradio as gr

from collab.errors import InvalidFeedback
from collab.ui.widgets import rating_desk
from tests.ui.harness_board import HOSTILE, SKY, data_uri, picture
from tests.ui.looking import launch

SHORT = "The sky is blue because air scatters blue light more than red light."
OTHER = SKY.replace("really made of every colour mixed together", "in fact a mixture of all colours").replace(
    "the whole sky seems blue", "the sky looks blue"
)
ARABIC = "السماء زرقاء لأن الهواء يشتت الضوء الأزرق أكثر من الضوء الأحمر، فيصل إلى أعيننا من كل مكان.\n\n" * 3
LONG = "\n\n".join([SKY, OTHER, SHORT] * 8)
PAIRS = [(SKY, OTHER), (SHORT, SKY), (LONG, LONG.replace("blue", "azure")), (HOSTILE, ARABIC), (OTHER, SHORT)]
PROMPT = "Explain to a ten-year-old why the sky is blue. Use short sentences, one picture to imagine, and no formulas."
GUIDELINES = (
    "Choose the answer that a ten-year-old would understand and remember.\n\n"
    "• Being right comes first: an answer that says something false loses, however well it reads.\n"
    "• Then being clear: short sentences, no words a child does not know.\n"
    "• Length does not matter by itself."
)
EXAMPLES = [
    {
        "prompt": "Why does ice float?",
        "outputs": [
            "Ice is lighter than water.",
            "Water swells a little as it freezes, so the same water takes more room and floats.",
        ],
        "answer": "B",
        "why": "Both are right, but only B says why.",
    }
]
QUESTIONS: list[dict[str, Any]] = [
    {"name": "quality", "title": "How good is it?", "kind": "stars", "options": [], "required": True},
    {"name": "right", "title": "Is it right?", "kind": "thumb", "options": [], "required": True},
    {
        "name": "reader",
        "title": "Who would follow it?",
        "kind": "choice",
        "options": ["a child", "a grown-up", "an expert only"],
        "required": True,
    },
    {
        "name": "faults",
        "title": "What is wrong with it?",
        "kind": "multi_choice",
        "options": ["too long", "too short", "made up", "off topic"],
        "required": False,
    },
    {"name": "places", "title": "Mark", "kind": "span", "options": [], "required": False},
    {"name": "why", "title": "Anything else?", "kind": "text", "options": [], "required": False},
]
LABELS = "ABCDEF"


def pictures(count: int, seed: int) -> list[dict[str, str]]:
    return [
        {"label": LABELS[i], "image_url": data_uri(picture(seed + i, 64 if seed % 2 else 400))} for i in range(count)
    ]


def texts(*contents: str) -> list[dict[str, str]]:
    return [{"label": LABELS[i], "text": text} for i, text in enumerate(contents)]


def study(title: str, task: str, question: str, items: list[list[dict]], **more: Any) -> dict[str, Any]:
    modality = "image" if "image_url" in items[0][0] else "text"
    return {
        "title": title, "task": task, "question": question, "modality": modality, "items": items, "guidelines": "",
        "worked_examples": [], "questions": [], "reveal": False, "quota": 0, "late": 0, **more,
    }  # fmt: skip


def scripted_studies() -> dict[str, dict[str, Any]]:
    pairs = [texts(*PAIRS[i % len(PAIRS)]) for i in range(12)]
    return {
        "compare-text": study(
            "Why is the sky blue", "compare", "Which answer explains it better to a ten-year-old?", pairs, reveal=True
        ),
        "compare-image": study(
            "Icons of a fox", "compare", "Which picture shows the prompt better?", [pictures(2, i) for i in range(8)]
        ),
        "guided": study(
            "Sky, with guidelines", "compare", "Which answer would a ten-year-old remember?", pairs[:4],
            guidelines=GUIDELINES, worked_examples=EXAMPLES,
        ),
        "rank-text": study(
            "Four answers in order", "rank", "Put the answers in order, the best first.",
            [texts(SKY, SHORT, OTHER, HOSTILE), texts(*PAIRS[3], SKY, OTHER, SHORT, LONG), texts(SKY, SHORT, OTHER)],
        ),
        "rank-image": study(
            "Icons in order", "rank", "Put the pictures in order, the best first.",
            [pictures(3 + i % 4, 2 * i) for i in range(6)],
        ),
        "rate-text": study(
            "Rate one answer", "rate", "How good is this answer?", [texts(t) for t in (SKY, LONG, HOSTILE, SHORT)],
            questions=QUESTIONS, guidelines="",
        ),
        "rate-image": study(
            "Rate one picture", "rate", "How good is this picture?", [pictures(1, i) for i in range(4)],
            questions=[q for q in QUESTIONS if q["kind"] != "span"][:4],
        ),
        "edit": study(
            "Make it right", "edit", "Correct what is wrong, and leave the rest.",
            [texts(text) for text in (SKY, LONG, SHORT)],
        ),
        "waiting": study("Still being drawn", "compare", "Which answer is better?", pairs[:3], late=3),
    }  # fmt: skip


class Memory:
    """One annotator's studies in memory; answers the widget's `act` and keeps what it was told."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.studies = scripted_studies()
        self.said: dict[str, dict[str, Any]] = {}  # task id -> the answer that counts
        self.order: list[str] = []  # task ids as answered
        self.skipped: dict[str, str] = {}
        self.revealed: set[str] = set()
        self.replies: dict[str, dict[str, Any]] = {}  # request id -> reply
        self.acts: list[dict[str, Any]] = []
        self.down = 0  # how many of the next acts fail as on a broken network; reading goes on
        self.at_most = False
        self.lose = 0  # how many of the next acts are stored while their reply is lost
        self.delay_s = 0.0
        self.lost: set[str] = set()  # tasks whose lease has run out
        self.counter = 0

    def act(self, payload: dict, request: gr.Request) -> dict:
        time.sleep(self.delay_s)
        with self.lock:
            self.acts.append(payload)
            says = payload["act"] not in ("open", "next", "renew")
            if says and self.down:
                self.down -= 1
                raise RuntimeError("the network is down")
            request_id = payload.get("request_id") or payload.get("answer", {}).get("request_id")
            if request_id and request_id in self.replies:
                return self.replies[request_id]
            reply = getattr(self, "on_" + payload["act"])(payload)
            if request_id and reply["ok"]:
                self.replies[request_id] = reply
            if says and self.lose:
                self.lose -= 1
                raise RuntimeError("the reply is lost")
            return reply

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        return [act for act in self.acts if act["act"] in kinds]

    # ---- tasks: an id is the study's name and the item's place ----

    def split(self, task_id: str) -> tuple[str, int]:
        name, place = task_id.rsplit(":", 1)
        return name, int(place)

    def progress(self, name: str) -> dict[str, Any]:
        answered = sum(1 for task in self.said if self.split(task)[0] == name)
        skipped = sum(1 for task in self.skipped if self.split(task)[0] == name)
        total = len(self.studies[name]["items"])
        quota = self.studies[name]["quota"]
        return {"answered": answered, "quota": quota, "left": total - answered - skipped, "total": total,
                "at_most": self.at_most}  # fmt: skip

    def task(self, task_id: str) -> dict[str, Any]:
        name, place = self.split(task_id)
        spec = self.studies[name]
        return {
            "task_id": task_id, "study_id": name, "context": [["prompt", PROMPT]], "options": spec["items"][place],
            "lease_seconds": 900, "progress": self.progress(name),
            **{key: spec[key] for key in ("task", "modality", "title", "question", "guidelines", "worked_examples",
                                          "questions", "reveal")},
        }  # fmt: skip

    def next(self, name: str, held: list[str]) -> dict[str, Any]:
        spec = self.studies[name]
        if spec["late"]:
            spec["late"] -= 1
            ready = 3 - spec["late"] - 1
            return {
                "waiting": True, "reason": "The answers to judge are still being drawn.", "ready": ready, "total": 3,
                "progress": self.progress(name),
            }  # fmt: skip
        gone = {*self.said, *self.skipped, *self.lost, *held}
        for place in range(len(spec["items"])):
            if (task_id := f"{name}:{place}") not in gone:
                return self.task(task_id)
        return {
            "done": True, "reason": "You have seen every item of this study.", "progress": self.progress(name),
        }  # fmt: skip

    def on_open(self, payload: dict) -> dict:
        name = payload["study_id"]
        if name not in self.studies:
            return {"ok": False, "error": f"There is no study “{name}” open to you: ask for its link again."}
        keys = ("title", "task", "question", "modality", "guidelines", "worked_examples", "reveal", "questions")
        shown = {key: self.studies[name][key] for key in keys}
        return {"ok": True, "study": {"study_id": name, **shown}, "task": self.next(name, [])}

    def on_next(self, payload: dict) -> dict:
        return {"ok": True, "task": self.next(payload["study_id"], payload["held"])}

    def saved(self, name: str) -> dict[str, Any]:
        self.counter += 1
        return {
            "ok": True, "feedback_id": f"{self.counter:06d}", "saved_at": time.strftime("%H:%M:%S"),
            "progress": self.progress(name),
        }  # fmt: skip

    def on_answer(self, payload: dict) -> dict:
        task_id, answer = payload["task_id"], payload["answer"]
        if "REFUSE" in str(answer):
            raise InvalidFeedback("The word REFUSE is not allowed here: choose another.")
        if task_id in self.said:
            return {"ok": False, "error": "You have answered this item: undo that first."}
        self.said[task_id] = {key: value for key, value in answer.items() if key != "request_id"}
        self.order.append(task_id)
        return self.saved(self.split(task_id)[0])

    def on_skip(self, payload: dict) -> dict:
        self.skipped[payload["task_id"]] = payload["reason"]
        return self.saved(self.split(payload["task_id"])[0])

    def on_flag(self, payload: dict) -> dict:
        return self.saved(self.split(payload["task_id"])[0])

    def on_renew(self, payload: dict) -> dict:
        if payload["task_id"] in self.lost:
            return {"ok": False, "error": "You were away for too long: this item has gone to somebody else."}
        return {"ok": True}

    def on_undo(self, payload: dict) -> dict:
        task_id = payload["task_id"]
        if task_id in self.skipped:
            if task_id in self.lost:
                return {"ok": False, "error": "You have skipped this item and it went to somebody else."}
            del self.skipped[task_id]
            return {"ok": True, "task": {**self.task(task_id), "answer": None}}
        if task_id in self.revealed:
            return {"ok": False, "error": "This answer was revealed, so it can no longer be undone."}
        if task_id not in self.said:
            return {"ok": False, "error": "There is nothing to undo."}
        answer = self.said.pop(task_id)
        self.order.remove(task_id)
        return {"ok": True, "task": {**self.task(task_id), "answer": answer}}

    def on_reveal(self, payload: dict) -> dict:
        self.revealed.add(payload["task_id"])
        return {"ok": True, "arms": {"A": "short prompt", "B": "the prompt with examples"}}

    def value(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("study"):
            return {"study_id": query["study"], "open": True}
        if query.get("empty"):
            return {"studies": [], "owner": query["empty"] == "owner"}
        rows = [
            {
                "study_id": name, "items": len(spec["items"]), "status": "closed" if name == "waiting" else "open",
                **{key: self.progress(name)[key] for key in ("answered", "total", "at_most")},
                **{key: spec[key] for key in ("title", "task", "modality", "question")},
            }
            for name, spec in self.studies.items()
        ]  # fmt: skip
        return {"studies": rows}


def build(memory: Memory) -> gr.Blocks:
    with gr.Blocks(title="Desk harness", fill_width=True) as demo:
        with gr.Tabs():
            with gr.Tab("Rate"):
                desk = rating_desk(memory.act, elem_id="desk")
            with gr.Tab("Elsewhere"):
                seen = gr.JSON(label="Last event", elem_id="seen")

        def opened(request: gr.Request) -> dict:
            return memory.value(dict(request.query_params))

        demo.load(opened, None, desk)
        desk.compose(lambda: {"event": "compose"}, None, seen)
        desk.refresh(opened, None, desk)
    return demo


if __name__ == "__main__":
    launch(build(Memory()), int(sys.argv[1]) if len(sys.argv) > 1 else 7872, wait=True)
