"""The page as Gradio writes it, written once for each address and language and kept compressed. Knows bytes alone.

Gradio copies its whole layout and renders three megabytes anew for each visitor: with two hundred people who opened the
page at once, the engine stood still in all thirty seconds of a profile. Nothing in it says who asks; that comes with
the first event.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

import brotli
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collab.ui.language import language_of

KEPT = 32  # pages
LONGEST_KEY = 1000  # characters: names of hosts that make a longer one are nobody's
_ADDRESS = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")  # what Gradio makes its links of
_OTHER_PAGES = ("page", "deep_link", "all_endpoints")  # parameters that ask Gradio for another
_Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Page:
    headers: _Headers
    bodies: Mapping[str, bytes]  # by content-encoding, the shortest first; "" as it is


class FrontPage:
    """Middleware: answers a request for the page from what the one behind it answered the first."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._pages: OrderedDict[tuple[str, ...], _Page] = OrderedDict()  # most recently asked for last
        self._writing = asyncio.Lock()  # of many who come at once, one waits for Gradio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self.app(scope, receive, send)
            return
        page = self._pages.get(key)
        if page is None:
            async with self._writing:
                page = self._pages.get(key) or await self._written(scope, receive, send, key)
        if page is None:  # it went out as it came
            return
        self._pages.move_to_end(key)
        taken = Headers(scope=scope).get("accept-encoding", "")
        encoding, body = next((name, body) for name, body in page.bodies.items() if name in taken)
        start: Message = {"type": "http.response.start", "status": 200, "headers": list(page.headers)}
        answer = MutableHeaders(scope=start)
        answer["content-length"] = str(len(body))
        answer.add_vary_header("Cookie, Accept-Language, Accept-Encoding")
        if encoding:
            answer["content-encoding"] = encoding
        await send(start)
        await send({"type": "http.response.body", "body": body})

    async def _written(self, scope: Scope, receive: Receive, send: Send, key: tuple[str, ...]) -> _Page | None:
        """The page from the application behind, now kept; None for another answer, which is sent on."""
        messages: list[Message] = []

        async def take(message: Message) -> None:
            messages.append(message)

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, take)
        start, *parts = messages
        if start["status"] != 200 or not Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
            for message in messages:
                await send(message)
            return None
        body = b"".join(part.get("body", b"") for part in parts)
        page = _Page(start["headers"], await run_in_threadpool(_encoded, body))
        self._pages[key] = page
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        return page


def _encoded(body: bytes) -> dict[str, bytes]:
    # its window is wider than the page, whose widgets hold many of the same lines; gzip's is not
    return {"br": brotli.compress(body, quality=5), "gzip": gzip.compress(body, 6), "": body}


def _key(scope: Scope) -> tuple[str, ...] | None:
    """What a page depends on; None for a request that is answered anew."""
    if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
        return None
    headers = Headers(scope=scope)
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    if any(name in asked for name in _OTHER_PAGES) or "access-token" in headers.get("cookie", ""):
        return None
    key = (scope["scheme"], scope.get("root_path", ""), *(headers.get(name, "") for name in _ADDRESS))
    return (*key, language_of(headers)) if sum(map(len, key)) <= LONGEST_KEY else None
