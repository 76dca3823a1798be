"""Has a model read a text that is there already, and tells how likely it finds each piece. Stores nothing."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence

from collab.datasets.sources import messages_sent
from collab.errors import CollabError, Unavailable
from collab.identity import Visitor
from collab.model_versions import resolve_model, translate
from collab.store.evidence_queries import versions
from collab.types import Generation, ModelVersion
from collab.workspace import Workspace
from models.base import Ended, Event, Message, ModelError, ModelInfo, TextRequest, TextSample, Token, canonical_settings

READ_S = 60.0  # seconds until it is given up, loading included


def read_by_model(
    ws: Workspace, visitor: Visitor, made: Generation, text: str
) -> tuple[ModelInfo, Sequence[Token]]:  # fmt: skip
    """The tokens of a text as an answer to what this generation was asked, by the model that wrote it, or by the one
    that serves now where that one is not here. Raises Unavailable where neither can, or it takes too long."""
    info = _reader(ws, visitor, made)
    with ws.store.reading() as connection:
        version = versions(ws.store, [made.prompt_version_id], connection=connection)[made.prompt_version_id]
    sent = tuple(Message(role, words) for role, words in messages_sent(version, made.variables, made.inputs))  # type: ignore[arg-type]
    if made.inputs.get("turns") or not sent or sent[-1].role != "user":
        raise Unavailable("What that text answers is not known here word for word, so no model can be asked.")
    # one at a time for each person, as whoever asks waits for it in a thread of the server
    settings = canonical_settings("text", {"max_new_tokens": 1}, info.defaults)
    request = TextRequest(
        id=f"read by {visitor.annotator_id}", owner=visitor.annotator_id, model=info, settings=settings, seed=0,
        count=1, messages=sent, given=text,
    )  # fmt: skip
    return info, _tokens(ws, request)


def _reader(ws: Workspace, visitor: Visitor, made: Generation) -> ModelInfo:
    wrote = ws.store.get(ModelVersion, made.model_version_id)
    for wanted in (wrote.id, ""):
        try:
            info = resolve_model(ws, visitor, wanted, "text")
        except CollabError:  # gone, another's, or of files that changed since
            continue
        if "score" in info.can:
            return info
    raise Unavailable(f"{wrote.name} did not tell how likely its words were: a model that runs here does.")


def _tokens(ws: Workspace, request: TextRequest) -> Sequence[Token]:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    tokens: Sequence[Token] = ()
    until_s = time.monotonic() + READ_S
    try:
        ws.engine.submit(request, events.put)
    except ModelError as error:
        raise translate(error) from error
    while True:
        try:
            event = events.get(timeout=max(0.01, until_s - time.monotonic()))
        except queue.Empty:
            ws.engine.cancel(request.id)
            raise Unavailable(f"{request.model.name} has too much to do to read this now: try again later.") from None
        if isinstance(event, TextSample):
            tokens = event.tokens
        elif isinstance(event, Ended):
            if event.status != "done":
                raise Unavailable(event.error or f"{request.model.name} was stopped: try again.")
            return tokens
