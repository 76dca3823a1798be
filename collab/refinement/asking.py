"""Asks models through the engine and waits for whole answers: nothing of it is stored. Knows not what is asked for."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from random import Random

from collab.errors import Stopped, Unavailable
from collab.identity import Visitor
from collab.model_versions import resolve_model, translate
from collab.types import new_id
from collab.workspace import Workspace
from models.base import Ended, Event, ImageSample, Message, ModelError, Request, TextRequest, TextSample
from models.base import canonical_settings as complete

ANSWER_S = 180.0  # seconds until an answer is given up, loading included
ANSWER_TOKENS = 240  # at most, where the asker does not say that longer answers are of use
_LOOK_S = 0.25
# Thai, Chinese and Japanese, Korean, and Chinese beyond the basic plane
_UNSPACED = (("\u0e00", "\u0e7f"), ("\u2e80", "\u9fff"), ("\uac00", "\ud7ff"), ("\uf900", "\ufaff"),
             ("\U00020000", "\U0003ffff"))  # fmt: skip


def lane_of(visitor: Visitor) -> str:
    """Whom the engine counts such requests for: the owner's own next prompt does not wait behind them."""
    return f"refine {visitor.annotator_id}"


def asker(
    ws: Workspace, visitor: Visitor, model: str, rng: Random, stopped: Callable[[], bool], *,
    tokens: int = ANSWER_TOKENS, timeout_s: float = ANSWER_S,
) -> Callable[[str], str]:  # fmt: skip
    """A function that answers one message with what this text model says; "" is the current default.

    Raises at once what `resolve_model` raises. The function raises what `whole_answers` raises.
    """
    info = resolve_model(ws, visitor, model, "text")
    settings = complete("text", {"max_new_tokens": tokens}, info.defaults)

    def ask(message: str) -> str:
        request = TextRequest(
            id=new_id(), owner=lane_of(visitor), model=info, settings=settings, seed=rng.randrange(2**32), count=1,
            messages=(Message("user", message),),
        )  # fmt: skip
        (answer,) = whole_answers(ws, [request], stopped, timeout_s=timeout_s)
        return str(answer).strip()

    return ask


def whole_answers(
    ws: Workspace, requests: Sequence[Request], stopped: Callable[[], bool], *, timeout_s: float = ANSWER_S
) -> list[str | bytes]:
    """The text, or the encoded picture, that each request for one output came to, all worked on together.

    Raises Unavailable when one fails or all of them take longer than `timeout_s`, and Stopped soon after `stopped()` is
    true; whatever happens, nothing of them stays in the engine.
    """
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    answers: dict[str, str | bytes] = {}
    waiting = {request.id: request.model.name for request in requests}
    until_s = time.monotonic() + timeout_s
    try:
        for request in requests:
            ws.engine.submit(request, events.put)
        while waiting:
            if stopped():
                raise Stopped("This was stopped.")
            if time.monotonic() > until_s:
                name = next(iter(waiting.values()))
                raise Unavailable(f"{name} gave no whole answer in {timeout_s:g} seconds: choose a quicker model.")
            try:
                event = events.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(event, TextSample):
                answers[event.request_id] = event.text
            elif isinstance(event, ImageSample) and event.image:
                answers[event.request_id] = event.image
            elif isinstance(event, Ended):
                name = waiting.pop(event.request_id)
                if event.status != "done":
                    raise Unavailable(event.error or f"{name} was stopped: try again.")
    except ModelError as error:
        raise translate(error) from error
    finally:
        for request_id in waiting:
            ws.engine.cancel(request_id)
    return [answers.get(request.id, "") for request in requests]


def about_tokens(text: str) -> int:
    """How many tokens a text is, about: 1.3 a word, and one for each character of scripts without spaces."""
    unspaced = sum(1 for character in text if _is_unspaced(character))
    spaced = "".join(" " if _is_unspaced(character) else character for character in text)
    return unspaced + round(1.3 * len(spaced.split()))


def _is_unspaced(character: str) -> bool:
    return any(low <= character <= high for low, high in _UNSPACED)
