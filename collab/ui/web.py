"""The HTTP edge beside Gradio: gives each browser its identity, serves signed pictures, takes the owner's token.

Knows headers, cookies and bytes; no components and no features.
"""

from __future__ import annotations

import html
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collab.errors import CollabError, NotAllowed
from collab.identity import OWNER_COOKIE, VISITOR_COOKIE, Identity, Visitor
from collab.pictures.restoring import downloaded
from collab.studies.access import shown_output
from collab.studies.presenting import TaskLink
from collab.types import Edit, Output, new_id
from collab.ui.language import TAGS, language_of
from collab.ui.locales import Language, said_in
from collab.workspace import Workspace

LINK_HOURS = 12
_HOUR_S = 3600
_MEDIA_TYPES = {"image/png", "image/jpeg", "image/webp"}
FORM_LIMIT = 4096  # bytes
_SEALED = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class VisitorCookie:
    """Middleware: a request without a valid cookie becomes that of somebody new, and the answer brings the cookie."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self.app, self.identity = app, identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.identity.knows(request := Request(scope)):
            await self.app(scope, receive, send)
            return
        # even for somebody logged in: the login goes when they log out, and this stays with the browser
        cookie = self.identity.visitor_cookie(Visitor(new_id(), "anonymous"))
        # what runs behind us must see the very visitor whose cookie goes out
        others = [part for part in request.headers.get("cookie", "").split("; ") if part]
        others = [part for part in others if not part.startswith(f"{VISITOR_COOKIE}=")]
        joined = "; ".join([*others, f"{VISITOR_COOKIE}={cookie}"]).encode("latin-1", "replace")
        headers = [(name, value) for name, value in scope["headers"] if name != b"cookie"] + [(b"cookie", joined)]

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = self.identity.cookie_header(VISITOR_COOKIE, cookie)
                MutableHeaders(scope=message).append("set-cookie", header)
            await send(message)

        await self.app({**scope, "headers": headers}, receive, send_with_cookie)


def _expiry_s() -> int:
    return (int(time.time()) // _HOUR_S + LINK_HOURS + 1) * _HOUR_S


@dataclass(frozen=True, slots=True)
class PictureLinks:
    """Makes URLs that whoever holds one may fetch for 12 to 13 hours; the same one within an hour, so caches work."""

    identity: Identity
    base_url: str = ""

    def __call__(self, output_id: str) -> str:
        """Of the pixels, to be shown."""
        return self._url("picture", output_id)

    def download(self, output_id: str) -> str:
        """Of the file that says how the picture was made: for whoever made it, and never in a study."""
        return self._url("download", output_id)

    def edited(self, feedback_id: str) -> str:
        """Of the picture that an edit keeps."""
        return self._url("edited", feedback_id)

    def edited_mask(self, feedback_id: str) -> str:
        """Of the mask that an edit keeps."""
        return self._url("edited-mask", feedback_id)

    def _url(self, purpose: str, output_id: str) -> str:
        return f"{self.base_url}/collab/{purpose}/{self.identity.sign(purpose, [output_id, _expiry_s()])}.png"


def picture_link(identity: Identity, base_url: str = "") -> PictureLinks:
    """The links of a person's own pictures."""
    return PictureLinks(identity, base_url)


def task_link(identity: Identity, base_url: str = "") -> TaskLink:
    """Makes URLs of the pictures of a task, by its token and a place on the screen: nothing in one names an output."""

    def link(token: str, place: int) -> str:
        return f"{base_url}/collab/task/{identity.sign('task', [token, place, _expiry_s()])}.png"

    return link


def archive_link(identity: Identity, token: str, base_url: str = "") -> str:
    """The URL of an export's ZIP, for whoever holds it, for 12 to 13 hours."""
    return f"{base_url}/collab/export/{identity.sign('export', [token, _expiry_s()])}.zip"


