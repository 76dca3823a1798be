"""`problems` finds aliases that fork or name nothing, and trials that do not fit together."""

from __future__ import annotations

import pytest

from collab.store import Blobs, Store
from collab.store.verify import problems
from collab.types import Alias, Trial
from tests.store.people import Someone, someone
from tests.store.test_verify import damage, tells


@pytest.fixture
def ann(store: Store) -> Someone:
    """A person with a prompt that was moved twice, and an undecided trial of it."""
    made = someone(store)
    version = made.generation.prompt_version_id
    who = {"created_by": made.annotator.id}
    name = f"prompt:{made.version.prompt_id}"
    first = Alias(name=name, version_id=version, move="promote", **who)
    second = Alias(name=name, version_id=version, move="rollback", supersedes_id=first.id, **who)
    model = Alias(name="text-current", version_id=made.generation.model_version_id, move="promote", **who)
    trial = Trial(
        prompt_id=made.version.prompt_id, champion_id=version, candidate_ids=(version,), leader_id=version,
        model_version_id=made.generation.model_version_id, stage="confirming", spec={}, **who,
    )  # fmt: skip
    store.add(first, second, model, trial)
    return made


def test_sound_aliases_and_trials_are_no_problem(store: Store, blobs: Blobs, ann: Someone):
    assert not [said for said in problems(store, blobs) if "alias" in said or "trial" in said]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE aliases SET version_id = 'gone'", r"names gone, which is no version of it"),
        ("UPDATE aliases SET name = 'image-current' WHERE name = 'text-current'", r"which is no version of it"),
        ("UPDATE aliases SET name = 'text-current' WHERE move = 'rollback'", r"follows one of another alias"),
        ("UPDATE aliases SET supersedes_id = id WHERE name = 'text-current'", r"text-current has 0 beginnings"),
        ("UPDATE trials SET stage = 'decided'", r"decided without a study or without a verdict"),
        ("UPDATE trials SET confirming_id = 'gone'", r"trials .*: confirming_id names gone"),
        ("UPDATE trials SET candidate_ids = '[\"gone\"]'", r"names gone, which is no version of its prompt"),
        ("UPDATE trials SET candidate_ids = '[\"gone\"]'", r"The leader of the trial .* is none of its candidates"),
        ("UPDATE trials SET candidate_ids = '['", r"trials .*: candidate_ids is damaged"),
    ],
)
def test_damage_to_what_moves_is_found(store: Store, blobs: Blobs, ann: Someone, statement: str, said: str):
    damage(store, statement)
    assert tells(list(problems(store, blobs)), said)
