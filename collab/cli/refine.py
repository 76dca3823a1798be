"""The command line's verbs about versions of a prompt: proposed, written by hand, turned down, looked at.

Owners' work, on the prompts of the command line's own `local` annotator, not on those of a browser.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from collab.cli.terminal import Json, follow, last_line, own_workspace, running_server

refine = typer.Typer(
    help="Propose better prompts from feedback, try them blind, see what became of them.", no_args_is_help=True
)
PromptId = Annotated[str, typer.Argument(help="the prompt's id, as `refine list` tells it")]


def add_refine_verbs(app: typer.Typer) -> None:
    """Put these verbs beside the others."""
    app.add_typer(refine, name="refine")


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
    with running_server() as call:
        if call:
            started = call("/start_proposing", prompt_version_id=version_id, **asked)
            answer = follow(
                lambda: call("/job", job_id=started["job_id"]), lambda: call("/cancel_job", job_id=started["job_id"])
            )
            _say_proposals(answer, as_json)
            return
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        # this program ends before samples of them could be made
        job = refine_api.start_proposing(ws, LOCAL, version_id, **asked, samples=False)
        answer = follow(lambda: refine_api.job(ws, LOCAL, job.id), lambda: refine_api.cancel(ws, LOCAL, job.id))
        _say_proposals(answer, as_json)


def _say_proposals(job: dict[str, Any], as_json: bool) -> None:
    answer = {name: job[name] for name in ("candidates", "notes", "job_id")}
    for candidate in answer["candidates"]:
        cited = len(candidate["evidence_ids"])
        typer.echo(f"— {candidate['prompt_version_id']} by {candidate['proposer']}, on {cited} acts of feedback")
        typer.echo(f"{candidate['text']}\n  {' '.join(candidate['rationale'].split())}\n")
    for note in answer["notes"]:
        typer.echo(f"{note['proposer']}: {note['said']}" if note["proposer"] else note["said"])
    last_line(answer, as_json)


@refine.command("job")
def job(job_id: str, as_json: Json = False) -> None:
    """How far proposals are that were begun elsewhere; those that are there, once they are."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        found = refine_api.job(ws, LOCAL, job_id)
        if found["status"] == "done":
            _say_proposals(found, as_json)
            return
        typer.echo(
            " ".join(f"{found['status']}, {found['progress']:.0%}. {found['error'] or found['message']}".split())
        )
        last_line(found, as_json)


@refine.command("cancel")
def cancel(job_id: str, as_json: Json = False) -> None:
    """Stop proposals that are being worked out, in whichever program."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        found = refine_api.cancel(ws, LOCAL, job_id)
        typer.echo(f"Job {job_id} is {found['status']}.")
        last_line(found, as_json)


# ---- by hand --------------------------------------------------------------------------------------------------------


@refine.command("revise")
def revise(
    version_id: Annotated[str, typer.Argument(help="the version that the new one is made from")],
    text: Annotated[str | None, typer.Option(help="the prompt; left out: as it is there")] = None,
    system_text: Annotated[str | None, typer.Option(help="the system text")] = None,
    negative_text: Annotated[str | None, typer.Option(help="the negative prompt of pictures")] = None,
    why: Annotated[str, typer.Option(help="what is to be better, for the tree")] = "",
    as_json: Json = False,
) -> None:
    """Write a version by hand: a candidate like those that are proposed."""
    changed = {"text": text, "system_text": system_text, "negative_text": negative_text}
    with running_server() as call:
        if call:
            _say_version(call("/revise", prompt_version_id=version_id, why=why, **changed), as_json)
            return
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        # this program ends before a sample of it could be made
        _say_version(refine_api.write_version(ws, LOCAL, version_id, why, samples=False, **changed), as_json)


def _say_version(answer: dict[str, Any], as_json: bool) -> None:
    typer.echo(f"Version {answer['prompt_version_id']} is stored. {answer['warning']}".strip())
    last_line(answer, as_json)


@refine.command("reject")
def reject(
    version_id: Annotated[str, typer.Argument(help="the version that is to enter no trial any more")],
    reason: Annotated[str, typer.Option(help="why, for the log")] = "",
    as_json: Json = False,
) -> None:
    """Turn a version down; it stays in the tree."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        answer = refine_api.turn_down(ws, LOCAL, version_id, reason)
        typer.echo(f"Version {version_id} is turned down.")
        last_line(answer, as_json)


# ---- looking --------------------------------------------------------------------------------------------------------


@refine.command("list")
def list_(as_json: Json = False) -> None:
    """Your prompts, the last touched first."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        found = refine_api.prompts(ws, LOCAL)
        for row in found:
            trial = f"  in trial ({row['trial_stage']})" if row["trial_stage"] else ""
            said = f"{row['versions']:>3} versions  {row['acts']:>6,} acts"
            typer.echo(f"{row['prompt_id']}  {row['modality']:5}  {said}  {row['title']}{trial}")
        last_line({"prompts": found}, as_json)


@refine.command("show")
def show(prompt_id: PromptId, as_json: Json = False) -> None:
    """A prompt's versions and its trial in short; --json gives all of it."""
    with own_workspace() as ws:
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        found = refine_api.board(ws, LOCAL, prompt_id, lambda output_id: output_id)
        typer.echo(f"{found['prompt']['title']}: {len(found['versions'])} versions, {found['acts']:,} acts of feedback")
        for version in found["versions"]:
            typer.echo(f"{version['number']:>3}  {version['prompt_version_id']}  {_about(version)}")
            typer.echo(f"     {' '.join(version['text'].split())[:200]}")
        if found["trial"]:
            typer.echo(found["trial"]["said"])
        last_line(found, as_json)


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
        from collab.api import refine as refine_api
        from collab.identity import LOCAL

        found = refine_api.log(ws, LOCAL, prompt_id)
        for entry in found:
            typer.echo(f"{entry['at']}  {entry['kind']:8}  {entry['said']}")
        last_line({"log": found}, as_json)
