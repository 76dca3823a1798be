"""What an engine's requests are sent with and listened to by in tests."""

from __future__ import annotations

import threading

from models.base import Ended, ImageRequest, ImageSample, TextSample, canonical_settings
from tests.models.fake import FAKE_IMAGE


class Inbox:
    """A sink that keeps all events and waits for the last one."""

    def __init__(self) -> None:
        self.events: list = []
        self.ended = threading.Event()
        self.first_sample = threading.Event()

    def __call__(self, event) -> None:
        self.events.append(event)
        if isinstance(event, TextSample | ImageSample):
            self.first_sample.set()
        if isinstance(event, Ended):
            self.ended.set()

    def wait(self, timeout_s: float = 60.0) -> Ended:
        assert self.ended.wait(timeout_s), self.events[-3:]
        assert sum(isinstance(e, Ended) for e in self.events) == 1
        assert isinstance(self.events[-1], Ended)
        return self.events[-1]

    def finals(self) -> dict[int, TextSample | ImageSample]:
        return {e.position: e for e in self.events if getattr(e, "finish_reason", None)}


def image_request(id: str, prompt: str, *, count: int = 1, **settings) -> ImageRequest:
    complete = canonical_settings("image", settings, FAKE_IMAGE.defaults)
    return ImageRequest(id, "ada", FAKE_IMAGE, complete, seed=1, count=count, prompt=prompt)
