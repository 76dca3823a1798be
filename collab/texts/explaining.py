"""Why the model wrote what it wrote: how likely each piece of a text was, and what else could have stood there.

Log-probabilities are the model's own, at temperature 1 and before top-k, top-p and penalties, as the engine recorded
them while it wrote (`OutputTokens`): exact, and nothing has to be computed again. What a person changed or brought is
read by a model instead (reading.py). Characters that take several tokens (an emoji, many Chinese ones) are one piece,
whose probability is the product of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import exp, isfinite
from typing import Any

from collab.errors import InvalidPrompt, Unavailable
from collab.identity import Visitor
from collab.inputs import own_outputs
from collab.store.queries import live_acts
from collab.texts.reading import read_by_model
from collab.types import Edit, Generation, ModelVersion, Output, OutputTokens
from collab.workspace import Workspace

# what tokenizers call the end of an answer: shown as such, and nothing to go on from
_END = re.compile(r"<\|[^|<>\s]{1,40}\|>|</?s>|<(eos|end_of_turn|endoftext)>")
DRAWN_WITH = ("temperature", "top_p", "top_k", "repetition_penalty")


def explain(ws: Workspace, visitor: Visitor, output_id: str, *, edited: bool = False) -> dict[str, Any]:
    """{"output_id", "model", "prefix", "pieces", "settings", "read"} of one's own text; edited: of what one made of it.

    pieces: {"text", "probability", "end", "alternatives": [{"text", "probability", "end", "chosen"}]} in order; their
    texts, behind the prefix that its person wrote, are the whole text. settings: what the text was drawn with, which
    the probabilities do not show; empty where a model only read it (`read`). Raises InvalidPrompt for what is no
    finished text, Unavailable where no model here can tell.
    """
    (output,) = own_outputs(ws, visitor, [output_id])
    if output.text is None:
        picture = output.media_type.startswith("image/")
        raise InvalidPrompt(
            "That output is a picture: only texts have probabilities." if picture
            else "That text is not finished: wait until it is."
        )  # fmt: skip
    made = ws.store.get(Generation, output.generation_id)
    text = _edited(ws, visitor, output) if edited else output.text
    kept = ws.store.find(OutputTokens, id=output.id) if text == output.text else []
    pieces = list(_pieces(kept[0].tokens)) if kept else []
    read = not any(piece["alternatives"] for piece in pieces)
    if read:
        if not text.strip():
            raise InvalidPrompt("That text is empty: there is nothing to look into.")
        info, tokens = read_by_model(ws, visitor, made, text)
        pieces = list(_pieces([(token.text, token.logprob, token.top) for token in tokens]))
        name, prefix, drawn = info.name, "", {}
    else:
        name, prefix = ws.store.get(ModelVersion, made.model_version_id).name, str(made.inputs.get("prefix", ""))
        drawn = {key: made.settings[key] for key in DRAWN_WITH if key in made.settings}
    if prefix + "".join(piece["text"] for piece in pieces) != text:
        raise Unavailable("What the model told of this text does not fit its words: make it again to look into it.")
    return {"output_id": output.id, "model": name, "prefix": prefix, "pieces": pieces, "settings": drawn, "read": read}


def _edited(ws: Workspace, visitor: Visitor, output: Output) -> str:
    for act in live_acts(ws.store, visitor.annotator_id, [output.generation_id]):
        if isinstance(act, Edit) and act.output_id == output.id and act.text is not None:
            return act.text
    raise InvalidPrompt("You have not changed that text: look into it as it was written.")


def _pieces(tokens: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Whole characters with their probabilities, from tokens as they are stored (types.OutputTokens)."""
    waiting: list[Any] = []
    for token in tokens:
        waiting.append(token)
        if token[0]:
            yield _piece(token[0], waiting)
            waiting = []
    if len(waiting) == 1:  # the token that ended the answer; half a character that was cut off is nothing to show
        yield {**_piece("", waiting), "end": True}


def _piece(text: str, tokens: Sequence[Any]) -> dict[str, Any]:
    found = [_alternative(words, logprob, text) for words, logprob in tokens[0][2] if len(tokens) == 1]
    return {
        "text": text, "probability": _probability(sum(logprob for _, logprob, _ in tokens)), "end": False,
        "alternatives": [alternative for alternative in found if alternative is not None],
    }  # fmt: skip


def _alternative(words: str, logprob: float, text: str) -> dict[str, Any] | None:
    """None for a part of a character, which nobody can read."""
    if not words or "\ufffd" in words:
        return None
    end = bool(_END.fullmatch(words))
    chosen = words == text or (end and not text)
    return {"text": "" if end else words, "probability": _probability(logprob), "end": end, "chosen": chosen}


def _probability(logprob: float) -> float:
    return round(min(1.0, exp(logprob)), 6) if isfinite(logprob) else 0.0
