"""The command line's verbs about refining: refine, promote, rollback. Owners' work, on this machine's prompts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from collab.errors import CollabError, InvalidPrompt
from collab.settings import read_settings
from collab.terminal import Json, live_server, local_client, own_workspace, sentences

refine = typer.Typer(
    help="Propose better prompts from feedback, try them blind, see what became of them.", no_args_is_help=True
)
PromptId = Annotated[str, typer.Argument(help="the prompt's id, as `refine list` tells it")]
_LOOK_S = 0.25


def add_refine_verbs(app: typer.Typer) -> None:
    """Put these verbs beside the others."""
    app.add_typer(refine, name="refine")
    app.command("promote")(promote)
    app.command("rollback")(rollback)


@contextmanager
def _server() -> Iterator[Callable[..., Any] | None]:
    """What calls an endpoint of the server that is running here, or None without one."""
    with sentences():
        settings = read_settings()
        url = live_server(settings)
        if not url:
            yield None
            return
        client = local_client(settings, url)

        def call(api_name: str, **fields: Any) -> Any:
            try:
                return client.predict(api_name=api_name, **fields)
            except Exception as error:  # gradio_client raises its own AppError, whose words are the server's sentence
                raise CollabError(str(error)) from error

        yield call


# ---- proposing ------------------------------------------------------------------------------------------------------


@refine.command("propose")
def propose(
    version_id: Annotated[str, typer.Argument(help="a prompt version's id, or a prompt's: its version that serves")],
    count: Annotated[int, typer.Option(help="how many proposals, 1 to 12")] = 4,
    proposer: Annotated[list[str] | None, typer.Option(help="only this proposer; may be repeated")] = None,
    reflector: Annotated[str, typer.Option(help="the text model that reads the feedback")] = "",
    as_json: Json = False,
) -> None:
    """Propose new versions of a prompt from what people said of its outputs."""
    asked: dict[str, Any] = {"count": count, "proposers": proposer or [], "reflector": reflector}
    with _server() as call:
        if call:
            started = call("/start_proposing", prompt_version_id=version_id, **asked)
            answer = _follow(
                lambda: call("/job", job_id=started["job_id"]), lambda: call("/cancel_job", job_id=started["job_id"])
            )
            _say_proposals(answer, as_json)
            return
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        job = refine_api.start_proposing(ws, LOCAL, version_id, **asked)
        answer = _follow(lambda: refine_api.job(ws, LOCAL, job.id), lambda: refine_api.cancel(ws, LOCAL, job.id))
        _say_proposals(answer, as_json)


def _follow(look: Callable[[], dict[str, Any]], stop: Callable[[], Any]) -> dict[str, Any]:
    """The job once it has ended, with a bar on a terminal. Ctrl+C stops it. Raises what it failed of."""
    shown = sys.stderr.isatty()
    try:
        while (job := look())["status"] in ("queued", "running"):
            if shown:
                filled = round(30 * job["progress"])
                said = job["message"][:60]
                sys.stderr.write(f"\r\033[K{'▓' * filled}{'░' * (30 - filled)} {job['progress']:.0%} {said}")
                sys.stderr.flush()
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        stop()
        raise CollabError("Stopped: nothing was stored.") from None
    finally:
        if shown:
            sys.stderr.write("\r\033[K")
    if job["status"] != "done":
        raise CollabError(job["error"] or "The proposing was stopped: nothing was stored.")
    return job


def _say_proposals(job: dict[str, Any], as_json: bool) -> None:
    answer = {name: job[name] for name in ("candidates", "notes", "job_id")}
    for candidate in answer["candidates"]:
        cited = len(candidate["evidence_ids"])
        typer.echo(f"— {candidate['prompt_version_id']} by {candidate['proposer']}, on {cited} acts of feedback")
        typer.echo(f"{candidate['text']}\n  {' '.join(candidate['rationale'].split())}\n")
    for note in answer["notes"]:
        typer.echo(f"{note['proposer']}: {note['said']}" if note["proposer"] else note["said"])
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))


# ---- looking --------------------------------------------------------------------------------------------------------


@refine.command("list")
def list_(as_json: Json = False) -> None:
    """Your prompts, the last touched first."""
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        found = refine_api.prompts(ws, LOCAL)
        for row in found:
            trial = f"  in trial ({row['trial_stage']})" if row["trial_stage"] else ""
            said = f"{row['versions']:>3} versions  {row['acts']:>6,} acts"
            typer.echo(f"{row['prompt_id']}  {row['modality']:5}  {said}  {row['title']}{trial}")
        if as_json:
            typer.echo(json.dumps({"prompts": found}, ensure_ascii=False))


@refine.command("show")
def show(prompt_id: PromptId, as_json: Json = False) -> None:
    """A prompt's versions and its trial in short; --json gives all of it."""
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        found = refine_api.board(ws, LOCAL, prompt_id, lambda output_id: output_id)
        typer.echo(f"{found['prompt']['title']}: {len(found['versions'])} versions, {found['acts']:,} acts of feedback")
        for version in found["versions"]:
            typer.echo(f"{version['number']:>3}  {version['prompt_version_id']}  {_about(version)}")
            typer.echo(f"     {' '.join(version['text'].split())[:200]}")
        if found["trial"]:
            typer.echo(found["trial"]["said"])
        if as_json:
            typer.echo(json.dumps(found, ensure_ascii=False))


