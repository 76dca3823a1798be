"""From real acts in a store to files: every kind, named acts, the same again, undone and gold left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import load_dataset

from collab import datasets
from collab.api import study as study_api
from collab.errors import CollabError, InvalidImport, NotAllowed, NotFound
from collab.feedback import compare, edit_text, rank, rate, undo
from collab.generation import Ask, generate
from collab.identity import Visitor
from collab.studies.creation import create_study, import_set
from collab.types import Output, Task
from collab.workspace import Workspace
from tests.conftest import ended, make
from tests.exchange import sets
from tests.studies.people import TWO_ARMS, answers_all, filled_study, people, prefers

NAMES = {"trl-sft": ["prompt", "completion"], "trl-kto": ["prompt", "completion", "label"],
         "trl-dpo": ["prompt", "chosen", "rejected"], "trl-reward": ["prompt", "chosen", "rejected"]}  # fmt: skip


@pytest.fixture
def ws(each_ws: Workspace) -> Workspace:
    """On both databases."""
    return each_ws


@pytest.fixture
def outputs(ws: Workspace, ann: Visitor) -> list[Output]:
    return make(ws, ann, "one two three four five six", count=3)[1]


def test_each_kind_reads_the_acts_in_force_and_names_them(
    ws: Workspace, owner: Visitor, ann: Visitor, outputs: list[Output]
):
    a, b, c = outputs
    edit = edit_text(ws, ann, a.id, f"{a.text} and more")
    good, bad = rate(ws, ann, b.id, score=5), rate(ws, ann, c.id, thumb=-1)
    order = rank(ws, ann, [[b.id], [c.id]])
    undo(ws, ann, compare(ws, ann, a.id, b.id, "a").id)
    asked = [{"role": "user", "content": "one two three four five six"}]
    found = {format: datasets.build(ws, format) for format in datasets.FORMATS}
    rows = {format: [*data.train, *data.test] for format, data in found.items()}
    assert all(row["prompt"] == asked for some in rows.values() for row in some)
    assert [(row["completion"][0]["content"], row["event_ids"]) for row in rows["trl-sft"]] == [
        (f"{a.text} and more", [edit.id]), (b.text, [good.id]),
    ]  # fmt: skip
    assert [(row["label"], row["event_ids"]) for row in rows["trl-kto"]] == [(True, [good.id]), (False, [bad.id])]
    for format in ("trl-dpo", "trl-reward"):
        pairs = [(row["chosen"][0]["content"], row["rejected"][0]["content"], row["event_ids"]) for row in rows[format]]
        assert pairs == [(f"{a.text} and more", a.text, [edit.id]), (b.text, c.text, [order.id])]
    assert ann.annotator_id not in json.dumps(rows["trl-sft"])  # a pseudonym


def test_what_the_model_was_sent_is_the_prompt(ws: Workspace, ann: Visitor):
    ask = Ask(prompt="say {thing}", system_text="Be brief.", variables={"thing": "one two three"})
    made = ended(ws, generate(ws, ann, ask))
    (output,) = ws.store.find(Output, generation_id=made.id)
    rate(ws, ann, output.id, thumb=1)
    (row,) = datasets.build(ws, "trl-kto").train
    assert row["prompt"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "say one two three"},
    ]


def test_a_studys_answers_count_but_not_its_gold(ws: Workspace, owner: Visitor, ann: Visitor):
    pairs = [make(ws, owner, f"turn these words around, number {n}", count=2)[1] for n in range(6)]
    gold = [{"prompt": "p", "outputs": [f"good {n}", f"bad {n}"], "expected": {"winner": "a"}} for n in range(9)]
    spec = {"title": "Mine", "task": "compare", "outputs": [[a.id, b.id] for a, b in pairs], "gold": gold, "seed": 7}
    study = filled_study(ws, owner, spec, gold_share=0.5)
    person, elsewhere = people(1)[0], make(ws, ann, "other words here", count=2)[1]
    answers_all(ws, person, study, lambda task, item: {"winner": "a"})
    compare(ws, ann, elsewhere[0].id, elsewhere[1].id, "a")
    assert {task.purpose for task in ws.store.find(Task, study_id=study.id)} == {"item", "gold"}
    inside, everything = datasets.build(ws, "trl-dpo", study_id=study.id), datasets.build(ws, "trl-dpo")
    told = len(inside.train) + len(inside.test) + sum(inside.counts.values())
    assert told == 6 and all("good" not in json.dumps(row) for row in everything.train)
    assert len(everything.train) + len(everything.test) == len(inside.train) + len(inside.test) + 1


def test_imported_conversations_are_prompts_but_those_judged_as_a_whole_are_left_out(ws: Workspace, owner: Visitor):
    first = import_set(ws, owner, sets.compare_texts())
    assert datasets.build(ws, "trl-dpo", study_id=first.id) == datasets.build(ws, "trl-dpo")
    rows = [row for data in [datasets.build(ws, "trl-dpo")] for row in (*data.train, *data.test)]
    assert [len(row["prompt"]) for row in rows] == [3, 1]  # the earlier turns and the prompt; the other two are ties
    assert [turn["role"] for turn in rows[0]["prompt"]] == ["user", "assistant", "user"]
    judged = sets.compare_texts()
    whole = replace(judged.items[0].outputs[0], turns=({"role": "user", "content": "Hi"},))
    nothing = replace(judged.items[1], prompt="", messages=(), item_id="unknown")
    items = [replace(judged.items[0], outputs=(whole, judged.items[0].outputs[1])), nothing]
    study = import_set(ws, owner, replace(judged, items=items))
    with pytest.raises(NotFound) as refusal:
        datasets.build(ws, "trl-dpo", study_id=study.id)
    assert "2 × left out: texts whose prompt is not known" in str(refusal.value)
    assert "1 × left out: texts in conversations of several turns" in str(refusal.value)


def test_the_results_page_offers_the_formats_that_hold_the_study(ws: Workspace, owner: Visitor):
    def offered(**spec: object) -> list[str]:
        study = create_study(ws, owner, {**TWO_ARMS, **spec})
        found: list[str] = study_api.results(ws, owner, study.id, lambda _: "")["exports"]
        return found

    one = [{"prompt": "say {thing}"}]
    assert offered() == ["table", "arena", "argilla", "trl-dpo", "trl-reward"]
    assert offered(modality="image") == ["table", "pick-a-pic", "argilla"]
    assert offered(task="edit", arms=one) == ["table", "argilla", "trl-sft", "trl-dpo", "trl-reward"]
    stars = [{"name": "quality", "kind": "stars", "title": "How good?"}]
    assert offered(task="rate", arms=one, questions=stars) == ["table", "argilla", "trl-sft", "trl-kto"]
    words = [{"name": "why", "kind": "text", "title": "What is wrong?"}]
    assert offered(task="rate", arms=one, questions=words) == ["table", "argilla"]


def test_people_whom_the_owner_leaves_out_of_a_study_are_left_out_here(ws: Workspace, owner: Visitor):
    pairs = [make(ws, owner, f"turn these words around, number {n}", count=2)[1] for n in range(4)]
    spec = {"title": "Mine", "task": "compare", "outputs": [[a.id, b.id] for a, b in pairs], "overlap": 2, "seed": 7}
    study = filled_study(ws, owner, spec)
    honest, spammer = people(2)
    answers_all(ws, honest, study, lambda task, item: {"winner": "ab"[task.arrangement.index(0)]})
    answers_all(ws, spammer, study, lambda task, item: {"winner": "ab"[task.arrangement.index(1)]})
    with pytest.raises(NotFound, match="say the opposite"):
        datasets.build(ws, "trl-dpo")
    study_api.leave_out(ws, owner, study.id, [spammer.annotator_id], "always the other one")
    data = datasets.build(ws, "trl-dpo")
    assert len(data.train) + len(data.test) == 4
    assert data.counts == {"left out: answers of people whom the owner left out": 4}
    study_api.leave_out(ws, owner, study.id, [], "")
    with pytest.raises(NotFound):
        datasets.build(ws, "trl-dpo")


def test_arms_with_prompts_of_their_own_give_no_pairs(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, TWO_ARMS)
    answers_all(ws, people(1)[0], study, prefers(0))
    with pytest.raises(NotFound, match="6 × left out: a pair whose two texts answer different prompts"):
        datasets.build(ws, "trl-dpo")


def test_the_same_acts_give_the_same_rows_bit_for_bit(
    ws: Workspace, ann: Visitor, outputs: list[Output], tmp_path: Path
):
    for output, stars in zip(outputs, (5, 4, 1), strict=True):
        rate(ws, ann, output.id, score=stars)
    first, again = datasets.build(ws, "trl-kto"), datasets.build(ws, "trl-kto")
    assert first == again
    for name, data in (("a", first), ("b", again)):
        datasets.write(data, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["README.md", "train.jsonl", "train.parquet"]
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    rate(ws, ann, outputs[0].id, score=2)
    assert datasets.build(ws, "trl-kto").sha256 != first.sha256


@pytest.mark.parametrize("format", NAMES)
def test_datasets_reads_what_is_written_with_its_splits(ws: Workspace, format: str, tmp_path: Path):
    for number, person in enumerate(people(12)):
        a, b = make(ws, person, f"some words for subject {number} to turn around", count=2)[1]
        edit_text(ws, person, a.id, f"{a.text} and more")
        rate(ws, person, b.id, score=5)
    data = datasets.build(ws, format)
    assert len(data.test) >= 1 and len(data.train) > len(data.test)
    folder = tmp_path / "out"
    datasets.write(data, folder)
    read = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: len(split) for name, split in read.items()} == {"train": len(data.train), "test": len(data.test)}
    assert read["train"].column_names[: len(NAMES[format])] == NAMES[format]
    assert [dict(row) for row in read["train"]] == [dict(row) for row in data.train]
    lines = (folder / "test.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [dict(row) for row in data.test]
    assert {row["split_group"] for row in data.train}.isdisjoint(row["split_group"] for row in data.test)
    assert data.sha256 in (folder / "README.md").read_text("utf-8")


def test_nothing_said_and_nobody_but_the_owner_are_one_sentence(
    ws: Workspace, owner: Visitor, ann: Visitor, tmp_path: Path
):
    def refusal(error: type[CollabError], who: Visitor, format: object, study_id: object = "") -> str:
        with pytest.raises(error) as caught:
            study_api.write_export(ws, who, format, study_id, tmp_path / "out")
        return str(caught.value)

    assert "edit a text, or give one four stars" in refusal(NotFound, owner, "trl-sft")
    assert "owner" in refusal(NotAllowed, ann, "trl-sft")
    for format in ("trl-ppo", None, ["trl-sft"], 7):
        assert "trl-sft, trl-dpo" in refusal(InvalidImport, owner, format)
    assert "check the link" in refusal(NotFound, owner, "trl-sft", "nowhere")
    assert not (tmp_path / "out").exists()
