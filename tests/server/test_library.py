"""Prompts, presets and grids by script."""

from __future__ import annotations

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from collab.ui.endpoints import UNEXPECTED


def test_a_script_keeps_prompts_and_makes_grids_whose_hidden_values_it_cannot_learn(ann: Client, bob: Client):
    first = ann.predict("a {colour} fox", "Foxes", tags=["animals"], api_name="/save_prompt")
    follows = first["prompt_version_id"]
    second = ann.predict("one {colour} fox", parent_id=follows, api_name="/save_prompt")
    assert (second["prompt_id"], second["number"]) == (first["prompt_id"], 2)
    ann.predict(first["prompt_id"], {"name": "All foxes"}, api_name="/change_prompt")
    ann.predict(first["prompt_id"], {"current_id": follows}, api_name="/change_prompt")
    told = next(p for p in ann.predict(api_name="/saved_prompts")["prompts"] if p["prompt_id"] == first["prompt_id"])
    assert (told["name"], told["tags"], told["versions"], told["text"]) == (
        "All foxes",
        ["animals"],
        2,
        "a {colour} fox",
    )
    tree = ann.predict(first["prompt_id"], api_name="/saved_prompt")
    assert [(v["number"], v["parent"]) for v in tree["versions"]] == [(1, None), (2, 1)]

    axes = [{"kind": "variable", "name": "colour", "values": "vermilion | cerulean"},
            {"kind": "setting", "name": "temperature", "values": "0.123 | 0.456"}]  # fmt: skip
    grid = ann.predict("", axes, hidden=True, prompt_version_id=follows, api_name="/make_grid")
    while grid["left"]:
        grid = ann.predict(grid["grid_id"], api_name="/grid")
    shown = [{**grid, "cells": [{**cell, "text": ""} for cell in grid["cells"]]}, ann.predict(api_name="/grids"),
             ann.predict(api_name="/history"), ann.predict(first["prompt_id"], api_name="/saved_prompt")]  # fmt: skip
    assert len(grid["cells"]) == 4 and grid["masked"]
    assert not any(word in str(shown) for word in ("vermilion", "cerulean", "0.123", "0.456", "'place'"))
    for api_name, args in (
        ("/grid", [grid["grid_id"]]), ("/change_grid", [grid["grid_id"], "reveal"]),
        ("/saved_prompt", [first["prompt_id"]]), ("/change_prompt", [first["prompt_id"], {"name": "mine"}]),
        ("/save_prompt", ["x", "", "text", "", "", None, None, follows]),
    ):  # fmt: skip
        with pytest.raises(AppError, match=r"of yours|in your library"):
            bob.predict(*args, api_name=api_name)
    for api_name, args in (("/change_grid", [grid["grid_id"], "peek"]), ("/change_prompt", [first["prompt_id"], {}]),
                           ("/save_prompt", ["x", "y", "sound"]), ("/make_grid", ["x", "axes"])):  # fmt: skip
        with pytest.raises(AppError) as refused:
            ann.predict(*args, api_name=api_name)
        assert UNEXPECTED not in str(refused.value)
    revealed = ann.predict(grid["grid_id"], "reveal", api_name="/change_grid")
    assert sorted(cell["place"] for cell in revealed["cells"]) == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert revealed["axes"][0]["values"] == ["vermilion", "cerulean"]


def test_a_script_keeps_presets_of_its_own(ann: Client, bob: Client):
    kept = ann.predict("Mine", {"temperature": 0.3}, api_name="/save_preset")
    assert kept["settings"] == {"temperature": 0.3} and kept["modality"] == "text"
    again = ann.predict("Mine", {"top_p": 0.5}, api_name="/save_preset")
    assert again == {**kept, "settings": {"top_p": 0.5}}
    listed = ann.predict(api_name="/presets")["presets"]
    assert again in listed and {"Precise", "Draft"} <= {each["name"] for each in listed if not each["preset_id"]}
    assert again not in bob.predict(api_name="/presets")["presets"]
    with pytest.raises(AppError, match="of yours"):
        bob.predict(kept["preset_id"], api_name="/delete_preset")
    for args in (["Precise", {"top_p": 0.5}], ["x", {}], ["x", 7], ["x", {"heat": 1}], ["x", {"top_p": 1}, "sound"]):
        with pytest.raises(AppError) as refused:
            ann.predict(*args, api_name="/save_preset")
        assert UNEXPECTED not in str(refused.value), args
    assert ann.predict(kept["preset_id"], api_name="/delete_preset") == again
    assert again not in ann.predict(api_name="/presets")["presets"]
