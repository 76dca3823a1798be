"""Outputs of new versions on what was asked last, with its seed and model, so that they can be looked at side by side.

They are generations like any other: they take time and may fail, and they prove nothing. Waits for none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collab.errors import CollabError
from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.store.refine_queries import newest_made
from collab.types import Generation, Modality, Prompt, PromptVersion
from collab.workspace import Workspace

_COUNT: Mapping[Modality, int] = {"text": 1, "image": 3}


def start_samples(ws: Workspace, visitor: Visitor, versions: Sequence[PromptVersion]) -> str:
    """Begin to make outputs of versions of one prompt; "" or, in a sentence, why some of them get none.

    Where nothing was made of the prompt before, nothing tells what to ask. A model that is gone gives way to the
    current one.
    """
    last = newest_made(ws.store, versions[0].prompt_id, visitor.annotator_id) if versions else None
    if last is None:
        return ""
    count = _COUNT[ws.store.get(Prompt, versions[0].prompt_id).modality]
    models = [last.model_version_id, ""]
    for version in versions:
        refused = _start(ws, visitor, version, last, count, models)
        if refused:
            return f"Not every proposal gets a sample output: {refused}"
    return ""


def _start(
    ws: Workspace, visitor: Visitor, version: PromptVersion, last: Generation, count: int, models: list[str]
) -> str:
    """Begin to make outputs of one version with the first of the models that can; models that cannot are dropped."""
    refused = ""
    while models:
        ask = Ask(prompt_version_id=version.id, model=models[0], count=count, seed=last.seed,
                  variables=last.variables, origin="refinement")  # fmt: skip
        try:
            generate(ws, visitor, ask)
            return ""
        except CollabError as error:
            refused = str(error)
            models.pop(0)
    return refused
