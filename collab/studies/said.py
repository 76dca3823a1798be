"""What an answer says: from the screen's words to the item's own order, as votes on arms, and compared with another.

Knows nothing of the store. An item's outputs have an order of their own (its `cells`); what is on the screen is
arranged anew for each task. `said` is always in the item's order, whatever the annotator saw:
compare {"winner": "a" | "b" | "tie" | "both_bad"}, rank {"groups": [[0], [2, 1]]}, rate {"values": {…}},
edit {"text": …, "edit_distance": words}.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from rapidfuzz.distance import Levenshtein

from collab.checks import clean_text
from collab.errors import InvalidFeedback
from collab.feedback import EDIT_LIMIT
from collab.studies.questions import Question, check_values
from collab.types import Output, Study, StudyItem, StudyTask, Task, Winner

WINNERS: tuple[Winner, ...] = get_args(Winner)
WINNER_CODES: Mapping[Winner, int] = {"a": 1, "b": 2, "tie": 3, "both_bad": 4}
_FLIPPED: Mapping[str, Winner] = {"a": "b", "b": "a", "tie": "tie", "both_bad": "both_bad"}
LABELS = "ABCDEF"


def read_answer(
    task: StudyTask,
    questions: Sequence[Question],
    answer: object,
    outputs: Sequence[Output],
    arrangement: Sequence[int],
) -> dict[str, Any]:
    """What the answer says in the item's own order. outputs: in that order; arrangement: what stood where.

    Raises InvalidFeedback with one sentence.
    """
    if not isinstance(answer, Mapping):
        raise InvalidFeedback("An answer is an object: for comparing {“winner”: “a”}, for rating {“values”: {…}}.")
    match task:
        case "compare":
            winner = answer.get("winner")
            if winner not in WINNERS:
                raise InvalidFeedback(f"Winner is “{str(winner)[:40]}”: choose a, b, tie or both_bad.")
            return {"winner": winner if arrangement[0] == 0 else _FLIPPED[str(winner)]}
        case "rank":
            return {"groups": _read_groups(answer.get("groups"), arrangement)}
        case "rate":
            return {"values": check_values(answer.get("values"), questions, outputs[0])}
        case "edit":
            text = clean_text(answer.get("text"), "corrected text", limit=EDIT_LIMIT, error=InvalidFeedback,
                              required=True)  # fmt: skip
            before = outputs[0].text or ""
            return {"text": text, "edit_distance": Levenshtein.distance(before.split(), text.split())}


def _read_groups(groups: Any, arrangement: Sequence[int]) -> list[list[int]]:
    labels = LABELS[: len(arrangement)]
    if not _is_list(groups) or not all(_is_list(group) for group in groups):
        raise InvalidFeedback("A ranking is a list of groups of labels, the best first, such as [[“B”], [“A”, “C”]].")
    named = [label for group in groups for label in group]
    if sorted(map(str, named)) != list(labels):
        raise InvalidFeedback(f"The ranking names {', '.join(map(str, named))[:60]}: name each of {', '.join(labels)}.")
    return [sorted(arrangement[labels.index(label)] for label in group) for group in groups if group]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def as_shown(task: StudyTask, said: Mapping[str, Any], arrangement: Sequence[int]) -> dict[str, Any]:
    """`said` in the words of the screen again: the inverse of `read_answer`, for an answer taken up again."""
    match task:
        case "compare":
            return {"winner": said["winner"] if arrangement[0] == 0 else _FLIPPED[said["winner"]]}
        case "rank":
            place = {cell: LABELS[at] for at, cell in enumerate(arrangement)}
            return {"groups": [sorted(place[cell] for cell in group) for group in said["groups"]]}
        case "edit":
            return {"text": said["text"]}
        case "rate":
            return {"values": dict(said["values"])}


@dataclass(frozen=True, slots=True)
class ArmVote:
    """What an answer says of two arms; arm_a < arm_b."""

    arm_a: int
    arm_b: int
    winner: Winner

    @property
    def code(self) -> int:
        """The winner as `votes` keeps it."""
        return WINNER_CODES[self.winner]


def arm_votes(task: StudyTask, said: Mapping[str, Any], arms: Sequence[int]) -> Iterator[ArmVote]:
    """The votes on pairs of different arms that `said` holds. arms: the arm of each cell; below 0: none (gold)."""
    if task == "compare":
        pairs: Iterator[tuple[int, int, str]] = iter([(0, 1, said["winner"])])
    elif task == "rank":
        pairs = _ranked_pairs(said["groups"])
    else:
        return
    for first, second, winner in pairs:
        a, b = arms[first], arms[second]
        if a < 0 or b < 0 or a == b:
            continue
        yield ArmVote(a, b, winner) if a < b else ArmVote(b, a, _FLIPPED[winner])  # type: ignore[arg-type]


def vote_rows(
    study: Study, item: StudyItem, task: Task, said: Mapping[str, Any], answer_id: str, *, side_known: bool = True
) -> Iterator[dict[str, Any]]:
    """The rows of `votes` (study_schema.py) that an answer stands for."""
    side = 0
    if study.task == "compare" and side_known and said["winner"] in ("a", "b"):
        side = 1 if task.arrangement[0] == "ab".index(said["winner"]) else 2
    for vote in arm_votes(study.task, said, [arm for arm, _, _ in item.cells]):
        yield {
            "study_id": study.id, "answer_id": answer_id, "item_id": item.id, "annotator_id": task.annotator_id,
            "arm_a": vote.arm_a, "arm_b": vote.arm_b, "winner": vote.code, "side": side,
            "weight": task.weight, "tag": item.tag, "voted_at": task.answered_at,
        }  # fmt: skip


def _ranked_pairs(groups: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, str]]:
    for at, group in enumerate(groups):
        for first, second in itertools.combinations(group, 2):
            yield first, second, "tie"
        for better in group:
            for later in groups[at + 1 :]:
                for worse in later:
                    yield better, worse, "a"


def agrees(task: StudyTask, said: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether an answer is the expected one: stars may be one off, a ranking may not order a pair the other way.

    What `expected` leaves open (a question it does not name, a pair it ties) is right whatever was said.
    """
    match task:
        case "compare":
            return said["winner"] == expected["winner"]
        case "rank":
            wanted = {(a, b) for a, b, winner in _ranked_pairs(expected["groups"]) if winner == "a"}
            return not any((b, a) in wanted for a, b, winner in _ranked_pairs(said["groups"]) if winner == "a")
        case "edit":
            return " ".join(said["text"].split()) == " ".join(expected["text"].split())
        case "rate":
            return all(_near(said["values"].get(name), value) for name, value in expected["values"].items())


def _near(said: Any, expected: Any) -> bool:
    both = isinstance(said, int) and isinstance(expected, int)
    return abs(said - expected) <= 1 and (said > 0) == (expected > 0) if both else said == expected
