"""Which language a request speaks, and the page in it: the first byte says its language, one script brings the words.

English is in the widgets themselves. A cookie remembers what was chosen; without it the browser's own list decides.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any

from gradio.context import LocalContext
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collab.ui.locales import LANGUAGES, Language, said_in

LANGUAGE_COOKIE = "collab_language"
TAGS = {"en": "en", "zh": "zh-CN"}
_HERE = Path(__file__).parent


def language_of(headers: Any) -> Language:
    """The language of whoever sent these headers: as they chose it, else the browser's first that there is.

    English for a client that names none, as scripts do.
    """
    try:
        chosen = SimpleCookie(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
    except CookieError:
        chosen = None
    if chosen is not None:
        return next((known for known in LANGUAGES if chosen.value == known), "en")
    for listed in headers.get("accept-language", "")[:200].lower().split(","):
        for known in LANGUAGES:
            if listed.strip().split(";")[0].split("-")[0] == known:
                return known
    return "en"


def said_here(sentence: str) -> str:
    """The sentence in the language of the request that Gradio is answering."""
    request = LocalContext.request.get(None)
    headers = getattr(request, "headers", None)
    return said_in(language_of(headers), sentence) if headers is not None else sentence


@cache
def words_script(language: Language) -> str:
    """All that the page needs to speak another language: the widgets' words, Gradio's labels, and who puts them in."""
    labels = (_HERE / "locales" / f"page_{language}.json").read_text(encoding="utf-8")
    parts = [
        (_HERE / "widgets" / f"strings_{language}.js").read_text(encoding="utf-8"),
        f"const LABELS = {json.dumps(json.loads(labels), ensure_ascii=False)};",
        f"const LANGUAGE = {json.dumps(TAGS[language])};",
        (_HERE / "translate.js").read_text(encoding="utf-8"),
    ]
    return "(() => {\n" + "\n".join(parts) + "\n})();\n"


def words_route() -> Route:
    """Where the page fetches that script; its address changes with its words, so it is kept for good."""

    def words(request: Request) -> Response:
        language = request.path_params["language"]
        if language not in TAGS or language == "en":
            return PlainTextResponse("There are no words in that language.", 404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(words_script(language), media_type="text/javascript; charset=utf-8", headers=headers)

    return Route("/collab/words/{language}.js", words)


def _head_of(language: Language) -> bytes:
    version = hashlib.sha256(words_script(language).encode()).hexdigest()[:12]
    # a script that is waited for: it must have spoken before Gradio's first component does
    return f'<script src="collab/words/{language}.js?{version}"></script>'.encode()


class PageLanguage:
    """Middleware: the page is marked with its language, and given that language's words."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        language = language_of(headers)
        if language == "en":  # as Gradio writes it
            await self.app(scope, receive, send)
            return
        # what is written into must not be compressed yet; front_page compresses it
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message = {}
        body = bytearray()

        async def send_marked(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            answer = MutableHeaders(scope=start)
            content = bytes(body)
            if answer.get("content-type", "").startswith("text/html"):
                content = content.replace(b'lang="en"', f'lang="{TAGS[language]}"'.encode(), 1)
                # after <base>, by which the script's address is read
                head, base, rest = content.partition(b'<meta\n\t\t\tname="viewport"')
                content = head + _head_of(language) + base + rest if base else content
                answer["content-length"] = str(len(content))
            await send(start)
            await send({"type": "http.response.body", "body": content})

        await self.app({**scope, "headers": plain}, receive, send_marked)
