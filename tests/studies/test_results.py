"""What a study's answers come to: strengths, evidence, agreement, people, tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collab.api import study as study_api
from collab.errors import InvalidStudy
from collab.generation import ensure_annotator
from collab.identity import LOCAL, Visitor
from collab.people.consent import version_of
from collab.people.saying import agree
from collab.studies.answering import answer_task, undo_answer
from collab.studies.names import consents_of
from collab.studies.tables import TABLES, csv_table
from collab.types import StudyItem, Task, new_id
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, given, people, prefers, results
from tests.studies.test_answering import THREE


def test_an_empty_study_has_results_that_say_so(ws: Workspace, owner: Visitor):
    found = results(ws, owner, filled_study(ws, owner))
    assert found["leaderboard"]["rows"] == [] and "no votes" in found["leaderboard"]["sentence"]
    assert found["counts"]["answers"] == 0 and found["counts"]["items_ready"] == 6 and found["annotators"] == []
    assert found["evidence"] is None and found["agreement"][0]["alpha"] is None
    assert found["time"]["votes"] == [] and found["study"]["link"].startswith("/?study=")


@pytest.mark.each_database
def test_votes_are_counted_into_the_matrix_and_the_leaderboard(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=4)
    for person, arm in zip(people(4), (1, 1, 1, 0), strict=True):
        answers_all(ws, person, study, prefers(arm))
    found = results(ws, owner, study)
    assert found["matrix"] == {
        "names": ["plain", "kind"], "wins": [[None, 0.25], [0.75, None]], "votes": [[0, 24], [24, 0]],
    }  # fmt: skip
    first, second = found["leaderboard"]["rows"]
    assert (first["name"], first["win_rate"], first["votes"]) == ("kind", 0.75, 24)
    assert first["strength"] - second["strength"] == pytest.approx(400 * 0.47712, abs=0.1)  # log10 of 3 : 1
    assert (first["rank_low"], first["rank_high"]) == (1, 2)  # four people do not settle it
    assert found["leaderboard"]["flips"] == {"votes": 7, "leader": "kind", "runner_up": "plain"}
    assert found["counts"]["answers"] == found["counts"]["votes"] == 24 and found["counts"]["items_complete"] == 6
    assert found["counts"]["target_progress"] == 1.0


@pytest.mark.each_database
def test_tags_models_and_prompts_are_looked_at_apart(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner)
    even_only = lambda task, item: prefers(1 if item.tag == "even" else 0)(task, item)  # noqa: E731
    answers_all(ws, people(1)[0], study, even_only)
    assert [r["name"] for r in results(ws, owner, study, tag="even")["leaderboard"]["rows"]] == ["kind", "plain"]
    assert [r["name"] for r in results(ws, owner, study, tag="odd")["leaderboard"]["rows"]] == ["plain", "kind"]
    by_prompt = results(ws, owner, study, by="prompt")["leaderboard"]["rows"]
    assert {row["name"] for row in by_prompt} == {"say {thing}", "please say {thing}"}
    assert results(ws, owner, study, by="model")["leaderboard"]["rows"] == []  # both arms are of one model
    assert results(ws, owner, study)["tags"] is None
    told = results(ws, owner, study, by="tag")
    firsts = [(board["tag"], board["rows"][0]["name"], board["rows"][0]["votes"]) for board in told["tags"]["boards"]]
    assert firsts == [("even", "kind", 3), ("odd", "plain", 3)] and told["tags"]["sentence"] == ""
    assert [row["name"] for row in told["leaderboard"]["rows"]] == [
        row["name"] for row in results(ws, owner, study)["leaderboard"]["rows"]
    ]
    assert all(
        row["lower"] < row["strength"] < row["upper"] for board in told["tags"]["boards"] for row in board["rows"]
    )
    assert [board["tag"] for board in results(ws, owner, study, by="tag", tag="odd")["tags"]["boards"]] == ["odd"]
    for wrong in ({"tag": "none"}, {"by": "colour"}):
        with pytest.raises(InvalidStudy):
            results(ws, owner, study, **wrong)


@pytest.mark.each_database
def test_of_many_tags_those_with_most_votes_are_shown_and_the_others_told(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}, "tag": f"tag {n // 2:02}"} for n in range(29)]  # the last has but one
    study = filled_study(ws, owner, cases=cases)
    (person,) = people(1)
    answers_all(ws, person, study, prefers(1))
    told = results(ws, owner, study, by="tag")["tags"]
    assert [board["tag"] for board in told["boards"]] == [f"tag {n:02}" for n in range(12)]
    assert "12 tags with the most votes of 15" in told["sentence"]
    study_api.leave_out(ws, owner, study.id, [person.annotator_id], "guesses")
    assert results(ws, owner, study, by="tag")["tags"] == {"boards": [], "sentence": ""}


def test_what_would_flip_the_leader_of_very_many_is_told_to_be_missing(ws: Workspace, owner: Visitor, tmp_path: Path):
    rows = [f"p{n},one,two,arm {n},arm {(n + 1) % 13},a" for n in range(13)]
    path = tmp_path / "votes.csv"
    path.write_text("\n".join(["prompt,response_a,response_b,model_a,model_b,winner", *rows]), encoding="utf-8")
    study_id = study_api.import_file(ws, owner, "table", path)["study_id"]
    board = study_api.results(ws, owner, study_id, str)["leaderboard"]
    assert len(board["rows"]) == 13 and board["flips"] is None
    assert "for up to 12 arms, and these are 13" in board["flips_missing"]


def test_evidence_counts_blind_first_votes_and_names_its_scope(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=12, evidence={"scope": "population", "block": 2})
    for person in people(12):
        answers_all(ws, person, study, prefers(1), at_most=3)
    evidence = results(ws, owner, study)["evidence"]
    assert (evidence["challenger"], evidence["champion"]) == ("kind", "plain")
    assert evidence["n_annotators"] == 12 and evidence["n_votes"] == 24  # the third vote of each does not count
    assert evidence["verdict"] == "better" and "population" in evidence["sentence"]
    assert evidence["curve"][-1]["lower"] == pytest.approx(evidence["lower"], abs=1e-6)


def test_an_owner_alone_can_be_the_panel(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(30)]
    study = filled_study(ws, owner, cases=cases, overlap=2, evidence={"scope": "panel", "panel": ["me"]})
    answers_all(ws, owner, study, prefers(0))
    answers_all(ws, people(1)[0], study, prefers(1))  # not of the panel
    evidence = results(ws, owner, study)["evidence"]
    assert evidence["scope"] == "panel" and evidence["n_votes"] == 30 and evidence["verdict"] == "worse"


def test_agreement_is_alpha_over_items(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2)
    for person in people(2):
        answers_all(ws, person, study, lambda task, item: prefers(item.position % 2)(task, item))
    (agreement,) = results(ws, owner, study)["agreement"]
    assert agreement["alpha"] == 1.0 and agreement["units"] == 6 and agreement["level"] == "nominal"


def test_people_are_told_with_gold_speed_and_sides_but_never_left_out_silently(ws: Workspace, owner: Visitor):
    gold = [{"prompt": "p", "outputs": [f"good {n}", f"bad {n}"], "expected": {"winner": "a"}} for n in range(30)]
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(40)]
    study = filled_study(ws, owner, cases=cases, gold=gold, gold_share=0.3, overlap=3)
    careful, hasty, third = people(3)

    def carefully(task: Task, item: StudyItem) -> Mapping[str, Any]:
        shown = task.arrangement.index(0)
        return {"winner": "ab"[shown], "dwell_ms": 20_000}

    answers_all(ws, careful, study, carefully)
    answers_all(ws, third, study, carefully)

    def hastily(task: Task, item: StudyItem) -> Mapping[str, Any]:
        wrong = "ab"[task.arrangement.index(1)]  # left by left would be right on half of the gold
        return {"winner": wrong if task.purpose == "gold" else "a", "dwell_ms": 600}

    answers_all(ws, hasty, study, hastily)
    agree(ws, careful, version_of(ws.settings))
    found = {row["annotator_id"]: row for row in results(ws, owner, study)["annotators"]}
    good, bad = found[careful.annotator_id], found[hasty.annotator_id]
    assert (good["consent"], bad["consent"]) == (version_of(ws.settings), "none")
    table = csv_table(ws, study, "annotators", results(ws, owner, study))
    assert "consent" in table.splitlines()[0] and version_of(ws.settings) in table
    with ws.store.writing() as connection:
        ensure_annotator(ws, LOCAL, connection)
    assert consents_of(ws, [LOCAL.annotator_id]) == {LOCAL.annotator_id: "not asked"}
    assert good["gold_right"] == good["gold_total"] > 0 and good["signals"] == []
    assert bad["gold_right"] == 0 and bad["gold_total"] >= 5 and bad["left_share"] == 1.0 and bad["fast_share"] == 1.0
    said = " ".join(bad["signals"])
    assert "gold" in said and "median" in said and "left" in said
    assert good["median_s"] == pytest.approx(20, abs=0.5) and good["agreement"] > bad["agreement"]
    assert results(ws, owner, study)["counts"]["votes"] == 120  # all of them count until the owner decides


def test_leaving_people_out_is_a_visible_choice_with_its_effect(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=3)
    a, b, c = people(3)
    for person, arm in ((a, 0), (b, 1), (c, 1)):
        answers_all(ws, person, study, prefers(arm))
    for wrong, said in (([new_id()], "no annotator"), ([b.annotator_id], "needs a reason"), ("x", "must be a list")):
        with pytest.raises(InvalidStudy, match=said):
            study_api.leave_out(ws, owner, study.id, wrong, "")
    study_api.leave_out(ws, owner, study.id, [b.annotator_id, c.annotator_id], "they share an office")
    found = results(ws, owner, study)
    assert found["filter"]["excluded"] == 2 and found["filter"]["reason"] == "they share an office"
    assert "kind led" in found["filter"]["effect"] and "plain leads" in found["filter"]["effect"]
    assert found["counts"]["votes"] == 6 and found["leaderboard"]["rows"][0]["name"] == "plain"
    assert {row["annotator_id"] for row in found["annotators"] if row["excluded"]} == {b.annotator_id, c.annotator_id}
    study_api.leave_out(ws, owner, study.id, [], "")
    assert results(ws, owner, study)["filter"] is None and results(ws, owner, study)["counts"]["votes"] == 18


def test_evidence_without_some_people_says_so_and_stands_beside_everybodys(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=12, evidence={"scope": "population", "block": 2})
    voters = people(12)
    for n, person in enumerate(voters):
        answers_all(ws, person, study, prefers(0 if n < 4 else 1))
    before = results(ws, owner, study)["evidence"]
    assert before["left_out"] == 0 and before["everybody"] is None and "left out" not in before["sentence"]
    never_voted, dissenters = people(1)[0], [person.annotator_id for person in voters[:4]]
    answers_all(ws, never_voted, filled_study(ws, owner), prefers(0), at_most=1)
    study_api.leave_out(ws, owner, study.id, [*dissenters, never_voted.annotator_id], "they dissent")
    found = results(ws, owner, study)
    evidence, everybody = found["evidence"], found["evidence"]["everybody"]
    assert (before["verdict"], evidence["verdict"]) == ("undecided", "better")
    assert everybody == {name: before[name] for name in everybody} and evidence["left_out"] == 4
    assert "4 people were left out after votes were seen" in evidence["sentence"]
    assert "the error bound does not cover that choice" in evidence["sentence"]
    assert f"With everybody: {before['sentence']}" in evidence["sentence"]
    assert "the verdict is “better”" in found["filter"]["effect"]
    assert "with everybody it is “undecided”" in found["filter"]["effect"]


def test_nobody_is_left_out_of_a_panel_that_was_named_beforehand(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2, evidence={"scope": "panel", "panel": ["me"]})
    answers_all(ws, owner, study, prefers(0))
    other = people(1)[0]
    answers_all(ws, other, study, prefers(1))
    before = results(ws, owner, study)["evidence"]
    study_api.leave_out(ws, owner, study.id, [other.annotator_id], "not of the panel")
    assert results(ws, owner, study)["evidence"] == before and before["left_out"] == 0


def test_rankings_are_ranked_and_their_pairs_agree_or_not(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, task="rank", arms=THREE, overlap=2)

    def by_arm(task: Task, item: StudyItem) -> Mapping[str, Any]:
        order = sorted(range(3), key=lambda place: item.cells[task.arrangement[place]][0])
        return {"groups": [["ABC"[place]] for place in order]}

    for person in people(2):
        answers_all(ws, person, study, by_arm)
    found = results(ws, owner, study)
    assert [row["name"] for row in found["leaderboard"]["rows"]] == ["one", "two", "three"]
    assert found["counts"]["answers"] == 12 and found["counts"]["votes"] == 36
    assert found["agreement"][0]["units"] == 18 and found["evidence"] is None


@pytest.mark.each_database
def test_answers_of_many_days_are_told_by_day(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner, lease_minutes=240)
    for days in (0, 3, 9):
        task, _ = given(ws, ann, study)
        answer_task(ws, ann, task.token, {"winner": "a"}, moment=task.created_at - timedelta(days=days))
    told = results(ws, owner, study)["time"]
    assert told["every"] == "day" and [stretch["n"] for stretch in told["votes"]] == [1, 1, 1]


@pytest.mark.each_database
def test_an_undone_answer_is_gone_from_every_figure(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    task, _ = given(ws, ann, study)
    answer_task(ws, ann, task.token, {"winner": "a", "dwell_ms": 9000})
    undo_answer(ws, ann, task.token)
    found = results(ws, owner, study)
    assert found["counts"]["answers"] == found["counts"]["votes"] == 0 and found["annotators"] == []
    assert found["time"]["votes"] == [] and found["time"]["per_item_s"]["median"] is None


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_csv_that_a_spreadsheet_may_open(ws: Workspace, owner: Visitor, table: str):
    hostile = '=HYPERLINK("http://x")'
    study = filled_study(ws, owner, cases=[{"variables": {"thing": hostile}, "tag": "=1+1"}],
                         arms=[{"name": "=a", "prompt": "say {thing}"},
                               {"name": "+b", "prompt": "or {thing}"}])  # fmt: skip
    answers_all(ws, people(1)[0], study, lambda task, item: {"winner": "a", "comment": "@x"})
    text = study_api.table(ws, owner, study.id, table)["csv"]
    for row in csv.reader(io.StringIO(text)):
        assert not any(cell[:1] in "=+@" and cell for cell in row), row
    with pytest.raises(InvalidStudy, match="no table"):
        study_api.table(ws, owner, study.id, "secrets")
