"""From messages to the exact prompt a model reads: its chat template, or a plain transcript for base models.

Knows nothing of torch, sampling or requests in flight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from models.base import InvalidRequest, Message

PLAIN_STOP = "\nUser:"  # a base model goes on to write the person's next turn: stop there


def rendered(tokenizer: Any, messages: Sequence[Message], prefix: str = "") -> str:
    """The prompt up to where the answer begins, `prefix` included. Raises InvalidRequest if the template refuses."""
    if not messages or messages[-1].role != "user":
        raise InvalidRequest("The messages must end with the user's: add what you want to ask.")
    if not tokenizer.chat_template:
        return _plain(messages) + (f" {prefix}" if prefix else "")
    system = messages[0].content if messages[0].role == "system" else ""
    try:
        prompt = _templated(tokenizer, messages)
        if system.strip() in prompt:
            return prompt + prefix
    except (TemplateError, ValueError):
        if not system:
            raise _refusal() from None
    # some templates refuse a system turn, some drop it without a word
    try:
        return _templated(tokenizer, _system_in_user_turn(messages)) + prefix
    except (TemplateError, ValueError):
        raise _refusal() from None


def _templated(tokenizer: Any, messages: Sequence[Message]) -> str:
    turns = [{"role": m.role, "content": m.content} for m in messages]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _system_in_user_turn(messages: Sequence[Message]) -> list[Message]:
    system, *rest = messages
    for place, message in enumerate(rest):
        if message.role == "user":
            rest[place] = replace(message, content=f"{system.content}\n\n{message.content}")
            break
    return rest


def _plain(messages: Sequence[Message]) -> str:
    names = {"user": "User: ", "assistant": "Assistant: ", "system": ""}
    lines = [f"{names[m.role]}{m.content}" + ("\n" if m.role == "system" else "") for m in messages]
    return "\n".join([*lines, "Assistant:"])


def _refusal() -> InvalidRequest:
    return InvalidRequest("This model's chat template refuses these messages: let user and assistant turns alternate.")
