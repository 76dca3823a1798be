"""What training rows are made of: acts in force, and what each is about: texts with the conversation that they answer,
or pictures with their prompt. Reads the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from collab import steering
from collab.errors import InvalidPrompt
from collab.generation import messages_of
from collab.prompts import fill
from collab.said_of_outputs import named_in
from collab.store.evidence_queries import versions
from collab.store.export_queries import parsed
from collab.store.picture_queries import Drawn, drawn_pictures
from collab.store.pieces import chunks
from collab.store.training_queries import Written, acts_on_made, newest_about, written_texts
from collab.studies.decisions import excluded_tasks
from collab.types import Act, FeedbackKind, Modality, PromptVersion
from collab.workspace import Kept
from models.base import Message

ACTS_LIMIT = 500_000  # the newest
LOOKED_AT = 100  # the newest, for a look at a few rows
Messages = tuple[tuple[str, str], ...]  # (role, content) in order
NEGATIVE = "negative"  # the role of what a picture was not to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One text and the messages that its model was sent; of a picture, its SHA-256 and the words. cut_off: it ended
    at its length limit, or was stopped."""

    output_id: str
    messages: Messages
    text: str
    cut_off: bool
    seed: int
    settings: Mapping[str, Any]
    prompt_version_id: str
    model_revision: str


@dataclass(frozen=True, slots=True)
class Told:
    """The acts, newest first, and the texts or pictures they are about, by id. unused: what cannot be used, by
    reason."""

    acts: Sequence[Act]
    sources: Mapping[str, Source]
    unused: Mapping[str, int]
    modality: Modality = "text"


def read_told(
    ws: Kept, study_id: str | None = None, *, modality: Modality = "text", act_ids: Sequence[str] | None = None,
    annotator_id: str | None = None, newest: Collection[FeedbackKind] = (),
) -> Told:  # fmt: skip
    """All that people said of texts, or of pictures, and that is in force; study_id: only in this study; annotator_id:
    only what this person said outside studies; newest: only about what the newest acts of these kinds are about, for a
    look at it.

    act_ids: these acts instead, as far as they are still there, in force or not and whoever was left out since.
    """
    with ws.store.reading() as connection:
        if act_ids is None:
            about = None
            if newest:
                about = newest_about(ws.store, study_id, newest, limit=LOOKED_AT, connection=connection,
                                     annotator_id=annotator_id)  # fmt: skip
            said = acts_on_made(ws.store, modality, study_id, limit=ACTS_LIMIT, connection=connection,
                                annotator_id=annotator_id, about=about)  # fmt: skip
            without = excluded_tasks(ws, connection=connection)
        else:
            said = [act for ids in chunks(act_ids) for act in ws.store.acts(ids, connection=connection)]
            without = set()
        acts = [act for act in said if act.task_id not in without]
        named = {output_id for act in acts for output_id in named_in(act)}
        texts = written_texts(connection, named) if modality == "text" else {}
        pictures = drawn_pictures(ws.store, named, connection=connection) if modality == "image" else {}
        asked = {text.prompt_version_id for text in texts.values()}
        asked |= {picture.made.prompt_version_id for picture in pictures.values()}
        known = versions(ws.store, asked, connection=connection)
    sources, unused, reader = dict[str, Source](), Counter[str](), _Reader(known)
    for output_id, picture in pictures.items():
        if (found := _picture(picture, known[picture.made.prompt_version_id])).messages:
            sources[output_id] = found
        else:
            unused["pictures whose prompt is not known"] += 1
    if len(acts) < len(said):
        unused["answers of people whom the owner left out"] = len(said) - len(acts)
    if len(said) == ACTS_LIMIT:
        unused[f"acts before the newest {ACTS_LIMIT:,}, which are not counted"] = 1
    for output_id, text in texts.items():
        source = reader.source(text)
        if parsed(text.inputs).get("turns"):  # an act names the whole, not one of its turns
            unused["texts in conversations of several turns"] += 1
        elif not source.messages or source.messages[-1][0] not in ("user", "assistant", "tool"):
            unused["texts whose prompt is not known"] += 1
        else:
            sources[output_id] = source
    return Told(acts, sources, unused, modality)


def _picture(drawn: Drawn, version: PromptVersion) -> Source:
    """A picture with the exact words it was asked for by; without any where nobody asked for it in words."""
    made = drawn.made
    try:
        (text, negative, _), _ = fill([version.text, version.negative_text, version.system_text], made.variables)
    except InvalidPrompt:  # an imported one may bring no values
        text, negative = str(made.variables.get("prompt", "")), version.negative_text
    asked = (("user", text), *([(NEGATIVE, negative)] if negative.strip() else []))
    return Source(
        output_id=drawn.output.id, messages=asked if text.strip() else (), text=drawn.output.blob_sha256 or "",
        cut_off=False, seed=drawn.output.seed, settings=made.settings, prompt_version_id=made.prompt_version_id,
        model_revision=drawn.revision,
    )  # fmt: skip


class _Reader:
    """Turns rows into sources; texts that were asked for alike share one conversation."""

    def __init__(self, versions: Mapping[str, PromptVersion]) -> None:
        self._versions = versions
        self._sent: dict[tuple[str, str, str], Messages] = {}

    def source(self, made: Written) -> Source:
        asked = (made.prompt_version_id, made.variables, made.inputs)
        if asked not in self._sent:
            self._sent[asked] = messages_sent(
                self._versions[made.prompt_version_id], parsed(made.variables), parsed(made.inputs)
            )
        return Source(
            output_id=made.output_id,
            messages=self._sent[asked],
            text=made.text,
            cut_off=made.finish_reason in ("length", "cancelled"),
            seed=made.seed,
            settings=parsed(made.settings),
            prompt_version_id=made.prompt_version_id,
            model_revision=made.revision,
        )


def messages_sent(version: PromptVersion, variables: Mapping[str, str], inputs: Mapping[str, Any]) -> Messages:
    """What the model was sent: what steered, the examples, the earlier turns, what was asked."""
    try:
        (text, _, system), _ = fill([version.text, version.negative_text, version.system_text], variables)
    except InvalidPrompt:  # an imported one may bring no values
        text, system = variables.get("prompt", ""), version.system_text
    system, shown = steering.steered(system, inputs)
    before = [Message(str(m.get("role", "")), str(m.get("content", ""))) for m in inputs.get("messages", ())]  # type: ignore[arg-type]
    sent = messages_of(system, (*version.examples, *shown), text, before)
    return tuple((m.role, m.content) for m in sent if m.content.strip())
