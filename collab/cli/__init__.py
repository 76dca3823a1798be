"""The command line: `python -m collab VERB`. Calls the server that is running here, else works in its own process."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from collab.cli.my_data import my_data
from collab.cli.refine import add_refine_verbs
from collab.cli.study import add_verbs
from collab.cli.terminal import live_server, local_client, sentences
from collab.cli.train import add_train_verbs
from collab.cli.trial import add_trial_verbs
from collab.errors import CollabError, InvalidSetting
from collab.settings import Settings, read_settings

app = typer.Typer(help="Collab: generate, judge, refine.", no_args_is_help=True, add_completion=False,
                  pretty_exceptions_enable=False)  # fmt: skip
add_verbs(app)
add_refine_verbs(app)
add_trial_verbs(app)
app.add_typer(my_data, name="my-data")
add_train_verbs(app)


@app.command()
def serve(share: Annotated[bool, typer.Option(help="Also open a public Gradio link.")] = False) -> None:
    """Serve the studio until Ctrl+C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for noisy in ("httpx", "mcp", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with sentences():
        settings = read_settings()
        from collab.ui import serve as serve_page
        from collab.workspace import open_workspace

        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        workspace = open_workspace(settings)
        try:
            with serve_page(workspace, share=share) as served:
                typer.echo(f"Collab is at {served.url}  (data in {settings.home}; Ctrl+C stops it)")
                threading.Thread(target=_warm, args=(workspace,), daemon=True).start()
                stop.wait()
                typer.echo("Stopping …")
        finally:
            workspace.close()


def _warm(workspace: Any) -> None:
    """Load the default models, and what results are worked out with, in the background: nobody waits for them then."""
    from models.base import ModelError

    for modality in ("text", "image"):
        try:
            workspace.engine.warm(workspace.engine.resolve("", modality))
        except ModelError as error:
            logging.getLogger(__name__).warning("the default %s model is not ready: %s", modality, error)
    from collab.studies.results import load_libraries

    load_libraries()


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What to write or draw; may hold {variables}.")],
    modality: Annotated[str, typer.Option(help="text or image")] = "text",
    model: Annotated[str, typer.Option(help="catalog name, hub id, folder or remote:MODEL@URL")] = "",
    count: Annotated[int, typer.Option(help="1 to 8 outputs")] = 1,
    seed: Annotated[int | None, typer.Option(help="the same seed gives the same output")] = None,
    negative: Annotated[str, typer.Option(help="what should not be in the picture")] = "",
    system: Annotated[str, typer.Option(help="system text")] = "",
    setting: Annotated[list[str] | None, typer.Option("--set", help="a setting, as key=value; may be repeated")] = None,
    variable: Annotated[list[str] | None, typer.Option("--var", help="a variable, as name=value")] = None,
    out: Annotated[Path | None, typer.Option(help="folder to write pictures into")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="end with one JSON object as the last line")] = False,
) -> None:
    """Generate from the command line; what is made is kept in the history of the `local` annotator."""
    with sentences():
        settings = read_settings()
        fields: dict[str, Any] = {
            "prompt": prompt,
            "modality": modality,
            "model": model,
            "count": count,
            "seed": seed,
            "settings": _pairs(setting, "--set", json_values=True),
            "negative_prompt": negative,
            "variables": _pairs(variable, "--var"),
            "system_text": system,
        }
        url = live_server(settings)
        answer = _generate_remotely(settings, url, fields, out) if url else _generate_here(settings, fields, out)
        for output in answer["outputs"]:
            _show(output, out, quiet=as_json)
        if answer["status"] == "failed":
            typer.secho(answer["error"] or "The generation failed.", fg="red", err=True)
        if as_json:
            typer.echo(json.dumps(answer, ensure_ascii=False))
        if answer["status"] != "done":
            raise typer.Exit(1)


