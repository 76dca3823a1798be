"""Made-up boards that the Refine widget draws. Simulated and seeded: nothing here is measured."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np

from tests.ui.harness_board import HOSTILE, SKY, TEXTS, data_uri, picture

NOW = "2026-11-24T16:{:02d}:00+00:00"
PROPOSERS = {
    "text": [
        {"name": "reflect", "title": "Reflect", "said": "A text model reads what people said and rewrites the prompt."},
        {
            "name": "preferences",
            "title": "Preferences",
            "said": "Puts what people choose, again and again, into rules.",
        },
        {"name": "demonstrations", "title": "Demonstrations", "said": "Adds answers that people liked as examples."},
        {"name": "search", "title": "Search", "said": "Rewrites many times. Takes minutes.", "usual": False},
    ],
    "image": [
        {"name": "reflect", "title": "Reflect", "said": "A text model reads what people said and rewrites the prompt."},
        {"name": "modifiers", "title": "Modifiers", "said": "Adds, drops and weighs words by how pictures were liked."},
    ],
}
MODELS = {
    "text": [{"name": "smollm2-135m", "title": "SmolLM2-135M"}, {"name": "qwen3-0.6b", "title": "Qwen3-0.6B"}],
    "image": [{"name": "pixel-icons", "title": "Pixel icons"}],
}
FIRST = "Explain {topic} to a ten-year-old.\nBe friendly and use an example from everyday life."
SHORT = (
    "Explain {topic} to a ten-year-old in at most four short sentences.\n"
    "Be friendly and use one example from everyday life. Name no numbers."
)


def version(number: int, parent: int | None, text: str, **more: Any) -> dict[str, Any]:
    """One version of a board; what is left out is empty."""
    return {
        "prompt_version_id": f"v{number}", "parent_id": f"v{parent}" if parent else None, "number": number,
        "text": text, "negative_text": "", "system_text": "", "examples": [], "settings": {}, "origin": "refiner",
        "proposer": "", "rationale": "", "evidence": [], "evidence_total": 0, "created_at": NOW.format(number),
        "rejected": False, "is_current": False, "outputs": 0, "acts": 0, "liking": None,
        "making": 0, "win_rate": None, "lower": None, "upper": None, "votes": None, "samples": [], **more,
    }  # fmt: skip


def tested(win_rate: float, half: float, votes: int) -> dict[str, Any]:
    return {"win_rate": win_rate, "lower": max(0, win_rate - half), "upper": min(1, win_rate + half), "votes": votes}


def claim(votes: int, true_rate: float, verdict: str, seed: int = 2) -> dict[str, Any]:
    """A claim's JSON with its curve, the interval narrowing around one half or away from it."""
    rng = np.random.default_rng(seed)
    n = np.arange(1, votes + 1)
    mean = np.cumsum(rng.random(votes) < true_rate) / n
    half = np.sqrt((n + 12) / (4 * n**2) * np.log(8 * (n + 12) / 0.05) / 1.6)
    lower = np.maximum.accumulate(np.clip(mean - half, 0, 1))
    upper = np.minimum.accumulate(np.clip(mean + half, 0, 1))
    more = "; about 60 more votes, each from somebody new, would settle a 60 % preference"
    sentence = (
        f"{verdict.capitalize()} after {votes} votes from {votes} people (population: each person's first vote): "
        f"win rate {mean[-1]:.2f}, between {lower[-1]:.2f} and {upper[-1]:.2f}{more if verdict == 'undecided' else ''}."
    )
    told = {
        "challenger": "Version 3", "champion": "Version 1", "scope": "population", "verdict": verdict,
        "win_rate": mean[-1], "lower": lower[-1], "upper": upper[-1], "e_value": 3.1 if verdict == "undecided" else 640,
        "n_votes": votes, "n_annotators": votes, "sentence": sentence,
        "curve": [
            {"votes": int(n[t]), "win_rate": mean[t], "lower": lower[t], "upper": upper[t]} for t in range(votes)
        ],
    }  # fmt: skip
    return json.loads(json.dumps(told, default=float))


