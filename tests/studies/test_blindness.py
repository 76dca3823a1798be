"""Order on the screen, tokens, and the looks of gold: nothing in them lets an annotator tell one arm from another."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import pytest

from collab.api import study as study_api
from collab.errors import InvalidStudy
from collab.exchange import JudgedItem, JudgedOutput, JudgedSet
from collab.identity import Visitor
from collab.studies.answering import answer_task
from collab.studies.assignment import Nothing, next_task
from collab.studies.creation import create_study, import_set
from collab.types import Study, StudyItem, Task
from collab.workspace import Workspace
from tests.conftest import counts, make
from tests.studies.people import TWO_ARMS, filled_study, given

SOMEBODY = Visitor("01890000-0000-7000-8000-00000000b002", "anonymous")
TOKENS = 400


def many(arms: int, items: int) -> JudgedSet:
    """Items of outputs that nobody has judged yet."""
    task: Any = "compare" if arms == 2 else "rank"
    outputs = [JudgedOutput(arm=f"arm {n}", text=f"text {n}") for n in range(arms)]
    return JudgedSet(title="Many", task=task, items=[
        JudgedItem(item_id=f"i{n}", prompt=f"p{n}", outputs=tuple(outputs)) for n in range(items)
    ])  # fmt: skip


def served(ws: Workspace, visitor: Visitor, study: Study) -> list[tuple[Task, StudyItem]]:
    """All that one person is given, in order; each is answered as it comes."""
    had = []
    answer = {"winner": "a"} if study.task == "compare" else {"groups": [["A"], ["B"], ["C"]]}
    while not isinstance(task := next_task(ws, visitor, study), Nothing):
        answer_task(ws, visitor, task[0].token, answer)
        had.append(task)
    return had


def is_by_chance(hits: int, of: int, share: float) -> bool:
    """Whether so many hits are within 4.5 standard deviations of a binomial's mean: once in 150,000 they are not."""
    return abs(hits - of * share) < 4.5 * math.sqrt(of * share * (1 - share))


@pytest.fixture
def fixed_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab.studies.spec.secrets.randbelow", lambda _: 20260304)


def test_which_arm_stands_first_is_a_coin_thrown_for_each_task(ws: Workspace, owner: Visitor, fixed_seed: None):
    study = import_set(ws, owner, many(2, TOKENS))
    had = served(ws, SOMEBODY, study)
    first = [item.cells[task.arrangement[0]][0] for task, item in had]
    assert len(first) == TOKENS and is_by_chance(first.count(0), TOKENS, 0.5)
    changes = sum(a != b for a, b in itertools.pairwise(first))  # the last one tells nothing about the next
    assert is_by_chance(changes, TOKENS - 1, 0.5)
    by_place = [sum(first[at::7]) for at in range(7)]  # nor does the place in the sequence
    assert all(is_by_chance(ones, len(first[at::7]), 0.5) for at, ones in enumerate(by_place))
    tokens_tell_nothing([task.token for task, _ in had], [task.id for task, _ in had])


def tokens_tell_nothing(tokens: list[str], ids: list[str]) -> None:
    """Tokens are random words: no shared beginnings, no order, nothing of the rows' own ids."""
    assert len(set(tokens)) == len(tokens) and {len(token) for token in tokens} == {22}
    for one, next_one in itertools.pairwise(sorted(tokens)):
        assert one[:7] != next_one[:7]  # of 64 letters each: by chance in one run of 50 million
    rises = sum(a < b for a, b in itertools.pairwise(tokens))
    assert abs(rises - (len(tokens) - 1) / 2) < 5 * math.sqrt((len(tokens) + 1) / 12)
    assert not any(id_.replace("-", "")[:8] in token.lower() for token, id_ in zip(tokens, ids, strict=True))


