"""An answer of the server in the language of whoever asked: the fields that hold the product's own sentences.

What people or models wrote stands in other fields, or in a hole that is kept as it is (`{1!}`), and stays.
"""

from __future__ import annotations

import re
from typing import Any

from collab.ui.locales import Language, said_in

# fields that hold a sentence of the product's, or several
SAID = frozenset({
    "error", "said", "message", "sentence", "target_sentence", "flips_missing", "effect", "steered", "how", "signals",
    "notes", "problems", "trial", "promote", "rollback", "propose", "rationale", "warning", "too_few", "missing",
})  # fmt: skip
# what is a title or name of the product's there, though elsewhere people write those
SAID_WITHIN = {
    "proposers": "title", "models": "title", "reflectors": "title", "serving": "title", "": "note",  # "": of the answer
}  # fmt: skip
# an arm that its owner gave no name has one of ours, which stands here; an owner's own name stays
_ARMS_WITHIN = {"arms": "name", "rows": "name"}
_ARM_FIELDS = frozenset({"arm", "names", "leader", "runner_up", "challenger", "champion"})
_OURS = re.compile(r"(?:Arm|Prompt) [1-8]")
KEYS_SAID = frozenset({"left_out"})  # whose keys are sentences, each with a number


def answer_in(language: Language, answer: Any) -> Any:
    """The answer (JSON) with what the product says in it translated; untouched in English."""
    return answer if language == "en" else _walk(language, answer, "")


def _walk(language: Language, value: Any, field: str, within: str = "") -> Any:
    if isinstance(value, str):
        if field in _ARM_FIELDS or _ARMS_WITHIN.get(within) == field:
            return said_in(language, value) if _OURS.fullmatch(value) else value
        return said_in(language, value) if field in SAID or SAID_WITHIN.get(within) == field else value
    if isinstance(value, dict):
        if field == "arms" and "name" not in value:  # what is what, told to whoever has answered
            return {key: _walk(language, each, "arm") for key, each in value.items()}
        if field in KEYS_SAID:
            return {said_in(language, why): number for why, number in value.items()}
        if field == "promote":  # of each version why it may not be
            return {version: said_in(language, why) for version, why in value.items()}
        kept = {"rationale"} if value.get("origin") == "human" else set()
        told = {"reason"} if "done" in value or "waiting" in value else set()  # why no task comes
        return {
            key: said_in(language, each) if key in told else each if key in kept else _walk(language, each, key, field)
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        if field == "provenance":
            return [_labelled(language, *row) for row in value]
        return [_walk(language, each, field) for each in value]
    return value


_SAID_OF = frozenset({"Status", "Seed", "Origin", "Steering", "Brought as"})


def _labelled(language: Language, label: str, value: str) -> list[str]:
    """A line of provenance: its label, and the value where it is no person's."""
    return [said_in(language, label), said_in(language, value) if label in _SAID_OF else value]