def board(prompt_id: str, title: str, modality: str, versions: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """One board; the first version serves where none says that it does."""
    if not any(each["is_current"] for each in versions):
        versions[0]["is_current"] = True
    current = next(each["prompt_version_id"] for each in versions if each["is_current"])
    others = [v["prompt_version_id"] for v in versions if not v["is_current"]]
    untested = dict.fromkeys(others, "no blind test has found it better than version 1 yet; start one.")
    return {
        "prompt": {"prompt_id": prompt_id, "title": title, "modality": modality, "current_id": current},
        "versions": versions, "acts": sum(v["acts"] for v in versions), "models": MODELS[modality],
        "proposers": PROPOSERS[modality], "job": None, "trial": None, "watch": None, "log": [],
        "usual_scope": "panel", "usual_votes": {"screening_each": 15, "confirming": {"population": 400, "panel": 60}},
        "can": {"propose": "", "trial": "", "promote": untested, "rollback": "nothing was promoted yet."}, **more,
    }  # fmt: skip


def tree(five: bool = True) -> list[dict[str, Any]]:
    """Versions of a text prompt: the first, three made from it, one made from one of these."""
    said = ["“too long” on the answer about the sky", "the answer about magnets was corrected: 38 words fewer",
            "preferred the shorter of two answers, three times", "marked as bad: “refraction index of 1.0003”",
            "one star: “my son stopped reading”"]  # fmt: skip
    samples = [{"text": text, "asked": "Explain why the sky is blue to a ten-year-old."} for text in TEXTS[:2]]
    made = [
        version(1, None, FIRST, origin="human", outputs=24, acts=31, liking=-0.12, samples=samples),
        version(2, 1, SHORT, proposer="reflect", outputs=8, acts=2, liking=0.3,
                rationale="People shorten the answers and dislike numbers.", samples=samples[:1],
                evidence=[{"event_id": f"e{i}", "said": s} for i, s in enumerate(said[:2])], evidence_total=2),
        version(3, 1, FIRST.replace("Be friendly", "Use at most 60 words. Be friendly") + "\nDo not name numbers.",
                system_text="You write for children.", settings={"temperature": 0.6, "max_new_tokens": 120},
                proposer="preferences", outputs=8, acts=5, liking=0.55, samples=samples[1:],
                rationale="In 14 of 17 choices the shorter answer won, and answers with numbers lost 9 of 10 times. "
                "So this version asks for at most 60 words and for no numbers.",
                evidence=[{"event_id": f"e{i}", "said": s} for i, s in enumerate(said)], evidence_total=17),
        version(4, 1, FIRST + "\nEnd with a question.", origin="human", rationale="A question keeps them awake.",
                rejected=True, outputs=4),
        version(5, 3, FIRST.replace("Be friendly", "Use at most 60 words. Be warm"), proposer="demonstrations",
                examples=[{"user": "Explain why the sky is blue to a ten-year-old.", "assistant": SKY}], outputs=4,
                rationale="The answer that was liked most is shown as an example.", evidence_total=1,
                evidence=[{"event_id": "e9", "said": "five stars for the answer about the sky"}]),
    ]  # fmt: skip
    return made if five else made[:1]


def log(*entries: tuple[str, str]) -> list[dict[str, str]]:
    return [{"at": NOW.format(59 - i), "kind": kind, "said": said} for i, (kind, said) in enumerate(entries)]


def running() -> dict[str, Any]:
    """A text prompt with a tree of five and a test that makes sure of version 3."""
    versions = tree()
    versions[1].update(tested(0.54, 0.17, 30))
    versions[2].update(tested(0.64, 0.13, 84))
    versions[4].update(tested(0.43, 0.18, 28))
    shares = {0: (0.4, 0.16, 36), 1: (0.54, 0.17, 30), 2: (0.67, 0.16, 38), 4: (0.43, 0.18, 28)}
    rows = [{"prompt_version_id": versions[at]["prompt_version_id"], **tested(*share)} for at, share in shares.items()]
    trial = {
        "trial_id": "t1", "stage": "confirming", "champion_id": "v1", "candidate_ids": ["v2", "v3", "v5"],
        "leader_id": "v3", "model": "smollm2-135m", "verdict": "",
        "said": "Version 3 leads. " + claim(84, 0.62, "undecided")["sentence"],
        "screening": {"study_id": "s1", "link": "Jq3vX0h2-s1", "votes": 96, "wanted": 96, "items_ready": 60,
                      "items": 60, "rows": rows},
        "confirming": {"study_id": "s2", "link": "Jq3vX0h2-s2", "votes": 84, "items_ready": 37, "items": 40,
                       "evidence": claim(84, 0.62, "undecided")},
    }  # fmt: skip
    return board(
        "running", "Explain {topic} to a ten-year-old.", "text", versions, trial=trial,
        log=log(("confirm", "Version 3 leads after 96 votes; fresh votes are collected to make sure."),
                ("trial", "A blind test of versions 2, 3 and 5 against version 1 was started, for anyone who comes."),
                ("reject", "Version 4 was rejected: “the question sounds like school”."),
                ("propose", "Reflect, Preferences and Demonstrations proposed 3 versions from 38 acts of feedback.")),
        can={"propose": "", "trial": "a blind test of this prompt is running: wait until it is decided, or stop it.",
             "promote": dict.fromkeys(("v2", "v3", "v4", "v5"), "its blind test is undecided so far."),
             "rollback": "nothing was promoted yet."},
    )  # fmt: skip


def decided() -> dict[str, Any]:
    """The same test, decided: version 3 may be promoted."""
    told = running()
    told["prompt"].update(prompt_id="decided", title="Summarise {article}, kindly")
    evidence = claim(190, 0.66, "better", seed=4)
    told["trial"].update(
        stage="decided", verdict="better", said="Version 3 is better than version 1: " + evidence["sentence"]
    )
    told["trial"]["confirming"].update(votes=190, items_ready=95, items=95, evidence=evidence)
    told["versions"][2].update(
        win_rate=evidence["win_rate"], lower=evidence["lower"], upper=evidence["upper"], votes=190
    )
    told["can"]["promote"]["v3"] = ""
    told["can"]["trial"] = ""
    told["log"] = log(("decide", "Version 3 is better than version 1 (190 votes from 190 people).")) + told["log"]
    return told


def pictures() -> dict[str, Any]:
    """An image prompt with a negative text, not tested yet."""
    asked = "a lighthouse at night, pixel art"
    samples = [{"image_url": data_uri(picture(n, 96)), "asked": asked} for n in range(6)]
    versions = [
        version(1, None, "a {thing} at night", negative_text="blurry", origin="human", outputs=12, acts=9, liking=0.1,
                samples=samples[:3], settings={"guidance_scale": 3}),
        version(2, 1, "a {thing} at night, (bright outline:1.2), few colours", negative_text="blurry, text, noise",
                proposer="modifiers", outputs=3, samples=samples[3:], settings={"guidance_scale": 5}, evidence_total=9,
                rationale="Pictures with an outline were liked in 7 of 8 cases, those with text in none of 4.",
                evidence=[{"event_id": "e1", "said": "best of four: the one with the bright outline"}]),
    ]  # fmt: skip
    return board("pictures", "a {thing} at night", "image", versions,
                 log=log(("propose", "Modifiers proposed version 2 from 9 acts of feedback.")))  # fmt: skip


def working() -> dict[str, Any]:
    """A prompt with one version, for which proposals are being made."""
    job = {"job_id": "j1", "status": "running", "progress": 0.15, "message": "Reflect reads 31 acts of feedback",
           "error": "", "notes": []}  # fmt: skip
    return board("working", "Write a product description for {product}", "text", tree(five=False), job=job)


def hostile() -> dict[str, Any]:
    """Everything that a person or a model may have written, written by somebody who means harm."""
    bad = [
        version(1, None, HOSTILE, origin="human", system_text=HOSTILE, acts=3,
                samples=[{"text": HOSTILE, "asked": HOSTILE}]),
        version(2, 1, HOSTILE + "\n" + HOSTILE, proposer=HOSTILE, rationale=HOSTILE, settings={HOSTILE[:40]: HOSTILE},
                evidence=[{"event_id": "e", "said": HOSTILE}], evidence_total=9, **tested(0.5, 0.2, 3),
                examples=[{"user": HOSTILE, "assistant": HOSTILE}]),
        version(3, 99, HOSTILE, origin=HOSTILE),
        version(4, 4, HOSTILE[:30], origin="imported"),
    ]  # fmt: skip
    told = board("hostile", HOSTILE, "text", bad, log=log((HOSTILE, HOSTILE), ("reject", HOSTILE)),
                 models=[{"name": HOSTILE, "title": HOSTILE}],
                 proposers=[{"name": "x", "title": HOSTILE, "said": HOSTILE}],
                 job={"job_id": "j", "status": "failed", "progress": 1, "message": HOSTILE, "error": HOSTILE,
                      "notes": [{"proposer": HOSTILE, "said": HOSTILE}]},
                 can={"propose": HOSTILE, "trial": "", "promote": {"v2": HOSTILE}, "rollback": HOSTILE})  # fmt: skip
    told["trial"] = {
        "trial_id": "t", "stage": "screening", "champion_id": "v1", "candidate_ids": ["v2", "gone"], "leader_id": None,
        "model": HOSTILE, "verdict": "", "said": HOSTILE, "confirming": None,
        "screening": {"study_id": "s", "link": "Jq3vX0h2-s", "votes": 3, "wanted": 40, "items_ready": 1, "items": 2,
                      "rows": [{"prompt_version_id": "gone", **tested(0.5, 0.5, 1)}]},
    }  # fmt: skip
    return told


def boards() -> dict[str, dict[str, Any]]:
    """One board of each kind, by its prompt's id."""
    made = [running(), decided(), pictures(), working(), hostile()]
    return {each["prompt"]["prompt_id"]: copy.deepcopy(each) for each in made}
