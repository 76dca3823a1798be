"""The command line's verbs about studies: study, leaderboard, export, import. Owners' work, on this machine's data."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collab.cli.terminal import Json, last_line, own_workspace, running_server
from collab.errors import InvalidStudy

if TYPE_CHECKING:
    from collab.workspace import Workspace

study = typer.Typer(help="Create, list, close and look at studies.", no_args_is_help=True)


def add_verbs(app: typer.Typer) -> None:
    """Put these verbs beside the others."""
    app.add_typer(study, name="study")
    app.command("leaderboard")(leaderboard)
    app.command("export")(export)
    app.command("import")(import_)


@study.command("create")
def create(
    spec: Annotated[Path, typer.Argument(help="a JSON file with the study's spec, or - for standard input")],
    rows: Annotated[
        tuple[str, Path] | None, typer.Option("--import", help="a format and the file or folder with what is judged")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a study. A running server makes its outputs; without one they are made here, now."""
    with running_server() as server:
        given = _read_spec(spec)
        if rows:
            return _create_from_file(given, *rows, server.url if server else "", as_json)
        if server:
            return _say(server("/create_study", spec=given), as_json, server.url)
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        answer = study_api.create_study(ws, LOCAL, given)
        _make_outputs(ws, answer["study_id"])
        _say(answer, as_json, "")


def _create_from_file(given: Any, format: str, path: Path, server: str, as_json: bool) -> None:
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        answer = study_api.create_from_file(ws, LOCAL, given, format, path)
        for note in answer["notes"]:
            typer.echo(note)
        _say(answer, as_json, server)


def _say(answer: dict[str, Any], as_json: bool, server: str) -> None:
    typer.echo(f"Study {answer['study_id']} with {answer['items']} items; its link is {server}{answer['link']}")
    last_line(answer, as_json)


