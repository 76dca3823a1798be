"""Made-up studies with the results that the Insights widget draws. Simulated and seeded: nothing here is measured."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np

HOSTILE = '<img src=x onerror="window.pwned=1"> ${window.pwned=2} {{value}} مرحبا 你好 👩‍👩‍👧‍👦'
NAMES = ["Ada", "Bela", "Chiara", "Dmitri", "Eun-ji", "Farah", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lan"]
START = dt.datetime(2026, 5, 3, 9, tzinfo=dt.UTC)


class MadeStudy:
    """One study whose votes are simulated: `strengths` are its arms' true strengths in logits."""

    def __init__(
        self, spec: dict[str, Any], strengths: list[float], votes: int, people: int = 9, seed: int = 0
    ) -> None:
        self.spec = {"status": "open", "modality": "text", "tags": [], "problems": [], "question": "", **spec}
        self.rng = np.random.default_rng(seed)
        self.strengths = np.array(strengths, dtype=float)
        self.people = people
        self.votes: list[tuple[int, int, int, float, dt.datetime, float, str]] = []  # who, i, j, outcome of i, …
        self.excluded: dict[str, Any] | None = None
        self.settled: set[str] = set()
        self.failed = int(spec.get("failed", 0))
        self.clock = START
        self.grow(votes)

    def grow(self, n: int) -> None:
        """n more votes, some minutes apart, with nights between."""
        k = len(self.strengths)
        for _ in range(n):
            i, j = self.rng.choice(k, 2, replace=False)
            p = 1 / (1 + np.exp(self.strengths[j] - self.strengths[i]))
            outcome = 0.5 if self.rng.random() < 0.12 else float(self.rng.random() < p)
            self.clock += dt.timedelta(minutes=float(self.rng.exponential(9)))
            if self.clock.hour >= 20:
                self.clock += dt.timedelta(hours=12)
            taken_s = float(self.rng.lognormal(3.0, 0.55))
            tag = str(self.rng.choice(self.spec["tags"])) if self.spec["tags"] else ""
            who = min(self.people - 1, int(self.rng.exponential(self.people / 2.4)))
            self.votes.append((who, int(i), int(j), outcome, self.clock, taken_s, tag))

    # ---- what Insights asks for ------------------------------------------------------------------------------------

    def row(self) -> dict[str, Any]:
        counts = self.counts()
        keys = ("answers", "items_complete", "items", "annotators")
        return {
            "study_id": self.spec["id"], "created_at": START.isoformat(),
            **{key: self.spec[key] for key in ("title", "task", "modality", "status")},
            **{key: counts[key] for key in keys},
        }  # fmt: skip

    def results(self, by: str = "arm", tag: str = "") -> dict[str, Any]:
        spec, arms = self.spec, self.spec["arms"]
        votes = [v for v in self.kept() if not tag or v[6] == tag]
        ranked = spec["task"] in ("compare", "rank")
        told = {
            "study": {
                **{k: v for k, v in spec.items() if k not in ("arms", "failed", "made")},
                "access": "link", "link": "Jq3vX0h2-" + spec["id"], "created_at": START.isoformat(),
                "arms": [{"index": i, **arm} for i, arm in enumerate(arms)],
                "target": {"votes": 200}, "overlap": 1 if spec["task"] == "edit" else 3, "quota": 40,
                "adaptive": len(arms) > 4, "reveal": False,
            },
            "counts": self.counts(),
            "leaderboard": self.leaderboard(by, tag, votes) if ranked else None,
            "tags": self.tag_boards(by, votes),
            "matrix": self.matrix(votes) if ranked else None,
            "evidence": self.evidence(votes) if spec["task"] == "compare" and votes else None,
            "agreement": [], "questions": [], "edits": [],
            "annotators": self.annotators(), "time": self.time(),
            "adjudication": [], "filter": self.excluded, "exports": ["table", "argilla", "trl-sft"],
            **spec.get("made", lambda study: {})(self),
        }  # fmt: skip
        return json.loads(json.dumps(told, default=float))  # numpy's numbers are no JSON

    def kept(self) -> list[tuple]:
        out = set(self.excluded["ids"]) if self.excluded else set()
        return [v for v in self.votes if f"p{v[0]}" not in out]

    def counts(self) -> dict[str, Any]:
        kept, n, target = self.kept(), len(self.votes), 200
        people, counted = ({v[0] for v in votes} for votes in (self.votes, kept))
        sentence = f"{n} of {target} votes." if n < target else f"The target of {target} votes is reached."
        return {
            "answers": len(kept), "votes": len(kept), "annotators": len(counted), "items": 120,
            "answers_left_out": n - len(kept), "annotators_left_out": len(people) - len(counted),
            "items_complete": min(120, len(kept) // 3), "items_ready": 120 - self.failed, "items_failed": self.failed,
            "skipped": n // 40, "flagged": n // 90, "answering": 2 if n and self.spec["status"] == "open" else 0,
            "target_progress": min(1, n / target), "target_sentence": sentence,
        }  # fmt: skip

    def grouped(self, by: str) -> tuple[list[str], list[int]]:
        names = [arm["name" if by in ("arm", "tag") else by] for arm in self.spec["arms"]]
        unique = list(dict.fromkeys(names))
        return unique, [unique.index(name) for name in names]

    def leaderboard(self, by: str, tag: str, votes: list[tuple]) -> dict[str, Any]:
        names, group = self.grouped(by)
        wins = np.zeros((len(names), len(names)))
        for _, i, j, outcome, *_rest in votes:
            if group[i] != group[j]:
                wins[group[i], group[j]] += outcome
                wins[group[j], group[i]] += 1 - outcome
        n = wins + wins.T
        if not n.any():
            return {"by": by, "tag": tag, "rows": [], "sentence": "", "flips": None, "flips_missing": ""}
        theta, error = bradley_terry(wins)
        points, half = 1000 + theta * 400 / np.log(10), error * 1.96 * 400 / np.log(10)
        low, high = points - half, points + half
        rows = [
            {"name": name, "strength": points[g], "lower": low[g], "upper": high[g],
             "rank_low": int(1 + (low > high[g]).sum()), "rank_high": int(len(names) - (high < low[g]).sum()),
             "votes": int(n[g].sum()), "win_rate": float(wins[g].sum() / n[g].sum()) if n[g].sum() else None}
            for g, name in enumerate(names)
        ]  # fmt: skip
        rows.sort(key=lambda row: -row["strength"])
        first, second = rows[0], rows[1]
        tied = sum(row["rank_low"] == 1 for row in rows)
        sentence = (
            f"“{first['name']}” leads: its interval lies above every other." if tied == 1
            else f"No single leader yet: {tied} of the {len(rows)} {by}s may hold rank 1."
        )  # fmt: skip
        flips = {"votes": max(1, int((first["strength"] - second["strength"]) / 9)), "leader": first["name"],
                 "runner_up": second["name"]}  # fmt: skip
        return {"by": by, "tag": tag, "rows": rows, "sentence": sentence, "flips": flips,
                "flips_missing": ""}  # fmt: skip

    def tag_boards(self, by: str, votes: list[tuple]) -> dict[str, Any] | None:
        if by != "tag":
            return None
        boards = [self.leaderboard("arm", tag, [v for v in votes if v[6] == tag]) for tag in self.spec["tags"]]
        return {"boards": boards, "sentence": f"These are the {len(boards)} tags with the most votes of 20."}

    def matrix(self, votes: list[tuple]) -> dict[str, Any]:
        names, _ = self.grouped("arm")
        k = len(names)
        wins, n = np.zeros((k, k)), np.zeros((k, k), dtype=int)
        for _, i, j, outcome, *_rest in votes:
            wins[i, j] += outcome
            wins[j, i] += 1 - outcome
            n[i, j] += 1
            n[j, i] += 1
        share = [[float(wins[i, j] / n[i, j]) if n[i, j] else None for j in range(k)] for i in range(k)]
        return {"names": names, "wins": share, "votes": n.tolist()}

    def evidence(self, votes: list[tuple]) -> dict[str, Any] | None:
        told, left_out = self.claim(votes), self.counts()["annotators_left_out"]
        if not told or not left_out:
            return told and {**told, "left_out": 0, "everybody": None}
        everybody = {k: v for k, v in self.claim(self.votes).items() if k not in ("challenger", "champion", "curve")}
        told["sentence"] += (
            f" {left_out} people were left out after votes were seen, and the error bound does not cover that choice. "
            f"With everybody: {everybody['sentence']}"
        )
        return {**told, "left_out": left_out, "everybody": everybody}

    def claim(self, votes: list[tuple]) -> dict[str, Any] | None:
        scores = np.array([(o if i == 1 else 1 - o) for _, i, j, o, *_rest in votes if {i, j} == {0, 1}])
        if not scores.size:
            return None
        champion, challenger = (self.spec["arms"][i]["name"] for i in (0, 1))
        n = np.arange(1, scores.size + 1)
        mean = np.cumsum(scores) / n
        half = np.sqrt((n + 12) / (4 * n**2) * np.log(8 * (n + 12) / 0.05) / 1.6)  # an asymptotic confidence sequence
        lower, upper = (
            np.maximum.accumulate(np.clip(mean - half, 0, 1)),
            np.minimum.accumulate(np.clip(mean + half, 0, 1)),
        )
        e = float(np.exp(np.clip(2 * scores.size * (mean[-1] - 0.5) ** 2 - 0.8, -3, 12)))
        verdict = "better" if lower[-1] > 0.5 else "worse" if upper[-1] < 0.5 else "undecided"
        people = len({v[0] for v in votes})
        more = "" if verdict != "undecided" else "; about 60 more would settle a 60 % preference"
        sentence = f"{verdict.capitalize()} after {scores.size} votes from {people} people{more}."
        return {
            "challenger": challenger, "champion": champion, "scope": "population", "verdict": verdict,
            "win_rate": mean[-1], "lower": lower[-1], "upper": upper[-1], "e_value": e, "n_votes": int(scores.size),
            "n_annotators": people, "sentence": sentence,
            "curve": [
                {"votes": int(n[t]), "win_rate": mean[t], "lower": lower[t], "upper": upper[t]} for t in range(n.size)
            ],
        }  # fmt: skip

    def annotators(self) -> list[dict[str, Any]]:
        rng = np.random.default_rng(7)
        out = set(self.excluded["ids"]) if self.excluded else set()
        made = []
        for who in sorted({v[0] for v in self.votes}):
            own = [v for v in self.votes if v[0] == who]
            careless = who == 3
            gold = max(1, len(own) // 10)
            signals = ["22 % of the answers came faster than anyone can read.", "Chose the left side 81 % of the time."]
            name = HOSTILE if who == 5 else NAMES[who % len(NAMES)]
            made.append({
                "annotator_id": f"p{who}", "name": name, "answers": len(own),
                "gold_right": int(gold * (0.4 if careless else 0.95)), "gold_total": gold,
                "repeats_same": max(0, len(own) // 20 - careless), "repeats_total": len(own) // 20,
                "agreement": 0.11 if careless else float(rng.uniform(0.45, 0.85)),
                "median_s": float(np.median([v[5] for v in own])),
                "fast_share": 0.22 if careless else float(rng.uniform(0, 0.04)),
                "left_share": 0.81 if careless else float(rng.uniform(0.42, 0.56)),
                "last_at": own[-1][4].isoformat(), "signals": signals if careless else [], "excluded": f"p{who}" in out,
                "consent": ("2026-11", "not asked", "none")[who % 3],
            })  # fmt: skip
        return made

    def time(self) -> dict[str, Any]:
        if not self.votes:
            return {"votes": [], "per_item_s": {"median": None, "p10": None, "p90": None, "histogram": []}}
        long = (self.votes[-1][4] - self.votes[0][4]).days > 6
        keys = [v[4].strftime("%Y-%m-%d" if long else "%Y-%m-%dT%H:00:00Z") for v in self.votes]
        taken = np.array([v[5] for v in self.votes])
        edges = np.arange(0, 65, 5)
        counts, _ = np.histogram(taken, bins=edges)
        bins = [
            {"from_s": int(a), "to_s": int(b), "n": int(c)} for a, b, c in zip(edges, edges[1:], counts, strict=False)
        ]
        bins.append({"from_s": 60, "to_s": None, "n": int((taken >= 60).sum())})
        p10, median, p90 = np.quantile(taken, [0.1, 0.5, 0.9])
        return {
            "every": "day" if long else "hour",
            "votes": [{"at": key, "n": keys.count(key)} for key in dict.fromkeys(keys)],
            "per_item_s": {"median": median, "p10": p10, "p90": p90, "histogram": bins},
        }

    def leave_out(self, ids: list[str], reason: str) -> None:
        at = dt.datetime(2026, 5, 6, 12, 3, tzinfo=dt.UTC).isoformat()
        effect = "“short and plain” leads with 58 % instead of 54 %; alpha rises from .61 to .68."
        self.excluded = (
            {"ids": ids, "excluded": len(ids), "reason": reason, "at": at, "effect": effect} if ids else None
        )


def bradley_terry(wins: np.ndarray, steps: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Strengths in logits, mean 0, and their standard errors from the Fisher information (Hunter 2004, MM)."""
    wins = wins + 0.3 * (1 - np.eye(len(wins)))
    n = wins + wins.T
    p = np.ones(len(wins))
    for _ in range(steps):
        p = wins.sum(1) / np.maximum(1e-9, (n / (p[:, None] + p[None, :])).sum(1))
        p /= np.exp(np.log(p).mean())
    q = p[:, None] / (p[:, None] + p[None, :])
    weight = n * q * (1 - q)
    information = np.diag(weight.sum(1)) - weight
    return np.log(p), np.sqrt(np.maximum(0, np.diag(np.linalg.pinv(information))))
