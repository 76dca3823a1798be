"""What a rule is, how rules are worded, and how a comment states one. Knows nothing of where evidence comes from.

Every dimension of style has two directions, and at most one of them can be a rule. Wordings are imperative sentences
that stand in a prompt as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

HEADER = "Follow these rules:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that people want of every output.

    kind: "dimension: direction". instruction: an imperative sentence for a prompt. support, against: how many acts
    agree and disagree, weighted. strength: 0.5 … 1, how sure it is that most agree. event_ids: the acts that agree.
    said: what was seen, in words.
    """

    kind: str
    instruction: str
    support: float
    against: float
    strength: float
    event_ids: tuple[str, ...]
    said: str = ""

    @property
    def dimension(self) -> str:
        """What it is about: two rules of one dimension would contradict or repeat each other."""
        return self.kind.partition(": ")[0]


# dimension -> direction -> (instruction, what people did). A direction that nobody
# would want as a rule has no instruction.
WORDINGS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "length": {
        "shorter": ("Use at most {n} words.", "made it shorter"),
        "longer": ("Use at least {n} words.", "made it longer"),
        "brief": ("Be brief.", "made it shorter"),
        "detailed": ("Go into detail.", "made it longer"),
    },
    "paragraphs": {
        "one": ("Write a single paragraph.", "joined the paragraphs"),
        "several": ("Write {n} paragraphs.", "split it into paragraphs"),
    },
    "casing": {
        "lower": ("Write everything in lower case.", "put it in lower case"),
        "UPPER": ("Write everything in capital letters.", "put it in capitals"),
        "Title": ("Capitalise Every Main Word, as in a title.", "capitalised every main word"),
        "plain": ("Use ordinary capitalisation, as in a sentence.", "put it in ordinary capitalisation"),
    },
    "list": {
        "with": ("Write a bulleted list.", "made it a list"),
        "without": ("Write prose without bullet points or numbered lists.", "turned lists into prose"),
    },
    "headings": {
        "with": ("Use headings.", "added headings"),
        "without": ("Use no headings.", "took headings out"),
    },
    "emphasis": {
        "with": ("Set key words in bold.", "added emphasis"),
        "without": ("Use plain text without bold or italics.", "took emphasis out"),
    },
    "emoji": {"with": ("Use a fitting emoji.", "added emoji"), "without": ("Use no emoji.", "took emoji out")},
    "exclamation": {
        "with": ("End with an exclamation mark.", "added exclamation marks"),
        "without": ("Use no exclamation marks.", "took exclamation marks out"),
    },
    "contractions": {
        "with": ("Use contractions such as “don't” and “it's”.", "contracted words"),
        "without": ("Write in full: “do not” instead of “don't”.", "wrote contractions in full"),
    },
    "formality": {
        "formal": ("Write in a formal tone.", "asked for a formal tone"),
        "casual": ("Write in a casual tone.", "asked for a casual tone"),
    },
    "greeting": {
        "with": ("Begin with a greeting.", "added a greeting"),
        "without": ("Leave out any greeting.", "took the greeting out"),
    },
    "politeness": {
        "with": ("Be polite: say please or thank you.", "added please and thank you"),
        "without": ("Leave out courtesies such as “please” and “thank you”.", "took courtesies out"),
    },
    "hedges": {
        "with": ("Hedge claims with words such as “perhaps” and “might”.", "added hedges"),
        "without": ("State things directly, without “perhaps”, “might” or “I think”.", "took hedges out"),
    },
    "first person": {
        "with": ("Write in the first person.", "put it in the first person"),
        "without": ("Do not write in the first person.", "took the first person out"),
    },
    "second person": {
        "with": ("Address the reader as “you”.", "addressed the reader"),
        "without": ("Do not address the reader as “you”.", "stopped addressing the reader"),
    },
    "numerals": {
        "with": ("Write numbers as digits.", "wrote numbers as digits"),
        "without": ("Spell numbers out in words.", "spelled numbers out"),
    },
    "opener": {
        "with": ("", "added a lead-in"),
        "without": ("Start with the answer itself, without a lead-in such as “Sure, here is”.",
                    "took the lead-in out"),
    },
    "closer": {
        "with": ("", "added a closing offer"),
        "without": ("End with the answer itself, without an offer such as “Let me know”.",
                    "took the closing offer out"),
    },
    "quotes": {
        "with": ("Put the answer in quotation marks.", "put it in quotation marks"),
        "without": ("Do not put the answer in quotation marks.", "took the quotation marks off"),
    },
    "full stop": {
        "with": ("End with a full stop.", "added the full stop"),
        "without": ("Do not end with a full stop.", "took the full stop off"),
    },
    "forbidden": {"": ("Do not use the word “{word}”.", "deleted it")},
    "wanted": {"": ("Use the word “{word}”.", "put it in")},
    "start": {
        "wanted": ("Begin with “{word}”.", "put it at the start"),
        "forbidden": ("Do not begin with “{word}”.", "deleted it from the start"),
    },
    "end": {"wanted": ("End with “{word}”.", "put it at the end")},
}  # fmt: skip

