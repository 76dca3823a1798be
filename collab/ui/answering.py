"""How the page's widgets are answered: as JSON with `ok`, a refusal as one sentence, a fault as one that tells nothing.

Nothing of a payload is logged but the name of its act: it may hold a token, or anybody's words.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from collab.errors import CollabError, InvalidFeedback
from collab.identity import Identity, Visitor
from collab.ui.endpoints import UNEXPECTED

log = logging.getLogger(__name__)
Json = dict[str, Any]
Act = Callable[[Visitor, Mapping[str, Any]], Json]  # what was asked, by whom -> what is answered


def answering(
    identity: Identity, act: Act, refused: Callable[[CollabError], Json] = lambda error: {}
) -> Callable[[dict, gr.Request], dict]:
    """A widget's server function. refused: what a refusal tells besides its sentence."""

    def answer(payload: dict, request: gr.Request) -> dict:
        name = payload.get("act") if isinstance(payload, Mapping) else None
        try:
            if not isinstance(payload, Mapping):
                raise InvalidFeedback("An act must be an object.")
            return {"ok": True, **act(identity.whoami(request), payload)}
        except CollabError as error:
            return {"ok": False, "error": str(error), **refused(error)}
        except Exception:
            log.exception("unexpected error in the widgets' act %s", str(name)[:40])
            return {"ok": False, "error": UNEXPECTED}

    return answer
