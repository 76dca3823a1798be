"""What ratings and corrections come to: means, intervals, shares, agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from collab.identity import Visitor
from collab.studies.judgements import Judgement, _mean, edit_agreement
from collab.studies.questions import Question
from collab.types import Output, StudyItem, Task
from collab.workspace import Workspace
from tests.studies.people import answers_all, filled_study, people, results
from tests.studies.test_answering import RATE


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