# what a comment or tag must contain to state a rule; the longest match of a place wins, "not" before it turns it round
_LEXICON: Sequence[tuple[str, str, str]] = (
    ("length", "shorter", r"short(?:er|en)|too long|too (?:wordy|verbose)|less (?:wordy|verbose|text)|briefer|"
     r"(?:more|be|keep it|make it) (?:concise|brief|succinct|short)|"
     r"trim it|cut it down|fewer words|lengthy|too much text|rambl\w+"),
    ("length", "longer", r"(?<!no )longer|too short|more detail\w*|(?:more )?elaborate|expand (?:on )?(?:it|this)|"
     r"too (?:brief|terse)|more words"),
    ("emoji", "without", r"(?:no|without|remove(?: the)?|drop(?: the)?|avoid|stop using|fewer|too many) emojis?"),
    ("emoji", "with", r"(?:add|use|more|needs?)(?: an| some)? emojis?"),
    ("exclamation", "without", r"(?:no|without|remove(?: the)?|drop(?: the)?|avoid|fewer|too many) exclamations?"
     r"(?: marks?| points?)?"),
    ("list", "with", r"(?:use|add|as|make it|need|want|more)(?: a| some)? (?:bullet(?:ed)?(?: points?| list)?s?|list)"),
    ("list", "without", r"(?:no|without|remove(?: the)?|avoid|drop(?: the)?)(?: the)? (?:bullets?(?: points?)?|lists?)|"
     r"(?:as|in|write) prose"),
    ("headings", "without", r"(?:no|without|remove(?: the)?|drop(?: the)?) (?:headings?|headers?)"),
    ("headings", "with", r"(?:add|use|needs?)(?: some)? (?:headings?|headers?)"),
    ("casing", "lower", r"(?:all |in )?lower ?case"),
    ("casing", "UPPER", r"(?:all caps|in capitals|all uppercase|upper ?case) please"),
    ("casing", "plain", r"(?:no|without|stop using|too many) (?:all )?(?:caps|capitals)|stop shouting"),
    ("contractions", "without", r"(?:no|without|avoid) contractions"),
    ("contractions", "with", r"use contractions"),
    ("formality", "formal", r"(?:more|be|keep it) formal|(?:too|less) (?:informal|casual|chatty)"),
    ("formality", "casual", r"less formal|too (?:formal|stiff)|(?:more|be) (?:casual|informal|relaxed)"),
    ("greeting", "without", r"(?:no|without|drop(?: the)?|remove(?: the)?) greetings?"),
    ("politeness", "with", r"(?:more polite|politer|be polite|too rude|impolite)"),
    ("hedges", "without", r"(?:be|more) (?:direct|assertive|confident)|(?:no|less|stop) hedging|too vague"),
    ("opener", "without", r"(?:no|without|drop(?: the)?|remove(?: the)?|skip(?: the)?) (?:intro(?:duction)?|preamble|"
     r"lead-?in)"),
    ("quotes", "without", r"(?:no|without|remove(?: the)?|drop(?: the)?) (?:quotes|quotation marks)"),
    ("numerals", "with", r"(?:use|as|in) (?:digits|numerals)"),
    ("second person", "with", r"(?:address|speak to) the reader|second person"),
    ("paragraphs", "one", r"(?:one|single) paragraph"),
)  # fmt: skip
_STATED = [(dimension, way, re.compile(rf"\b(?:{said})\b", re.I)) for dimension, way, said in _LEXICON]
_NOT = re.compile(r"(?:\bnot|n['’]t|\bnever|\bno)(?: \w+)?\s*$", re.I)
_COMMENT_LIMIT = 400  # characters of a comment that are read for rules: more is an essay, not a wish


def stated(comment: str) -> Iterator[tuple[str, str]]:
    """The rules that a comment or tag states, as (dimension, direction). A dimension stated both ways is left out."""
    found: dict[str, set[str]] = {}
    for dimension, way, pattern in _STATED:
        for match in pattern.finditer(comment[:_COMMENT_LIMIT]):
            # "not too long" and "not shorter" take the words back, and ask for nothing
            if not _NOT.search(comment[max(0, match.start() - 24) : match.start()]):
                found.setdefault(dimension, set()).add(way)
    for dimension, ways in found.items():
        if len(ways) == 1:
            yield dimension, ways.pop()


def with_rules(text: str, rules: Sequence[Rule]) -> str:
    """The text with the rules at its end, in place of earlier ones about the same."""
    head, _, block = text.partition(f"\n\n{HEADER}\n") if HEADER in text else (text, "", "")
    if text.startswith(f"{HEADER}\n"):
        head, block = "", text.removeprefix(f"{HEADER}\n")
    earlier, rest = _lines(block)
    about = {rule.dimension for rule in rules} - {"forbidden", "wanted"}
    new = [f"- {rule.instruction}" for rule in rules]
    kept = [line for line in earlier if dimension_of(line[2:]) not in about and line not in new]
    whole = "\n".join([HEADER, *kept, *new])
    head = head.rstrip()
    return (f"{head}\n\n{whole}" if head else whole) + (f"\n\n{rest}" if rest else "")


def _lines(block: str) -> tuple[list[str], str]:
    """The rules of an earlier block, and what somebody wrote below it."""
    lines = block.split("\n")
    count = next((at for at, line in enumerate(lines) if not line.startswith("- ")), len(lines))
    return lines[:count], "\n".join(lines[count:]).strip()


def dimension_of(instruction: str) -> str:
    """Which dimension a sentence of ours is about; "" for anybody else's."""
    return _DIMENSIONS.get(_plain(instruction), "")


def _plain(instruction: str) -> str:
    return re.sub(r"“[^”]*”|\d+|\{\w+\}", "#", instruction)


_DIMENSIONS = {_plain(said): dimension for dimension, ways in WORDINGS.items() for said, _ in ways.values() if said}
