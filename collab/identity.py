"""Who is asking, and what they may do. One function decides: `whoami`. Knows HTTP headers, not Gradio.

Identity is not permission. Identity is a Hugging Face login (on a Space), else a signed cookie that any visitor is
given once. Owner is a capability: a request that plainly comes from this very machine to a server bound to loopback,
a login the operator listed, or the operator's token. It never widens whose History one sees.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookies import CookieError, SimpleCookie
from typing import Any, Protocol
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer

from collab.errors import Misconfigured, NotAllowed
from collab.keys import installation_key
from collab.settings import Settings
from collab.types import Origin, new_id

VISITOR_COOKIE = "collab_visitor"
OWNER_COOKIE = "collab_owner"
COOKIE_AGE_S = 2 * 365 * 24 * 3600
_LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}
_FORWARDED = (
    "forwarded", "via", "x-forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server",
    "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip",
)  # fmt: skip
_PEOPLE = uuid.UUID("6f1f7b52-2f0a-5e0d-9a57-7d0d5b8f1c11")  # namespace of ids derived from names elsewhere


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person as a request shows them."""

    annotator_id: str
    origin: Origin
    is_owner: bool = False
    display_name: str = ""
    must_consent: bool = False  # nothing of theirs is kept before they agreed to the notice


class Asked(Protocol):
    """What identity reads of a request; Starlette's and Gradio's both have it."""

    @property
    def headers(self) -> Any: ...
    @property
    def client(self) -> Any: ...


LOCAL = Visitor(str(uuid.uuid5(_PEOPLE, "local")), "local", is_owner=True, display_name="local")


@dataclass(frozen=True, slots=True)
class Identity:
    """The key that signs cookies and links, and the operator's decisions about owners."""

    key: str
    settings: Settings
    shared: bool = False  # a public link tunnels to this machine: a local Host header then proves nothing

    def sign(self, purpose: str, value: Any) -> str:
        """A signed, URL-safe token; a token signed for one purpose is refused for another."""
        return str(URLSafeSerializer(self.key, salt=f"collab.{purpose}").dumps(value))

    def unsign(self, purpose: str, token: str) -> Any:
        """The signed value, or None when the token is not ours."""
        try:
            return URLSafeSerializer(self.key, salt=f"collab.{purpose}").loads(token)
        except BadSignature:
            return None

    def visitor_cookie(self, visitor: Visitor) -> str:
        """The value of the visitor's cookie."""
        return self.sign("visitor", [visitor.annotator_id, visitor.origin])

    def cookie_header(self, name: str, value: str) -> str:
        """A Set-Cookie header; inside a Space's iframe only a partitioned cross-site cookie comes back."""
        place = "SameSite=None; Secure; Partitioned" if self.settings.space_id else "SameSite=Lax"
        return f"{name}={value}; Path=/; Max-Age={COOKIE_AGE_S}; HttpOnly; {place}"

    def whoami(self, request: Asked | None) -> Visitor:
        """The visitor behind a request. Without a cookie or login they are someone new each time."""
        if request is None:
            return Visitor(new_id(), "anonymous")
        cookies = _cookies(request.headers)
        foreign = _is_of_another_site(request.headers)
        login = _login(request) if self.settings.space_id and not foreign else None
        if foreign:  # the visitor's own cookie comes with no other site's request, or is another one there
            cookies.pop(OWNER_COOKIE, None)
        visitor = self._from_login(login) if login else self._from_cookie(cookies.get(VISITOR_COOKIE, ""))
        visitor = visitor or Visitor(new_id(), "anonymous")
        listed = bool(login) and str(login["preferred_username"]).lower() in self.settings.owners  # type: ignore[index]
        owner = listed or self._has_token(request.headers, cookies) or self._is_this_machine(request)
        return replace(visitor, is_owner=owner, must_consent=self.is_shared)

    @property
    def is_shared(self) -> bool:
        """Whether others than this machine's own user can reach the studio."""
        return self.shared or bool(self.settings.space_id) or not self.settings.is_loopback

    def knows(self, request: Asked) -> bool:
        """Whether the request brings a valid visitor cookie."""
        return self._from_cookie(_cookies(request.headers).get(VISITOR_COOKIE, "")) is not None

    def owner_cookie(self, token: str) -> str:
        """The cookie's value that a browser gets for the operator's token. Raises NotAllowed for a wrong one."""
        expected = self.settings.owner_token
        if not expected or not hmac.compare_digest(token.encode(), expected.encode()):
            raise NotAllowed("That is not this studio's owner token: ask whoever runs it.")
        return self.sign("owner", hmac.new(self.key.encode(), expected.encode(), "sha256").hexdigest())

    def _from_cookie(self, cookie: str) -> Visitor | None:
        match self.unsign("visitor", cookie) if cookie else None:
            case [str() as annotator_id, "anonymous" | "local" as origin]:  # a login is proved by its session alone
                name = "local" if origin == "local" else ""
                return Visitor(annotator_id, origin, display_name=name)
        return None

    def _from_login(self, login: Mapping[str, Any]) -> Visitor:
        annotator_id = str(uuid.uuid5(_PEOPLE, f"huggingface:{login['sub']}"))
        return Visitor(annotator_id, "huggingface", display_name=str(login["preferred_username"])[:80])

    def _has_token(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        token = self.settings.owner_token
        if not token:
            return False
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(bearer.strip().encode(), token.encode()):
            return True
        proof = self.unsign("owner", cookies.get(OWNER_COOKIE, ""))
        expected = hmac.new(self.key.encode(), token.encode(), "sha256").hexdigest()
        return isinstance(proof, str) and hmac.compare_digest(proof.encode(), expected.encode())

    def _is_this_machine(self, request: Asked) -> bool:
        headers = request.headers
        if not self.settings.is_loopback or self.settings.space_id or self.shared:
            return False
        if any(name in headers for name in _FORWARDED) or _host(headers.get("host", "")) not in _LOCAL_HOSTS:
            return False
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return False  # another site's page, open in a browser on this machine
        if "origin" in headers and headers["origin"].partition("://")[2] != headers.get("host", ""):
            return False  # a page of another local server, or one that hides where it is from
        return getattr(request.client, "host", "") in _LOCAL_HOSTS


def open_identity(settings: Settings, *, shared: bool = False) -> Identity:
    """The identity of this installation, whose key signs cookies.

    Raises Misconfigured when the server would be reachable by others and nobody could be its owner.
    """
    reachable = shared or not settings.is_loopback
    if reachable and not settings.owners and not settings.owner_token:
        raise Misconfigured(
            f"Serving on {'a share link' if shared else settings.server_name} would let others in without an owner: "
            "set COLLAB_OWNER_TOKEN (16 characters or more) or COLLAB_OWNERS (Hugging Face names) first."
        )
    return Identity(installation_key(settings), settings, shared)


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _is_of_another_site(headers: Mapping[str, str]) -> bool:
    """Whether another site's page sent this, and no person who opened or embedded ours: a browser adds the cookies of a
    login to that too."""
    opened = headers.get("sec-fetch-mode") == "navigate" and "origin" not in headers  # a form that is sent tells one
    return headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not opened


def _login(request: Any) -> Mapping[str, Any] | None:
    """What Gradio's Hugging Face login left in the signed session, if the visitor logged in."""
    inner = getattr(request, "request", request)
    session = getattr(inner, "scope", {}).get("session") or {}
    user = (session.get("oauth_info") or {}).get("userinfo") or {}
    return user if user.get("sub") and user.get("preferred_username") else None


def _host(authority: str) -> str:
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:  # brackets that hold no address
        return ""
