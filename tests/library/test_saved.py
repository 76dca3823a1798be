"""Prompts kept by name with their versions, and settings kept by name."""

from __future__ import annotations

import pytest

from collab.errors import CollabError
from collab.identity import Visitor
from collab.library import presets
from collab.library import saved as library
from collab.people.erasing import delete_my_data, delete_outputs
from collab.people.my_export import export_my_data
from collab.prompts import check_wording
from collab.types import PromptVersion, SavedPrompt
from collab.workspace import Workspace
from tests.conftest import counts, make


def test_versions_branch_and_are_restored(each_ws: Workspace, ann: Visitor, bob: Visitor):
    ws = each_ws
    first = library.save(ws, ann, check_wording("text", "Say {what}."), name="  summary\n of it ", tags=["work", "x"])
    second = library.save(ws, ann, check_wording("text", "Say {what} now."), parent_id=first["prompt_version_id"])
    third = library.save(ws, ann, check_wording("text", "Shout {what}."), parent_id=first["prompt_version_id"])
    assert [v["number"] for v in (first, second, third)] == [1, 2, 3]
    (row,) = library.listed(ws, ann)
    assert (row["name"], row["tags"], row["versions"], row["current"]) == ("summary of it", ["work", "x"], 3, 3)
    told = library.tree(ws, ann, first["prompt_id"])
    assert [(v["number"], v["parent"]) for v in told["versions"]] == [(1, None), (2, 1), (3, 1)]
    undo = library.restore(ws, ann, second["prompt_version_id"])["before"]
    assert library.listed(ws, ann)[0]["current"] == 2
    library.restore(ws, ann, undo["current_id"])
    assert library.listed(ws, ann)[0]["current"] == 3
    again = library.save(ws, ann, check_wording("text", "Say {what} now."), parent_id=third["prompt_version_id"])
    assert again["number"] == 2 and len(ws.store.find(PromptVersion)) == 3  # known words only become current
    made, _ = make(ws, ann, "Say {what} now.", variables={"what": "hi"})
    assert made.prompt_version_id == second["prompt_version_id"]  # typed again, it goes on there
    before = library.change(ws, ann, first["prompt_id"], {"archived": True, "name": "other"})["before"]
    assert library.listed(ws, ann)[0]["archived"]
    library.change(ws, ann, first["prompt_id"], before)
    assert (library.listed(ws, ann)[0]["name"], library.listed(ws, ann)[0]["archived"]) == ("summary of it", False)
    assert library.listed(ws, bob) == []
    stored = counts(ws.store)
    for bad in (
        lambda: library.tree(ws, bob, first["prompt_id"]),
        lambda: library.restore(ws, bob, first["prompt_version_id"]),
        lambda: library.save(ws, bob, check_wording("text", "x"), parent_id=first["prompt_version_id"]),
        lambda: library.save(ws, ann, check_wording("text", "new"), name=" "),
        lambda: library.save(ws, ann, check_wording("text", "new"), name="a\0b"),
        lambda: library.save(ws, ann, check_wording("text", "new"), name="x" * 10_000),
        lambda: library.save(ws, ann, check_wording("text", "new"), name="n", tags=["\ud800"]),
        lambda: library.save(ws, ann, check_wording("image", "x"), parent_id=first["prompt_version_id"]),
        lambda: library.change(ws, ann, first["prompt_id"], {"tags": "no list"}),
    ):
        with pytest.raises(CollabError):
            bad()
    assert {**counts(ws.store), "annotators": 0} == {**stored, "annotators": 0}


def test_presets_are_replaced_and_deleted_by_their_person_alone(ws: Workspace, ann: Visitor, bob: Visitor):
    kept = presets.save(ws, ann, "Mine", "text", {"temperature": 0.3})
    presets.save(ws, ann, "Mine", "text", {"temperature": 0.4, "top_k": 5})
    own = [p for p in presets.listed(ws, ann) if p["preset_id"]]
    assert [(p["name"], p["settings"]) for p in own] == [("Mine", {"temperature": 0.4, "top_k": 5})]
    for name, modality, settings in (
        ("Precise", "text", {"temperature": 1}), ("x", "text", {"temperature": 99}), ("x", "text", {"nope": 1}),
        ("x" * 61, "text", {"temperature": 1}), ("x", "film", {}), ("x", "text", {}),
    ):  # fmt: skip
        with pytest.raises(CollabError):
            presets.save(ws, ann, name, modality, settings)
    with pytest.raises(CollabError):
        presets.delete(ws, bob, kept["preset_id"])
    presets.delete(ws, ann, kept["preset_id"])
    assert not [p for p in presets.listed(ws, ann) if p["preset_id"]]


def test_a_saved_prompt_outlives_its_outputs_and_goes_with_its_person(ws: Workspace, ann: Visitor, tmp_path):
    _, outputs = make(ws, ann, "keep me")
    saved = library.save(ws, ann, check_wording("text", "keep me"), name="kept")
    presets.save(ws, ann, "Mine", "image", {"guidance_scale": 3})
    delete_outputs(ws, ann, outputs)
    assert library.tree(ws, ann, saved["prompt_id"])["versions"][0]["text"] == "keep me"
    assert export_my_data(ws, ann, tmp_path / "mine.zip")["prompts"] == 3  # the version, its name, the preset
    delete_my_data(ws, ann, "delete")
    left = counts(ws.store)
    assert not any(left[table] for table in ("prompts", "prompt_versions", "saved_prompts", "presets"))
    assert ws.store.find(SavedPrompt) == []
