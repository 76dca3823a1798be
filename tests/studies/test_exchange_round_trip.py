"""A study goes out in each format and comes back as a study that says the same; what cannot come in leaves nothing."""

from __future__ import annotations

import html
import io
import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from collab.api import study as study_api
from collab.errors import CollabError, InvalidImport, NotAllowed, Unavailable
from collab.exchange import FORMATS, JudgedSet, write_set
from collab.identity import Visitor
from collab.store import Blobs
from collab.store.verify import problems
from collab.studies.answering import answer_task, skip_task, undo_answer
from collab.studies.assignment import Nothing, next_task
from collab.studies.creation import import_set
from collab.types import Annotator, Study, StudyItem, Task
from collab.workspace import Workspace
from tests.conftest import counts
from tests.exchange import sets
from tests.exchange.test_open_webui import record
from tests.studies.people import filled_study, people
from tests.studies.served import QUESTIONS, spec

KINDS = [("compare", "text"), ("compare", "image"), ("rank", "text"), ("rate", "text"), ("rate", "image"),
         ("edit", "text")]  # fmt: skip
CASES = [
    pytest.param(name, task, modality, id=f"{name}-{task}-{modality}")
    for name, format in FORMATS.items()
    if format.write
    for task, modality in KINDS
    if task in format.tasks and modality in format.modalities
]


COMMENTS = ["plain", '=1+1, "so"\nnext — 漢字 🙂', ""]


def answered_study(ws: Workspace, owner: Visitor, task: str, modality: str) -> Study:
    """A study with gold and repeats that three people answered, with second thoughts, comments and skipped items."""
    asked = spec(task, modality=modality, cases=4, repeat_share=0.2, guidelines="Be fair.", question="So?")
    gold: dict[str, Any] = {
        "compare": {"outputs": ["x", "y"], "expected": {"winner": "a"}},
        "rank": {"outputs": ["x", "y", "z"], "expected": {"groups": [["A"], ["B", "C"]]}},
        "rate": {"outputs": ["xyz"], "expected": {"values": {"quality": 4}}},
        "edit": {"outputs": ["teh"], "expected": {"text": "the"}},
    }[task]
    if modality == "text":
        asked |= {"gold": [{**gold, "prompt": f"thing {n}"} for n in range(3)], "gold_share": 0.2}
    study = filled_study(ws, owner, asked)
    rng = Random(1)
    for turn, person in enumerate(people(3)):
        for number in itertools.count():
            given = next_task(ws, person, study)
            if isinstance(given, Nothing):
                break
            token = given[0].token
            if number == turn:
                skip_task(ws, person, token, "no idea")
                continue
            answer_task(ws, person, token, said(rng, *given, study))
            if number == 3:
                undo_answer(ws, person, token)
                answer_task(ws, person, token, said(rng, *given, study))
    return study


def said(rng: Random, task: Task, item: StudyItem, study: Study) -> dict[str, Any]:
    """An answer drawn at random."""
    about = {"dwell_ms": rng.randrange(900, 9000), "comment": COMMENTS[item.position % 3]}
    labels = list("ABC"[: len(task.arrangement)])
    rng.shuffle(labels)
    match study.task:
        case "compare":
            return {"winner": rng.choice(["a", "b", "tie", "both_bad"]), **about}
        case "rank":
            return {"groups": rng.choice([[[x] for x in labels], [labels[:1], labels[1:]], [labels]]), **about}
        case "edit":
            return {"text": f"better {rng.randrange(9)}\nand 漢字", **about}
    every = {
        "quality": rng.randrange(1, 6), "liked": rng.choice([1, -1]), "tone": rng.choice(["warm", "cold"]),
        "faults": rng.sample(["long", "odd", "wrong"], 2), "why": "because", "places": [
            {"start": 0, "end": rng.randrange(1, 3), "label": rng.choice(["good", "bad"])}],
    }  # fmt: skip
    asked = [question["name"] for question in QUESTIONS] if study.modality == "text" else ["quality"]
    return {"values": {name: every[name] for name in asked}, **about}


