"""What people said of a prompt's outputs, gathered once for all proposers. Reads the store.

The prompt's whole tree of versions counts fully, whoever judged, in a study or not; the asker's other feedback of the
same modality counts less. What was steered by somebody's own feedback is not what a prompt makes: it is left out, and
counted. Bounded: of more outputs than the limits below the newest are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from collab.errors import NotFound
from collab.generation import wording_of
from collab.identity import Visitor
from collab.prompts import Wording
from collab.said_of_outputs import named_in
from collab.store.evidence_queries import acts_beside_prompt, acts_on_prompt, made_from, own_acts, versions
from collab.types import Act, Modality, PromptVersion
from collab.workspace import Workspace

OTHER_WEIGHT = 0.3  # of feedback on the asker's other prompts
OUTPUTS_LIMIT, OTHERS_LIMIT = 2_000, 500  # judged outputs of this prompt, of the others: the newest
_ACTS_LIMIT, _OTHER_ACTS_LIMIT, _OWN_ACTS_LIMIT = 20_000, 5_000, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A text as a person made it right. distance: Levenshtein's, in words."""

    text: str
    distance: int
    event_id: str
    annotator_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment, a tag, or a span marked good or bad with its words. label: "comment", "tag", "good" or "bad"."""

    label: str
    text: str
    event_id: str
    annotator_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOutput:
    """One output with all that was said of it.

    weight: 1 in this prompt's tree, OTHER_WEIGHT elsewhere. asked: the user's message that the model was sent, filled
    in; wording: of the version that made it. liking: −1 … 1, the mean over people of stars and thumbs, None without.
    corrections and remarks: the latest of each person, in force. event_ids: of all acts that name it.
    """

    output_id: str
    prompt_version_id: str
    wording: Wording
    weight: float
    asked: str
    variables: Mapping[str, str]
    settings: Mapping[str, Any]
    text: str | None = None
    blob_sha256: str | None = None
    liking: float | None = None
    corrections: tuple[Correction, ...] = ()
    remarks: tuple[Remark, ...] = ()
    event_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """Two outputs of which a person chose one, from comparisons, studies and rankings; ties are left out."""

    better: str
    worse: str
    event_id: str
    annotator_id: str
    weight: float
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The evidence about one version. outputs: by output id, those of this prompt first, newest first; steered: how
    many judged outputs of this prompt were left out because their asker's own feedback shaped them."""

    version: PromptVersion
    wording: Wording
    modality: Modality
    outputs: Mapping[str, JudgedOutput] = field(default_factory=dict)
    pairs: tuple[JudgedPair, ...] = ()
    steered: int = 0

    @property
    def own(self) -> tuple[JudgedOutput, ...]:
        """The outputs of this prompt's tree."""
        return tuple(output for output in self.outputs.values() if output.weight == 1)

    @property
    def acts(self) -> int:
        """How many acts of feedback it rests on."""
        ids = {event for output in self.outputs.values() for event in output.event_ids}
        return len(ids | {pair.event_id for pair in self.pairs})


def gather(ws: Workspace, visitor: Visitor, version: PromptVersion) -> Digest:
    """What people said of the outputs of this version's prompt, and the visitor of their other ones.

    Raises NotFound for a version that is not the visitor's: whose feedback it is stays untold.
    """
    if version.created_by != visitor.annotator_id:
        raise NotFound(f"There is no prompt version “{version.id[:60]}” of yours: check the id.")
    wording = wording_of(ws.store, version)
    with ws.store.reading() as connection:
        acts = acts_on_prompt(ws.store, version.prompt_id, limit=_ACTS_LIMIT, connection=connection)
        beside = acts_beside_prompt(
            ws.store, version.prompt_id, visitor.annotator_id, wording.modality, limit=_OTHER_ACTS_LIMIT,
            connection=connection,
        )  # fmt: skip
        outputs, pairs, steered = _judged(
            ws, visitor, [*acts, *beside], wording.modality, version.prompt_id, connection
        )
    return Digest(version=version, wording=wording, modality=wording.modality, outputs=outputs, pairs=pairs,
                  steered=steered)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFeedback:
    """What one person said of what they made for themselves, all of weight 1. outputs: newest first; recent: the acts
    since the moment that was asked for."""

    outputs: Mapping[str, JudgedOutput]
    pairs: tuple[JudgedPair, ...]
    recent: frozenset[str] = frozenset()


def gather_own(ws: Workspace, visitor: Visitor, modality: Modality, since: datetime | None = None) -> OwnFeedback:
    """What the visitor said of what they made for themselves, whatever the prompt and be it steered.

    Nobody else's feedback, and few enough acts to be read whenever something is made.
    """
    with ws.store.reading() as connection:
        acts = own_acts(ws.store, visitor.annotator_id, modality, limit=_OWN_ACTS_LIMIT, connection=connection)
        outputs, pairs, _ = _judged(ws, visitor, acts, modality, None, connection)
    return OwnFeedback(
        outputs={output_id: replace(output, weight=1.0) for output_id, output in outputs.items()},
        pairs=tuple(replace(pair, weight=1.0) for pair in pairs),
        recent=frozenset(act.id for act in acts if since is not None and act.created_at >= since),
    )


def _judged(
    ws: Workspace, visitor: Visitor, acts: Sequence[Act], modality: Modality, prompt_id: str | None,
    connection: Connection,
) -> tuple[dict[str, JudgedOutput], tuple[JudgedPair, ...], int]:  # fmt: skip
    """The outputs and pairs that the acts are about: in the prompt's tree by anybody, elsewhere by the visitor.

    Where a prompt is asked about, outputs that were steered are left out; the number of those in its tree comes third.
    """
    from collab.refinement.gathering import judged_outputs, judged_pairs

    acts = sorted({act.id: act for act in acts}.values(), key=lambda act: act.id, reverse=True)
    made = made_from(connection, {output_id for act in acts for output_id in named_in(act)})
    tree = {output_id for output_id, one in made.items() if one.prompt_id == prompt_id}
    mine = {one.output_id for one in made.values() if one.requested_by == visitor.annotator_id}
    branched = {output_id for output_id, one in made.items() if one.branched}  # they answer more than their prompt
    steered = {output_id for output_id, one in made.items() if one.steered and prompt_id is not None} - branched
    told = [
        act for act in acts if act.annotator_id == visitor.annotator_id or any(name in tree for name in named_in(act))
    ]
    named = {output_id for act in told for output_id in named_in(act)}
    left = named - steered - branched
    newest = sorted(left & tree, reverse=True)[:OUTPUTS_LIMIT]
    others = [output_id for output_id in left - tree if output_id in mine and made[output_id].modality == modality]
    weights = dict.fromkeys(newest, 1.0) | dict.fromkeys(sorted(others, reverse=True)[:OTHERS_LIMIT], OTHER_WEIGHT)
    used = {made[output_id].prompt_version_id for output_id in weights}
    wordings = versions(ws.store, used, connection=connection)
    outputs = judged_outputs(told, made, wordings, weights)
    return outputs, judged_pairs(told, outputs), len(named & tree & steered)
