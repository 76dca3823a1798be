"""Refuses what is no improvement on sight: bloated, broken, chatty, unsafe or nearly the same. Knows no proposer.

Length: text, system text and negative prompt together may have twice the words of the parent's, or WORDS_FLOOR where
that is more, so that a prompt of five words may get a few rules; examples are counted apart, twice the parent's or
EXAMPLE_WORDS_FLOOR. Variables: exactly the parent's, wherever they stand. Format: not empty, not wrapped in fences or
quotation marks, no chatter about being a prompt; a format of answers that the parent names (JSON, CSV …) still named.
Near-duplicates: the same words but for case, width and spaces; or a Levenshtein ratio of 0.98 or more with at most two
words changed (a rule added to a long prompt is a difference); examples or settings that differ make two wordings
different. Safety: no control characters, no reordered text, no secrets anywhere, no addresses that nobody had, no call
to drop instructions or safety in English or Chinese; what a prompt is about is not judged. What the parent has already,
the person wrote, and is theirs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rapidfuzz.distance import Levenshtein

from collab.errors import CollabError
from collab.prompts import Wording, check_wording, placeholders
from collab.refinement.proposers.features import words_of

GROWTH, WORDS_FLOOR, EXAMPLE_WORDS_FLOOR = 2, 60, 450
ALIKE, ALIKE_WORDS = 0.98, 2  # Levenshtein's ratio, and words that may differ
_MEANS_THE_SAME = 0.99  # cosine of embeddings, of short wordings that agree in their numbers and negations
_EMBEDDED_WORDS = 120  # beyond, an embedding does not read all of it
_FENCED = re.compile(r"^\s*(?:```|~~~)")
_WRAPPED = re.compile(r"^\s*(?:\"[^\"]*\"|“[^”]*”|«[^»]*»|'[^']*')\s*$")
_CHATTER = re.compile(
    r"^\W*(?:sure|certainly|of course|okay|here(?:['’]s| is| are)|below is)\b[^\n]{0,80}\b(?:prompt|instruction|"
    r"version|rewrite)|\b(?:new|improved|revised|refined|updated|rewritten|optimi[sz]ed) "
    r"(?:system )?(?:prompt|instructions?)(?: is)?\s*:|<\|?(?:im_start|im_end|endoftext|system|user|assistant)\|?>"
    r"|\[/?INST\]", re.I,
)  # fmt: skip
_UNSAFE = re.compile(
    r"\b(?:ignore|disregard|forget|override) (?:(?:all|any|the|your|these|those|my|previous|prior|earlier|above|"
    r"other|safety|system|original|of) )+"
    r"(?:instructions?|rules|guidelines|safety|polic(?:y|ies)|prompts?|restrictions)\b"
    r"|\b(?:bypass|circumvent|disable|evade|turn off) (?:all |any |the |your )*(?:safety|content|moderation|filters?|"
    r"guardrails?|guidelines|polic(?:y|ies)|restrictions)\b"
    r"|\bjailbr(?:eak|oken)\b|\bdo anything now\b"
    r"|\byou (?:have|are under) no (?:restrictions|rules|limits|guidelines)\b"
    r"|\bwithout (?:any )?(?:safety|ethical|moral) (?:filters?|restrictions|constraints|guidelines|considerations)\b"
    r"|\b(?:reveal|print|repeat|leak) (?:the |your )?(?:system|hidden) (?:prompt|instructions)\b"
    r"|(?:忽略|无视|忘记|忽視|無視|忘記|不要遵守)[^。！？\n]{0,12}(?:指令|指示|规则|規則|提示|限制|要求)"
    r"|(?:绕过|繞過|关闭|關閉|避开|避開)[^。！？\n]{0,8}(?:安全|审查|審查|过滤|過濾|限制)"
    r"|不受[^。！？\n]{0,6}(?:限制|约束|約束)|(?:泄露|洩露|透露|输出|輸出)[^。！？\n]{0,4}(?:系统|系統)提示", re.I,
)  # fmt: skip
_FORMAT = re.compile(r"\b(?:json|yaml|xml|csv|tsv|html|markdown|latex|svg)\b", re.I)  # that an answer is asked for in
_ADDRESS = re.compile(r"\b(?:https?://|www\.)[^\s<>\"”’)]+|\b[\w.+-]+@[\w-]+\.[\w.]{2,}", re.I)
_SECRET = re.compile(
    r"\b(?:sk|pk|rk)-[\w-]{16,}|\bhf_\w{16,}|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bxox[abprs]-[\w-]{10,}|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(?:password|passwd|api[_ -]?key|secret|token)\s*[:=]\s*\S{6,}", re.I,
)  # fmt: skip
_DECISIVE = frozenset(("no", "not", "never", "without", "avoid", "most", "least", "more", "less"))
_TURNS = ("‪", "‫", "‭", "‮", "⁦", "⁧", "⁨")  # they make a text read otherwise than it is


def objection(
    candidate: Wording,
    parent: Wording,
    siblings: Sequence[Wording],
    embed: Callable[[Sequence[str]], Any] | None = None,
    known: Sequence[str] = (),
) -> str | None:
    """Why the candidate is not worth a trial, as one sentence, or None if it is.

    embed: (n, d) unit vectors of texts; with it, siblings that say the same in other words are duplicates too.
    known: texts of the feedback, whose addresses may be used.
    """
    said = fault(candidate, parent) or _length(candidate, parent) or _format(candidate, parent)
    said = said or _introduced(candidate, parent, known)
    return said or _duplicate(candidate, parent, siblings, embed)


def fault(candidate: Wording, parent: Wording) -> str | None:
    """What no version may be, whoever wrote it: broken, unsafe or with other variables; one sentence, or None."""
    return _malformed(candidate, parent) or _unsafe(candidate, parent) or _variables(candidate, parent)


def words_allowed(parent: Wording) -> int:
    """How many words of text, system text and negative prompt a child of this wording may have together."""
    return max(GROWTH * _count(_texts(parent)), WORDS_FLOOR)


def example_words_allowed(parent: Wording) -> int:
    """How many words the examples of a child of this wording may have together."""
    return max(GROWTH * _count(_turns(parent)), EXAMPLE_WORDS_FLOOR)


def words_in(wording: Wording) -> int:
    """The words of text, system text and negative prompt together."""
    return _count(_texts(wording))


def _texts(wording: Wording) -> list[str]:
    return [wording.text, wording.system_text, wording.negative_text]


def _turns(wording: Wording) -> list[str]:
    return [turn for example in wording.examples for turn in (example.user, example.assistant)]


def _count(texts: Sequence[str]) -> int:
    return sum(len(words_of(text)) for text in texts)


def _malformed(candidate: Wording, parent: Wording) -> str | None:
    if candidate.modality != parent.modality:
        return f"It is for {candidate.modality}s, its parent for {parent.modality}s."
    try:
        check_wording(
            candidate.modality, candidate.text, negative_text=candidate.negative_text,
            system_text=candidate.system_text, examples=candidate.examples,
        )  # fmt: skip
    except CollabError as error:
        return str(error)
    for new, old in zip(_texts(candidate), _texts(parent), strict=True):
        if _FENCED.match(new) and not _FENCED.match(old):
            return "It is wrapped in a code fence, which is no part of a prompt."
        if _WRAPPED.match(new) and not _WRAPPED.match(old):
            return "It is wrapped in quotation marks, which are no part of a prompt."
        if (found := _CHATTER.search(new)) and found[0].lower() not in old.lower():
            return f"It talks about being a prompt (“{_short(found[0])}”) instead of being one."
    return None


def _unsafe(candidate: Wording, parent: Wording) -> str | None:
    before = "\n".join([*_texts(parent), *_turns(parent)]).lower()
    for text in [*_texts(candidate), *_turns(candidate)]:
        for turn in _TURNS:
            if turn in text and turn not in before:
                return f"It holds U+{ord(turn):04X}, which makes text read otherwise than it is."
        if (found := _SECRET.search(text)) and found[0].lower() not in before:
            return "It holds what looks like a password or key, which its parent did not."
        if (found := _UNSAFE.search(_normal(text))) and found[0] not in _normal(before):
            return f"It asks a model to drop its instructions or safety (“{_short(found[0])}”)."
    return None


def _variables(candidate: Wording, parent: Wording) -> str | None:
    was, is_now = ({name for text in _texts(wording) for name in placeholders(text)} for wording in (parent, candidate))
    if lost := sorted(was - is_now):
        return f"It lost the variable {{{lost[0]}}}, which its parent has."
    if added := sorted(is_now - was):
        return f"It needs a value for {{{added[0]}}}, which its parent does not."
    return None


def _length(candidate: Wording, parent: Wording) -> str | None:
    words, allowed = words_in(candidate), words_allowed(parent)
    if words > allowed:
        return f"It has {words} words, its parent {words_in(parent)}: at most {allowed} are allowed."
    words, allowed = _count(_turns(candidate)), example_words_allowed(parent)
    if words > allowed:
        return f"Its examples have {words} words: at most {allowed} are allowed."
    return None


def _format(candidate: Wording, parent: Wording) -> str | None:
    """A program that reads the answers needs the format that the parent names; an example of it is not enough."""
    if candidate.modality != "text":
        return None
    was, is_now = ([name.upper() for name in _FORMAT.findall("\n".join(_texts(w)))] for w in (parent, candidate))
    lost = next((name for name in was if name not in is_now), None)
    return f"It no longer asks for {lost}, which its parent does." if lost else None


def _introduced(candidate: Wording, parent: Wording, known: Sequence[str]) -> str | None:
    """An address that nobody had: in an example it is part of what somebody liked or wrote."""
    had = "\n".join([*_texts(parent), *_turns(parent), *known]).lower()
    for text in _texts(candidate):
        for found in _ADDRESS.findall(text):
            if found.rstrip(".,;:!?").lower() not in had:
                return f"It brings in the address “{_short(found)}”, which neither its parent nor the feedback has."
    return None


def _duplicate(
    candidate: Wording, parent: Wording, siblings: Sequence[Wording], embed: Callable[[Sequence[str]], Any] | None
) -> str | None:
    for other, name in ((parent, "its parent"), *((sibling, "another version") for sibling in siblings)):
        if candidate.examples != other.examples or dict(candidate.settings) != dict(other.settings):
            continue
        if _alike(candidate, other):
            return f"It is nearly the same as {name}."
    rivals = [parts for other in siblings if (parts := _comparable(candidate, other))] if embed is not None else []
    if embed is not None and rivals:
        vectors = embed([text for parts in rivals for text in parts])
        if float((vectors[::2] * vectors[1::2]).sum(axis=1).max()) >= _MEANS_THE_SAME:
            return "It says the same as another version in other words."
    return None


def _alike(one: Wording, other: Wording) -> bool:
    pairs = [(_normal(a), _normal(b)) for a, b in zip(_texts(one), _texts(other), strict=True)]
    # part by part: rules in the system text are not the same as rules below the text
    longest = sum(max(len(a), len(b)) for a, b in pairs)
    if sum(Levenshtein.distance(a, b) for a, b in pairs) > (1 - ALIKE) * longest:
        return False
    return sum(Levenshtein.distance(a.split(), b.split()) for a, b in pairs) <= ALIKE_WORDS


def _comparable(one: Wording, other: Wording) -> tuple[str, str] | None:
    """The one part in which two wordings differ, where an embedding reads all of it, and it is not numbers or negations
    that differ, of which it sees little."""
    if one.examples != other.examples or dict(one.settings) != dict(other.settings):
        return None
    differing = [(a, b) for a, b in zip(_texts(one), _texts(other), strict=True) if _normal(a) != _normal(b)]
    if len(differing) != 1:
        return None
    ((a, b),) = differing
    short = a.strip() and b.strip() and max(_count([a]), _count([b])) <= _EMBEDDED_WORDS
    return (a, b) if short and sorted(_decisive(a)) == sorted(_decisive(b)) else None


def _decisive(text: str) -> Iterator[str]:
    for word in text.lower().split():
        bare = word.strip(".,;:!?")
        if bare in _DECISIVE or any(c.isdigit() for c in bare) or bare.endswith(("n't", "n’t")):
            yield bare


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _short(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= 60 else said[:59] + "…"
