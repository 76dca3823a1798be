"""Several prompts in one adapter, by weights: how often each row is shown."""

from __future__ import annotations

from collections import Counter

import pytest

from collab.datasets.building import build
from collab.errors import InvalidSetting
from collab.feedback import rate
from collab.identity import Visitor
from collab.training.mixing import Part, parts, weighed
from collab.types import PromptVersion
from collab.workspace import Workspace
from tests.conftest import make
from tests.visitors import new_visitor


def test_rows_are_shown_as_often_as_their_prompt_weighs(ws: Workspace, ann: Visitor):
    for words in ("say {thing}", "sing {thing}"):
        for n in range(10):
            output = make(ws, ann, words, variables={"thing": f"a tune of {n}"}, seed=n)[1][0]
            rate(ws, ann, output.id, score=5)
    data = build(ws, "trl-sft")
    rows = [*data.train, *data.test]
    versions = {v.text: v for v in ws.store.find(PromptVersion)}
    say, sing = versions["say {thing}"], versions["sing {thing}"]

    def shown(**mix: float) -> dict[str, int]:
        found = Counter(row["prompt_version_id"] for row in weighed(ws, rows, mix, seed=1))
        return {"say": found[say.id], "sing": found[sing.id]}

    assert shown() == {"say": 10, "sing": 10} and weighed(ws, rows, {}, 0) == rows
    assert shown(**{say.prompt_id: 3}) == {"say": 30, "sing": 10}
    assert shown(**{say.id: 0, sing.prompt_id: 2}) == {"say": 0, "sing": 20}
    half = shown(**{say.id: 1.5})
    assert 10 < half["say"] < 20 and half == shown(**{say.id: 1.5})  # drawn, and the same again
    again = make(ws, new_visitor(), "say {thing}", variables={"thing": "a tune of 11"})[0]
    theirs = ws.store.get(PromptVersion, again.prompt_version_id)
    more = [*rows, {"prompt_version_id": theirs.id}]  # another's prompt of the same words goes with it, unless named
    both = [{say.prompt_id: 3}, {say.prompt_id: 3, theirs.prompt_id: 1}, {theirs.prompt_id: 3}]
    assert [len(weighed(ws, more, mix, seed=1)) for mix in both] == [43, 41, 43]
    with pytest.raises(InvalidSetting, match="No row belongs to prompt “nobody”"):
        shown(nobody=2)
    with pytest.raises(InvalidSetting, match="leave no row"):
        shown(**{say.id: 0, sing.id: 0})


def test_the_prompts_behind_rows_come_with_most_rows_first_and_the_same_words_of_several_people_as_one():
    prompts = {"v1": ("mine", "say"), "v2": ("mine", "say"), "v3": ("yours", "say"), "v4": ("other", "sing")}
    found = parts(["v4", "v1", "v2", "v3", "v3", "gone"], prompts)
    assert found == [Part(("mine", "yours"), 4), Part(("other",), 1), Part(("gone",), 1)]
