"""Whether what a language model wrote can be a prompt at all: nonsense is told from an answer worth a blind trial.

Knows the text before and after, not who wrote it; says nothing of whether the new text is better.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from collab.prompts import PROMPT_LIMIT, placeholders
from collab.types import Modality

PICTURE_WORDS = 60  # text encoders of picture models read about 75 tokens
DRIFTED = 0.25  # cosine of embeddings below which a text without a word in common is about something else
LONGEST_FACTOR, LONGEST_EXTRA = 4, 400  # tokens: a new text may have this many times those of the old and so many more
_REFUSAL = re.compile(
    r"^\W*(i['’]?m (very |really )?sorry|sorry[,.]|i (cannot|can['’]?t|am unable|won['’]?t) |i['’]m unable |"
    r"as an? (ai|language) )",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"^\W*(sure|certainly|of course|okay|ok|here(['’]s| is| are)|"
    r"(the |my )?(new|improved|revised|updated) (\w+ )?(instruction|prompt)s?)\b[^\n]{0,120}:\s*\n?",
    re.IGNORECASE,
)
# what only the reflection's own template says
_TEMPLATE = (
    "<curr_param>", "<side_info>", "i provided an assistant with", "your task is to write a new", "within ``` blocks",
    "## generated outputs", "## feedback", "# example 1", "a picture model was given",
)  # fmt: skip
# words that say nothing of what a prompt is about
_GENERIC = frozenset((
    "about", "all", "also", "and", "answer", "are", "assistant", "can", "for", "from", "give", "has", "have",
    "helpful", "her", "his", "how", "into", "its", "make", "more", "must", "not", "one", "our", "please", "prompt",
    "provide", "question", "say", "should", "tell", "text", "that", "the", "their", "them", "there", "these", "they",
    "this", "use", "very", "was", "what", "when", "which", "who", "why", "will", "with", "write", "you", "your",
))  # fmt: skip


def tidy(answer: str, old: str) -> str:
    """What is left of an extracted answer without a preamble, a second block or quotes around it all."""
    text = answer.strip()
    if "```" in text and "```" not in old:  # several blocks: the longest is the prompt, the rest is talk about it
        text = max((part.strip() for part in text.split("```")), key=len)
    text = _PREAMBLE.sub("", text, count=1).strip()
    for opening, closing in ('""', "“”", "''", "``"):
        inner = text[1:-1]
        if len(text) > 1 and text[0] == opening and text[-1] == closing and not set(inner) & {opening, closing}:
            text = inner.strip()
    return text


def objection_to(
    new: str, old: str, modality: Modality, tokens: Callable[[str], int], outputs: Sequence[str] = (),
    embed: Callable[[Sequence[str]], Any] | None = None,
) -> str | None:  # fmt: skip
    """Why `new` cannot stand in for `old`, in words that follow “it”; None where it can.

    outputs: what the old one produced, to notice an answer to the task instead of a new wording of it. embed: unit
    vectors of texts, to notice talk of something else.
    """
    if sum(character.isalpha() for character in new) < 2:
        return "was empty"
    if _plain(new) == _plain(old):
        return "changed nothing"
    if _REFUSAL.match(new):
        return "refused"
    lower = new.casefold()
    if any(mark in lower and mark not in old.casefold() for mark in _TEMPLATE):
        return "repeated what it was asked instead of answering"
    missing = [name for name in placeholders(old) if name not in placeholders(new)]
    if missing:
        return f"lost the variable {{{missing[0]}}}"
    invented = [name for name in placeholders(new) if name not in placeholders(old)]
    if invented:
        return f"invented a variable {{{invented[0][:40]}}}"
    if modality == "image" and len(new.split()) > max(PICTURE_WORDS, len(old.split())):
        return f"had {len(new.split())} words, where a picture's prompt has at most {PICTURE_WORDS}"
    longest = LONGEST_FACTOR * tokens(old) + LONGEST_EXTRA
    if len(new) > PROMPT_LIMIT or tokens(new) > longest:
        return f"was longer than allowed (about {tokens(new)} tokens, at most {longest})"
    if _runs_in_circles(new):
        return "repeated itself over and over"
    if any(_same(new, output) for output in outputs):
        return "answered the task instead of rewording it"
    if embed is not None and not placeholders(old) and _drifted(new, old, embed):
        return "was about something else"
    return None


def said_answer(text: str) -> str:
    """An answer quoted in a few words."""
    plain = " ".join(text.split())
    return f"“{plain if len(plain) <= 60 else plain[:59] + '…'}”"


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _runs_in_circles(text: str) -> bool:
    words = re.findall(r"\w+", text.casefold())
    runs = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    return bool(runs) and max(runs.values()) > max(3, len(words) / 25)


def _drifted(new: str, old: str, embed: Callable[[Sequence[str]], Any]) -> bool:
    """Whether the new text shares neither a word of substance nor the meaning with the old one."""
    subject = {word[:5] for word in re.findall(r"[a-z]{3,}", old.casefold()) if word not in _GENERIC}
    if not subject or subject & {word[:5] for word in re.findall(r"[a-z]{3,}", new.casefold())}:
        return False
    a, b = embed([old, new])
    return bool(float(a @ b) < DRIFTED)


def _same(new: str, output: str) -> bool:
    from rapidfuzz import fuzz

    a, b = _plain(new)[:2000], _plain(output)[:2000]
    return min(len(a), len(b)) > 20 and fuzz.ratio(a, b) > 85