def routes(ws: Workspace, identity: Identity) -> list[Route]:
    """What is served beside Gradio's own routes."""

    async def picture(request: Request) -> Response:
        match identity.unsign("picture", request.path_params["token"]):
            case [str() as output_id, int() as expires_s] if expires_s > time.time():
                found = await run_in_threadpool(ws.store.find, Output, id=output_id)
            case _:
                found = []
        return await send(request, found[0] if found else None)

    def edited_as(purpose: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await edited(purpose, request)

        return answer

    async def edited(purpose: str, request: Request) -> Response:
        match identity.unsign(purpose, request.path_params["token"]):
            case [str() as feedback_id, int() as expires_s] if expires_s > time.time():
                for edit in await run_in_threadpool(ws.store.find, Edit, id=feedback_id):
                    if sha256 := edit.blob_sha256 if purpose == "edited" else edit.mask_sha256:
                        return await send_blob(request, sha256, "image/png")
        return await send(request, None)

    async def task_picture(request: Request) -> Response:
        match identity.unsign("task", request.path_params["token"]):
            case [str() as token, int() as place, int() as expires_s] if expires_s > time.time():
                return await send(request, await run_in_threadpool(shown_output, ws, token, place))
        return await send(request, None)

    async def send(request: Request, output: Output | None) -> Response:
        if output is None or not output.blob_sha256 or output.media_type not in _MEDIA_TYPES:
            return _refusal(request, "This picture's link is wrong or has run out: open the page again.")
        return await send_blob(request, output.blob_sha256, output.media_type)

    async def send_blob(request: Request, sha256: str, media_type: str) -> Response:
        try:
            data = await run_in_threadpool(ws.blobs.get, sha256)
        except CollabError as error:
            return _refusal(request, str(error))
        headers = {"Cache-Control": "private, max-age=43200, immutable", **_SEALED}
        return Response(data, media_type=media_type, headers=headers)

    async def download(request: Request) -> Response:
        match identity.unsign("download", request.path_params["token"]):
            case [str() as output_id, int() as expires_s] if expires_s > time.time():
                try:
                    data = await run_in_threadpool(downloaded, ws, output_id)
                except CollabError as error:
                    return _refusal(request, str(error))
                headers = {"Content-Disposition": f'attachment; filename="{output_id}.png"', **_SEALED}
                return Response(data, media_type="image/png", headers=headers)
        return _refusal(request, "This picture's link is wrong or has run out: open the page again.")

    async def archive(request: Request) -> Response:
        match identity.unsign("export", request.path_params["token"]):
            case [str() as token, int() as expires_s] if expires_s > time.time():
                path = ws.settings.home / "exports" / f"{token}.zip"
                if path.is_file():
                    return FileResponse(path, media_type="application/zip", filename="collab-export.zip")
        return _refusal(request, "This export's link is wrong or has run out: export again.")

    async def alive(request: Request) -> Response:
        return PlainTextResponse(f"collab {os.getpid()}")  # by which the command line knows this server again

    async def owner_form(request: Request) -> Response:
        return _form(language_of(request.headers))

    async def owner_enter(request: Request) -> Response:
        if int(request.headers.get("content-length") or FORM_LIMIT + 1) > FORM_LIMIT:
            return _refusal(request, "The form is too large.", 413)
        form = await request.form(max_files=0, max_fields=4)
        try:
            value = identity.owner_cookie(str(form.get("token", "")))
        except NotAllowed as error:
            return _form(language_of(request.headers), str(error), 403)
        answer = RedirectResponse("/", 303)
        answer.headers.append("set-cookie", identity.cookie_header(OWNER_COOKIE, value))
        return answer

    return [
        Route("/collab/alive", alive),
        Route("/collab/picture/{token}.png", picture),
        *(Route(f"/collab/{purpose}/{{token}}.png", edited_as(purpose)) for purpose in ("edited", "edited-mask")),
        Route("/collab/download/{token}.png", download),
        Route("/collab/task/{token}.png", task_picture),
        Route("/collab/export/{token}.zip", archive),
        Route("/collab/owner", owner_form, methods=["GET"]),
        Route("/collab/owner", owner_enter, methods=["POST"]),
    ]


def _refusal(request: Request, sentence: str, status: int = 404) -> PlainTextResponse:
    return PlainTextResponse(said_in(language_of(request.headers), sentence), status)


def _form(language: Language, sentence: str = "", status: int = 200) -> HTMLResponse:
    words = {name: said_in(language, word) for name, word in _FORM_WORDS.items()}
    said = f"<p role=alert>{html.escape(said_in(language, sentence))}</p>" if sentence else ""
    return HTMLResponse(_FORM.format(language=TAGS[language], said=said, **words), status)


_FORM_WORDS = {"owner": "Owner", "token": "Owner token", "enter": "Enter as owner"}
_FORM = """<!doctype html><html lang={language}><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>Collab · {owner}</title><style>body{{font:16px/1.5 system-ui;max-width:24rem;margin:15vh auto;padding:0 1rem;
color-scheme:light dark}}input,button{{font:inherit;padding:.5rem;width:100%;box-sizing:border-box;margin:.25rem 0}}
</style><h1>{owner}</h1>{said}<form method=post><label>{token}
<input type=password name=token autocomplete=current-password required></label><button>{enter}</button></form>"""


def client_base_url(request: Any) -> str:
    """The scheme and host by which the client reached us, for links it can fetch from where it is."""
    headers = request.headers
    scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip()
    inner = getattr(request, "request", request)
    scheme = scheme or getattr(inner, "scope", {}).get("scheme") or "http"
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    return f"{'https' if scheme == 'https' else 'http'}://{host}"
