"""The command line's verbs about fine-tuning: feedback frozen, models trained on it. Owners' work."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from collab.cli.terminal import Json, follow, last_line, own_workspace
from collab.errors import InvalidSetting

_KINDS = "sft, dpo, kto, reward, image-sft, image-dpo or image-kto"
_STOPPED = "The training was stopped: `train --resume JOB` goes on from its last checkpoint."


def add_train_verbs(app: typer.Typer) -> None:
    """Put these verbs beside the others."""
    app.command("snapshot")(snapshot)
    app.command("train")(train)
    app.command("adapter")(adapter)


def snapshot(
    kind: Annotated[str, typer.Argument(help=_KINDS)],
    study: Annotated[str, typer.Option(help="only answers to this study, by its id")] = "",
    seed: Annotated[int, typer.Option(help="of which rows are held out")] = 0,
    as_json: Json = False,
) -> None:
    """Freeze the feedback that a model may learn from, so that the same rows can be had again."""
    with own_workspace() as ws:
        from collab.api import train as train_api
        from collab.identity import LOCAL

        answer = train_api.snapshot(ws, LOCAL, kind, study_id=study or None, seed=seed)
        typer.echo(f"{answer['train']:,} rows to learn from, {answer['test']:,} held out.")
        for reason, number in answer["counts"].items():
            typer.echo(f"  {number:,} × {reason}")
        if answer["too_few"]:
            typer.secho(answer["too_few"], fg="yellow", err=True)
        last_line(answer, as_json)


def train(
    kind: Annotated[str, typer.Argument(help=_KINDS)] = "",
    snapshot_id: Annotated[str, typer.Option("--snapshot", help="its id; all that may be used now where empty")] = "",
    settings: Annotated[str, typer.Option(help='as JSON: {"epochs": 2, "rank": 8, "model": …}')] = "",
    resume: Annotated[str, typer.Option(help="go on with this job, which was stopped or interrupted")] = "",
    job: Annotated[str, typer.Option(hidden=True, help="carry this job out here: what a started training calls")] = "",
    as_json: Json = False,
) -> None:
    """Train a model on feedback, in a process of its own that outlives this one if it is killed."""
    with own_workspace() as ws:
        from collab.api import train as train_api
        from collab.identity import LOCAL

        if job:
            from collab.training.trainer import carry_out

            carry_out(ws, job)
            return
        if resume:
            begun = train_api.resume(ws, LOCAL, resume)
        else:
            begun = train_api.start(ws, LOCAL, kind, _read(settings), snapshot_id=snapshot_id)
        job_id = begun["job_id"]
        typer.echo(f"Job {job_id}. {begun['said']}")
        done = follow(lambda: train_api.look(ws, LOCAL, job_id), lambda: train_api.cancel(ws, LOCAL, job_id), _STOPPED)
        typer.echo(f"{done['name']} is model version {done['model_version_id']}.")
        for gate in done["metrics"]["gates"]:
            typer.echo(f"{'✓' if gate['passed'] else '✗'} {gate['said']}")
        last_line({name: done[name] for name in ("model_version_id", "metrics", "job_id", "snapshot_id")}, as_json)


def adapter(
    version: Annotated[str, typer.Argument(help="the model version, as `train` tells it")],
    out: Annotated[Path | None, typer.Option(help="a folder that does not exist yet")] = None,
    push_to: Annotated[
        str, typer.Option(help="a new model on the Hugging Face Hub, user/name; HF_TOKEN or `hf auth login`")
    ] = "",
    public: Annotated[bool, typer.Option(help="let everybody see what is pushed; it is private otherwise")] = False,
    as_json: Json = False,
) -> None:
    """Give a trained adapter away, with a model card: as a folder for any peft or diffusers program, or on the Hub."""
    with own_workspace() as ws:
        if out is None and not push_to:
            raise InvalidSetting("There is nowhere to write to: give --out FOLDER, or --push-to user/name.")
        from collab.identity import LOCAL
        from collab.training import publishing

        endpoint = os.environ.get("HF_ENDPOINT")
        files = publishing.write_adapter(ws, LOCAL, version, out) if out is not None else []
        url = publishing.push_adapter(ws, LOCAL, version, push_to, private=not public, endpoint=endpoint) \
            if push_to else ""  # fmt: skip
        for said in (*map(str, files), *([f"{url} ({'public' if public else 'private'})"] if url else [])):
            typer.echo(said)
        last_line({"files": [str(file) for file in files], "url": url}, as_json)


def _read(settings: str) -> Any:
    if not settings.strip():
        return None
    try:
        return json.loads(settings)
    except ValueError as error:
        raise InvalidSetting(f'--settings is not JSON ({error}): write {{"epochs": 2}}.') from error
