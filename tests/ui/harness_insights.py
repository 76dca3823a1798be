"""Insights over made-up studies: `python -m tests.ui.harness_insights [port]`, then `/?open=two` and the like.

Nothing here stores or measures: the studies live in memory, an open one gets answers while it is looked at, so the
widget can be looked at and tested without a store.
"""

from __future__ import annotations

import copy
import sys
import threading
import time
from typing import Any

import gradio as gr

from collab.errors import InvalidFeedback, InvalidStudy
from collab.ui.widgets import insights_board
from tests.ui.harness_board import SKY, TEXTS, data_uri, picture
from tests.ui.looking import launch
from tests.ui.made_results import HOSTILE, MadeStudy

ALPHA = {"lower": 0.48, "upper": 0.74, "level": "nominal", "units": 96, "pairs": 288}


def arm(name: str, prompt: str = "summary v4", model: str = "SmolLM2-135M") -> dict[str, str]:
    return {"name": name, "prompt": prompt, "model": model}


def made_compare(study: MadeStudy) -> dict[str, Any]:
    queue = [
        {"item_id": f"item-{n}", "context": [["article", SKY]],
         "options": [{"label": "A", "text": TEXTS[0]}, {"label": "B", "text": TEXTS[1]}],
         "answers": [{"annotator": "Ada", "said": {"winner": "a"}}, {"annotator": "Bela", "said": {"winner": "b"}},
                     {"annotator": HOSTILE, "said": {"winner": "both_bad"}}],
         "questions": []}
        for n in range(3)
    ]  # fmt: skip
    sentence = "People agree moderately (alpha .61): enough for a tendency, not for single items."
    if not study.votes:
        return {}
    return {
        "agreement": [
            {"question": "winner", "title": "Which is better?", "alpha": 0.61, "sentence": sentence, **ALPHA},
        ],
        "adjudication": [item for item in queue if item["item_id"] not in study.settled],
    }


def made_rank(study: MadeStudy) -> dict[str, Any]:
    item = {
        "item_id": "rank-1", "context": [["prompt", "a lighthouse at night"]],
        "options": [{"label": label, "image_url": data_uri(picture(n, 128))} for n, label in enumerate("ABCD")],
        "answers": [
            {"annotator": "Ada", "said": {"groups": [["A"], ["B", "C"], ["D"]]}},
            {"annotator": "Bela", "said": {"groups": [["D"], ["C"], ["B"], ["A"]]}},
        ],
        "questions": [],
    }  # fmt: skip
    sentence = (
        "α 0.34 (0.20–0.47) over 96 items judged by two or more: too low to rest conclusions on single judgements."
    )
    return {
        "agreement": [{"question": "winner", "title": "Put the pictures in order, the best first.", "alpha": 0.34,
                       "sentence": sentence, **ALPHA, "lower": 0.2, "upper": 0.47}],
        "adjudication": [] if study.settled else [item],
    }  # fmt: skip


def made_rate(study: MadeStudy) -> dict[str, Any]:
    arms = [a["name"] for a in study.spec["arms"]]

    def question(name: str, title: str, kind: str, cells: list[dict[str, Any]]) -> dict[str, Any]:
        nothing = {"n": 120, "mean": None, "lower": None, "upper": None, "counts": {}}
        rows = [{"arm": arm_name, **nothing, **cell} for arm_name, cell in zip(arms, cells, strict=True)]
        return {"name": name, "title": title, "kind": kind, "rows": rows}

    def stars(mean: float, *counts: int) -> dict[str, Any]:
        by_score = {str(score): n for score, n in enumerate(counts, 1)}
        return {"mean": mean, "lower": mean - 0.19, "upper": mean + 0.19, "counts": by_score}

    def thumbs(up: int) -> dict[str, Any]:
        mean = up / 120
        return {"mean": mean, "lower": mean - 0.08, "upper": mean + 0.08, "counts": {"up": up, "down": 120 - up}}

    def flaws(*counts: int) -> dict[str, Any]:
        names = ["wrong colour", "blurry", "not what was asked", "none"]
        return {"counts": dict(zip(names, counts, strict=True))}

    def alpha(name: str, title: str, value: float | None, level: str, sentence: str) -> dict[str, Any]:
        ends = {"lower": value - 0.1, "upper": value + 0.08} if value else {"lower": None, "upper": None}
        return {"question": name, "title": title, **ALPHA, **ends, "alpha": value, "level": level, "sentence": sentence}

    item = {
        "item_id": "rate-1",
        "context": [["prompt", "a cat with a hat"]],
        "options": [{"label": "A", "image_url": data_uri(picture(3, 128))}],
        "answers": [
            {"annotator": "Ada", "said": {"values": {"quality": 5, "use": 1, "seen": ["a cat", "a hat"]}}},
            {"annotator": "Bela", "said": {"values": {"quality": 1, "use": -1, "why": "too dark"}}},
        ],
        "questions": [
            {"name": "quality", "title": "How well is it drawn?", "kind": "stars", "options": [], "required": True},
            {"name": "use", "title": "Would you use it?", "kind": "thumb", "options": [], "required": True},
            {
                "name": "flaw",
                "title": "What is the worst flaw?",
                "kind": "choice",
                "options": ["wrong colour", "blurry", "none"],
                "required": False,
            },
            {
                "name": "seen",
                "title": "What do you see?",
                "kind": "multi_choice",
                "options": ["a cat", "a hat"],
                "required": False,
            },
            {"name": "why", "title": "Why?", "kind": "text", "options": [], "required": False},
        ],
    }
    seen = [{"a cat": 110, "a hat": 61}, {"a cat": 98, "a hat": 70}, {"a cat": 50, "a hat": 12}]
    return {
        "questions": [
            question("quality", "How well is it drawn?", "stars",
                     [stars(3.85, 4, 9, 22, 51, 34), stars(3.24, 8, 21, 40, 36, 15), stars(2.38, 30, 41, 29, 14, 6)]),
            question("use", "Would you use it?", "thumb", [thumbs(91), thumbs(84), thumbs(41)]),
            question("flaw", "What is the worst flaw?", "choice",
                     [flaws(20, 12, 8, 80), flaws(31, 40, 9, 40), flaws(12, 60, 38, 10)]),
            question("seen", "What do you see?", "multi_choice", [{"counts": counts} for counts in seen]),
            question("why", "Why?", "text", [{"n": 14}, {"n": 9}, {"n": 0}]),
        ],
        "agreement": [
            alpha("quality", "How well is it drawn?", 0.83, "ordinal", "People agree well (alpha .83)."),
            alpha("use", "Would you use it?", 0.58, "nominal", "People agree moderately (alpha .58)."),
            alpha("flaw", "What is the worst flaw?", 0.71, "nominal", "Enough for a tendency (alpha .71)."),
            alpha("why", "Why?", None, "nominal", "Texts are not compared."),
        ],
        "adjudication": [] if study.settled else [item],
    }  # fmt: skip


