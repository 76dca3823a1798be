"""Going on from a text: the model continues from a person's words, or answers what they reply; and the tree of both.

A branch is a generation whose inputs name the output that it goes on from (`parent_output_id`) and the words that it
begins with (`prefix`); a reply names its parent too, and the conversation so far (`messages`). Everything else, down
to the weights, is as it was for the parent. Knows nothing of Gradio.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from collab import generation
from collab.checks import clean_text
from collab.errors import InvalidPrompt
from collab.generation import Ask, wording_of
from collab.identity import Visitor
from collab.inputs import PREFIX_LIMIT, own_generation, own_outputs
from collab.prompts import PROMPT_LIMIT, fill, without_variables
from collab.store.queries import live_acts, masked_among, outputs_of
from collab.texts.conversation import asked_of
from collab.types import Act, Edit, Generation, Output, PromptVersion, Ranking, Rating
from collab.workspace import Workspace

Kind = Literal["root", "branch", "reply"]
SHOWN = 160  # characters of a text in the tree
NODES_LIMIT = 500  # outputs of a tree, the newest generations left out first


def kind_of(made: Generation) -> Kind:
    """How a generation goes on from its parent."""
    if "parent_output_id" not in made.inputs:
        return "root"
    return "branch" if made.inputs.get("prefix") else "reply"


def continue_text(
    ws: Workspace, visitor: Visitor, output_id: str, prefix: object, *, count: Any = 1, seed: Any = None,
    request_id: str = "",
) -> str:  # fmt: skip
    """Let the model go on from these words in place of one's own output; the new generation's id.

    Raises InvalidPrompt for words that are none, NotFound for an output that is not one's own.
    """
    parent, made = _parent(ws, visitor, output_id)
    words = clean_text(prefix, "beginning", limit=PREFIX_LIMIT, error=InvalidPrompt)
    if not words.strip():
        raise InvalidPrompt("There is nothing to go on from: put the caret behind the words to keep.")
    kept = {k: v for k, v in made.inputs.items() if k not in ("replay_of", "prefix", "parent_output_id")}
    return generation.generate(ws, visitor, Ask(
        prompt_version_id=made.prompt_version_id, model=made.model_version_id, count=count, seed=seed,
        settings=made.settings, variables=made.variables, request_id=request_id,
        inputs={**kept, "parent_output_id": parent.id, "prefix": words},
    ))  # fmt: skip


def reply(
    ws: Workspace, visitor: Visitor, output_id: str, text: object, *, count: Any = 1, seed: Any = None,
    request_id: str = "",
) -> str:  # fmt: skip
    """Say something about one's own output and have the model answer; the new generation's id.

    The output is taken as its person left it: corrected where they corrected it.
    """
    parent, made = _parent(ws, visitor, output_id)
    said = clean_text(text, "reply", limit=PROMPT_LIMIT, error=InvalidPrompt, required=True)
    wording = wording_of(ws.store, ws.store.get(PromptVersion, made.prompt_version_id))
    (_, _, system), _ = fill([wording.text, wording.negative_text, wording.system_text], made.variables)
    kept = {k: v for k, v in made.inputs.items() if k not in ("replay_of", "prefix", "parent_output_id", "messages")}
    return generation.generate(ws, visitor, Ask(
        prompt=without_variables(said), system_text=without_variables(system), examples=wording.examples,
        model=made.model_version_id, count=count, seed=seed, settings=made.settings, request_id=request_id,
        inputs={**kept, "parent_output_id": parent.id},
    ))  # fmt: skip


def tree(ws: Workspace, visitor: Visitor, generation_id: str) -> dict[str, Any]:
    """All that one's own generation belongs to, from the first: its generations with their outputs, oldest first.

    {"root_id", "here", "nodes": [{"generation_id", "kind", "parent_output_id", "said", "status", "outputs": [{
    "output_id", "position", "text", "edited", "best", "score", "thumb", "marked"}]}]}; a node whose parent was deleted
    stands beside the root. said: the reply. text: the first words that are new.
    """
    here = own_generation(ws, visitor, generation_id)
    root_id = here.root_id or here.id
    mine: dict[str, Any] = {"requested_by": visitor.annotator_id}
    made = [*ws.store.find(Generation, id=root_id, **mine), *ws.store.find(Generation, root_id=root_id, **mine)]
    masked = masked_among(ws.store, [g.id for g in made])
    made = sorted((g for g in made if g.id not in masked), key=lambda g: g.id)
    ids = [g.id for g in made]
    outputs = outputs_of(ws.store, ids)
    said = _said(live_acts(ws.store, visitor.annotator_id, ids))
    replies = {g.prompt_version_id for g in made if kind_of(g) == "reply"}
    versions = {v.id: v for v in ws.store.find(PromptVersion, id=list(replies))} if replies else {}
    known = {o.id for some in outputs.values() for o in some}
    nodes: list[dict[str, Any]] = []
    left = NODES_LIMIT
    for each in made:
        if left <= 0:
            break
        left -= each.count
        parent = each.inputs.get("parent_output_id")
        asked = asked_of(versions[each.prompt_version_id], each) if kind_of(each) == "reply" else ""
        prefix = str(each.inputs.get("prefix", ""))
        nodes.append({
            "generation_id": each.id, "kind": kind_of(each), "parent_output_id": parent if parent in known else None,
            "said": asked[:SHOWN], "status": each.status,
            "outputs": [_node(o, prefix, said) for o in outputs[each.id]],
        })  # fmt: skip
    return {"root_id": root_id, "here": here.id, "nodes": nodes, "left_out": len(made) - len(nodes)}


def _parent(ws: Workspace, visitor: Visitor, output_id: str) -> tuple[Output, Generation]:
    (parent,) = own_outputs(ws, visitor, [output_id])
    if parent.text is None:
        what = "a picture" if parent.media_type.startswith("image/") else "not finished"
        raise InvalidPrompt(f"That output is {what}: choose a finished text to go on from.")
    return parent, ws.store.get(Generation, parent.generation_id)


def _said(acts: Sequence[Act]) -> dict[str, dict[str, Any]]:
    """What the tree tells of each output: the newest ranking that names it decides whether it is the best."""
    found: dict[str, dict[str, Any]] = {}
    for act in acts:
        if isinstance(act, Edit):
            found.setdefault(act.output_id, {})["edited"] = True
        elif isinstance(act, Rating):
            told = {"score": act.score, "thumb": act.thumb, "marked": len(act.spans)}
            found.setdefault(act.output_id, {}).update(told)
        elif isinstance(act, Ranking):
            for place, group in enumerate(act.groups):
                for output_id in group:
                    best = place == 0 and len(group) == 1
                    found.setdefault(output_id, {}).update(best=best, ranking_id=act.id if best else None)
    return found


def _node(output: Output, prefix: str, said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    text = output.text or ""
    new = text[len(prefix) :] if prefix and text.startswith(prefix) else text
    told = {"edited": False, "best": False, "ranking_id": None, "score": None, "thumb": None, "marked": 0}
    return {
        "output_id": output.id, "position": output.position, "text": new.strip()[:SHOWN],
        "finished": output.text is not None, **told, **said.get(output.id, {}),
    }  # fmt: skip