def content(judged: JudgedSet) -> tuple[Any, list[Any]]:
    """What a set says, without ids; and who said it, in order."""
    items, who = [], []
    for item in judged.items:
        outputs = [{**asdict(o), "output_id": "", "prompt_version_id": "", "model_revision": ""} for o in item.outputs]
        for output in outputs:
            if output["image"]:  # packed anew on its way in: the pixels are what must be the same
                output["image"] = Image.open(io.BytesIO(output["image"])).convert("RGB").tobytes()
        answers = [{**asdict(answer), "annotator": "", "event_id": ""} for answer in item.answers]
        who += [answer.annotator for answer in item.answers]
        items.append((item.prompt, item.messages, item.tag, outputs, answers))
    head = (judged.title, judged.task, judged.modality, judged.question, judged.guidelines, judged.questions)
    return (head, items), who


@pytest.mark.parametrize(("format", "task", "modality"), CASES)
def test_a_study_comes_back_the_same(
    ws: Workspace, owner: Visitor, tmp_path: Path, format: str, task: str, modality: str
):
    study = answered_study(ws, owner, task, modality)
    out = study_api.export(ws, owner, study.id)
    assert len(out.items) >= 4 and {a.comment for item in out.items for a in item.answers} >= set(COMMENTS[:2])
    write_set(format, out, tmp_path / "out")
    answer = study_api.import_file(ws, owner, format, tmp_path / "out")
    again = study_api.export(ws, owner, answer["study_id"])
    (first, who), (second, they) = content(out), content(again)
    assert second == first
    names = dict(zip(who, they, strict=True))
    assert len(set(names.values())) == len(names) == 3  # each pseudonym is one other, and the same each time
    assert [names[name] for name in who] == they
    assert answer["status"] == "closed" and answer["answers"] == len(who) and answer["notes"] == []
    results_agree(*(study_api.results(ws, owner, one, str) for one in (study.id, answer["study_id"])))
    assert list(problems(ws.store, ws.blobs)) == []