def made_marks(study: MadeStudy) -> dict[str, Any]:
    def marked(*spans: tuple[int, int, str]) -> dict[str, Any]:
        return {"values": {"places": [{"start": s, "end": e, "label": label} for s, e, label in spans]}}

    item = {
        "item_id": "marks-1", "context": [], "options": [{"label": "A", "text": "🦊 A fox is red and reads books."}],
        "answers": [
            {"annotator": "Ada", "said": marked((4, 7, "good"), (19, 24, "bad"))},
            {"annotator": "Bela", "said": marked((19, 24, "bad"))},
            {"annotator": HOSTILE, "said": marked((19, 24, "bad"))},
        ],
        "questions": [{"name": "places", "title": "What is wrong?", "kind": "span", "options": [], "required": True}],
    }  # fmt: skip
    return {"questions": [], "agreement": [], "adjudication": [] if study.settled else [item]}


def made_edit(study: MadeStudy) -> dict[str, Any]:
    cells = [(0.12, 0.08, 0.16, 19), (0.15, 0.11, 0.19, 13), (0.37, 0.3, 0.44, 2)]
    edits = [
        {"arm": a["name"], "n": 60, "mean_distance": m, "lower": low, "upper": high, "unchanged": same}
        for a, (m, low, high, same) in zip(study.spec["arms"], cells, strict=False)
    ]
    item = {
        "item_id": "edit-1", "context": [["prompt", "Why is the sky blue?"]],
        "options": [{"label": "A", "text": "The sky is blue becuase of light."}],
        "answers": [  # the one nearest to the others first
            {"annotator": "Ada", "said": {"text": "The sky is blue because of light."}},
            {"annotator": "Bela", "said": {"text": "The sky is blue because of scattered light."}},
            {"annotator": HOSTILE, "said": {"text": "Air scatters blue light."}},
        ],
        "questions": [],
    }  # fmt: skip
    sentence = (
        "α 0.72 (0.58–0.81) over 96 items judged by two or more: good enough for tentative conclusions if more items "
        "bear it out (Krippendorff 2004). What is compared is how many words people changed, not which."
    )
    agreement = {"question": "changed", "title": "Share of words changed", "alpha": 0.72, "sentence": sentence,
                 **ALPHA, "lower": 0.58, "upper": 0.81, "level": "interval"}  # fmt: skip
    return {"edits": edits, "agreement": [agreement], "adjudication": [] if study.settled else [item]}


