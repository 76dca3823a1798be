"""From token ids, one at a time, to text that only ever grows. Knows nothing of torch or of whole requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from models.base import Token


class Transcript:
    """The text of one output while it is generated.

    Half characters (an emoji takes several tokens) and whatever may be the beginning of a stop string are held back.
    The texts of all tokens taken, joined, are always exactly `text`.

    decode: ids -> text without special tokens. before: ids the answer continues from, so that a leading space that
    some tokenizers drop at the start of a text is kept; empty for a text of its own.
    """

    def __init__(
        self, decode: Callable[[list[int]], str], stop: Sequence[str] = (), before: Sequence[int] = ()
    ) -> None:
        self._decode = decode
        self._stop = tuple(stop)
        self._ids = list(before)
        self._window, self._read = 0, len(self._ids)  # ids[window:read] are context, ids[read:] are still unread
        self._raw = ""  # all complete characters
        self._visible = 0  # how many of them are shown
        self._half: list[Token] = []  # tokens of a character that is not complete
        self._ready: list[tuple[int, Token]] = []  # (end in raw, token), waiting to become visible

    @property
    def text(self) -> str:
        return self._raw[: self._visible]

    def push(self, token_id: int, logprob: float, top: tuple[tuple[str, float], ...] = ()) -> bool:
        """Append a token; True when a stop string is complete: the text is then cut before it and final."""
        self._ids.append(token_id)
        self._half.append(Token("", logprob, top))
        piece = self._unread()
        if piece.endswith("\ufffd"):
            return False
        self._accept(piece)
        cut = self._first_stop(len(self._raw) - len(piece))
        if cut is not None:
            self._cut(cut)
            return True
        self._visible = max(self._visible, len(self._raw) - self._possible_stop())
        return False

    def take(self) -> tuple[Token, ...]:
        """The tokens that became visible since the last call."""
        n = next((i for i, (end, _) in enumerate(self._ready) if end > self._visible), len(self._ready))
        taken, self._ready = self._ready[:n], self._ready[n:]
        return tuple(token for _, token in taken)

    def finish(self) -> None:
        """Show what was held back for a stop string; drop what is left of an unfinished character."""
        if self._half:
            self._accept(self._unread().rstrip("\ufffd"))
        self._visible = len(self._raw)

    def _unread(self) -> str:
        context = self._decode(self._ids[self._window : self._read])
        return self._decode(self._ids[self._window :])[len(context) :]

    def _accept(self, piece: str) -> None:
        start = len(self._raw)
        self._raw += piece
        *first, last = self._half
        self._ready += [(start, token) for token in first]
        self._ready.append((len(self._raw), replace(last, text=piece)))
        self._half = []
        if piece:
            self._window, self._read = self._read, len(self._ids)

    def _first_stop(self, unsearched: int) -> int | None:
        found = [self._raw.find(s, max(0, unsearched - len(s) + 1)) for s in self._stop]
        return min((place for place in found if place >= 0), default=None)

    def _possible_stop(self) -> int:
        """Length of the longest end of the text that begins a stop string."""
        longest = max((len(s) - 1 for s in self._stop), default=0)
        for n in range(min(longest, len(self._raw)), 0, -1):
            if any(s.startswith(self._raw[-n:]) for s in self._stop):
                return n
        return 0

    def _cut(self, place: int) -> None:
        kept: list[tuple[int, Token]] = []
        for end, token in self._ready:
            start = end - len(token.text)
            if end <= place:
                kept.append((end, token))
            elif start < place:
                kept.append((place, replace(token, text=token.text[: place - start])))
        self._ready = kept
        self._raw = self._raw[:place]
        self._visible = place
