"""What the model picker offers. Reads the catalog; resolves and loads nothing."""

from __future__ import annotations

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
