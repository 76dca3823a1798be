"""Rows for the store's tests: a person with a finished generation, as the features would leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collab.prompts import Wording
from collab.store import Store
from collab.store.history_words import keep_words
from collab.types import (
    Annotator,
    Generation,
    ModelVersion,
    Output,
    Prompt,
    PromptVersion,
    Rating,
    new_id,
)

SETTINGS = {"temperature": 0.7, "top_p": 0.95}


@dataclass(frozen=True, slots=True)
class Someone:
    """A person, what they asked for, and one finished text."""

    annotator: Annotator
    prompt: Prompt
    version: PromptVersion
    model: ModelVersion
    generation: Generation
    output: Output

    def rating(self, score: int = 3, **fields: Any) -> Rating:
        """A rating of the person's output, not yet stored."""
        return Rating(
            **{
                "annotator_id": self.annotator.id,
                "subject": f"rating:{self.output.id}",
                "generation_id": self.generation.id,
                "output_id": self.output.id,
                "score": score,
                **fields,
            }
        )


def someone(store: Store, *, prompt: str = "Say it", text: str = "It is said", model: ModelVersion | None = None):
    """A person whose one generation is done."""
    annotator = Annotator(display_name="Ann")
    line = Prompt(title=prompt[:80], modality="text", created_by=annotator.id)
    version = PromptVersion(
        prompt_id=line.id,
        text=prompt,
        content_sha256=Wording(modality="text", text=prompt).sha256,
        created_by=annotator.id,
    )
    model_row = model or ModelVersion(name="m", modality="text", base=new_id(), revision="r", precision="fp32")
    generation = Generation(
        prompt_version_id=version.id,
        model_version_id=model_row.id,
        settings=SETTINGS,
        seed=2**32 - 1,
        count=1,
        status="done",
        requested_by=annotator.id,
    )
    output = Output(
        generation_id=generation.id, position=0, seed=7, text=text, media_type="text/plain", finish_reason="stop"
    )
    rows = [annotator, line, version, *([] if model else [model_row]), generation, output]
    with store.writing() as connection:
        store.add(*rows, connection=connection)
        keep_words(store, generation.id, connection=connection)
    return Someone(annotator, line, version, model_row, generation, output)
