"""What every verb needs at a terminal: errors as one line, the server that runs here, or a workspace of one's own.

Knows no verb.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import psutil
import typer

from collab.errors import CollabError
from collab.settings import Settings, read_settings

if TYPE_CHECKING:
    from collab.workspace import Workspace

Json = Annotated[bool, typer.Option("--json", help="end with one JSON object as the last line")]


_LOOK_S = 0.25


def follow(
    look: Callable[[], dict[str, Any]], stop: Callable[[], Any], stopped: str = "Stopped: nothing was stored."
) -> dict[str, Any]:
    """A job once it has ended, with a bar on a terminal. Ctrl+C stops it. Raises what it failed of."""
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
        raise CollabError(stopped) from None
    finally:
        if shown:
            sys.stderr.write("\r\033[K")
    if job["status"] != "done":
        raise CollabError(job["error"] or stopped)
    return job


def last_line(answer: Any, as_json: bool) -> None:
    """What `--json` ends with."""
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))


@contextmanager
def sentences() -> Iterator[None]:
    """A CollabError, or what the machine refuses, becomes one line on standard error and exit status 1."""
    try:
        yield
    except (CollabError, OSError) as error:  # OSError: a port in use, a folder that may not be written
        typer.secho(" ".join(str(error).split()), fg="red", err=True)
        raise typer.Exit(1) from None


@contextmanager
def own_workspace() -> Iterator[Workspace]:
    """This process's own workspace; errors inside become sentences."""
    from collab.workspace import open_workspace

    with sentences():
        workspace = open_workspace(read_settings())
        try:
            yield workspace
        finally:
            workspace.close()


def live_server(settings: Settings) -> str | None:
    """The address of the server that works on this COLLAB_HOME, if one is running."""
    try:
        said = json.loads((settings.home / "server.json").read_text())
        url, pid = str(said["url"]), int(said["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not psutil.pid_exists(pid):
        return None
    import httpx

    try:  # after a crash the number may be another program's, and so may the address
        answer = httpx.get(f"{url.rstrip('/')}/collab/alive", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return None
    return url if answer.text == f"collab {pid}" else None


def local_client(settings: Settings, url: str) -> Any:
    """A gradio_client of the running server, as the `local` annotator: the key in COLLAB_HOME proves we may be it."""
    from gradio_client import Client

    from collab.identity import LOCAL, VISITOR_COOKIE, open_identity

    identity = open_identity(settings)
    cookie = f"{VISITOR_COOKIE}={identity.visitor_cookie(LOCAL)}"
    headers = {"Cookie": cookie}
    if settings.owner_token:
        headers["Authorization"] = f"Bearer {settings.owner_token}"
    return Client(url, headers=headers, verbose=False, analytics_enabled=False)


@dataclass(slots=True)
class RunningServer:
    """The server that works on this COLLAB_HOME, called as the `local` annotator. url: without a slash at its end."""

    settings: Settings
    url: str
    client: Any = None  # made with the first call: a verb may only want the address

    def __call__(self, api_name: str, **fields: Any) -> Any:
        """What an endpoint answers. Raises CollabError with the server's sentence."""
        try:
            self.client = self.client or local_client(self.settings, self.url)
            return self.client.predict(api_name=api_name, **fields)
        except Exception as error:  # gradio_client raises its own AppError, whose words are the server's sentence
            raise CollabError(str(error)) from error


@contextmanager
def running_server() -> Iterator[RunningServer | None]:
    """What calls an endpoint of the server that is running here, or None without one; errors become sentences."""
    with sentences():
        settings = read_settings()
        url = live_server(settings)
        yield RunningServer(settings, url.rstrip("/")) if url else None