def studies() -> dict[str, MadeStudy]:
    """One study of each kind, by its id."""
    models = ("SmolLM2-135M", "Qwen3-0.6B", "gemma-3-270m", "an imported system with a long name")
    prompts = ("summary v3", "summary v4")
    made = [
        MadeStudy(
            {"id": "two", "title": "Which summary would a ten-year-old rather read?", "task": "compare",
             "question": "Read both. Which one would you give to a ten-year-old?", "made": made_compare,
             "arms": [arm("current prompt", prompts[0]), arm("short and plain", prompts[1])]},
            [0, 0.32], votes=84, seed=3,
        ),
        MadeStudy(
            {"id": "eight", "title": "Eight ways to caption a picture", "task": "compare", "made": made_compare,
             "arms": [arm(f"{model} · {prompt}", prompt, model) for model in models for prompt in prompts],
             "tags": ["animals", "buildings", "food"], "failed": 3,
             "problems": ["3 items failed: “gemma-3-270m” ran out of memory."]},
            [0.95, 0.8, 0.55, 0.3, 0.25, -0.35, -0.9, -1.6], votes=900, people=12, seed=5,
        ),
        MadeStudy(
            {"id": "rank", "title": "Four lighthouses, best first " + HOSTILE, "task": "rank", "modality": "image",
             "arms": [arm("baseline"), arm(HOSTILE), arm("guidance 5"), arm("25 steps")], "made": made_rank},
            [0, 0.7, 0.5, -0.6], votes=160, seed=8,
        ),
        MadeStudy(
            {"id": "rate", "title": "Rate these drawings", "task": "rate", "modality": "image", "made": made_rate,
             "arms": [arm("25 steps"), arm("10 steps"), arm("4 steps, distilled")]},
            [0, 0, 0], votes=360, seed=11,
        ),
        MadeStudy(
            {"id": "marks", "title": "Mark what is wrong", "task": "rate", "made": made_marks, "arms": [arm("one")]},
            [0, 0], votes=3,
        ),
        MadeStudy(
            {"id": "edit", "title": "Make these answers right", "task": "edit", "status": "closed", "made": made_edit,
             "arms": [arm("after training"), arm("before training"), arm("no system text")]},
            [0, 0, 0], votes=180, people=5, seed=13,
        ),
        MadeStudy(
            {"id": "fresh", "title": "A study nobody has answered yet", "task": "compare", "made": made_compare,
             "arms": [arm("one"), arm("two")]},
            [0, 0], votes=0,
        ),
    ]  # fmt: skip
    return {study.spec["id"]: study for study in made}


class Desk:
    """The studies of one harness page; answers the widget's `act`."""

    def __init__(self, *, each_look: int = 0) -> None:
        """each_look: answers that an open study gets each time it is looked at again."""
        self.url = ""
        self.lock = threading.Lock()
        self.each_look = each_look
        self.reset()

    def reset(self) -> None:
        self.studies = studies()
        self.grows = self.each_look  # answers that an open study gets the next time it is looked at again
        self.acts: list[dict[str, Any]] = []
        self.down = 0  # how many of the next calls fail as a broken network does
        self.delay_s = 0.0

    def value(self, opened: str | None = None) -> dict[str, Any]:
        results = self.studies[opened].results() if opened else None
        return {"studies": [study.row() for study in self.studies.values()], "open": opened, "results": results}

    def act(self, payload: dict, request: gr.Request) -> dict:
        time.sleep(self.delay_s)
        with self.lock:
            self.acts.append(copy.deepcopy(payload))
            if self.down:
                self.down -= 1
                raise RuntimeError("the network is down")
            return self.answer(payload)

    def answer(self, payload: dict) -> dict:
        study = self.studies[payload["study_id"]]
        kind = payload["act"]
        if kind == "csv":
            return {
                "ok": True,
                "name": f"{study.spec['id']}-{payload['table']}.csv",
                "csv": "name,strength\r\none,1000\r\n",
            }
        if kind == "export":
            if payload["format"] == "argilla":
                raise InvalidStudy("The study has no answers that argilla holds.")
            return {"ok": True, "url": "data:application/zip;base64,UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}
        if kind in ("close", "reopen"):
            study.spec["status"] = "closed" if kind == "close" else "open"
        elif kind == "retry":
            study.failed, study.spec["problems"] = 0, []
        elif kind == "filter":
            study.leave_out(payload["annotator_ids"], payload["reason"])
        elif kind == "adjudicate":
            if payload["item_id"] == "item-1":
                raise InvalidFeedback("The item item-1 was decided meanwhile: reload the page.")
            study.settled.add(payload["item_id"])
        elif kind == "results" and study.votes and study.spec["status"] == "open":
            study.grow(self.grows)
            self.grows = self.each_look
        return {"ok": True, "results": study.results(payload["by"], payload["tag"])}


def build(desk: Desk) -> gr.Blocks:
    with gr.Blocks(title="Insights harness", fill_width=True) as demo:
        board = insights_board(desk.act, elem_id="insights")
        seen = gr.JSON(label="Last event", elem_id="seen")

        def load(request: gr.Request) -> dict[str, Any] | None:
            wanted = request.query_params.get("open")
            return {"studies": [], "open": None, "results": None} if wanted == "none" else desk.value(wanted)

        def told(event: gr.EventData) -> dict:
            return {"compose": True, **(event._data or {})}

        board.compose(told, None, seen)
        demo.load(load, None, board)
    return demo


def main(port: int) -> None:
    launch(build(Desk(each_look=1)), port, wait=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7873)
