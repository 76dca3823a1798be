"""Text models that answer as a test wants, and a prompt with feedback to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from collab import feedback
from collab.identity import Visitor
from collab.types import Output, PromptVersion
from collab.workspace import Workspace
from models.base import Backend, Ended, ModelInfo, Request, Sample, TextRequest, TextSample
from tests.conftest import make
from tests.models.fake import FAKE_TEXT, FakeBackend, FakeCatalog, Progress

REFLECTOR = replace(FAKE_TEXT, name="reflector", base="reflector")
BABBLER = replace(FAKE_TEXT, name="babbler", base="babbler")
SILENT = replace(FAKE_TEXT, name="silent", base="silent")
TEXT = "Write two lines about {thing}, please"


class Reflecting(FakeBackend):
    """Answers every request with what `answer` says to its message; None: says nothing, for ever."""

    def __init__(self, info: ModelInfo, answer: Callable[[str], str | None]) -> None:
        super().__init__(info)
        self._answer, self._asked = answer, dict[str, TextRequest]()
        self.evicted: list[str] = []

    def room(self, request: Request, share: float = 1.0) -> bool:
        return True

    def admit(self, request: Request) -> str:
        assert isinstance(request, TextRequest)
        self._asked[request.id] = request
        return request.messages[-1].content

    def step(self) -> Sequence[Sample | Ended]:
        said: list[Sample | Ended] = []
        for id_, request in list(self._asked.items()):
            answer = self._answer(request.messages[-1].content)
            if answer is not None:
                del self._asked[id_]
                said.append(TextSample(id_, 0, answer, finish_reason="stop"))
        return said

    def evict(self, request_id: str) -> None:
        if self._asked.pop(request_id, None):
            self.evicted.append(request_id)

    def active(self) -> int:
        return len(self._asked)


class ReflectingCatalog(FakeCatalog):
    """The fake models, one that rewrites prompts as told, one that only talks, and one that never says a word."""

    def __init__(self, answer: Callable[[str], str | None]) -> None:
        super().__init__()
        self._answer = answer
        self.infos |= {info.base: info for info in (REFLECTOR, BABBLER, SILENT)}
        self.silent: Reflecting | None = None

    def load(self, info: ModelInfo, progress: Progress) -> Backend:
        if info.base == "reflector":
            return Reflecting(info, self._answer)
        if info.base == "babbler":
            return Reflecting(info, lambda message: "I like cheese, and the weather is fine today.")
        if info.base == "silent":
            self.silent = Reflecting(info, lambda message: None)
            return self.silent
        return super().load(info, progress)


def rewrites(*texts: str) -> Callable[[str], str]:
    """Answers with these prompts in turn, each in a fence as it is asked for."""
    turn = iter(range(10_000))
    return lambda message: f"Here:\n```\n{texts[next(turn) % len(texts)]}\n```"


def judged(
    ws: Workspace, owner: Visitor, text: str = TEXT, *, number: int = 4, **ask: object
) -> tuple[PromptVersion, list[Output]]:
    """A prompt whose outputs were rated, corrected and compared by its owner."""
    outputs: list[Output] = []
    for n in range(number):
        made, (output,) = make(ws, owner, text, variables={"thing": f"thing{n} and others"}, seed=n, **ask)
        outputs.append(output)
        feedback.rate(ws, owner, output.id, score=2 if n % 2 else 5, comment="too long" if n % 2 else "just right")
    if outputs[0].text is not None:
        feedback.edit_text(ws, owner, outputs[1].id, "Two short lines.\nNothing else.")
    feedback.compare(ws, owner, outputs[0].id, outputs[1].id, "a")
    return ws.store.get(PromptVersion, made.prompt_version_id), outputs
