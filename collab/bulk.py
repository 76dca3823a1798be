"""What is done with several of one's outputs at once. Knows neither pages nor files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collab.chain import append
from collab.errors import InvalidFeedback, Unavailable
from collab.feedback import TAGS_LIMIT, check_tags
from collab.identity import Visitor
from collab.store import Conflict
from collab.types import Act, Output, Rating
from collab.workspace import Workspace


def tag_outputs(ws: Workspace, visitor: Visitor, outputs: Sequence[Output], tag: object) -> int:
    """Add a tag to one's rating of each of these outputs, to all or none; how many did not have it.

    Outputs that hold nothing are passed over. Raises InvalidFeedback for what is no tag, or one too many.
    """
    (word,) = check_tags([tag])
    for _ in range(3):
        try:
            return _tag(ws, visitor, outputs, word)
        except Conflict:  # the person's other tab rated one of them at this moment
            continue
    raise Unavailable("The store is busy with the same outputs: try again in a moment.")


def _tag(ws: Workspace, visitor: Visitor, outputs: Sequence[Output], word: str) -> int:
    changed = 0
    with ws.store.writing() as connection:
        for output in outputs:
            if output.text is None and output.blob_sha256 is None:
                continue

            def rated(live: Act | None, output: Output = output) -> Rating:
                nonlocal changed
                base = live if isinstance(live, Rating) else None
                rating = base or Rating(
                    annotator_id="", subject="", generation_id=output.generation_id, output_id=output.id
                )
                if word in rating.tags:
                    return rating
                if len(rating.tags) >= TAGS_LIMIT:
                    raise InvalidFeedback(f"One of these has {TAGS_LIMIT} tags already: take one of them off first.")
                changed += 1
                return replace(rating, tags=(*rating.tags, word))

            append(ws, visitor, f"rating:{output.id}", rated, None, connection)
    return changed