@pytest.mark.each_database
def test_two_people_see_the_same_items_in_orders_of_their_own(ws: Workspace, owner: Visitor, fixed_seed: None):
    study = import_set(ws, owner, many(2, 60))
    other = Visitor("01890000-0000-7000-8000-00000000b003", "anonymous")
    mine, theirs = ({item.id: task.arrangement for task, item in served(ws, who, study)} for who in (SOMEBODY, other))
    assert is_by_chance(sum(mine[item] == theirs[item] for item in mine), 60, 0.5)


def test_every_arm_stands_everywhere_in_a_ranking(ws: Workspace, owner: Visitor, fixed_seed: None):
    study = import_set(ws, owner, many(3, 180))
    orders = Counter(task.arrangement for task, _ in served(ws, SOMEBODY, study))
    assert len(orders) == 6 and all(is_by_chance(number, 180, 1 / 6) for number in orders.values())


def test_a_repeated_item_is_arranged_anew(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(40)]
    study = filled_study(ws, owner, cases=cases, repeat_share=0.3)
    by_item: dict[str, list[Task]] = {}
    for task, item in served(ws, SOMEBODY, study):
        by_item.setdefault(item.id, []).append(task)
    twice = [tasks for tasks in by_item.values() if len(tasks) == 2]
    assert len(twice) >= 5 and {first.arrangement == again.arrangement for first, again in twice} == {True, False}
    assert not {first.token for first, _ in twice} & {again.token for _, again in twice}


# ---- the looks of gold ----------------------------------------------------------------------------------------------

GOLD: dict[str, Any] = {"outputs": ["good", "bad"], "expected": {"winner": "a"}}


def labels_of(ws: Workspace, study: Study) -> dict[str, set[tuple[str, ...]]]:
    found: dict[str, set[tuple[str, ...]]] = {}
    for item in ws.store.find(StudyItem, study_id=study.id):
        found.setdefault(item.purpose, set()).add(tuple(label for label, _ in item.context))
    return found


def test_gold_shows_its_prompt_under_the_name_that_others_have(ws: Workspace, owner: Visitor):
    study = create_study(ws, owner, {**TWO_ARMS, "gold": [{**GOLD, "prompt": "word"}]})
    assert labels_of(ws, study) == {"item": {("thing",)}, "gold": {("thing",)}}
    alike = [{"prompt": "say {thing}", "settings": {"temperature": t}} for t in (0.1, 1.5)]
    study = create_study(ws, owner, {**TWO_ARMS, "arms": alike, "gold": [{**GOLD, "prompt": "say word"}]})
    assert labels_of(ws, study) == {"item": {("prompt",)}, "gold": {("prompt",)}}


def test_gold_of_several_variables_has_them_all(ws: Workspace, owner: Visitor):
    spec = {
        **TWO_ARMS, "arms": [{"prompt": "{a} and {b}"}, {"prompt": "{b} or {a}"}],
        "cases": [{"variables": {"a": "1", "b": "2"}}], "gold": [{**GOLD, "variables": {"b": "4", "a": "3"}}],
    }  # fmt: skip
    study = create_study(ws, owner, spec)
    assert labels_of(ws, study) == {"item": {("a", "b")}, "gold": {("a", "b")}}
    before = counts(ws.store)
    for variables in ({"a": "3"}, {"a": "3", "c": "4"}, {"a": "3", "b": "4", "c": "5"}):
        with pytest.raises(InvalidStudy, match="Gold item 1 would stand out: give it a, b"):
            create_study(ws, owner, {**spec, "gold": [{**GOLD, "variables": variables}]})
    with pytest.raises(InvalidStudy, match="variables of gold item 1"):
        create_study(ws, owner, {**spec, "gold": [{**GOLD, "variables": ["a"]}]})
    assert counts(ws.store) == before


