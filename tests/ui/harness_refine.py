"""Refine over made-up boards: `python -m tests.ui.harness_refine [port]`, then `/?open=running` and the like.

Nothing here stores, proposes or measures: the boards live in memory, so the widget can be looked at and tested without
a store.
"""

from __future__ import annotations

import copy
import sys
import threading
import time
from typing import Any

import gradio as gr

from collab.errors import InvalidFeedback
from collab.ui.widgets import refine_board
from tests.ui.looking import launch
from tests.ui.made_boards import boards, claim, log, version

NO_DEMONSTRATIONS = "No answer was liked or made right yet: give some four stars, or correct them."


class Desk:
    """The prompts of one harness page; answers the widget's `act`."""

    def __init__(self) -> None:
        self.url = ""
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.boards = boards()
        self.acts: list[dict[str, Any]] = []
        self.down = 0  # how many of the next calls fail as a broken network does
        self.refusal = ""  # with what the next change is refused
        self.delay_s = 0.0
        self.samples_ready = False  # whether what is being made as a sample is there at the next look

    def prompts(self) -> list[dict[str, Any]]:
        rows = []
        for told in self.boards.values():
            stage = told["trial"]["stage"] if told["trial"] else ""
            rows.append({**told["prompt"], "versions": len(told["versions"]), "acts": told["acts"],
                         "trial_stage": stage if stage in ("screening", "confirming") else ""})  # fmt: skip
        return rows

    def value(self, opened: str | None = None) -> dict[str, Any]:
        return {"prompts": self.prompts(), "open": opened, "board": None}

    def act(self, payload: dict, request: gr.Request) -> dict:
        time.sleep(self.delay_s)
        with self.lock:
            self.acts.append(copy.deepcopy(payload))
            if self.down:
                self.down -= 1
                raise RuntimeError("the network is down")
            if self.refusal and payload["act"] not in ("prompts", "board", "job"):
                sentence, self.refusal = self.refusal, ""
                raise InvalidFeedback(sentence)
            if payload["act"] == "prompts":
                return {"ok": True, "prompts": self.prompts()}
            told = self.about(payload)
            if payload["act"] == "job":
                return {"ok": True, "job": self.worked(told)}
            getattr(self, payload["act"], lambda told, payload: None)(told, payload)
            return {"ok": True, "board": copy.deepcopy(told)}

    def about(self, payload: dict) -> dict[str, Any]:
        """The board that an act is about, whatever it names."""
        if "prompt_id" in payload:
            return self.boards[payload["prompt_id"]]
        for told in self.boards.values():
            names = {"job_id": told["job"], "trial_id": told["trial"]}
            if any(key in payload and thing and thing[key] == payload[key] for key, thing in names.items()):
                return told
        # version ids are the same on every board: the last one that was opened is meant
        last = next(a["prompt_id"] for a in reversed(self.acts) if "prompt_id" in a)
        return self.boards[last]

    def worked(self, told: dict[str, Any]) -> dict[str, Any]:
        """A job that gets on by a third each time it is asked after, and ends with one new version and one note."""
        job = told["job"]
        if job["status"] == "running":
            job["progress"] = min(1, job["progress"] + 1 / 3)
            job["message"] = f"Reflect writes a version ({job['progress']:.0%})"
            if job["progress"] >= 1:
                job.update(status="done", notes=[{"proposer": "demonstrations", "said": NO_DEMONSTRATIONS}])
                told["versions"].append(
                    version(len(told["versions"]) + 1, 1, told["versions"][0]["text"] + " Be brief.",
                            proposer="reflect", rationale="People shorten the answers.", making=1)
                )  # fmt: skip
        return dict(job)

    # ---- what the widget may ask for -------------------------------------------------------------------------------

    def board(self, told: dict[str, Any], payload: dict) -> None:
        trial = told["trial"]
        if trial and trial["stage"] == "confirming":
            trial["confirming"]["votes"] += 1
            trial["confirming"]["evidence"] = claim(trial["confirming"]["votes"], 0.62, "undecided")
        for each in told["versions"]:
            if each["making"] and self.samples_ready:
                each.update(making=0, samples=[{"text": "The sky is blue.", "asked": "Why is the sky blue?"}])

    def propose(self, told: dict[str, Any], payload: dict) -> None:
        told["job"] = {"job_id": "j2", "status": "running", "progress": 0.0, "message": "Starting", "error": "",
                       "notes": []}  # fmt: skip

    def cancel_job(self, told: dict[str, Any], payload: dict) -> None:
        told["job"]["status"] = "cancelled"

    def revise(self, told: dict[str, Any], payload: dict) -> None:
        parent = int(payload["prompt_version_id"][1:])
        words = {key: payload[key] for key in ("text", "system_text", "negative_text", "settings")}
        number = len(told["versions"]) + 1
        told["versions"].append(version(number, parent, **words, origin="human", rationale=payload["why"]))

    def reject(self, told: dict[str, Any], payload: dict) -> None:
        self.find(told, payload["prompt_version_id"])["rejected"] = True
        told["log"] = log(("reject", f"Rejected: “{payload['reason']}”.")) + told["log"]

    def trial(self, told: dict[str, Any], payload: dict) -> None:
        study = {"study_id": "s9", "link": "Jq3vX0h2-s9", "votes": 0, "items_ready": 0, "items": 24}
        told["trial"] = {
            "trial_id": "t9", "stage": "screening", "champion_id": told["prompt"]["current_id"], "leader_id": None,
            "candidate_ids": payload["prompt_version_ids"], "model": payload.get("model", ""), "verdict": "",
            "confirming": None,
            "said": "No votes yet: send the link around.",
            "screening": {**study, "wanted": payload.get("votes"), "rows": []},
        }  # fmt: skip

    def stop_trial(self, told: dict[str, Any], payload: dict) -> None:
        told["trial"].update(stage="stopped", said="The test was stopped; nothing is decided.")

    def promote(self, told: dict[str, Any], payload: dict) -> None:
        for each in told["versions"]:
            each["is_current"] = each["prompt_version_id"] == payload["prompt_version_id"]
        told["prompt"]["current_id"] = payload["prompt_version_id"]
        told["watch"] = {"study_id": "s3", "link": "Jq3vX0h2-s3", "votes": 0, "evidence": None}
        told["can"]["rollback"] = ""
        told["log"] = log(("promote", "Version 3 serves now.")) + told["log"]

    def rollback(self, told: dict[str, Any], payload: dict) -> None:
        self.promote(told, {"prompt_version_id": "v1"})
        told["watch"] = None

    def find(self, told: dict[str, Any], version_id: str) -> dict[str, Any]:
        return next(v for v in told["versions"] if v["prompt_version_id"] == version_id)


def build(desk: Desk) -> gr.Blocks:
    with gr.Blocks(title="Refine harness", fill_width=True) as demo:
        refine = refine_board(desk.act, elem_id="refine")
        seen = gr.JSON(label="Last event", elem_id="seen")

        def load(request: gr.Request) -> dict[str, Any] | None:
            wanted = request.query_params.get("open")
            return {"prompts": [], "open": None, "board": None} if wanted == "none" else desk.value(wanted)

        def told(event: gr.EventData) -> dict:
            return dict(event._data or {})

        refine.start(lambda: {"start": True}, None, seen)
        refine.rate(told, None, seen)
        demo.load(load, None, refine)
    return demo


def main(port: int) -> None:
    launch(build(Desk()), port, wait=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7874)
