"""Remembers what a pipeline's text encoders made of a prompt, for the requests that repeat it. Knows no engine."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from torch import Tensor

MAX_PROMPTS = 64


class EmbeddedPrompts:
    """The newest embeddings of one model, whichever of its pipelines asked for them."""

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, Any] = OrderedDict()

    def serve(self, pipe: Any) -> None:
        """Make `pipe`, a copy that one call owns, ask here first."""
        encode = getattr(pipe, "encode_prompt", None)
        if encode is None:
            return
        # siblings of a family encode alike, and a family's class names it
        family = encode.__func__.__qualname__ if hasattr(encode, "__func__") else type(pipe).__name__

        def encode_prompt(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(value, Tensor) for value in (*args, *kwargs.values())):
                return encode(*args, **kwargs)
            key = (family, _hashable(args), _hashable(kwargs))
            if key not in self._known:
                self._known[key] = encode(*args, **kwargs)
            self._known.move_to_end(key)
            if len(self._known) > MAX_PROMPTS:
                self._known.popitem(last=False)
            return self._known[key]

        object.__setattr__(pipe, "encode_prompt", encode_prompt)


def _hashable(value: Any) -> Hashable:
    if isinstance(value, dict):
        return tuple((name, _hashable(each)) for name, each in sorted(value.items()))
    return tuple(_hashable(each) for each in value) if isinstance(value, list | tuple) else value
