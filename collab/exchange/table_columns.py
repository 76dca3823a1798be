"""How the plain table's columns are called, and which of them a file has. Knows nothing of cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from collab.errors import InvalidImport
from collab.exchange.cells import shown
from collab.exchange.judged import JudgedSet, TaskKind
from collab.exchange.provenance import NAMES, PROVENANCE
from collab.exchange.table_files import Column
from collab.types import Modality

ANSWER = "answer."  # before a question's name: questions may be called like any other column
_LETTERS = "abcdef"
_OUTPUT = re.compile(r"(response|image|model)(_[a-z])?")
_OTHERS = NAMES | {"prompt", "messages", "winner", "ranking", "edited_text", "at"}


def is_known(name: str) -> bool:
    """Whether the table's reader has a meaning for a column of this name."""
    return name in _OTHERS or name.startswith(ANSWER) or _OUTPUT.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a table's columns say. content: `response` or `image`; suffixes: `""` alone, or `_a`, `_b`, …"""

    content: str
    suffixes: tuple[str, ...]

    @property
    def modality(self) -> Modality:
        return "image" if self.content == "image" else "text"

    def task(self, columns: Sequence[str]) -> TaskKind:
        """What the table would be asked about."""
        if len(self.suffixes) == 1:
            return "edit" if "edited_text" in columns else "rate"
        return "compare" if len(self.suffixes) == 2 else "rank"


def find_shape(columns: Sequence[str]) -> Shape:
    """Which outputs the table has. Raises InvalidImport where it has none, or they cannot be told apart."""
    contents = [
        c for c in ("response", "image") if any(n == c or n.startswith(f"{c}_") for n in columns if is_known(n))
    ]
    if len(contents) != 1:
        raise InvalidImport(
            "The table needs either texts or pictures: a column response, or response_a and response_b (up to "
            f"response_f), or the same with image; it has {', '.join(shown(c) for c in columns[:20])}."
        )
    content = contents[0]
    found = {n.removeprefix(content) for n in columns if n == content or (n.startswith(f"{content}_") and is_known(n))}
    if found == {""}:
        return Shape(content=content, suffixes=("",))
    suffixes = tuple(f"_{letter}" for letter in _LETTERS[: max(2, len(found))])
    if found != set(suffixes):
        raise InvalidImport(
            f"The columns {', '.join(sorted(content + suffix for suffix in found))} should be {content} alone, or "
            f"{content}_a, {content}_b and so on without a gap, at most to {content}_f."
        )
    return Shape(content=content, suffixes=suffixes)


def columns_of(judged: JudgedSet) -> tuple[Column, ...]:
    """The columns that hold this set."""
    outputs = max((len(item.outputs) for item in judged.items), default=1)
    suffixes = [""] if outputs == 1 else [f"_{letter}" for letter in _LETTERS[:outputs]]
    content, kind = ("image", "picture") if judged.modality == "image" else ("response", "string")
    made = [Column("prompt", "string", "what was asked"), Column("messages", "string", "earlier turns, as JSON")]
    made += [Column(content + suffix, kind, "an output") for suffix in suffixes]  # type: ignore[arg-type]
    made += [Column("model" + suffix, "string", "the system behind the output") for suffix in suffixes]
    if judged.task == "compare":
        made.append(Column("winner", "string", "a, b, tie or both_bad"))
    elif judged.task == "rank":
        made.append(Column("ranking", "string", "groups of A, B, …, best first, as JSON"))
    elif judged.task == "edit":
        made.append(Column("edited_text", "string", "what the annotator made of the output"))
    else:
        made += [_answer_column(question["name"], question["kind"], question["title"]) for question in judged.questions]
    return (*made, Column("at", "time", "when it was answered"), *PROVENANCE)


def _answer_column(name: str, kind: str, title: str) -> Column:
    if kind in ("stars", "thumb"):
        return Column(ANSWER + name, "integer", title)
    if kind == "span":
        return Column(ANSWER + name, "span", title, 1)
    return Column(ANSWER + name, "string", title, 1 if kind == "multi_choice" else 0)
