"""What the model picker offers, and how far the models are. Reads the catalog and the engine; loads nothing."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable
from typing import Any

from collab.workspace import Workspace


def entry_of(ws: Workspace, modality: str, name: str) -> Any:
    """The catalog entry of that name or base; the modality's default for "" and for what is not listed."""
    entries = ws.engine.entries(modality)  # type: ignore[arg-type]
    wanted = name or (ws.settings.text_model if modality == "text" else ws.settings.image_model)
    return next((e for e in entries if wanted in (e.name, e.base)), entries[0])


def model_choices(ws: Workspace, modality: str) -> list[tuple[str, str]]:
    """(title, name) of each model listed for a modality."""
    return [(e.title, e.name) for e in ws.engine.entries(modality)]  # type: ignore[arg-type]


def model_words(ws: Workspace, say: Callable[[str], str] = str) -> tuple[str, bool]:
    """A line of HTML on how far the models are, and whether there is anything to wait for. say: translates."""
    defaults = {entry_of(ws, modality, "").title for modality in ("text", "image")}
    # only the studio's own defaults: what somebody else asked for is nobody's business
    states = [s for s in ws.engine.status() if s.name in defaults]
    loading = [s for s in states if s.state == "loading"]
    if loading:
        percent = f" {loading[0].fraction:.0%}" if loading[0].fraction is not None else ""
        words = f"{say(loading[0].message or loading[0].name)}{percent}{say('; you can write already')}"
        return f'<p class="loading" role="status">{html.escape(words)}</p>', True
    if not states:
        words = f"{'Starting the engine' if 'torch' in sys.modules else 'Loading torch'}; you can write already"
        return f'<p class="loading" role="status">{html.escape(say(words))}</p>', True
    ready = [s.name for s in states if s.state == "ready"]
    failed = [s.message for s in states if s.state == "failed"]
    words = " · ".join(map(say, [*(f"{name} is ready" for name in ready), *failed]))
    return f'<p role="status">{html.escape(words)}</p>', False
