"""A person's own revision of a prompt: what they changed over what there was, checked. Stores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from collab.errors import InvalidPrompt, InvalidSetting
from collab.prompts import Wording, check_wording
from models import base as engine_base
from models.base import ModelError


def revise(
    parent: Wording,
    text: object = None,
    negative_text: object = None,
    system_text: object = None,
    examples: Sequence[Any] | None = None,
    settings: object = None,
) -> Wording:
    """The parent with these parts in place of its own; None keeps a part. settings: all that are refined, not a change.

    Raises InvalidPrompt or InvalidSetting with one sentence, also when nothing differs from the parent.
    """
    wording = check_wording(
        parent.modality,
        parent.text if text is None else text,
        negative_text=parent.negative_text if negative_text is None else negative_text,
        system_text=parent.system_text if system_text is None else system_text,
        examples=parent.examples if examples is None else examples,
    )
    wording = replace(wording, settings=_check_settings(parent, settings))
    if wording.sha256 == parent.sha256:
        raise InvalidPrompt("The revision is the same as what it revises: change something first.")
    return wording


def _check_settings(parent: Wording, settings: object) -> Mapping[str, Any]:
    """The settings given, each of its proper type; what a model lacks, its own defaults fill in later."""
    if settings is None:
        return parent.settings
    if not isinstance(settings, Mapping):
        raise InvalidSetting("Settings must be an object of names and values.")
    given = {str(name): value for name, value in settings.items() if value is not None}
    defaults = engine_base.TEXT_DEFAULTS if parent.modality == "text" else engine_base.IMAGE_DEFAULTS
    try:
        complete = engine_base.canonical_settings(parent.modality, given, defaults)
    except ModelError as error:
        raise InvalidSetting(str(error)) from error
    return {name: complete[name] for name in given}
