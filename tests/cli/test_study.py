"""The command line's verbs about studies, without a server: made here, read back, exported, imported, and refused."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from collab import workspace
from collab.cli import study as study_cli
from collab.cli.terminal import live_server
from collab.exchange import write_set
from collab.identity import LOCAL
from collab.settings import Settings, read_settings
from collab.store import open_store
from collab.types import Study, StudyItem, Task
from tests.cli.test_cli import home as home  # the studio that the command line works on
from tests.cli.test_cli import refused, run
from tests.cli.test_cli import server as server  # the same studio, served
from tests.conftest import counts
from tests.exchange import sets
from tests.studies.people import TWO_ARMS, answers_all, people, prefers


def whole_json(result: Any) -> dict[str, Any]:
    """The last line of a command that went well, as strict JSON."""
    assert result.exit_code == 0 and result.stderr == "", result.output

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(result.stdout.rstrip("\n").splitlines()[-1], parse_constant=refuse)
    return found


def written(tmp_path: Path, spec: Any, name: str = "spec.json") -> str:
    path = tmp_path / name
    path.write_text(spec if isinstance(spec, str) else json.dumps(spec), encoding="utf-8")
    return str(path)


@pytest.fixture
def answered(home: Path, tmp_path: Path) -> str:
    """A study of two arms that two people have answered."""
    made = whole_json(run("study", "create", written(tmp_path, {**TWO_ARMS, "overlap": 2}), "--json"))
    ws = workspace.open_workspace(read_settings())
    study = ws.store.get(Study, made["study_id"])
    for person in people(2):
        answers_all(ws, person, study, prefers(1))
    ws.close()
    study_id: str = made["study_id"]
    return study_id


def in_store(home: Path) -> dict[str, int]:
    store = open_store(read_settings().database_url)
    found = counts(store)
    store.close()
    return found


def test_a_study_is_made_with_its_outputs_and_listed(home: Path, tmp_path: Path):
    spec = {**TWO_ARMS, "title": "Which? 北京"}
    made = whole_json(run("study", "create", written(tmp_path, spec), "--json"))
    assert set(made) == {"study_id", "link", "items", "status"} and made["items"] == 6
    store = open_store(read_settings().database_url)
    assert {item.status for item in store.find(StudyItem, study_id=made["study_id"])} == {"ready"}
    assert store.get(Study, made["study_id"]).created_by == LOCAL.annotator_id
    store.close()
    told = run("study", "list")
    assert made["study_id"] in told.stdout and "Which? 北京" in told.stdout and "open" in told.stdout
    (listed,) = whole_json(run("study", "list", "--json"))["studies"]
    assert (listed["study_id"], listed["status"], listed["answers"], listed["link"]) == (
        made["study_id"], "open", 0, made["link"],
    )  # fmt: skip


def test_a_running_server_makes_the_study_and_its_address_is_told(
    server: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study_cli, "own_workspace", None)  # it needs none of its own
    result = run("study", "create", written(tmp_path, dict(TWO_ARMS)), "--json")
    made = whole_json(result)
    assert f"its link is {live_server(server).rstrip('/')}{made['link']}" in result.stdout
    assert "gold_share" in refused("study", "create", written(tmp_path, {**TWO_ARMS, "gold_share": 0.9}))


def test_a_spec_comes_from_standard_input_too(home: Path):
    from typer.testing import CliRunner

    from collab import cli

    result = CliRunner().invoke(cli.app, ["study", "create", "-", "--json"], input=json.dumps(dict(TWO_ARMS)))
    assert whole_json(result)["items"] == 6


def test_outputs_that_cannot_be_made_are_told(home: Path, tmp_path: Path):
    arms = [{"name": "bad", "prompt": "!fail {thing}"}, {"name": "good", "prompt": "say {thing}"}]
    result = run("study", "create", written(tmp_path, {**TWO_ARMS, "arms": arms}), "--json")
    assert result.exit_code == 0 and "6 of 6 items could not be made" in result.stderr
    study_id = json.loads(result.stdout.splitlines()[-1])["study_id"]
    found = whole_json(run("study", "show", study_id, "--json"))
    assert any("bad: The prompt says !fail" in problem for problem in found["study"]["problems"])


def test_showing_and_ranking_tell_the_results(home: Path, answered: str):
    told = run("study", "show", answered)
    assert "Which is better? (open): 12 of 12 answers" in told.stdout and "No single leader yet" in told.stdout
    found = whole_json(run("study", "show", answered, "--json"))
    assert found["counts"]["answers"] == found["counts"]["votes"] == 12
    told = run("leaderboard", answered)
    assert told.exit_code == 0 and "kind" in told.stdout and "100.0% won" in told.stdout
    board = whole_json(run("leaderboard", answered, "--json"))
    assert [row["name"] for row in board["leaderboard"]["rows"]] == ["kind", "plain"]
    even = whole_json(run("leaderboard", answered, "--tag", "even", "--by", "prompt", "--json"))
    assert sum(map(sum, even["matrix"]["votes"])) == 12
    assert even["matrix"]["names"] == ["say {thing}", "please say {thing}"]


def test_a_study_of_ratings_has_nothing_to_rank(home: Path, tmp_path: Path):
    spec = {"title": "Stars", "task": "rate", "arms": [{"prompt": "say hi"}]}
    made = whole_json(run("study", "create", written(tmp_path, spec), "--json"))
    told = run("leaderboard", made["study_id"])
    assert told.exit_code == 0 and "nothing to rank" in told.stdout


def test_each_tag_has_a_leaderboard_of_its_own(home: Path, answered: str):
    told = run("leaderboard", answered, "--by", "tag").stdout
    assert told.index("Tag “even”:") < told.index("Tag “odd”:") < told.index("All tags together:")
    assert told.count("may hold rank 1") + told.count("kind leads") == 3


def test_tables_are_printed_as_csv(home: Path, answered: str):
    told = run("study", "table", answered, "consensus")
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert len(rows) == 6 and {row["settled_by"] for row in rows} == {"majority"}
    found = whole_json(run("study", "table", answered, "leaderboard", "--json"))
    board = csv.DictReader(io.StringIO(found["csv"]))
    assert found["name"] == "leaderboard.csv" and [row["name"] for row in board] == ["kind", "plain"]
    empty = run("study", "table", answered, "edits")
    assert empty.exit_code == 0 and empty.stdout == "" and "no rows for the table “edits”" in empty.stderr
    assert "There is no table “secrets”" in refused("study", "table", answered, "secrets")


def test_people_left_out_are_told_with_the_results(home: Path, answered: str):
    from collab.api import study as study_api

    ws = workspace.open_workspace(read_settings())
    someone = ws.store.find(Task, study_id=answered)[0].annotator_id
    study_api.leave_out(ws, LOCAL, answered, [someone], "in a hurry")
    ws.close()
    for verb in (["study", "show"], ["leaderboard"]):
        told = run(*verb, answered).stdout
        assert "1 person is left out of these results. Reason: in a hurry\nLeaves out 1 of 2 people" in told
    assert "the error bound does not cover that choice. With everybody:" in run("study", "show", answered).stdout


def test_closing_and_opening_again(home: Path, answered: str):
    assert whole_json(run("study", "close", answered, "--json")) == {"study_id": answered, "status": "closed"}
    assert "is closed" in run("study", "close", answered).stdout
    assert whole_json(run("study", "close", answered, "--reopen", "--json"))["status"] == "open"


def test_what_is_exported_is_imported_as_a_study_with_the_same_results(home: Path, answered: str, tmp_path: Path):
    out = tmp_path / "my export"
    files = whole_json(run("export", "table", "--study", answered, "--out", str(out), "--json"))["files"]
    assert all(Path(file).is_file() for file in files) and {Path(f).parent for f in files} == {out}
    told = run("import", "table", str(out))
    assert "“Which is better?”, 6 items and 12 answers" in told.stdout
    again = whole_json(run("import", "table", str(out / "table.jsonl"), "--json"))
    assert (again["items"], again["answers"], again["status"], again["notes"]) == (6, 12, "closed", [])
    first, second = (whole_json(run("leaderboard", study, "--json")) for study in (answered, again["study_id"]))
    assert first["matrix"] == second["matrix"]
    rows = [[(r["name"], r["votes"], r["win_rate"]) for r in board["leaderboard"]["rows"]] for board in (first, second)]
    assert rows[0] == rows[1]


def test_what_people_preferred_is_written_as_a_trainer_reads_it(home: Path, tmp_path: Path):
    write_set("table", sets.compare_texts(), tmp_path / "set")
    study = whole_json(run("import", "table", str(tmp_path / "set"), "--json"))["study_id"]
    for number, within in enumerate(([], ["--study", study])):
        out = tmp_path / f"out{number}"
        files = whole_json(run("export", "trl-dpo", *within, "--out", str(out), "--json"))["files"]
        assert [Path(file).name for file in files] == ["train.parquet", "train.jsonl", "README.md"]
        rows = [json.loads(line) for line in (out / "train.jsonl").read_text("utf-8").splitlines()]
        assert len(rows) == 2 and {"prompt", "chosen", "rejected", "event_ids"} < set(rows[0])
    assert "rate texts with thumbs or stars" in refused("export", "trl-kto", "--out", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_outputs_without_answers_become_an_open_study(home: Path, tmp_path: Path):
    path = written(tmp_path, "prompt,response_a,response_b\nhi,one,two\nho,three,four\n", "rows.csv")
    answer = whole_json(run("import", "table", path, "--json"))
    assert (answer["items"], answer["answers"], answer["status"], answer["title"]) == (2, 0, "open", "rows")


def test_rows_of_a_file_are_asked_about_as_a_spec_says(home: Path, tmp_path: Path):
    path = written(tmp_path, "prompt,response_a,response_b\nhi,one,two\nho,three,four\n", "rows.csv")
    asked = {"title": "Which is kinder?", "question": "Kinder?", "overlap": 4, "quota": 5, "access": "link",
             "gold": [{"prompt": "hm", "outputs": ["yes", "no"], "expected": {"winner": "a"}}]}  # fmt: skip
    spec = written(tmp_path, json.dumps(asked), "spec.json")
    answer = whole_json(run("study", "create", spec, "--import", "table", path, "--json"))
    assert (answer["items"], answer["status"], answer["notes"]) == (2, "open", [])
    told = whole_json(run("study", "show", answer["study_id"], "--json"))
    assert (told["study"]["title"], told["study"]["question"]) == ("Which is kinder?", "Kinder?")
    assert "every item 4 times" in told["counts"]["target_sentence"]
    rank = written(tmp_path, json.dumps({**asked, "task": "rank", "gold": []}), "rank.json")
    assert "change the task" in refused("study", "create", rank, "--import", "table", path)
    assert "There is no file" in refused("study", "create", spec, "--import", "table", str(tmp_path / "none.csv"))


# ---- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[1, 2", "is not JSON"),
        ("[]", "an object of names and values"),
        ("null", "an object of names and values"),
        ('{"title": "T"}', "The task is “None”"),
        ({**TWO_ARMS, "colour": "red"}, "A study has no “colour”"),
        ({**TWO_ARMS, "arms": []}, "from nowhere"),
        ({**TWO_ARMS, "overlap": -1}, "“overlap” is -1"),
        ({**TWO_ARMS, "title": "a\x00b"}, "control character"),
        ({**TWO_ARMS, "arms": [{"prompt": "a"}, {"prompt": "b", "model": "no-such"}], "cases": []}, "Arm 2"),
    ],
)
def test_a_spec_that_cannot_be_run_is_one_line_and_stores_nothing(home: Path, tmp_path: Path, spec: Any, said: str):
    run("study", "list")
    before = in_store(home)
    assert said in refused("study", "create", written(tmp_path, spec), "--json")
    assert in_store(home) == before


def test_files_that_cannot_be_read_are_one_line(home: Path, tmp_path: Path):
    (tmp_path / "latin.json").write_bytes(b'{"title": "\xe9"}')
    assert "No such file" in refused("study", "create", str(tmp_path / "nowhere.json"))
    assert "directory" in refused("study", "create", str(tmp_path)).lower()
    assert "UTF-8" in refused("study", "create", str(tmp_path / "latin.json"))
    assert "nowhere" in refused("import", "table", str(tmp_path / "nowhere.csv"))
    assert "latin.json" in refused("import", "table", str(tmp_path / "latin.json"))
    assert "column" in refused("import", "table", written(tmp_path, "colour\nred\n", "no.csv"))


@pytest.mark.parametrize(
    "study_id", ["nowhere", "", "01a2109d-6d2f-75ed-99b9-41359075214c", "../../etc/passwd", "x" * 1000, "a\x1bb"]
)
def test_a_study_that_is_not_there_is_one_line(home: Path, tmp_path: Path, study_id: str):
    for verb in (
        ["study", "show", study_id], ["study", "close", study_id], ["leaderboard", study_id],
        ["study", "table", study_id, "answers"],
        ["export", "table", "--study", study_id, "--out", str(tmp_path / "out")],
    ):  # fmt: skip
        assert "check the link" in refused(*verb), verb
    assert not (tmp_path / "out").exists()


def test_formats_groupings_and_folders_that_do_not_do_are_one_line(home: Path, answered: str, tmp_path: Path):
    out, full = tmp_path / "out", tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep me")
    for format, folder, said in (
        ("excel", out, "There is no format 'excel'"),
        ("open-webui", out, "only read here"),
        ("pick-a-pic", out, "holds only compare of image"),
        ("table", full, "There already is something in full"),
        ("table", full / "mine.txt", "There already is something in mine.txt"),
    ):
        assert said in refused("export", format, "--study", answered, "--out", str(folder)), format
    assert not out.exists() and [path.name for path in full.iterdir()] == ["mine.txt"]
    assert "choose arm, model, prompt or tag" in refused("leaderboard", answered, "--by", "colour")
    assert "No item has the tag “odd one”" in refused("leaderboard", answered, "--tag", "odd one")
    assert "There is no format 'excel'" in refused("import", "excel", str(full))


def test_an_import_with_one_bad_row_names_it_and_stores_nothing(home: Path, tmp_path: Path):
    write_set("table", sets.compare_texts(), tmp_path / "set")
    lines = (tmp_path / "set" / "table.jsonl").read_text("utf-8").splitlines()
    lines[5] = json.dumps({**json.loads(lines[5]), "winner": "nobody"})
    run("study", "list")
    before = in_store(home)
    said = refused("import", "table", written(tmp_path, "\n".join(lines), "bad.jsonl"))
    assert said.startswith("Row 6, column winner: “nobody”") and in_store(home) == before


def test_every_verb_explains_itself(home: Path):
    for verb in (["study"], ["study", "create"], ["study", "list"], ["study", "show"], ["study", "close"],
                 ["study", "table"], ["leaderboard"], ["export"], ["import"]):  # fmt: skip
        told = run(*verb, "--help")
        assert told.exit_code == 0 and "Usage" in told.stdout
    assert study_cli.study.info.help