@pytest.mark.parametrize(
    ("arms", "variables", "gold", "said"),
    [
        (["{a} and {b}", "{b} or {a}"], "ab", {"prompt": "p"}, "the other items show a, b, so give it variables"),
        (["{a} and {b}", "{b} or {a}"], "ab", {}, "the other items show a, b, so give it variables"),
        (["{a}", "so {a}"], "a", {}, "the other items show “a”, so give it a prompt"),
        (["one", "two"], "", {"prompt": "p"}, "show nothing beside their outputs, so leave its prompt out"),
        (["one", "two"], "", {"variables": {"a": "1"}}, "leave its variables out"),
    ],
)
def test_gold_that_would_stand_out_is_refused_with_what_to_write(
    ws: Workspace, owner: Visitor, arms: list[str], variables: str, gold: dict[str, Any], said: str
):
    spec = {
        **TWO_ARMS,
        "arms": [{"prompt": arm} for arm in arms],
        "cases": [{"variables": dict.fromkeys(variables, "x")}],
    }
    before = counts(ws.store)
    with pytest.raises(InvalidStudy, match=f"Gold item 1 would stand out: .*{said}"):
        create_study(ws, owner, {**spec, "gold": [{**GOLD, **gold}]})
    assert counts(ws.store) == before
    right = {"variables": {"a": "1", "b": "2"}} if len(variables) > 1 else {"prompt": "p"} if variables else {}
    found = labels_of(ws, create_study(ws, owner, {**spec, "gold": [{**GOLD, **right}]}))
    assert found["gold"] == found["item"] == {tuple(variables)}


def test_gold_among_imported_rows_shows_what_they_show(ws: Workspace, owner: Visitor):
    from collab.studies.creation import new_study
    from collab.studies.imported import store_set
    from collab.studies.spec import check_spec

    bare = JudgedSet(title="Bare", task="rate", items=[
        JudgedItem(item_id=f"i{n}", outputs=(JudgedOutput(arm="m", text=f"text {n}"),)) for n in range(3)
    ])  # fmt: skip
    gold = {"outputs": ["good"], "expected": {"values": {"quality": 5}}}
    asked = check_spec({"title": "T", "task": "rate", "import": {"x": 1}, "gold": [gold]})
    for entry, right in (({**gold, "prompt": "p"}, False), (gold, True)):
        study = new_study(asked, "text", asked.spec, owner, "")
        if right:
            assert labels_of(ws, store_set(ws, owner, study, asked.spec, bare, [entry])) == {"item": {()}, "gold": {()}}
            continue
        with pytest.raises(InvalidStudy, match="leave its prompt out"):
            store_set(ws, owner, study, asked.spec, bare, [entry])


def test_gold_is_of_the_studys_kind(ws: Workspace, owner: Visitor):
    _, pictures = make(ws, owner, "a square", modality="image", count=2)
    spec = {**TWO_ARMS, "modality": "image", "gold": [{**GOLD, "prompt": "p"}]}
    before = counts(ws.store)
    with pytest.raises(InvalidStudy, match="Gold item 1 holds texts in a study of pictures"):
        create_study(ws, owner, spec)
    drawn = {"prompt": "a square", "output_ids": [output.id for output in pictures], "expected": {"winner": "b"}}
    with pytest.raises(InvalidStudy, match="Gold item 1 holds pictures in a study of texts"):
        create_study(ws, owner, {**TWO_ARMS, "gold": [drawn]})
    assert counts(ws.store) == before
    create_study(ws, owner, {**spec, "gold": [drawn]})


def test_progress_does_not_tell_which_answer_was_gold(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, gold=[{**GOLD, "prompt": f"w{n}"} for n in range(4)], gold_share=0.5)
    told = []
    while "task_id" in (shown := study_api.next_task(ws, SOMEBODY, study.id, lambda *_: "")):
        answered = study_api.answer_task(ws, SOMEBODY, shown["task_id"], {"winner": "a"})
        told.append(answered["progress"])
    assert {task.purpose for task in ws.store.find(Task, study_id=study.id)} == {"item", "gold"}
    assert [progress["answered"] for progress in told] == list(range(1, len(told) + 1))
    steps = {tuple(progress[name] for name in ("left", "total", "quota")) for progress in told}
    assert len(steps) == 1  # nothing in it moves but what was answered
    assert isinstance(given(ws, owner, study)[0], Task)
