"""Names that move over immutable versions: which version serves, which served before, and moving on. Judges nothing.

`text-current` and `image-current` name the weights that answer by default, `prompt:ID` the version of that prompt that
serves. A move is a row that follows the one before, so that the last of the chain is in force; no row, and a prompt
serves the words it began with, a studio the model it was set up with. What may be moved to: refinement/promotion.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection

from collab.checks import clean_text, is_id
from collab.errors import InvalidSetting, NotFound, Unavailable
from collab.identity import Visitor
from collab.store import Conflict
from collab.store.trial_queries import alias_moves, alias_tip
from collab.types import Alias, AliasMove, Modality, ModelVersion, Prompt, PromptVersion
from collab.workspace import Workspace

MODELS: Mapping[str, Modality] = {"text-current": "text", "image-current": "image"}
PROMPT = "prompt:"
REASON_LIMIT = 500  # characters


def of_prompt(prompt_id: str) -> str:
    """The name under which a prompt's serving version is known."""
    return f"{PROMPT}{prompt_id}"


def of_model(modality: Modality) -> str:
    """The name of the weights that answer by default."""
    return f"{modality}-current"


def check_name(name: object) -> str:
    """The name as it is kept. Raises NotFound for what is none."""
    text = name.strip() if isinstance(name, str) else ""
    if text in MODELS or (text.startswith(PROMPT) and is_id(text.removeprefix(PROMPT))):
        return text
    raise NotFound(f"There is no alias “{str(name)[:60]}”: use {', '.join(MODELS)} or {PROMPT}ID.")


def current(ws: Workspace, name: str, *, connection: Connection | None = None) -> Alias | None:
    """The move in force, or None where the name was never moved. Raises NotFound for what is no name."""
    return alias_tip(ws.store, check_name(name), connection=connection)


def history(ws: Workspace, name: str, *, connection: Connection | None = None) -> list[Alias]:
    """Every move of the name, the first one first. Raises NotFound for what is no name."""
    return alias_moves(ws.store, check_name(name), connection=connection)


def served_before(ws: Workspace, name: str, base_id: str, *, connection: Connection | None = None) -> str | None:
    """The version that a rollback leads to: what the promotion in force replaced; None where there is none.

    base_id: what served before the first move.
    """
    stack = [base_id]
    for move in history(ws, name, connection=connection):
        if move.move == "promote":
            stack.append(move.version_id)
        elif len(stack) > 1:
            stack.pop()
    return stack[-2] if len(stack) > 1 else None


def root_version(ws: Workspace, prompt_id: str, *, connection: Connection | None = None) -> PromptVersion:
    """The words a prompt began with. Raises NotFound for an unknown prompt."""
    found = ws.store.find(PromptVersion, prompt_id=prompt_id, parent_id=None, limit=1, connection=connection)
    if not found:
        raise NotFound(f"There is no prompt “{str(prompt_id)[:60]}”: check the id.")
    return found[0]


def serving_version(ws: Workspace, prompt_id: str, *, connection: Connection | None = None) -> PromptVersion:
    """The version of a prompt that serves: its alias', else the root. Raises NotFound for an unknown prompt."""
    move = current(ws, of_prompt(prompt_id), connection=connection)
    if move is None:
        return root_version(ws, prompt_id, connection=connection)
    return ws.store.get(PromptVersion, move.version_id, connection=connection)


def serving_id(ws: Workspace, asked: str) -> str:
    """The version that “prompt:ID” names now; anything else, unknown prompts among it, as it is."""
    if not isinstance(asked, str) or not asked.startswith(PROMPT):
        return asked
    try:
        return serving_version(ws, check_name(asked).removeprefix(PROMPT)).id
    except NotFound:  # the caller tells it like the prompts of others
        return asked


def move(
    ws: Workspace, visitor: Visitor, name: str, version_id: str, move: AliasMove, *, trial_id: str | None = None,
    evidence: Mapping[str, Any] | None = None, reason: str = "", after: str | None = "",
) -> Alias:  # fmt: skip
    """Let the name mean this version from now on.

    after: the id of the move that the decision rests on (None: the name was never moved; "": on none). Raises
    Unavailable if another has come since, NotFound for a name or a version that is none, InvalidSetting for a reason
    that cannot be kept; then nothing is stored.
    """
    from collab.generation import ensure_annotator  # which itself asks what serves

    try:
        with ws.store.writing() as connection:
            ensure_annotator(ws, visitor, connection)
            return add_move(
                ws, visitor, name, version_id, move, trial_id=trial_id, evidence=evidence, reason=reason, after=after,
                connection=connection,
            )  # fmt: skip
    except Conflict:
        raise Unavailable(f"“{name}” was moved by somebody else at this moment: look at what serves now.") from None


def add_move(
    ws: Workspace, visitor: Visitor, name: str, version_id: str, move: AliasMove, *, trial_id: str | None = None,
    evidence: Mapping[str, Any] | None = None, reason: str = "", after: str | None = "", connection: Connection,
) -> Alias:  # fmt: skip
    """`move` within the caller's transaction. Raises Conflict if another move has come since `after`."""
    name = check_name(name)
    said = clean_text(reason, "reason", limit=REASON_LIMIT, error=InvalidSetting).strip()
    _check_version(ws, name, version_id, connection)
    tip = alias_tip(ws.store, name, connection=connection)
    last = tip.id if tip else None
    if after not in ("", last):
        raise Conflict(f"{name} has been moved since")
    row = Alias(
        name=name, version_id=version_id, move=move, trial_id=trial_id, evidence=dict(evidence or {}), reason=said,
        supersedes_id=last, created_by=visitor.annotator_id,
    )  # fmt: skip
    ws.store.add(row, connection=connection)
    return row


def _check_version(ws: Workspace, name: str, version_id: object, connection: Connection) -> None:
    """Raise NotFound unless the version exists and is one that the name may mean."""
    if name in MODELS:
        models = ws.store.find(ModelVersion, id=version_id, connection=connection) if is_id(version_id) else []
        if not models or models[0].modality != MODELS[name]:
            raise NotFound(f"There is no {MODELS[name]} model version “{str(version_id)[:60]}”: check the id.")
        return
    prompt_id = name.removeprefix(PROMPT)
    versions = ws.store.find(PromptVersion, id=version_id, connection=connection) if is_id(version_id) else []
    if not versions or versions[0].prompt_id != prompt_id:
        known = ws.store.find(Prompt, id=prompt_id, connection=connection)
        what = "version" if known else "prompt"
        raise NotFound(f"There is no such {what} “{str(version_id if known else prompt_id)[:60]}”: check the id.")