def results_agree(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    for name in ("answers", "votes", "annotators", "items"):
        assert first["counts"][name] == second["counts"][name], name
    assert [(a["question"], a["alpha"]) for a in first["agreement"]] == [
        (a["question"], pytest.approx(a["alpha"]) if a["alpha"] is not None else None) for a in second["agreement"]
    ]
    for name in ("questions", "edits"):
        assert without_order(first[name]) == without_order(second[name])
    if first["leaderboard"]:
        boards = [{row["name"]: row for row in found["leaderboard"]["rows"]} for found in (first, second)]
        assert set(boards[0]) == set(boards[1]) and len(boards[0]) >= 2
        for name, row in boards[0].items():
            assert row == {k: pytest.approx(v, abs=1e-6) if k != "name" else v for k, v in boards[1][name].items()}
        assert pairs_of(first["matrix"]) == pairs_of(second["matrix"])
    tags = [set(found["study"]["tags"]) for found in (first, second)]
    assert tags[0] >= tags[1]  # one format has no tags


def without_order(rows: Any) -> Any:
    """Rows by arm, whatever the order of arms and of adding up."""
    if isinstance(rows, float):
        return round(rows, 9)
    if isinstance(rows, list):
        return sorted((without_order(row) for row in rows), key=lambda row: str(row))
    return {k: without_order(v) for k, v in rows.items()} if isinstance(rows, dict) else rows


def pairs_of(matrix: Mapping[str, Any]) -> dict[tuple[str, str], tuple[float | None, float]]:
    names = matrix["names"]
    return {
        (a, b): (matrix["wins"][i][j], matrix["votes"][i][j]) for i, a in enumerate(names) for j, b in enumerate(names)
    }


@pytest.mark.parametrize(
    ("format", "modality"), [("table", "text"), ("arena", "text"), ("argilla", "text"), ("pick-a-pic", "image")]
)
@pytest.mark.each_database
def test_an_exported_folder_tells_whom_it_leaves_out_and_why(
    ws: Workspace, owner: Visitor, tmp_path: Path, format: str, modality: str
):
    study = answered_study(ws, owner, "compare", modality)
    whole = study_api.export(ws, owner, study.id)
    assert whole.left_out is None
    someone = ws.store.find(Task, study_id=study.id, status="answered")[0].annotator_id
    effect = study_api.leave_out(ws, owner, study.id, [someone], "too <b>fast</b>\n# by far")["effect"]
    study_api.write_export(ws, owner, format, study.id, tmp_path / "out")
    said = json.loads((tmp_path / "out" / "study.json").read_text(encoding="utf-8"))["left_out"]
    assert said == {"people": 1, "reason": "too <b>fast</b>\n# by far", "effect": effect}
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "1 person was left out by the owner's choice, after answers were seen" in card
    assert "> too &lt;b&gt;fast&lt;/b&gt;\n> # by far\n" in card and f"> {html.escape(effect, quote=False)}\n" in card
    again = study_api.import_file(ws, owner, format, tmp_path / "out")
    (note,) = again["notes"]
    assert note.startswith("1 person was left out before this was exported") and note.endswith(said["reason"])
    assert again["answers"] < sum(len(item.answers) for item in whole.items)


@pytest.mark.parametrize("told", [None, 7, "two", [], {}, {"people": 0}, {"people": True}, {"people": "1"}])
def test_a_study_file_that_tells_of_missing_people_in_another_way_is_read_without_it(
    ws: Workspace, owner: Visitor, tmp_path: Path, told: Any
):
    write_set("table", sets.compare_texts(), tmp_path / "out")
    path = tmp_path / "out" / "study.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"left_out": told}), encoding="utf-8")
    assert study_api.import_file(ws, owner, "table", tmp_path / "out")["notes"] == []


# ---- what others judged ---------------------------------------------------------------------------------------------


@pytest.mark.each_database
def test_open_webuis_feedback_becomes_a_study_with_results(ws: Workspace, owner: Visitor, tmp_path: Path):
    path = tmp_path / "feedback.json"
    records = [record(n, 1 if n % 4 else -1) | {"user_id": f"user-{n % 3}"} for n in range(12)]
    path.write_text(json.dumps([*records, record(99, None)]), encoding="utf-8")
    answer = study_api.import_file(ws, owner, "open-webui", path)
    assert (answer["answers"], answer["status"]) == (12, "closed") and "no rating" in " ".join(answer["notes"])
    found = study_api.results(ws, owner, answer["study_id"], str)
    rows = {row["name"]: row for row in found["leaderboard"]["rows"]}
    assert rows["model-0"]["win_rate"] == pytest.approx(9 / 12) and rows["model-1"]["votes"] == 12
    assert found["counts"]["annotators"] == 3 and found["study"]["tags"] == ["poetry"]
    assert study_api.export(ws, owner, answer["study_id"]).items[0].answers[0].comment == "nice"


def test_answers_that_were_not_blind_rank_but_are_no_evidence(ws: Workspace, owner: Visitor, tmp_path: Path):
    path = tmp_path / "feedback.json"
    for task, records in {"compare": [record(1), record(2)], "rate": [record(1, siblings=0)]}.items():
        for arena in (True, False):
            for each in records:
                each["meta"]["arena"] = arena
            path.write_text(json.dumps(records), encoding="utf-8")
            study_id = study_api.import_file(ws, owner, "open-webui", path)["study_id"]
            found = study_api.results(ws, owner, study_id, str)
            assert found["study"]["task"] == task and found["counts"]["answers"] == len(records)
            assert (found["evidence"] is not None) == (arena and task == "compare")
            assert any("no evidence" in problem for problem in found["study"]["problems"]) == (not arena)
            out = study_api.export(ws, owner, study_id)
            assert {answer.blind for item in out.items for answer in item.answers} == {arena}


@pytest.mark.each_database
def test_rows_of_people_without_a_name_all_count(ws: Workspace, owner: Visitor, tmp_path: Path):
    """A table that does not tell who answered has one "imported" for every row, and one person answers an item once."""
    path = tmp_path / "votes.csv"
    path.write_text("prompt,response_a,response_b,winner\n" + "hi,one,two,a\n" * 3 + "ho,one,two,b\n", encoding="utf-8")
    answer = study_api.import_file(ws, owner, "table", path)
    assert (answer["items"], answer["answers"]) == (2, 4)
    names = {annotator.display_name for annotator in ws.store.find(Annotator)}
    assert {"imported", "imported (2)", "imported (3)"} <= names
    assert study_api.results(ws, owner, answer["study_id"], str)["counts"]["votes"] == 4


def test_only_an_owner_imports(ws: Workspace, ann: Visitor, tmp_path: Path):
    write_set("table", sets.compare_texts(), tmp_path / "out")
    with pytest.raises(NotAllowed, match="owner"):
        study_api.import_file(ws, ann, "table", tmp_path / "out")
    with pytest.raises(NotAllowed, match="owner"):
        import_set(ws, ann, sets.compare_texts())


# ---- all or nothing -------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[int, dict[str, Any], str]] = {  # what is wrong in which row, and what is said of it
    "table": (5, {"winner": "left"}, "Row 5, column winner: “left”"),
    "arena": (5, {"winner": "model_c"}, "Row 5, column winner: “model_c”"),
    "argilla": (4, {"preference.responses": "up"}, "Row 4, column preference.responses: “up”"),
    "pick-a-pic": (4, {"label_0": 0.7}, "Row 4, column label_0: the labels"),
}


