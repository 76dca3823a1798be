"""What every text from outside must pass before it is used. Knows nothing of what the text is for."""

from __future__ import annotations

import re
import unicodedata

from collab.errors import CollabError

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def clean_text(value: object, what: str, *, limit: int, error: type[CollabError], required: bool = False) -> str:
    """`value` as storable text: line ends made `\\n`, at most `limit` characters. Raises `error` with one sentence.

    Control characters and lone surrogates are refused rather than dropped: what is stored is what was sent.
    Every script, emoji and direction mark is fine.
    """
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise error(f"The {what} must be text, not {type(value).__name__}.")
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > limit:
        raise error(f"The {what} has {len(text):,} characters, {limit:,} are possible: shorten it.")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            raise error(f"The {what} holds the control character U+{ord(character):04X}: remove it.")
    if required and not text.strip():
        raise error(f"The {what} is empty: write something first.")
    return text


def clean_request_id(value: object, error: type[CollabError]) -> str | None:
    """The caller's idempotency key, or None. Raises `error` when it is not 1 to 80 printable characters."""
    if value in (None, ""):
        return None
    text = clean_text(value, "request id", limit=80, error=error)
    if not text.isprintable():
        raise error("The request id must be printable characters only.")
    return text


def is_id(value: object) -> bool:
    """Whether this has the form of one of our ids."""
    return isinstance(value, str) and bool(_ID.fullmatch(value))
