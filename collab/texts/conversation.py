"""The earlier turns of a conversation about a text: what a reply answers to, checked and written out whole.

A conversation is kept with each generation that continues it (`inputs["messages"]`), so that it can be replayed and
trained on whatever became of the outputs it went through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collab.checks import clean_text
from collab.errors import InvalidPrompt
from collab.identity import Visitor
from collab.prompts import fill
from collab.store.queries import live_acts
from collab.types import Edit, Generation, Output, PromptVersion
from collab.workspace import Workspace
from models.base import Message

TURNS_LIMIT = 200
CHARACTERS_LIMIT = 200_000  # of all turns together
Turns = list[dict[str, str]]


def check_turns(value: object) -> Turns:
    """Turns of user and assistant, alternating, the last an assistant's: what is asked next is the prompt.

    Raises InvalidPrompt naming the first turn that is wrong.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidPrompt("The messages must be a list of objects with role and content.")
    if len(value) > TURNS_LIMIT:
        raise InvalidPrompt(
            f"The conversation has {len(value)} turns, {TURNS_LIMIT} are possible: go on from an earlier one, or begin "
            "a new one."
        )
    turns = []
    for number, turn in enumerate(value, 1):
        if not isinstance(turn, Mapping) or set(turn) != {"role", "content"}:
            raise InvalidPrompt(f"Turn {number} of the messages needs exactly role and content.")
        wanted = "user" if number % 2 else "assistant"
        if turn["role"] != wanted:
            raise InvalidPrompt(
                f"Turn {number} of the messages is of “{str(turn['role'])[:40]}”: let user and assistant alternate, "
                "the user first; a system text has a place of its own."
            )
        content = clean_text(
            turn["content"], f"content of turn {number}", limit=CHARACTERS_LIMIT, error=InvalidPrompt, required=True
        )
        turns.append({"role": wanted, "content": content})
    if len(turns) % 2:
        raise InvalidPrompt("The messages end with the user's turn: leave it out and give it as the prompt.")
    if (whole := sum(len(turn["content"]) for turn in turns)) > CHARACTERS_LIMIT:
        raise InvalidPrompt(
            f"The conversation has {whole:,} characters, {CHARACTERS_LIMIT:,} are possible: go on from an earlier "
            "turn, or begin a new one."
        )
    return turns


def as_messages(turns: Turns) -> tuple[Message, ...]:
    """Checked turns as the engine takes them."""
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)  # type: ignore[arg-type]


def asked_of(version: PromptVersion, made: Generation) -> str:
    """The user's turn that a generation answers: its prompt, filled in."""
    return fill([version.text, version.negative_text, version.system_text], made.variables)[0][0]


def before(ws: Workspace, visitor: Visitor, output: Output, *, whole: bool) -> Turns:
    """The turns that came before one's own output; whole: with what was asked and the output itself, as its person
    left it.

    Raises InvalidPrompt for an output that is no finished text.
    """
    if output.text is None:
        picture = output.media_type.startswith("image/")
        what = "is a picture" if picture else "is not finished"
        raise InvalidPrompt(f"The output “{output.id}” {what}: choose a finished text to go on from.")
    made = ws.store.get(Generation, output.generation_id)
    turns: Turns = [dict(turn) for turn in made.inputs.get("messages", ())]
    if not whole:
        return turns
    edits = {a.output_id: a.text for a in live_acts(ws.store, visitor.annotator_id, [made.id]) if isinstance(a, Edit)}
    answer = edits.get(output.id) or output.text
    if not answer.strip():
        raise InvalidPrompt("That text is empty: there is nothing to reply to.")
    asked = asked_of(ws.store.get(PromptVersion, made.prompt_version_id), made)
    return [*turns, {"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