def _about(version: dict[str, Any]) -> str:
    """Who made a version, how it is liked and how it stands, on one line."""
    said = [version["proposer"] or version["origin"]]
    if version["is_current"]:
        said.append("serves")
    if version["rejected"]:
        said.append("turned down")
    if version["liking"] is not None:
        said.append(f"liking {version['liking']:+.2f}")
    if version["win_rate"] is not None:
        said.append(f"won {version['win_rate']:.0%} ({version['lower']:.0%}–{version['upper']:.0%})")
    return ", ".join(said)


@refine.command("log")
def log(prompt_id: PromptId, as_json: Json = False) -> None:
    """What was decided about a prompt, newest first."""
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        found = refine_api.log(ws, LOCAL, prompt_id)
        for entry in found:
            typer.echo(f"{entry['at']}  {entry['kind']:8}  {entry['said']}")
        if as_json:
            typer.echo(json.dumps({"log": found}, ensure_ascii=False))


# ---- trying and serving ---------------------------------------------------------------------------------------------


@refine.command("trial")
def trial(
    prompt_id: PromptId,
    version_ids: Annotated[list[str], typer.Argument(help="the versions to try against the one that serves")],
    model: Annotated[str, typer.Option(help="the model that answers; the current one where empty")] = "",
    cases: Annotated[Path | None, typer.Option(help="a JSON file with a list of {variable: value} objects")] = None,
    scope: Annotated[str, typer.Option(help="population, or panel: yourself")] = "population",
    votes: Annotated[int, typer.Option(help="of the screening at most; 0: as many as fit")] = 0,
    as_json: Json = False,
) -> None:
    """Try versions blind. A running server makes the outputs; without one they are made when it starts."""
    with _server() as call:
        given = _read_cases(cases)
        asked: dict[str, Any] = {"model": model, "cases": given, "scope": scope, "votes": votes or None}
        if call:
            answer = call("/start_trial", prompt_id=prompt_id, prompt_version_ids=version_ids, **asked)
            _say_trial(answer, as_json)
            return
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        _say_trial(refine_api.start_trial(ws, LOCAL, prompt_id, version_ids, **asked), as_json)


def _read_cases(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidPrompt(f"{path} is not text in UTF-8 ({error.reason}): save it as UTF-8.") from error
    except ValueError as error:
        raise InvalidPrompt(f"{path} is not JSON ({error}): write a list of objects.") from error
    return given


def _say_trial(answer: dict[str, Any], as_json: bool) -> None:
    typer.echo(f"Trial {answer['trial_id']} is {answer['stage']}.")
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))


@refine.command("stop")
def stop(trial_id: str, as_json: Json = False) -> None:
    """Stop a trial: nothing is decided by it."""
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        _say_trial(refine_api.end_trial(ws, LOCAL, trial_id), as_json)


def promote(
    alias: Annotated[str, typer.Argument(help="prompt:ID, or a prompt's id")],
    version_id: Annotated[str, typer.Argument(help="the version that is to serve")],
    as_json: Json = False,
) -> None:
    """Let an alias mean another version, on the evidence of a decided trial alone."""
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        _say_move(refine_api.promote_alias(ws, LOCAL, alias, version_id), as_json)


def rollback(
    alias: Annotated[str, typer.Argument(help="prompt:ID, or a prompt's id")],
    reason: Annotated[str, typer.Option(help="why, for the log")] = "",
    as_json: Json = False,
) -> None:
    """Let an alias mean what it meant before its last promotion."""
    with own_workspace() as ws:
        from collab import refine_api
        from collab.identity import LOCAL

        _say_move(refine_api.rollback_alias(ws, LOCAL, alias, reason), as_json)


def _say_move(answer: dict[str, Any], as_json: bool) -> None:
    typer.echo(f"{answer['alias']} means {answer['version_id']} now.")
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
