"""`python -m collab my-data …`: what the `local` annotator gave, counted, exported, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from collab.cli.terminal import Json, last_line, own_workspace, running_server
from collab.errors import CollabError

my_data = typer.Typer(help="What the command line's own person gave: count, export, delete.", no_args_is_help=True)


@my_data.command()
def count(as_json: Json = False) -> None:
    """How much there is, and how much of it others' answers rest on."""
    with own_workspace() as workspace:
        from collab.identity import LOCAL
        from collab.people.erasing import would_delete_all

        counts = would_delete_all(workspace, LOCAL)
    for name, number in counts.items():
        typer.echo(f"{number:>8,}  {name.replace('_', ' ')}")
    last_line(counts, as_json)


@my_data.command()
def export(
    out: Annotated[Path, typer.Option(help="the ZIP to write")],
    as_json: Json = False,
) -> None:
    """Everything in one ZIP: JSON lines, pictures and a README."""
    with own_workspace() as workspace:
        from collab.identity import LOCAL
        from collab.people.my_export import export_my_data

        if out.exists():
            raise CollabError(f"{out} is there already: choose another name.")
        out.parent.mkdir(parents=True, exist_ok=True)
        counts = export_my_data(workspace, LOCAL, out)
    typer.echo(f"{out} holds {counts['generations']:,} generations and {counts['feedback']:,} acts of feedback.")
    last_line({"path": str(out), "counts": counts}, as_json)


@my_data.command()
def delete(
    confirm: Annotated[str, typer.Option(help="the word delete: nothing brings the data back")] = "",
    as_json: Json = False,
) -> None:
    """Erase everything; a Tombstone stays that says how much went."""
    with running_server() as call:
        # what a running server is still making for us, it alone can stop
        answer = call("/delete_my_data", confirm=confirm) if call else None
    if answer is None:
        with own_workspace() as workspace:
            from collab.identity import LOCAL
            from collab.people.erasing import delete_my_data

            answer = {"deleted": delete_my_data(workspace, LOCAL, confirm)}
    typer.echo(f"{answer['deleted']['outputs']:,} outputs and {answer['deleted']['acts']:,} acts were erased.")
    last_line(answer, as_json)
