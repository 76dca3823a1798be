"""Rate, compare, rank, edit, undo: what a person may say of an output, checked, and appended to its chain.

Knows neither models nor pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from rapidfuzz.distance import Levenshtein

from collab.chain import do, own_act, retract
from collab.checks import clean_request_id, clean_text
from collab.errors import InvalidFeedback, Unavailable
from collab.generation import own_outputs
from collab.identity import Visitor
from collab.said_of_outputs import named_in
from collab.store import Conflict
from collab.store.queries import locked_outputs, masked_among
from collab.types import (
    Act,
    Edit,
    Output,
    Preference,
    Ranking,
    Rating,
    Retraction,
    Winner,
)
from collab.workspace import Workspace

COMMENT_LIMIT = 5_000  # characters
EDIT_LIMIT = 200_000  # characters
TAG_LIMIT, TAGS_LIMIT = 40, 20  # characters, tags
SPANS_LIMIT, ASPECTS_LIMIT = 200, 12
TAGS = {
    "text": ("too long", "off topic", "wrong fact", "repetitive", "great tone"),
    "image": ("wrong subject", "wrong colour", "deformed", "beautiful", "good style"),
}

_EMPTY_RATING: Mapping[str, Any] = {
    "score": None, "thumb": None, "aspects": {}, "tags": (), "spans": (), "comment": "",
}  # fmt: skip


def rate(
    ws: Workspace,
    visitor: Visitor,
    output_id: str,
    *,
    score: object = None,
    thumb: object = None,
    aspects: object = None,
    tags: object = None,
    spans: object = None,
    comment: object = None,
    clear: Sequence[str] = (),
    request_id: str = "",
) -> Rating:
    """Add to one's rating of an output. What is None stays as it was; `clear` names fields to empty
    first: aspects given are added to those there are, unless the old ones are cleared.

    score and aspects: 1–5; thumb: 1 or −1; spans: [{start, end, label}] in characters, label "good" or "bad".
    Raises InvalidFeedback with one sentence, or NotFound for an output that is not one's own.
    """
    output = _finished_output(ws, visitor, output_id)
    changes: dict[str, Any] = {}
    if score is not None:
        changes["score"] = check_whole(score, "Score", 1, 5, "choose one to five stars")
    if thumb is not None:
        changes["thumb"] = check_whole(thumb, "Thumb", -1, 1, "use 1 for up and -1 for down")
        if changes["thumb"] == 0:
            changes["thumb"] = None
    if aspects is not None:
        changes["aspects"] = _check_aspects(aspects)
    if tags is not None:
        changes["tags"] = check_tags(tags)
    if spans is not None:
        changes["spans"] = check_spans(spans, output)
    if comment is not None:
        changes["comment"] = clean_text(comment, "comment", limit=COMMENT_LIMIT, error=InvalidFeedback).strip()
    for name in clear:
        if name not in _EMPTY_RATING:
            raise InvalidFeedback(f"There is nothing named “{str(name)[:40]}” to clear in a rating.")
        changes.setdefault(name, _EMPTY_RATING[name])
    if not changes:
        raise InvalidFeedback("The rating says nothing: give stars, a thumb, aspects, tags, spans or a comment.")

    def act(live: Act | None) -> Rating:
        base = live if isinstance(live, Rating) else None
        rating = base or Rating(annotator_id="", subject="", generation_id=output.generation_id, output_id=output_id)
        merged = dict(changes)
        if "aspects" in merged and base and "aspects" not in clear:
            merged["aspects"] = {**base.aspects, **merged["aspects"]}
        if len(merged.get("aspects", ())) > ASPECTS_LIMIT:
            raise InvalidFeedback(f"The rating would have more than {ASPECTS_LIMIT} aspects: use the ones it has.")
        rated = replace(rating, **merged)
        if base is None and clear and rated == rating:
            raise InvalidFeedback("There is nothing to clear: you have not rated this output.")
        return rated

    return do(ws, visitor, f"rating:{output_id}", act, request_id)


def compare(
    ws: Workspace, visitor: Visitor, output_a_id: str, output_b_id: str, winner: object, *,
    comment: object = "", request_id: str = "",
) -> Preference:  # fmt: skip
    """Say which of two outputs is better. Not blind, so it ranks and trains but is never evidence."""
    if output_a_id == output_b_id:
        raise InvalidFeedback("An output cannot be compared with itself: choose two different ones.")
    if winner not in get_args(Winner):
        raise InvalidFeedback(f"Winner is “{str(winner)[:40]}”: choose a, b, tie or both_bad.")
    a, b = (_finished_output(ws, visitor, output_id) for output_id in (output_a_id, output_b_id))
    _check_masked(ws, {a.generation_id, b.generation_id})
    said = clean_text(comment, "comment", limit=COMMENT_LIMIT, error=InvalidFeedback).strip()
    new = Preference(
        annotator_id="", subject="", generation_id=a.generation_id, output_a_id=output_a_id, output_b_id=output_b_id,
        winner=winner, comment=said,  # type: ignore[arg-type]
    )  # fmt: skip
    subject = "preference:" + ":".join(sorted((output_a_id, output_b_id)))
    return do(ws, visitor, subject, lambda _live: new, request_id)


def rank(ws: Workspace, visitor: Visitor, groups: object, *, request_id: str = "") -> Ranking:
    """Order outputs, best first; outputs in one group are tied. Best of n is `[[best], [the others]]`."""
    if not isinstance(groups, Sequence) or isinstance(groups, str) or not all(_is_id_list(group) for group in groups):
        raise InvalidFeedback("A ranking is a list of groups, best first, each a list of output ids.")
    ids = [output_id for group in groups for output_id in group]
    if len(ids) < 2 or len(set(ids)) < len(ids):
        raise InvalidFeedback("A ranking needs at least two outputs, each named once.")
    if len(ids) > 64:
        raise InvalidFeedback(f"The ranking names {len(ids)} outputs: at most 64 are possible.")
    outputs = [_finished_output(ws, visitor, output_id) for output_id in ids]
    generations = {output.generation_id for output in outputs}
    _check_masked(ws, generations)
    about = generations.pop() if len(generations) == 1 else hashlib.sha256(":".join(sorted(ids)).encode()).hexdigest()
    ordered = tuple(tuple(group) for group in groups)
    new = Ranking(annotator_id="", subject="", generation_id=outputs[0].generation_id, groups=ordered)
    return do(ws, visitor, f"ranking:{about}", lambda _live: new, request_id)


def edit_text(ws: Workspace, visitor: Visitor, output_id: str, text: object, *, request_id: str = "") -> Edit:
    """Keep what a person made of a text. The distance kept is Levenshtein's, in words."""
    output = _finished_output(ws, visitor, output_id)
    if output.text is None:
        raise InvalidFeedback("That output is a picture: edit it as a picture.")
    edited = clean_text(text, "edited text", limit=EDIT_LIMIT, error=InvalidFeedback, required=True)
    if edited == output.text:
        raise InvalidFeedback("The text is as the model wrote it: change something before saving, or undo the edit.")
    distance = Levenshtein.distance(output.text.split(), edited.split())
    new = Edit(
        annotator_id="", subject="", generation_id=output.generation_id, output_id=output_id, text=edited,
        edit_distance=distance,
    )  # fmt: skip
    return do(ws, visitor, f"edit:{output_id}", lambda _live: new, request_id)


