"""How one asks for one's own generations again: words and filters from outside, checked. Asks no store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from collab.checks import clean_text, is_id
from collab.errors import InvalidPrompt
from collab.store.history_queries import Wanted
from collab.types import MODALITIES

QUERY_LIMIT = 200  # characters
WORDS_LIMIT = 8
_FILTERS = ("modality", "model", "prompt_id", "stars", "edited", "tag")
_WORD = re.compile(r'"([^"]+)"|(\S+)')


def read_wanted(query: object, filters: object = None) -> Wanted:
    """What to look for. query: words that must all occur, in any script; "in quotes": with the spaces between them.

    filters: an object with any of modality, model (its name), prompt_id, stars (at least so many), edited (true) and
    tag. Raises InvalidPrompt naming the first that is wrong.
    """
    words = words_of(query)
    if filters is None:
        return Wanted(words=words)
    if not isinstance(filters, Mapping):
        raise InvalidPrompt(f"Filters must be an object with any of {', '.join(_FILTERS)}.")
    for name in filters:
        if name not in _FILTERS:
            raise InvalidPrompt(f"There is no filter “{str(name)[:40]}”: use {', '.join(_FILTERS)}.")
    given: dict[str, Any] = {name: value for name, value in filters.items() if value not in (None, "", False)}
    modality, prompt_id, stars, edited = (given.get(name) for name in ("modality", "prompt_id", "stars", "edited"))
    if modality is not None and modality not in MODALITIES:
        raise InvalidPrompt(f"Modality is “{str(modality)[:40]}”: choose text or image.")
    if prompt_id is not None and not is_id(prompt_id):
        raise InvalidPrompt(f"The prompt id is “{str(prompt_id)[:40]}”: choose a prompt from the list.")
    if stars is not None and (isinstance(stars, bool) or not isinstance(stars, int | float) or stars not in range(6)):
        raise InvalidPrompt(f"Stars is {str(stars)[:40]}: choose at least 1 to 5.")
    if edited is not None and edited is not True:
        raise InvalidPrompt(f"Edited is {str(edited)[:40]}: it is true or left out.")
    return Wanted(
        words=words,
        modality=modality,
        model=clean_text(given.get("model"), "model", limit=QUERY_LIMIT, error=InvalidPrompt),
        prompt_id=prompt_id or "",
        stars=int(stars or 0),
        edited=bool(edited),
        tag=clean_text(given.get("tag"), "tag", limit=QUERY_LIMIT, error=InvalidPrompt).strip(),
    )


def words_of(query: object) -> tuple[str, ...]:
    """The words and quoted passages of a search, each once. Raises InvalidPrompt."""
    text = clean_text(query, "search", limit=QUERY_LIMIT, error=InvalidPrompt)
    found = tuple(dict.fromkeys(quoted or plain for quoted, plain in _WORD.findall(text)))
    if len(found) > WORDS_LIMIT:
        raise InvalidPrompt(f"The search has {len(found)} words, {WORDS_LIMIT} are possible: leave some out.")
    return found
