"""The command line's verbs about what a prompt serves: tried blind, stopped, promoted, rolled back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from collab.cli.refine import PromptId, refine
from collab.cli.terminal import Json, last_line, own_workspace, running_server
from collab.errors import InvalidPrompt


def add_trial_verbs(app: typer.Typer) -> None:
    """Put these verbs beside the others; those about trials belong to `refine`."""
    refine.command("trial")(trial)
    refine.command("stop")(stop)
    app.command("promote")(promote)
    app.command("rollback")(rollback)


def trial(
    prompt_id: PromptId,
    version_ids: Annotated[list[str], typer.Argument(help="the versions to try against the one that serves")],
    model: Annotated[str, typer.Option(help="the model that answers; the current one where empty")] = "",
    cases: Annotated[Path | None, typer.Option(help="a JSON file with a list of {variable: value} objects")] = None,
    scope: Annotated[str, typer.Option(help="population, or panel: yourself")] = "population",
    votes: Annotated[int, typer.Option(help="of the screening at most; 0: as many as fit")] = 0,
    confirming_votes: Annotated[int, typer.Option(help="fresh votes at most; 0: as many as fit")] = 0,
    member: Annotated[list[str] | None, typer.Option(help="of the panel, by annotator id; may be repeated")] = None,
    as_json: Json = False,
) -> None:
    """Try versions blind. A running server makes the outputs; without one they are made when it starts."""
    with running_server() as call:
        given = _read_cases(cases)
        asked: dict[str, Any] = {"model": model, "cases": given, "scope": scope, "votes": votes or None,
                                 "confirming_votes": confirming_votes or None, "panel": member}  # fmt: skip
        if call:
            answer = call("/start_trial", prompt_id=prompt_id, prompt_version_ids=version_ids, **asked)
            _say_trial(answer, as_json)
            return
    with own_workspace() as ws:
        from collab.api import refine as refine_api
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
    last_line(answer, as_json)


def stop(trial_id: str, as_json: Json = False) -> None:
    """Stop a trial: nothing is decided by it."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        _say_trial(refine_api.end_trial(ws, LOCAL, trial_id), as_json)


def promote(
    alias: Annotated[str, typer.Argument(help="prompt:ID, or a prompt's id")],
    version_id: Annotated[str, typer.Argument(help="the version that is to serve")],
    as_json: Json = False,
) -> None:
    """Let an alias mean another version, on the evidence of a decided trial alone."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        _say_move(refine_api.promote_alias(ws, LOCAL, alias, version_id), as_json)


def rollback(
    alias: Annotated[str, typer.Argument(help="prompt:ID, or a prompt's id")],
    reason: Annotated[str, typer.Option(help="why, for the log")] = "",
    as_json: Json = False,
) -> None:
    """Let an alias mean what it meant before its last promotion."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        _say_move(refine_api.rollback_alias(ws, LOCAL, alias, reason), as_json)


def _say_move(answer: dict[str, Any], as_json: bool) -> None:
    typer.echo(f"{answer['alias']} means {answer['version_id']} now.")
    last_line(answer, as_json)