@pytest.mark.parametrize("format", WRONG)
def test_an_import_with_one_wrong_row_names_it_and_stores_nothing(
    ws: Workspace, owner: Visitor, tmp_path: Path, format: str
):
    judged = sets.compare_pictures() if format == "pick-a-pic" else sets.compare_texts()
    write_set(format, judged, tmp_path / "out")
    for other in (*(tmp_path / "out").glob("*.parquet"), *(tmp_path / "out").glob("*.csv")):
        other.unlink()
    (lines,) = (tmp_path / "out").glob("*.jsonl")
    rows = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    at, changes, words = WRONG[format]
    rows[at - 1] |= {name: [value] * 2 if format == "argilla" else value for name, value in changes.items()}
    lines.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    before = counts(ws.store)
    with pytest.raises(InvalidImport) as raised:
        study_api.import_file(ws, owner, format, tmp_path / "out")
    assert str(raised.value).startswith(words) and counts(ws.store) == before


def test_an_answer_that_a_study_does_not_take_names_its_item_and_stores_nothing(ws: Workspace, owner: Visitor):
    judged = sets.edit_texts()  # whose second answer has no words left, which no annotator could send
    before = counts(ws.store)
    with pytest.raises(InvalidImport, match="Item 1: The corrected text is empty"):
        import_set(ws, owner, judged)
    assert counts(ws.store) == before


class FullDisk(Blobs):
    """A disk that has room for some pictures only."""

    room = 5

    def put(self, data: bytes) -> str:
        self.room -= 1
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return super().put(data)


@pytest.mark.each_database
def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_in_the_database(ws: Workspace, owner: Visitor):
    judged = sets.compare_pictures()
    before, ws.blobs = counts(ws.store), FullDisk(ws.blobs.folder)
    with pytest.raises((OSError, CollabError)):
        import_set(ws, owner, judged)
    assert counts(ws.store) == before
    ws.blobs = Blobs(ws.blobs.folder)
    assert import_set(ws, owner, judged).answered == 4
    assert list(problems(ws.store, ws.blobs)) == []


@pytest.mark.each_database
def test_a_row_that_the_database_refuses_at_the_end_leaves_nothing(
    ws: Workspace, owner: Visitor, monkeypatch: pytest.MonkeyPatch
):
    judged = sets.compare_texts()
    before = counts(ws.store)
    monkeypatch.setattr("collab.studies.imported.secrets.token_urlsafe", lambda _: "the same token each time")
    with pytest.raises(Unavailable, match="very busy"):  # no two tasks may have one token
        import_set(ws, owner, judged)
    assert counts(ws.store) == before
    monkeypatch.undo()
    assert import_set(ws, owner, replace(judged, title="Now")).answered == 8
