"""What rating and correcting say of each arm, with intervals, and how far people agree. Knows nothing of the store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collab.studies.questions import Question

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer in force. words: how many the judged text has, for corrections."""

    item_id: str
    annotator_id: str
    arm: int
    said: Mapping[str, Any]
    words: int = 0


def question_rows(question: Question, judgements: Sequence[Judgement], arms: Sequence[str]) -> Json:
    """The answers to one question for each arm: mean with interval where it is a number, counts where it is not."""
    rows = []
    for at, name in enumerate(arms):
        mine = [j for j in judgements if j.arm == at and question.name in j.said["values"]]
        values = [j.said["values"][question.name] for j in mine]
        row: Json = {"arm": name, "n": len(values), "mean": None, "lower": None, "upper": None, "counts": {}}
        match question.kind:
            case "stars":
                row |= _mean([(j.annotator_id, float(v)) for j, v in zip(mine, values, strict=True)], low=1, high=5)
                row["counts"] = {str(star): values.count(star) for star in range(1, 6)}
            case "thumb":
                row |= _mean([(j.annotator_id, (v + 1) / 2) for j, v in zip(mine, values, strict=True)], low=0, high=1)
                row["counts"] = {"up": values.count(1), "down": values.count(-1)}
            case "choice":
                row["counts"] = {option: values.count(option) for option in question.options}
            case "multi_choice":
                chosen = Counter(option for value in values for option in value)
                row["counts"] = {option: chosen[option] for option in question.options}
            case "span":
                labels = Counter(span["label"] for value in values for span in value)
                row["counts"] = {label: labels[label] for label in ("good", "bad")}
            case "text":
                pass
        rows.append(row)
    return {"name": question.name, "title": question.title, "kind": question.kind, "rows": rows}


def edit_rows(judgements: Sequence[Judgement], arms: Sequence[str]) -> list[Json]:
    """How much of each arm's texts people changed: words changed ÷ words, at most 1 a text."""
    rows = []
    for at, name in enumerate(arms):
        mine = [j for j in judgements if j.arm == at]
        shares = [(j.annotator_id, _changed(j)) for j in mine]
        found = _mean(shares, low=0, high=1)
        rows.append({
            "arm": name, "n": len(mine), "mean_distance": found["mean"], "lower": found["lower"],
            "upper": found["upper"], "unchanged": sum(j.said["edit_distance"] == 0 for j in mine),
        })  # fmt: skip
    return rows


def _changed(judgement: Judgement) -> float:
    return min(1.0, judgement.said["edit_distance"] / max(1, judgement.words))


def edit_agreement(judgements: Iterable[Judgement]) -> Any:
    """Krippendorff's alpha of how much of each text people changed, in whole per cent on an interval scale.

    It is the agreement on the very figure that `edit_rows` gives. On a nominal scale of whole texts, what two people
    write the same by chance would be estimated from the texts of other items, where it is next to nothing.
    """
    from collab.statistics.agreement import alpha, count_patterns

    units: dict[str, list[int]] = {}
    for judgement in judgements:
        units.setdefault(judgement.item_id, []).append(round(100 * _changed(judgement)))
    patterns, times, per_cent = count_patterns(list(units.values()) or [[]], range(101))
    return alpha(patterns, times, "interval", values=per_cent)


def _mean(values: Sequence[tuple[str, float]], *, low: float, high: float) -> Json:
    """The mean with a 95 % interval, clustered by annotator (Liang & Zeger 1986), by Student's t (clusters − 1).

    With one annotator the answers stand for themselves alone, and their own scatter is what there is to tell.
    """
    if not values:
        return {"mean": None, "lower": None, "upper": None}
    mean = sum(value for _, value in values) / len(values)
    sums: dict[str, float] = {}
    for annotator_id, value in values:
        sums[annotator_id] = sums.get(annotator_id, 0.0) + value - mean
    parts = list(sums.values()) if len(sums) > 1 else [value - mean for _, value in values]
    if len(parts) < 2:
        return {"mean": mean, "lower": None, "upper": None}
    from scipy.special import stdtrit

    variance = sum(part**2 for part in parts) / len(values) ** 2 * len(parts) / (len(parts) - 1)
    half = math.sqrt(variance) * float(stdtrit(len(parts) - 1, 0.975))
    return {"mean": mean, "lower": max(low, mean - half), "upper": min(high, mean + half)}


def question_agreement(question: Question, judgements: Iterable[Judgement]) -> Any | None:
    """Krippendorff's alpha of a question's answers; None for text and spans, where nobody says the very same.

    Several choices are one nominal judgement for each option: chosen or not.
    """
    from collab.statistics.agreement import alpha, count_patterns

    if question.kind in ("text", "span"):
        return None
    units: dict[Any, list[Any]] = {}
    for judgement in judgements:
        if (value := judgement.said["values"].get(question.name)) is None:
            continue
        if question.kind == "multi_choice":
            for option in question.options:
                units.setdefault((judgement.item_id, option), []).append(option in value)
        else:
            units.setdefault(judgement.item_id, []).append(value)
    domains: dict[str, list[Any]] = {
        "stars": [1, 2, 3, 4, 5], "thumb": [-1, 1], "multi_choice": [False, True], "choice": list(question.options),
    }  # fmt: skip
    patterns, times, _ = count_patterns(list(units.values()) or [[]], domains[question.kind])
    return alpha(patterns, times, "ordinal" if question.kind == "stars" else "nominal")
