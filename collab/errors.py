"""Errors written for the person who reads them: what happened, with which value, and what to do about it."""

from __future__ import annotations

import unicodedata


class CollabError(Exception):
    """The one family that the edges (page, endpoints, command line) show to people as it stands.

    Its words are one line that can be sent and shown, whatever is in the value that they quote.
    """

    def __str__(self) -> str:
        said = super().__str__()
        return said if said.isprintable() else "".join(map(_shown, said))


def _shown(character: str) -> str:
    if character in "\n\t":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cs") else character


class InvalidPrompt(CollabError):
    """A prompt that cannot be sent: empty, enormous, with unknown or unfilled variables."""


class InvalidFeedback(CollabError):
    """A rating, comparison, ranking or edit outside what is possible."""


class InvalidStudy(CollabError):
    """A study that cannot be run as described, or an answer that its task does not take."""


class InvalidImport(CollabError):
    """A file that cannot be read as the format it is said to be; the message names the row and the column."""


class InvalidSetting(CollabError):
    """A generation setting that is unknown or out of range."""


class NotFound(CollabError):
    """An id that is not there, or that belongs to somebody else: the two are told alike."""


class NotAllowed(CollabError):
    """The person is known but may not do this."""


class Unavailable(CollabError):
    """The model or the machine cannot serve this now."""


class Stopped(CollabError):
    """Whoever asked for long work no longer wants it."""


class Misconfigured(CollabError):
    """The operator's environment does not make sense; the message names the variable."""