def undo(ws: Workspace, visitor: Visitor, feedback_id: str, *, request_id: str = "") -> Retraction:
    """Take back one's act; what it had replaced is in force again. Taking it back twice returns the first retraction.

    Raises InvalidFeedback when a later act has replaced it: that one comes first.
    """
    key = clean_request_id(request_id, InvalidFeedback)
    target = own_act(ws, visitor, feedback_id)
    if isinstance(target, Retraction):
        raise InvalidFeedback("An undo cannot be undone: do the act again instead.")
    if {*named_in(target)} & locked_outputs(ws.store, [target.generation_id]):
        raise InvalidFeedback("This was judged before its grid was revealed, so it can no longer be changed.")
    if target.task_id:
        raise InvalidFeedback("That is an answer to a study's task: undo the task's answer.")
    for _ in range(3):
        try:
            with ws.store.writing() as connection:
                return retract(ws, visitor, target, key, connection)
        except Conflict:
            continue
    raise Unavailable("The store is busy with the same act: try again in a moment.")


# ---- checking -------------------------------------------------------------------------------------------------------


def _finished_output(ws: Workspace, visitor: Visitor, output_id: str) -> Output:
    (output,) = own_outputs(ws, visitor, [output_id], masked=True)
    if output.id in locked_outputs(ws.store, [output.generation_id]):
        raise InvalidFeedback("This was judged before its grid was revealed, so it can no longer be changed.")
    if output.text is None and output.blob_sha256 is None:
        raise InvalidFeedback("That output holds nothing to judge: wait until it is finished, or make it again.")
    return output


