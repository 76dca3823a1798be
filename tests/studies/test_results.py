"""What a study's answers come to: strengths, agreement, people, time, decisions, tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collab import study_api
from collab.errors import InvalidFeedback, InvalidStudy
from collab.identity import Visitor
from collab.studies.answering import answer_task, skip_task, undo_answer
from collab.studies.consensus import borda
from collab.studies.decisions import queue_arrangement
from collab.studies.judgements import Judgement, _mean, edit_agreement
from collab.studies.questions import Question
from collab.studies.tables import TABLES
from collab.types import Output, Study, StudyItem, Task, new_id
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, given, people, prefers
from tests.studies.test_answering import RATE, THREE


def results(ws: Workspace, owner: Visitor, study: Study, **how: Any) -> dict[str, Any]:
    return study_api.results(ws, owner, study.id, lambda output_id: f"link:{output_id}", **how)


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
    found = {row["annotator_id"]: row for row in results(ws, owner, study)["annotators"]}
    good, bad = found[careful.annotator_id], found[hasty.annotator_id]
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


@pytest.mark.each_database
def test_answers_people_and_complete_items_are_counted_without_those_left_out(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2, repeat_share=0.3)
    a, b, c = people(3)
    answers_all(ws, a, study, prefers(0))
    answers_all(ws, b, study, prefers(1), at_most=3)
    answers_all(ws, c, study, prefers(1))
    everybody = results(ws, owner, study)["counts"]
    assert (everybody["answers"], everybody["annotators"], everybody["items_complete"]) == (12, 3, 6)
    assert (everybody["answers_left_out"], everybody["annotators_left_out"]) == (0, 0)
    theirs = len(ws.store.find(Task, study_id=study.id, annotator_id=b.annotator_id, purpose="item", status="answered"))
    study_api.leave_out(ws, owner, study.id, [b.annotator_id], "in a hurry")
    found = results(ws, owner, study)
    told = found["counts"]
    assert (told["answers"], told["answers_left_out"], told["votes"]) == (12 - theirs, theirs, 12 - theirs)
    assert (told["annotators"], told["annotators_left_out"], told["items_complete"]) == (2, 1, 6 - theirs)
    assert told["target_progress"] == 1.0 and "left out of these results count towards it" in told["target_sentence"]


def test_disputed_items_are_settled_by_the_owner_and_the_consensus_says_so(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, overlap=2)
    for person, arm in zip(people(2), (0, 1), strict=True):
        answers_all(ws, person, study, prefers(arm))
    queue = results(ws, owner, study)["adjudication"]
    assert len(queue) == 6 and [len(item["answers"]) for item in queue] == [2] * 6
    assert {option["label"] for option in queue[0]["options"]} == {"A", "B"}
    with pytest.raises(InvalidFeedback, match="Winner"):
        study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"winner": "me"})
    with pytest.raises(InvalidStudy, match="no item"):
        study_api.adjudicate(ws, owner, study.id, new_id(), {"winner": "a"})
    study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"winner": "tie"})
    left = results(ws, owner, study)["adjudication"]
    assert [item["item_id"] for item in left] == [item["item_id"] for item in queue[1:]]
    rows = list(csv.DictReader(io.StringIO(study_api.table(ws, owner, study.id, "consensus")["csv"])))
    settled = {row["item_id"]: (row["consensus"], row["settled_by"]) for row in rows}
    assert settled[queue[0]["item_id"]] == ('{"winner": "tie"}', "owner")
    assert settled[queue[1]["item_id"]] == ("", "nobody")
    assert results(ws, owner, study)["counts"]["votes"] == 12  # a decision is no vote


def test_marks_that_must_be_made_can_be_decided_on_too(ws: Workspace, owner: Visitor):
    questions = [{"name": "quality", "title": "Quality", "kind": "stars"},
                 {"name": "places", "title": "Places", "kind": "span"}]  # fmt: skip
    study = filled_study(ws, owner, {**RATE, "questions": questions}, overlap=2)
    marks = [{"start": 0, "end": 2, "label": "bad"}]
    for person, stars in zip(people(2), (1, 5), strict=True):
        said = {"values": {"quality": stars, "places": marks}}
        answers_all(ws, person, study, lambda task, item, said=said: said)
    queue = results(ws, owner, study)["adjudication"]
    assert queue[0]["answers"][0]["said"]["values"]["places"] == marks and queue[0]["questions"][1]["kind"] == "span"
    with pytest.raises(InvalidFeedback, match="Places"):
        study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"values": {"quality": 2}})
    study_api.adjudicate(ws, owner, study.id, queue[0]["item_id"], {"values": {"quality": 2, "places": marks}})
    assert len(results(ws, owner, study)["adjudication"]) == len(queue) - 1


def test_the_order_of_a_disputed_items_outputs_does_not_tell_the_arms(ws: Workspace, owner: Visitor):
    cases = [{"variables": {"thing": f"t{n}"}} for n in range(12)]
    study = filled_study(ws, owner, overlap=2, cases=cases)
    for person, arm in zip(people(2), (0, 1), strict=True):
        answers_all(ws, person, study, prefers(arm))
    texts = {"first": 0, "second": 0}
    for item in results(ws, owner, study)["adjudication"]:
        texts["first" if "please" in item["options"][0]["text"] else "second"] += 1
    assert min(texts.values()) > 0


def test_ratings_come_to_means_with_intervals_counts_and_agreement(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, RATE, overlap=3)
    for person, stars in zip(people(3), (5, 4, 3), strict=True):
        said = {"values": {"quality": stars, "liked": 1, "tone": "warm" if stars > 3 else "cold", "faults": ["long"]}}
        answers_all(ws, person, study, lambda task, item, said=said: said)
    found = results(ws, owner, study)
    assert found["leaderboard"] is None and found["matrix"] is None
    by_name = {question["name"]: question["rows"][0] for question in found["questions"]}
    assert by_name["quality"]["mean"] == 4.0 and by_name["quality"]["n"] == 9
    assert by_name["quality"]["counts"] == {"1": 0, "2": 0, "3": 3, "4": 3, "5": 3}
    assert by_name["quality"]["lower"] < 4.0 < by_name["quality"]["upper"] <= 5
    assert by_name["liked"]["mean"] == 1.0 and by_name["tone"]["counts"] == {"warm": 6, "cold": 3}
    assert by_name["faults"]["counts"] == {"long": 9, "wrong": 0}
    assert {a["question"] for a in found["agreement"]} == {"quality", "clear", "liked", "tone", "faults"}
    assert len(found["adjudication"]) == 3  # three and five stars are two apart


def test_corrections_come_to_the_share_of_words_changed(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, task="edit", arms=[{"name": "only", "prompt": "say {thing}"}])
    words = ws.store.find(StudyItem, study_id=study.id)
    assert words

    def corrected(task: Task, item: StudyItem) -> Mapping[str, Any]:
        from collab.types import Output

        text = ws.store.get(Output, item.outputs[0]).text or ""
        return {"text": text if item.position == 0 else f"so {text}"}

    answers_all(ws, people(1)[0], study, corrected)
    (row,) = results(ws, owner, study)["edits"]
    assert row["n"] == 6 and row["unchanged"] == 1 and 0 < row["mean_distance"] < 0.5


def test_agreement_on_corrections_is_about_how_much_is_changed_and_says_so(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, task="edit", arms=[{"name": "only", "prompt": "say {thing}"}], overlap=2)
    said = "What is compared is how many words people changed, not which."
    (nobody,) = results(ws, owner, study)["agreement"]
    assert nobody["alpha"] is None and "Too little to tell" in nobody["sentence"] and said in nobody["sentence"]

    def by(word: str) -> Any:
        def corrected(task: Task, item: StudyItem) -> Mapping[str, Any]:
            words = (ws.store.get(Output, item.outputs[0]).text or "").split()
            return {"text": " ".join([word] * (item.position % 3) + words[item.position % 3 :])}

        return corrected

    for person, word in zip(people(2), ("one", "other"), strict=True):
        answers_all(ws, person, study, by(word))
    (agreement,) = results(ws, owner, study)["agreement"]
    assert (agreement["question"], agreement["level"]) == ("changed", "interval")
    assert agreement["alpha"] == 1.0 and agreement["units"] == 6 and agreement["sentence"].endswith(said)


def test_agreement_on_corrections_has_krippendorffs_value_on_an_interval_scale():
    """Three texts of ten words, of which two people each changed so many, worked out by hand."""
    pairs = ((0, 1), (2, 2), (5, 4))
    judged = [Judgement(f"i{n}", who, 0, {"edit_distance": changed}, 10)
              for n, pair in enumerate(pairs) for who, changed in zip("ab", pair, strict=True)]  # fmt: skip
    # in tenths: observed (1 + 0 + 1)·2 / 6 = 2/3; expected over all 30 ordered pairs of 0 1 2 2 5 4: 208 / 30
    assert edit_agreement(judged).alpha == pytest.approx(1 - (2 / 3) / (208 / 30))


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


def ranks(*orders: list[list[int]]) -> Any:
    """Answers that put the arms of item 0, 1, … in these orders (the last for all others)."""

    def answer(task: Task, item: StudyItem) -> Mapping[str, Any]:
        place = {item.cells[cell][0]: "ABC"[at] for at, cell in enumerate(task.arrangement)}
        order = orders[min(item.position, len(orders) - 1)]
        return {"groups": [[place[arm] for arm in group] for group in order]}

    return answer


def consensus_rows(ws: Workspace, owner: Visitor, study: Study) -> list[dict[str, str]]:
    """The consensus table, in the order of the items."""
    rows = csv.DictReader(io.StringIO(study_api.table(ws, owner, study.id, "consensus")["csv"]))
    place = {item.id: item.position for item in ws.store.find(StudyItem, study_id=study.id)}
    return sorted(rows, key=lambda row: place[row["item_id"]])


@pytest.mark.each_database
def test_rankings_that_differ_are_disputed_the_farthest_first_and_settled_by_the_owner(ws: Workspace, owner: Visitor):
    study = filled_study(ws, owner, task="rank", arms=THREE, overlap=2)
    a, b = people(2)
    answers_all(ws, a, study, ranks([[0], [1], [2]]))
    # from the first: one swap (1/3), all turned round (1), one pair tied (1/6), two swaps (2/3), the same
    answers_all(ws, b, study, ranks([[1], [0], [2]], [[2], [1], [0]], [[0, 1], [2]], [[1], [2], [0]], [[0], [1], [2]]))
    items = {item.position: item for item in ws.store.find(StudyItem, study_id=study.id)}
    queue = results(ws, owner, study)["adjudication"]
    assert [each["item_id"] for each in queue] == [items[1].id, items[3].id, items[0].id]
    shown = {label: items[1].outputs[at] for label, at in zip("ABC", queue_arrangement(items[1]), strict=True)}
    orders = [[shown[label] for (label,) in each["said"]["groups"]] for each in queue[0]["answers"]]
    assert len(orders) == 2 and orders[0] == orders[1][::-1]
    with pytest.raises(InvalidFeedback, match="name each of A, B, C"):
        study_api.adjudicate(ws, owner, study.id, items[1].id, {"groups": [["A"]]})
    best = next(label for label, output in shown.items() if output == items[1].outputs[2])
    rest = [label for label in "ABC" if label != best]
    study_api.adjudicate(ws, owner, study.id, items[1].id, {"groups": [[best], rest]})
    assert [each["item_id"] for each in results(ws, owner, study)["adjudication"]] == [items[3].id, items[0].id]
    told = consensus_rows(ws, owner, study)
    assert (told[1]["consensus"], told[1]["settled_by"]) == ('{"groups": [["C"], ["A", "B"]]}', "owner")
    by_borda = [row["consensus"] for row in told if row["settled_by"] == "Borda count"]
    orders = [json.loads(said)["groups"] for said in by_borda]
    # both rankings of a place added up: 0 and 1 swapped are tied; 1 before 0 before 2; 0, half a point before 1
    assert orders[:3] == [[["A", "B"], ["C"]], [["A"], ["B"], ["C"]], [["B"], ["A"], ["C"]]]


@pytest.mark.each_database
def test_whom_the_owner_leaves_out_disputes_nothing(ws: Workspace, owner: Visitor):
    compare = filled_study(ws, owner, overlap=2)
    rank = filled_study(ws, owner, task="rank", arms=THREE, overlap=2)
    for study, answers in ((compare, (prefers(0), prefers(1))),
                           (rank, (ranks([[0], [1], [2]]), ranks([[2], [1], [0]])))):  # fmt: skip
        a, b = people(2)
        for person, answer in zip((a, b), answers, strict=True):
            answers_all(ws, person, study, answer)
        assert len(results(ws, owner, study)["adjudication"]) == 6
        study_api.leave_out(ws, owner, study.id, [b.annotator_id], "guesses")
        assert results(ws, owner, study)["adjudication"] == []
        assert {row["answers"] for row in consensus_rows(ws, owner, study)} == {"1"}


def corrects(*texts: str) -> Any:
    """Answers that make item 0, 1, … these texts (the last for all others)."""
    return lambda task, item: {"text": texts[min(item.position, len(texts) - 1)]}


def test_corrections_that_differ_are_disputed_the_middle_one_first_and_settled_by_the_owner(
    ws: Workspace, owner: Visitor
):
    study = filled_study(ws, owner, task="edit", arms=[{"name": "only", "prompt": "say {thing}"}], overlap=3)
    for person, texts in zip(people(3), (("a long way off", "same"), ("a red fox", " same \n"), ("a red box", "other")),
                             strict=True):  # fmt: skip
        answers_all(ws, person, study, corrects(*texts))
    (disputed,) = results(ws, owner, study)["adjudication"]
    assert [each["said"] for each in disputed["answers"]] == [
        {"text": "a red fox"}, {"text": "a red box"}, {"text": "a long way off"},
    ]  # fmt: skip
    told = consensus_rows(ws, owner, study)
    assert [(row["consensus"], row["settled_by"]) for row in told[:2]] == [
        ("", "nobody"), ('{"text": "same"}', "majority"),
    ]  # fmt: skip
    with pytest.raises(InvalidFeedback, match="corrected text is empty"):
        study_api.adjudicate(ws, owner, study.id, disputed["item_id"], {"text": " "})
    study_api.adjudicate(ws, owner, study.id, disputed["item_id"], {"text": "a red fox"})
    assert results(ws, owner, study)["adjudication"] == []
    settled = consensus_rows(ws, owner, study)[0]
    assert (settled["consensus"], settled["settled_by"]) == ('{"text": "a red fox"}', "owner")


def test_the_borda_count_gives_the_published_order_and_shows_ties():
    """De Borda's own example (1781), 21 voters: plurality elects A, his count elects C with 26, then B 21, A 16."""
    votes = [("ABC", 1), ("ACB", 7), ("BCA", 7), ("CBA", 6)]
    rankings = [[[name] for name in order] for order, number in votes for _ in range(number)]
    assert borda(rankings) == [["C"], ["B"], ["A"]]
    assert borda([[["a"], ["b"], ["c"]], [["b"], ["a"], ["c"]]]) == [["a", "b"], ["c"]]
    assert borda([[["a", "b", "c"]]]) == [["a", "b", "c"]]


