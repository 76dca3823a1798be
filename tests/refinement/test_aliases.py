"""Names that move: the last move is in force, two at once cannot fork it, and what is asked for by name is served."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collab import aliases
from collab.errors import CollabError, InvalidSetting, NotFound, Unavailable
from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.model_versions import resolve_model
from collab.types import Alias, ModelVersion
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.models.fake import FAKE_TEXT, FakeCatalog
from tests.refinement.trying import at_once, prompt_with


def weights(ws: Workspace, **changes: object) -> ModelVersion:
    """Another version of weights that the studio knows."""
    made = ModelVersion(
        name="other", modality="text", base=FAKE_TEXT.base, revision=FAKE_TEXT.revision, precision=FAKE_TEXT.precision
    )
    made = replace(made, **changes)  # type: ignore[arg-type]
    ws.store.add(made)
    return made


def test_a_name_means_what_it_was_last_moved_to(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "one", "two")
    name = aliases.of_prompt(root.prompt_id)
    assert aliases.current(ws, name) is None and aliases.serving_version(ws, root.prompt_id) == root
    aliases.move(ws, owner, name, one.id, "promote", reason="better")
    second = aliases.move(ws, owner, name, two.id, "promote", evidence={"n": 1})
    assert aliases.current(ws, name) == second and aliases.serving_version(ws, root.prompt_id) == two
    assert [move.version_id for move in aliases.history(ws, name)] == [one.id, two.id]
    assert second.evidence == {"n": 1} and second.supersedes_id == aliases.history(ws, name)[0].id


def test_a_rollback_leads_to_what_the_promotion_in_force_replaced(ws: Workspace, owner: Visitor):
    root, one, two = prompt_with(ws, owner, "one", "two")
    name = aliases.of_prompt(root.prompt_id)

    def before() -> str | None:
        return aliases.served_before(ws, name, root.id)

    assert before() is None
    aliases.move(ws, owner, name, one.id, "promote")
    assert before() == root.id
    aliases.move(ws, owner, name, two.id, "promote")
    assert before() == one.id
    aliases.move(ws, owner, name, one.id, "rollback")
    assert before() == root.id  # and not the version that was just rolled back
    aliases.move(ws, owner, name, root.id, "rollback")
    assert before() is None


def test_of_moves_that_rest_on_the_same_state_one_is_made(each_ws: Workspace, owner: Visitor):
    ws = each_ws
    root, one, two = prompt_with(ws, owner, "one", "two")
    name = aliases.of_prompt(root.prompt_id)
    first = aliases.move(ws, owner, name, one.id, "promote", after=None)
    for after, version in ((first.id, two), (None, two)):
        found = at_once(4, lambda v=version, a=after: aliases.move(ws, owner, name, v.id, "promote", after=a))
        moved = [each for each in found if isinstance(each, Alias)]
        assert len(moved) == (1 if after else 0), found
        assert all(isinstance(each, Unavailable) for each in found if each not in moved)
    assert [move.version_id for move in aliases.history(ws, name)] == [one.id, two.id]


@pytest.mark.parametrize("name", ["", "text", "prompt:", "prompt:1", "prompt:../../x", None, 7, "text-current'; --"])
def test_what_is_no_name_is_told_so(ws: Workspace, name: object):
    with pytest.raises(NotFound, match="There is no alias"):
        aliases.current(ws, name)  # type: ignore[arg-type]


def test_a_name_takes_only_versions_of_its_own_kind(ws: Workspace, owner: Visitor):
    root = prompt_with(ws, owner)[0]
    elsewhere = prompt_with(ws, owner, text="another")[0]
    before = counts(ws.store)
    name = aliases.of_prompt(root.prompt_id)
    wrong: list[tuple[str, str, type[CollabError]]] = [
        (name, elsewhere.id, NotFound), (name, "x", NotFound), ("text-current", root.id, NotFound),
        (aliases.of_prompt(elsewhere.id), root.id, NotFound),
    ]  # fmt: skip
    for alias, version_id, error in wrong:
        with pytest.raises(error, match="check the id"):
            aliases.move(ws, owner, alias, version_id, "promote")
    with pytest.raises(InvalidSetting, match="reason"):
        aliases.move(ws, owner, name, root.id, "promote", reason="x" * 600)
    assert counts(ws.store) == before


def test_a_prompts_name_serves_its_version_to_its_owner_alone(ws: Workspace, owner: Visitor, ann: Visitor):
    root, one = prompt_with(ws, owner, "quite another text")
    name = aliases.of_prompt(root.prompt_id)
    made, _ = make(ws, owner, "", prompt_version_id=name)
    assert made.prompt_version_id == root.id
    aliases.move(ws, owner, name, one.id, "promote")
    made, outputs = make(ws, owner, "", prompt_version_id=name)
    assert made.prompt_version_id == one.id and "another" in (outputs[0].text or "")
    for asked, visitor in ((name, ann), ("prompt:nowhere", owner), (aliases.of_prompt(one.id), owner)):
        with pytest.raises(NotFound, match=r"no prompt version .* of yours"):
            generate(ws, visitor, Ask(prompt_version_id=asked))


def test_the_promoted_weights_answer_by_default(ws: Workspace, catalog: FakeCatalog, owner: Visitor, ann: Visitor):
    made, _ = make(ws, ann, "hello")
    serving = ws.store.get(ModelVersion, made.model_version_id)
    aliases.move(ws, owner, "text-current", serving.id, "promote")
    assert resolve_model(ws, ann, "", "text").base == serving.base
    changed = weights(ws, revision="0" * 40)
    aliases.move(ws, owner, "text-current", changed.id, "promote")
    with pytest.raises(Unavailable, match="no longer those of that time"):  # nothing else answers in its name
        generate(ws, ann, Ask(prompt="hello"))
    assert make(ws, ann, "hello", model=serving.id)[0].status == "done"
    assert make(ws, ann, "a fox", modality="image")[0].status == "done"