def _read_spec(path: Path) -> Any:
    try:
        return json.loads(sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidStudy(f"{path} is not text in UTF-8 ({error.reason}): save it as UTF-8.") from error
    except ValueError as error:
        raise InvalidStudy(f"{path} is not JSON ({error}): write the study's spec as one object.") from error


def _make_outputs(ws: Workspace, study_id: str) -> None:
    """Generate what the study waits for, with a bar on a terminal."""
    from collab.store.study_queries import item_states
    from collab.studies.pregeneration import fill_items

    shown = sys.stderr.isatty()
    while True:
        more = fill_items(ws)
        with ws.store.reading() as connection:
            states = item_states(connection, study_id)
        total = sum(states.values())
        ready, failed = states.get("ready", 0), states.get("failed", 0)
        if shown:
            filled = 30 * (ready + failed) // max(1, total)
            said = f"; {failed} failed" if failed else ""
            sys.stderr.write(f"\r\033[K{'▓' * filled}{'░' * (30 - filled)} {ready} of {total} items ready{said}")
        if not more or not states.get("waiting"):
            break
        time.sleep(0.2)
    if shown:
        sys.stderr.write("\n")
    if failed:
        typer.secho(f"{failed} of {total} items could not be made: Insights says why.", fg="red", err=True)


@study.command("list")
def list_(as_json: Json = False) -> None:
    """The studies of this studio, newest first."""
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        found = study_api.own_studies(ws, LOCAL)
        for row in found:
            typer.echo(f"{row['study_id']}  {row['status']:6}  {row['answers']:>7,} answers  {row['title']}")
        last_line({"studies": found}, as_json)


@study.command("show")
def show(study_id: str, as_json: Json = False) -> None:
    """A study's results in short; --json gives all of them."""
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        found = study_api.results(ws, LOCAL, study_id, lambda output_id: output_id)
        typer.echo(f"{found['study']['title']} ({found['study']['status']}): {found['counts']['target_sentence']}")
        for part in (found["leaderboard"], found["evidence"], *found["agreement"]):
            if part:
                typer.echo(part["sentence"])
        _say_filter(found["filter"])
        last_line(found, as_json)


@study.command("table")
def table(
    study_id: str,
    name: Annotated[str, typer.Argument(help="leaderboard, matrix, agreement, annotators, answers, consensus, …")],
    as_json: Json = False,
) -> None:
    """One table of a study's results as CSV."""
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        found = study_api.table(ws, LOCAL, study_id, name)
        if as_json:
            last_line(found, as_json)
        elif found["csv"]:
            sys.stdout.write(found["csv"])
        else:
            typer.echo(f"The study has no rows for the table “{name}”.", err=True)


def _say_filter(filter: dict[str, Any] | None) -> None:
    """Whom the results leave out, why, and what that changed."""
    if filter:
        people = "1 person is" if filter["excluded"] == 1 else f"{filter['excluded']:,} people are"
        typer.echo(f"{people} left out of these results. Reason: {filter['reason']}\n{filter['effect']}")


@study.command("close")
def close(
    study_id: str,
    reopen: Annotated[bool, typer.Option(help="open it again instead")] = False,
    as_json: Json = False,
) -> None:
    """Close a study: nobody can answer any more."""
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        answer = study_api.set_status(ws, LOCAL, study_id, "open" if reopen else "closed")
        typer.echo(f"Study {answer['study_id']} is {answer['status']}.")
        if as_json:
            typer.echo(json.dumps(answer))


def leaderboard(
    study_id: Annotated[str, typer.Argument(help="the study's id, as `study list` tells it")],
    by: Annotated[str, typer.Option(help="arm, model, prompt, or tag: a leaderboard of the arms for each")] = "arm",
    tag: Annotated[str, typer.Option(help="only items with this tag")] = "",
    as_json: Json = False,
) -> None:
    """Who leads a study and how surely: strengths with 95 % intervals, and the ranks each may hold."""
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        found = study_api.leaderboard(ws, LOCAL, study_id, by, tag)
        for part in found["tags"]["boards"] if found["tags"] else ():
            typer.echo(f"Tag “{part['tag']}”:")
            _say_board(part)
        if found["tags"]:
            typer.echo(" ".join(filter(None, ("All tags together:", found["tags"]["sentence"]))))
        if found["leaderboard"]:
            _say_board(found["leaderboard"])
        else:
            typer.echo("This study does not compare, so there is nothing to rank.")
        _say_filter(found["filter"])
        last_line(found, as_json)


def _say_board(board: dict[str, Any]) -> None:
    for row in board["rows"]:
        ranks = f"{row['rank_low']}–{row['rank_high']}" if row["rank_low"] < row["rank_high"] else row["rank_low"]
        span = f"{row['strength']:7.1f} ({row['lower']:.1f} to {row['upper']:.1f})"
        typer.echo(f"{ranks!s:>6}  {span:30}  {row['votes']:>7,} votes  {row['win_rate']:.1%} won  {row['name']}")
    typer.echo(board["sentence"])


def export(
    format: Annotated[str, typer.Argument(help="table, arena, pick-a-pic, argilla, or trl-sft, -dpo, -kto, -reward")],
    out: Annotated[Path | None, typer.Option(help="a folder that does not exist yet")] = None,
    study_id: Annotated[
        str, typer.Option("--study", help="the study's id, as `study list` tells it; the trl formats take all without")
    ] = "",
    push_to: Annotated[
        str, typer.Option(help="a new dataset on the Hugging Face Hub, user/name; HF_TOKEN or `hf auth login`")
    ] = "",
    public: Annotated[bool, typer.Option(help="let everybody see what is pushed; it is private otherwise")] = False,
    as_json: Json = False,
) -> None:
    """Write a study's items and answers in an exchange format, or feedback on texts as TRL's trainers read it."""
    with own_workspace() as ws, tempfile.TemporaryDirectory() as scratch:
        if out is None and not push_to:
            raise InvalidStudy("There is nowhere to write to: give --out FOLDER, or --push-to user/name.")
        from collab.api import study as study_api
        from collab.exchange import hub
        from collab.identity import LOCAL

        repo = hub.check_repo(push_to) if push_to else ""
        folder = Path(scratch) / "data" if out is None else out
        files = study_api.write_export(ws, LOCAL, format, study_id, folder)
        url = hub.push(folder, repo, private=not public, endpoint=os.environ.get("HF_ENDPOINT")) if repo else ""
        for file in files if out is not None else ():
            typer.echo(str(file))
        if url:
            typer.echo(f"{url} ({'public' if public else 'private'})")
        if as_json:
            written = [str(file) for file in files] if out is not None else []
            typer.echo(json.dumps({"files": written, "url": url}))


def import_(
    format: Annotated[str, typer.Argument(help="table, arena, pick-a-pic, argilla or open-webui")],
    path: Annotated[Path, typer.Argument(help="the file or folder to read")],
    as_json: Json = False,
) -> None:
    """Read a file of outputs, or of judgements, as a study of its own."""
    with own_workspace() as ws:
        from collab.api import study as study_api
        from collab.identity import LOCAL

        answer = study_api.import_file(ws, LOCAL, format, path)
        answers = f" and {answer['answers']:,} answers" if answer["answers"] else ""
        typer.echo(f"Study {answer['study_id']}: “{answer['title']}”, {answer['items']:,} items{answers}.")
        for note in answer["notes"]:
            typer.echo(note)
        last_line(answer, as_json)