def test_time_and_skips_are_told(ws: Workspace, owner: Visitor, ann: Visitor):
    study = filled_study(ws, owner)
    for seconds in (2, 4, 60):
        task, _ = given(ws, ann, study)
        answer_task(ws, ann, task.token, {"winner": "a", "dwell_ms": seconds * 1000})
    task, _ = given(ws, ann, study)
    skip_task(ws, ann, task.token, "cannot judge")
    found = results(ws, owner, study)
    assert found["time"]["per_item_s"]["median"] == pytest.approx(4, abs=0.5)
    assert sum(bar["n"] for bar in found["time"]["per_item_s"]["histogram"]) == 3
    assert sum(stretch["n"] for stretch in found["time"]["votes"]) == 3 and found["counts"]["skipped"] == 1


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


def test_the_interval_of_a_mean_is_clustered_by_annotator():
    """Two people who each say one thing five times are two, not ten: worked out by hand."""
    values = [("a", 1.0)] * 5 + [("b", 3.0)] * 5
    found = _mean(values, low=-100, high=100)
    # cluster sums −5 and 5, variance (25 + 25) / 100 · 2 / 1 = 1, t₀.₉₇₅ with one degree 12.706
    assert found["mean"] == 2.0 and found["upper"] - found["mean"] == pytest.approx(12.706, abs=0.001)
    assert _mean([], low=0, high=1)["mean"] is None and _mean([("a", 1.0)], low=0, high=1)["lower"] is None


def test_judgements_of_questions_not_answered_do_not_count():
    from collab.studies.judgements import question_agreement, question_rows

    question = Question(name="q", title="Q", kind="stars", required=False)
    judged = [Judgement("i", "a", 0, {"values": {}}), Judgement("i", "b", 0, {"values": {"q": 2}})]
    assert question_rows(question, judged, ["arm"])["rows"][0]["n"] == 1
    assert question_agreement(question, judged).alpha is None
