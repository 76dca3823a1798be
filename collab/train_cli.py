"""The command line's verbs about fine-tuning: feedback frozen, models trained on it. Owners' work."""

from __future__ import annotations

from typing import Annotated

import typer

from collab.terminal import Json, last_line, own_workspace


def add_train_verbs(app: typer.Typer) -> None:
    """Put these verbs beside the others."""
    app.command("snapshot")(snapshot)


def snapshot(
    kind: Annotated[str, typer.Argument(help="sft, dpo, kto or reward")],
    study: Annotated[str, typer.Option(help="only answers to this study, by its id")] = "",
    seed: Annotated[int, typer.Option(help="of which rows are held out")] = 0,
    as_json: Json = False,
) -> None:
    """Freeze the feedback that a model may learn from, so that the same rows can be had again."""
    with own_workspace() as ws:
        from collab.datasets import snapshots
        from collab.identity import LOCAL

        answer = snapshots.told(ws, snapshots.make(ws, LOCAL, kind, study_id=study or None, seed=seed))
        typer.echo(f"{answer['train']:,} rows to learn from, {answer['test']:,} held out.")
        for reason, number in answer["counts"].items():
            typer.echo(f"  {number:,} × {reason}")
        if answer["too_few"]:
            typer.secho(answer["too_few"], fg="yellow", err=True)
        last_line(answer, as_json)