def _check_masked(ws: Workspace, generation_ids: set[str]) -> None:
    """Raise InvalidFeedback where some of these alone are in a hidden grid: the others' settings would tell of them."""
    masked = masked_among(ws.store, sorted(generation_ids))
    if masked and masked < generation_ids:
        raise InvalidFeedback("Cells of a hidden grid are compared with one another alone: reveal the grid first.")


def check_whole(value: object, what: str, low: int, high: int, advice: str) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if isinstance(value, str | list | dict | bool):
        raise InvalidFeedback(f"{what} is {repr(value)[:40]}, not a number from {low} to {high}: {advice}.")
    if not number or not low <= value <= high or value != int(value):  # type: ignore[operator,call-overload]
        raise InvalidFeedback(f"{what} {str(value)[:40]} is outside {low}–{high}: {advice}.")
    return int(value)  # type: ignore[call-overload]


def _check_aspects(aspects: object) -> dict[str, int]:
    if not isinstance(aspects, Mapping) or len(aspects) > ASPECTS_LIMIT:
        raise InvalidFeedback(f"Aspects must be an object of at most {ASPECTS_LIMIT} names, each with 1 to 5.")
    return {
        clean_text(name, "aspect's name", limit=TAG_LIMIT, error=InvalidFeedback, required=True):
            check_whole(value, f"Aspect “{str(name)[:40]}”", 1, 5, "choose 1 to 5")
        for name, value in aspects.items()
    }  # fmt: skip


def check_tags(tags: object) -> tuple[str, ...]:
    if not isinstance(tags, Sequence) or isinstance(tags, str) or len(tags) > TAGS_LIMIT:
        raise InvalidFeedback(f"Tags must be a list of at most {TAGS_LIMIT} words.")
    checked = [clean_text(tag, "tag", limit=TAG_LIMIT, error=InvalidFeedback, required=True).strip() for tag in tags]
    return tuple(dict.fromkeys(checked))


def check_spans(spans: object, output: Output) -> tuple[dict[str, Any], ...]:
    if output.text is None:
        raise InvalidFeedback("Spans mark places in a text: that output is a picture.")
    if not isinstance(spans, Sequence) or isinstance(spans, str) or len(spans) > SPANS_LIMIT:
        raise InvalidFeedback(f"Spans must be a list of at most {SPANS_LIMIT} objects with start, end and label.")
    checked = []
    for span in spans:
        if not isinstance(span, Mapping) or not {"start", "end", "label"} <= set(span) <= {
            "start",
            "end",
            "label",
            "note",
        }:
            raise InvalidFeedback("A span needs exactly start, end and label, and may have a note.")
        length = len(output.text)
        start = check_whole(span["start"], "Span start", 0, length, "count characters from the beginning of the text")
        end = check_whole(span["end"], "Span end", start + 1, length, "it must come after its start, inside the text")
        if span["label"] not in ("good", "bad"):
            raise InvalidFeedback(f"A span's label is “{str(span['label'])[:40]}”: choose good or bad.")
        note = clean_text(span.get("note", ""), "note", limit=COMMENT_LIMIT, error=InvalidFeedback)
        checked.append({"start": start, "end": end, "label": span["label"]} | ({"note": note} if note else {}))
    return tuple(checked)


def _is_id_list(group: object) -> bool:
    return isinstance(group, Sequence) and not isinstance(group, str) and bool(group) and all(
        isinstance(member, str) for member in group
    )  # fmt: skip