@app.command()
def verify(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Re-hash every picture and check every reference of the store."""
    with sentences():
        settings = read_settings()
        from collab.datasets.snapshots import snapshot_problems
        from collab.generation import wording_of
        from collab.store import Blobs, open_store
        from collab.store.verify import problems
        from collab.studies.verification import study_problems
        from collab.training.adapters import adapter_problems
        from collab.types import PromptVersion

        store = open_store(settings.database_url)

        def content_sha256(version_id: str) -> str:
            return wording_of(store, store.get(PromptVersion, version_id)).sha256

        found = list(problems(store, Blobs(settings.home / "blobs"), content_sha256)) + list(study_problems(store))
        found += [*snapshot_problems(settings, store), *adapter_problems(settings, store)]
        store.close()
        for problem in found:
            typer.secho(problem, fg="red", err=True)
        typer.echo("The store is sound." if not found else f"{len(found)} problems found.")
        if as_json:
            typer.echo(json.dumps({"sound": not found, "problems": found}, ensure_ascii=False))
        if found:
            raise typer.Exit(1)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Say what this machine can do and what is missing."""
    with sentences():
        settings = read_settings()
        from collab.cli.doctor import findings

        found = list(findings(settings))
        marks = {"ok": "✓", "note": "•", "missing": "✗"}
        for verdict, sentence in found:
            typer.echo(f"{marks[verdict]} {sentence}")
        missing = [sentence for verdict, sentence in found if verdict == "missing"]
        if as_json:
            answer = {"ok": not missing, "findings": [{"verdict": v, "text": s} for v, s in found]}
            typer.echo(json.dumps(answer, ensure_ascii=False))
        if missing:
            raise typer.Exit(1)


def _generate_remotely(settings: Settings, url: str, fields: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """Through the running server."""
    import httpx

    client = local_client(settings, url)
    job = client.submit(api_name="/generate", **fields)
    try:
        for state in job:
            _progress(state)
        answer = job.result() if not job.outputs() else job.outputs()[-1]
    except Exception as error:  # gradio_client raises its own AppError, whose words are the server's sentence
        raise CollabError(str(error)) from error
    finally:
        _progress(None)
    _write(answer, out, lambda output: httpx.get(output["download_url"]).raise_for_status().content)
    return answer


def _generate_here(settings: Settings, fields: dict[str, Any], out: Path | None) -> dict[str, Any]:
    from collab import api
    from collab.generation import Ask
    from collab.identity import LOCAL
    from collab.pictures.restoring import downloaded
    from collab.types import Output
    from collab.workspace import open_workspace

    workspace = open_workspace(settings)

    def link(output_id: str) -> str:
        return workspace.blobs.path(workspace.store.get(Output, output_id).blob_sha256 or "").as_uri()

    async def run() -> dict[str, Any]:
        answer: dict[str, Any] = {}
        async for answer in api.generate(workspace, LOCAL, Ask(**fields), link):
            _progress(answer)
        return answer

    try:
        answer = asyncio.run(run())
        _write(answer, out, lambda output: downloaded(workspace, output["output_id"]))
        return answer
    finally:
        _progress(None)
        workspace.close()


def _write(answer: dict[str, Any], out: Path | None, read: Callable[[dict[str, Any]], bytes]) -> None:
    """The pictures, as files that say how they were made."""
    for output in answer["outputs"]:
        if out is not None and output.get("image_url"):
            out.mkdir(parents=True, exist_ok=True)
            _file(out, output).write_bytes(read(output))


def _file(out: Path, output: dict[str, Any]) -> Path:
    return out / f"{output['output_id']}.png"


def _progress(state: dict[str, Any] | None) -> None:
    """A line that is written over on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        return
    if state is None:
        sys.stderr.write("\r\033[K")
        return
    done = sum(1 for o in state["outputs"] if o["finished"])
    moving = [f"{o.get('step') or 0}/{o['steps']}" if o.get("steps") else f"{o.get('completion_tokens') or 0} tokens"
              for o in state["outputs"]]  # fmt: skip
    sys.stderr.write(f"\r\033[K{state['status']} · {done}/{len(state['outputs'])} finished · {' · '.join(moving)}")
    sys.stderr.flush()


def _show(output: dict[str, Any], out: Path | None, *, quiet: bool) -> None:
    if quiet:
        return
    if "text" in output:
        typer.echo(f"— {output['position'] + 1} (seed {output['seed']})\n{output['text']}\n")
    elif output["image_url"]:
        typer.echo(str(_file(out, output)) if out is not None else output["image_url"])


def _pairs(given: list[str] | None, option: str, *, json_values: bool = False) -> dict[str, Any] | None:
    pairs: dict[str, Any] = {}
    for item in given or []:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InvalidSetting(f"{option} {item[:60]} is not of the form name=value.")
        pairs[name] = value
        if json_values:
            try:
                pairs[name] = json.loads(value)
            except ValueError:
                pairs[name] = value  # a bare word, such as a scheduler's name
    return pairs or None
