"""The evidence as records that a language model can read: what was asked, what came out, what people said of it.

Knows the digest and nothing of who reads the records.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from collab.refinement.digest import Digest, JudgedOutput, JudgedPair

CLIPPED_CHARACTERS = 700  # of one text within a record
_CHANGES = 6
_CHANGE_CHARACTERS = 160
_REMARKS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One judged output. record: what GEPA's reflection reads ("Inputs", "Generated Outputs", "Feedback"); badness: how
    much people found wrong with it, negative where they liked it."""

    output_id: str
    record: dict[str, str]
    badness: float
    event_ids: tuple[str, ...]
    disliked: bool
    corrected: bool
    lost: bool


def lessons(digest: Digest) -> list[Lesson]:
    """One for each output that people said something of, worst first. For text only this prompt's own outputs: what
    was wrong with answers to another task would be taken for this one's."""
    lost: dict[str, list[JudgedPair]] = {}
    won: dict[str, list[JudgedPair]] = {}
    for pair in digest.pairs:
        lost.setdefault(pair.worse, []).append(pair)
        won.setdefault(pair.better, []).append(pair)
    outputs = digest.own if digest.modality == "text" else tuple(digest.outputs.values())
    made = [
        _lesson(digest, output, lost.get(output.output_id, []), won.get(output.output_id, [])) for output in outputs
    ]
    return sorted((lesson for lesson in made if lesson), key=lambda lesson: -lesson.badness)


def choose(found: Sequence[Lesson], n: int, rng: Random, fits: Callable[[Sequence[Lesson]], bool]) -> list[Lesson]:
    """The lessons of reflection number n, worst first, as many as `fits`: of the first the worst there are, of later
    ones a sample that favours bad ones (Efraimidis & Spirakis 2006), so that they differ. One of the best is among
    them where people liked any: what works should be seen too."""
    order = list(found)
    if n:
        order.sort(key=lambda lesson: -(rng.random() ** (1 / (0.2 + max(0.0, lesson.badness)))))
    liked = [lesson for lesson in found if lesson.badness < 0]
    if liked and len(order) > 2:
        best = liked[-1] if not n else rng.choice(liked)
        order.remove(best)
        order.insert(2, best)
    chosen: list[Lesson] = []
    for lesson in order:
        if fits([*chosen, lesson]):
            chosen.append(lesson)
    return sorted(chosen, key=lambda lesson: -lesson.badness)


def said_changes(before: str, after: str) -> str:
    """What a person changed, word by word: `removed “…”; added “…”`."""
    a, b = before.split(), after.split()
    parts = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        gone, new = _clip(" ".join(a[i:j]), _CHANGE_CHARACTERS), _clip(" ".join(b[k:m]), _CHANGE_CHARACTERS)
        if kind != "equal":
            parts.append("; ".join(filter(None, [gone and f"removed “{gone}”", new and f"added “{new}”"])))
    more = [f"and {len(parts) - _CHANGES} more changes"] if len(parts) > _CHANGES else []
    return "; ".join(parts[:_CHANGES] + more)


def _lesson(digest: Digest, output: JudgedOutput, lost: list[JudgedPair], won: list[JudgedPair]) -> Lesson | None:
    feedback, badness = [], 0.0
    if output.liking is not None:
        feedback.append(f"People {_verdict(output.liking)} ({output.liking:+.1f} on a scale from −1 to +1).")
        badness -= output.liking
    for correction in output.corrections:
        changes = said_changes(output.text or "", correction.text)
        if changes:
            feedback.append(f"A person corrected it: {changes}.")
            badness += 0.5 + min(1.0, correction.distance / max(1, len((output.text or "").split())))
    for remark in output.remarks[:_REMARKS]:
        said = _clip(remark.text, _CHANGE_CHARACTERS * 2)
        marked = {"good": "Marked as good", "bad": "Marked as bad", "tag": "Labelled"}.get(remark.label, "Comment")
        feedback.append(f"{marked}: “{said}”")
        badness += {"good": -0.3, "bad": 0.5}.get(remark.label, 0.1)
    for pair in lost[:2]:
        other = digest.outputs.get(pair.better)
        words = (other and (other.text if digest.modality == "text" else f"the picture of “{other.asked}”")) or ""
        reason = f" They said: “{_clip(pair.comment, _CHANGE_CHARACTERS)}”" if pair.comment else ""
        if words:
            feedback.append(f"People preferred this other answer: {_clip(words)}{reason}")
    if won and not lost:
        feedback.append(f"People preferred it to {len(won)} other answer{'s' if len(won) > 1 else ''}.")
    badness += (len(lost) - len(won)) / (len(lost) + len(won)) if lost or won else 0.0
    if not feedback:
        return None
    return Lesson(
        output_id=output.output_id,
        record={
            "Inputs": _inputs(digest, output),
            "Generated Outputs": "(a picture)" if digest.modality == "image" else _clip(output.text or "(nothing)"),
            "Feedback": "\n".join(feedback),
        },
        badness=badness * output.weight,
        event_ids=tuple(dict.fromkeys([*output.event_ids, *(pair.event_id for pair in [*lost, *won])])),
        disliked=(output.liking or 0) < 0,
        corrected=bool(output.corrections),
        lost=bool(lost),
    )


def _inputs(digest: Digest, output: JudgedOutput) -> str:
    lines = [f"{name}: {_clip(value)}" for name, value in output.variables.items()]
    if digest.modality == "image":
        lines = [f"prompt: {_clip(output.asked)}"]
        if output.wording.negative_text:
            lines.append(f"negative prompt: {_clip(output.wording.negative_text)}")
    elif output.wording.text != digest.wording.text or output.wording.system_text != digest.wording.system_text:
        lines.append(f"(under another wording of the instructions: {_clip(output.wording.text, 300)})")
    return "\n".join(lines) or "(the instructions alone)"


def _verdict(liking: float) -> str:
    if abs(liking) < 0.2:
        return "found it middling"
    return "liked it" if liking > 0 else "disliked it"


def _clip(text: str, limit: int = CLIPPED_CHARACTERS) -> str:
    """The text without what would end the block it stands in, cut at a word."""
    plain = re.sub(r"<(curr_param|side_info)>", r"[\1]", text.replace("```", "'''")).strip()
    return plain if len(plain) <= limit else plain[:limit].rsplit(maxsplit=1)[0] + " …"
