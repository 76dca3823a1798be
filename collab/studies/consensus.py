"""What an item's answers come to, and whether people disagree on it. Knows nothing of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from rapidfuzz.distance import Levenshtein

from collab.studies.judgements import Judgement
from collab.studies.questions import Question
from collab.types import StudyTask

Json = dict[str, Any]
STARS_APART = 2
# Of all pairs of outputs, the share that two rankings of an item order differently, on average, from which on people
# disagree: what they differ by who swap two neighbours among three. Rankings by chance differ by a half.
DISTANCE = Fraction(1, 3)


def consensus(task: StudyTask, questions: Sequence[Question], answers: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    """What the answers to one item agree on, in their own form, and by which rule; "" and "nobody" where they do not.

    answers: as `said.as_shown` has them. To compare and to edit, what more than half say; to rate, each question's
    median star or what more than half chose; to rank, the order by `borda`, ties shown as ties.
    """
    if task == "rate":
        return consensus_values(questions, [answer["values"] for answer in answers]), "majority"
    if task == "rank" and answers:
        return {"groups": borda([answer["groups"] for answer in answers])}, "Borda count"
    if task == "compare" and (winner := _majority(answer["winner"] for answer in answers)):
        return winner, "majority"
    if task == "edit" and (text := _majority(answer["text"].strip() for answer in answers)):
        return {"text": text}, "majority"
    return "", "nobody"


def consensus_values(questions: Sequence[Question], answers: Sequence[Mapping[str, Any]]) -> Json:
    """The median star, the thumb or choice that more than half gave, by the question's name."""
    agreed: Json = {}
    for question in questions:
        values = [v for values in answers if (v := values.get(question.name)) is not None]
        if question.kind == "stars" and values:
            agreed[question.name] = sorted(values)[(len(values) - 1) // 2]
        elif question.kind in ("thumb", "choice"):
            agreed[question.name] = _majority(values)
    return agreed


def _majority(values: Iterable[Any]) -> Any | None:
    from collab.statistics.agreement import majority  # which loads numpy, and pages import this module

    return majority(Counter(values))


def borda(rankings: Sequence[Sequence[Sequence[Any]]]) -> list[list[Any]]:
    """The order by Borda's count (de Borda 1781): a point for everything that a ranking puts lower, half a point for
    everything that it ties. What has the same number of points is tied. rankings: of the same things, best first."""
    points: Counter[Any] = Counter()  # in halves, so that equal sums are equal
    for groups in rankings:
        below = sum(len(group) for group in groups)
        for group in groups:
            below -= len(group)
            for each in group:
                points[each] += 2 * below + len(group) - 1
    return [sorted(each for each in points if points[each] == n) for n in sorted(set(points.values()), reverse=True)]


def disputed_ratings(questions: Sequence[Question], judgements: Iterable[Judgement], *, limit: int) -> list[str]:
    """Items on which people's ratings are two stars or more apart, or no thumb or choice has more than half."""
    return _disputed(judgements, lambda mine: any(_is_disputed(question, mine) for question in questions), limit)


def disputed_texts(judgements: Iterable[Judgement], *, limit: int) -> list[str]:
    """Items that two people or more corrected, no more than half of them alike."""

    def differ(mine: Sequence[Judgement]) -> bool:
        return len(mine) >= 2 and _majority(j.said["text"].strip() for j in mine) is None

    return _disputed(judgements, differ, limit)


def _disputed(judgements: Iterable[Judgement], differ: Callable[[Sequence[Judgement]], bool], limit: int) -> list[str]:
    by_item: dict[str, list[Judgement]] = {}
    for judgement in judgements:
        by_item.setdefault(judgement.item_id, []).append(judgement)
    return sorted(item_id for item_id, mine in by_item.items() if differ(mine))[:limit]


def _is_disputed(question: Question, judgements: Sequence[Judgement]) -> bool:
    values = [v for j in judgements if (v := j.said["values"].get(question.name)) is not None]
    if len(values) < 2:
        return False
    if question.kind == "stars":
        return max(values) - min(values) >= STARS_APART
    return question.kind in ("thumb", "choice") and _majority(values) is None


def middle_first(texts: Sequence[str]) -> list[int]:
    """The places of the texts, the one nearest to all others first: by the sum of its edit distances to them, counted
    in characters (Levenshtein 1966; the first is their set median, Kohonen 1985). Of equal ones the earlier is first.
    """
    far = [sum(Levenshtein.distance(text, other) for other in texts) for text in texts]
    return sorted(range(len(texts)), key=lambda at: far[at])
