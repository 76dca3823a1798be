"""The whole page over models that answer at once: `python -m tests.ui.fake_studio PORT`, with a person who made things.

For what the page does with what was made, where it does not matter what that is.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext

from collab import feedback
from collab.identity import VISITOR_COOKIE, Visitor
from collab.settings import read_settings
from collab.types import Generation, Output, new_id
from collab.ui import Served, serve
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.conftest import make
from tests.models.fake import FakeCatalog

PROMPTS = (
    "Describe the garden of 杭州 in the evening light, as a gardener would who has not slept for two days.",
    "Explain why the sky is blue to a ten-year-old, in three sentences.",
    "Eine Überraschung für die Nachbarn: schreibe einen kurzen Brief.",
)
PICTURES = ("a red apple on a blue background", "a green bicycle, line art", "an owl at night")


@dataclass(frozen=True)
class FakeStudio:
    """A served studio whose workspace the test can look into."""

    ws: Workspace
    served: Served

    @property
    def url(self) -> str:
        return self.served.url

    def enter(self, context: BrowserContext, visitor: Visitor) -> None:
        """Make the browser this person's."""
        cookie = self.served.identity.visitor_cookie(visitor)
        context.add_cookies([{"name": VISITOR_COOKIE, "value": cookie, "url": self.url}])

    def make(self, visitor: Visitor, prompt: str, **ask: object) -> tuple[Generation, list[Output]]:
        """A generation that has ended. In a thread of its own: Playwright's keeps an event loop running."""
        with ThreadPoolExecutor(1) as elsewhere:
            return elsewhere.submit(make, self.ws, visitor, prompt, **ask).result()

    def somebody(self) -> Visitor:
        """A person with three texts and three pictures, some of them judged."""
        visitor = Visitor(new_id(), "anonymous")
        made = [self.make(visitor, prompt, count=2, seed=n) for n, prompt in enumerate(PROMPTS)]
        drawn = [self.make(visitor, prompt, modality="image", count=2, seed=n) for n, prompt in enumerate(PICTURES)]
        feedback.rate(self.ws, visitor, made[0][1][0].id, score=5, tags=["great tone"], comment="a lovely quetzal")
        feedback.edit_text(self.ws, visitor, made[1][1][1].id, "Because blue light bounces around more than red.")
        feedback.rate(self.ws, visitor, drawn[1][1][0].id, score=4)
        return visitor


@contextmanager
def fake_studio(home: Path, port: int | None = None) -> Iterator[FakeStudio]:
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    settings = read_settings({"COLLAB_HOME": str(home), "GRADIO_SERVER_PORT": str(port)})
    ws = open_workspace(settings, engine=Engine(FakeCatalog()))
    try:
        with serve(ws) as served:
            yield FakeStudio(ws, served)
    finally:
        ws.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, fake_studio(Path(folder), int(sys.argv[1])) as running:
        person = running.somebody()
        sys.stdout.write(f"{running.url}  {VISITOR_COOKIE}={running.served.identity.visitor_cookie(person)}\n")
        sys.stdout.flush()
        while True:
            time.sleep(60)
