"""Who asks, and what they may do: nobody becomes another person or an owner by saying so."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from itsdangerous import URLSafeSerializer
from starlette.requests import Request

from collab.errors import Misconfigured, NotAllowed
from collab.identity import LOCAL, OWNER_COOKIE, VISITOR_COOKIE, Identity, Visitor, open_identity
from collab.settings import Settings, read_settings

TOKEN = "a token of the operator"


@pytest.fixture
def identity(settings: Settings) -> Identity:
    return open_identity(settings)


def asked(headers: dict[str, str] | None = None, *, client: str = "127.0.0.1", session: Any = None) -> Request:
    """A request to the server on this machine, as a browser on it sends one, with other headers in their place."""
    given = {"host": "127.0.0.1:7860", **(headers or {})}
    scope: dict[str, Any] = {
        "type": "http",
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in given.items()],
        "client": (client, 50_000),
    }
    if session is not None:
        scope["session"] = session
    return Request(scope)


def cookie(identity: Identity, visitor: Visitor) -> dict[str, str]:
    return {"cookie": f"theme=dark; {VISITOR_COOKIE}={identity.visitor_cookie(visitor)}"}


# ---- who ------------------------------------------------------------------------------------------------------------


def test_a_signed_cookie_is_the_same_person_every_time(identity: Identity, ann: Visitor, settings: Settings):
    assert identity.whoami(asked(cookie(identity, ann))).annotator_id == ann.annotator_id
    assert open_identity(settings).whoami(asked(cookie(identity, ann))).annotator_id == ann.annotator_id
    assert identity.knows(asked(cookie(identity, ann))) and not identity.knows(asked())


def test_without_a_cookie_everyone_is_somebody_new(identity: Identity):
    people = {identity.whoami(request).annotator_id for request in (None, asked(), asked(), asked({"cookie": "x"}))}
    assert len(people) == 4


def test_a_cookie_that_was_tampered_with_is_nobodys(identity: Identity, ann: Visitor, bob: Visitor):
    good = identity.visitor_cookie(ann)
    payload, _, signature = good.rpartition(".")
    his_payload = identity.visitor_cookie(bob).rpartition(".")[0]
    another_key = replace(identity, key="k" * 64)
    for bad in (
        f"{his_payload}.{signature}",
        f"{payload}.",
        payload,
        f"{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",  # of its last letter not every bit counts
        good + "x",
        "",
        ".",
        "\xff\xfe",
        "a" * 10_000,
        another_key.visitor_cookie(ann),
        identity.sign("picture", [ann.annotator_id, "anonymous"]),
        identity.sign("visitor", {"annotator_id": ann.annotator_id}),
        identity.sign("visitor", [ann.annotator_id, "owner"]),
        identity.sign("visitor", [ann.annotator_id, "huggingface"]),  # a login is proved by its session alone
        identity.sign("visitor", None),
        URLSafeSerializer(identity.key).dumps([ann.annotator_id, "anonymous"]),
    ):
        found = identity.whoami(asked({"cookie": f"{VISITOR_COOKIE}={bad}"}))
        assert found.annotator_id not in (ann.annotator_id, bob.annotator_id), bad
        assert not identity.knows(asked({"cookie": f"{VISITOR_COOKIE}={bad}"}))


def test_a_token_for_one_purpose_is_refused_for_another(identity: Identity):
    token = identity.sign("picture", ["x", 1])
    assert identity.unsign("picture", token) == ["x", 1]
    for purpose in ("visitor", "owner", "", "pictures"):
        assert identity.unsign(purpose, token) is None


def test_the_command_line_is_always_the_same_person(identity: Identity):
    found = identity.whoami(asked(cookie(identity, LOCAL)))
    assert (found.annotator_id, found.origin, found.display_name) == (LOCAL.annotator_id, "local", "local")


def test_a_cookie_cannot_be_read_by_scripts_and_works_in_a_spaces_frame(identity: Identity, settings: Settings):
    assert "HttpOnly" in identity.cookie_header("a", "b") and "SameSite=Lax" in identity.cookie_header("a", "b")
    space = replace(identity, settings=replace(settings, space_id="ann/studio"))
    assert "SameSite=None; Secure; Partitioned" in space.cookie_header("a", "b")


# ---- owner by being this machine ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:7860"},
        {"host": "[::1]:7860"},
        {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_request_from_this_machine_to_itself_is_the_owners(identity: Identity, headers: dict[str, str]):
    assert identity.whoami(asked(headers)).is_owner


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:7860"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "localhost.evil.example:7860"},
        {"host": "evil.example@127.0.0.1.evil.example"},
        {"host": ""},
        {"host": "["},
        {"host": "[::1"},
        {"host": "192.168.1.5:7860"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-host": "127.0.0.1"},
        {"x-forwarded-proto": "http"},
        {"x-real-ip": "127.0.0.1"},
        {"forwarded": "for=127.0.0.1"},
        {"via": "1.1 proxy"},
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:3000"},  # another server of this machine
        {"origin": "http://127.0.0.1:7861"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_request_that_may_come_from_elsewhere_is_not_the_owners(identity: Identity, headers: dict[str, str]):
    assert not identity.whoami(asked(headers)).is_owner


def test_another_machine_is_not_the_owner(identity: Identity):
    assert not identity.whoami(asked(client="192.168.1.5")).is_owner
    assert not identity.whoami(None).is_owner
    nobody = SimpleNamespace(headers={"host": "127.0.0.1"}, client=None)
    assert not identity.whoami(nobody).is_owner


def test_a_share_link_a_space_and_an_open_port_make_nobody_owner_by_address(settings: Settings):
    guarded = replace(settings, owner_token=TOKEN)
    shared = open_identity(guarded, shared=True)
    open_port = open_identity(replace(guarded, server_name="0.0.0.0"))
    space = open_identity(replace(guarded, space_id="ann/studio"))
    for identity in (shared, open_port, space):
        assert not identity.whoami(asked()).is_owner


# ---- owner by token or login ----------------------------------------------------------------------------------------


def test_the_bearer_token_makes_an_owner_and_nothing_like_it_does(settings: Settings, ann: Visitor):
    identity = open_identity(replace(settings, owner_token=TOKEN, server_name="0.0.0.0"))

    def owner(**headers: str) -> bool:
        return identity.whoami(asked({**cookie(identity, ann), **headers})).is_owner

    assert owner(authorization=f"Bearer {TOKEN}") and owner(authorization=f"bearer  {TOKEN} ")
    for wrong in (TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"):
        assert not owner(authorization=wrong)
    assert not owner()
    who = identity.whoami(asked({**cookie(identity, ann), "authorization": f"Bearer {TOKEN}"}))
    assert who.annotator_id == ann.annotator_id  # a capability: it changes nobody's identity


def test_without_a_token_no_bearer_is_an_owner(settings: Settings):
    identity = open_identity(replace(settings, server_name="0.0.0.0", owners=frozenset({"ann"})))
    assert not identity.whoami(asked({"authorization": "Bearer "})).is_owner
    with pytest.raises(NotAllowed):
        identity.owner_cookie("")


def test_the_owners_cookie_is_given_for_the_token_and_dies_with_it(settings: Settings):
    guarded = replace(settings, owner_token=TOKEN, server_name="0.0.0.0")
    identity = open_identity(guarded)
    value = identity.owner_cookie(TOKEN)
    assert TOKEN not in value
    assert identity.whoami(asked({"cookie": f"{OWNER_COOKIE}={value}"})).is_owner
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", "é" * 20):
        with pytest.raises(NotAllowed, match="not this studio's owner token"):
            identity.owner_cookie(wrong)
    for bad in (
        value[:-2],
        identity.sign("owner", True),
        identity.sign("visitor", identity.unsign("owner", value)),
        "",
    ):
        assert not identity.whoami(asked({"cookie": f"{OWNER_COOKIE}={bad}"})).is_owner
    renewed = open_identity(replace(guarded, owner_token=TOKEN + " of today"))
    assert not renewed.whoami(asked({"cookie": f"{OWNER_COOKIE}={value}"})).is_owner


def login(name: str, sub: str = "7") -> dict[str, Any]:
    return {"oauth_info": {"userinfo": {"sub": sub, "preferred_username": name}}}


def test_on_a_space_a_login_is_the_same_person_everywhere(settings: Settings, ann: Visitor):
    space = replace(settings, space_id="ann/studio", owners=frozenset({"ann"}))
    one, two = Identity("k" * 40, space), Identity("other" * 10, space)
    request = asked(cookie(one, ann), session=login("Ann"))
    found = one.whoami(request)
    assert found == replace(two.whoami(asked(session=login("Ann"))))
    assert (found.origin, found.display_name, found.is_owner) == ("huggingface", "Ann", True)
    assert found.annotator_id not in (ann.annotator_id, one.whoami(asked(session=login("Ann", "8"))).annotator_id)
    assert not one.whoami(asked(session=login("bob", "9"))).is_owner
    wrapped = SimpleNamespace(headers=request.headers, client=request.client, request=request)  # as Gradio wraps it
    assert one.whoami(wrapped) == found


def test_a_login_counts_on_a_space_only(settings: Settings, ann: Visitor):
    elsewhere = Identity("k" * 40, replace(settings, owners=frozenset({"ann"}), server_name="0.0.0.0"))
    found = elsewhere.whoami(asked(cookie(elsewhere, ann), session=login("ann")))
    assert (found.annotator_id, found.origin, found.is_owner) == (ann.annotator_id, "anonymous", False)


@pytest.mark.parametrize("session", [{}, {"oauth_info": None}, {"oauth_info": {}}, {"oauth_info": {"userinfo": {}}}])
def test_a_session_without_a_login_is_no_login(settings: Settings, ann: Visitor, session: dict):
    space = Identity("k" * 40, replace(settings, space_id="ann/studio"))
    assert space.whoami(asked(cookie(space, ann), session=session)).annotator_id == ann.annotator_id


# ---- opening --------------------------------------------------------------------------------------------------------


def test_the_key_is_kept_for_its_owner_alone(settings: Settings):
    first = open_identity(settings)
    path = settings.home / "secret"
    assert path.stat().st_mode & 0o777 == 0o600 and settings.home.stat().st_mode & 0o777 == 0o700
    assert len(first.key) >= 32 and open_identity(settings).key == first.key
    assert open_identity(replace(settings, secret="s" * 40)).key == "s" * 40


def test_a_damaged_key_file_is_told_in_a_sentence(settings: Settings):
    settings.home.mkdir()
    (settings.home / "secret").write_text("")
    with pytest.raises(Misconfigured, match=r"key file .* is damaged: delete it"):
        open_identity(settings)


@pytest.mark.parametrize("name", ["0.0.0.0", "192.168.1.5", "studio.example", "::"])
def test_serving_others_without_an_owner_is_refused(settings: Settings, name: str):
    with pytest.raises(Misconfigured, match=r"set COLLAB_OWNER_TOKEN .* or COLLAB_OWNERS"):
        open_identity(replace(settings, server_name=name))
    open_identity(replace(settings, server_name=name, owner_token=TOKEN))


def test_sharing_without_an_owner_is_refused(settings: Settings):
    with pytest.raises(Misconfigured, match="a share link would let others in"):
        open_identity(settings, shared=True)


def test_many_processes_that_start_at_once_have_one_key(tmp_path: Path):
    import subprocess
    import sys

    code = "from collab.identity import open_identity; from collab.settings import read_settings\n"
    code += "print(open_identity(read_settings()).key)"
    environ = {**os.environ, "COLLAB_HOME": str(tmp_path / "home")}
    people = [
        subprocess.Popen([sys.executable, "-c", code], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    keys = {person.communicate(timeout=60)[0].strip() for person in people}
    assert len(keys) == 1 and read_settings(environ).home.joinpath("secret").read_text().strip() in keys


def test_ids_are_no_secrets_but_cookies_are_needed(identity: Identity, ann: Visitor):
    assert identity.whoami(asked({"cookie": f"{VISITOR_COOKIE}={ann.annotator_id}"})).annotator_id != ann.annotator_id


def test_no_other_sites_page_acts_with_a_persons_login():
    settings = read_settings({"SPACE_ID": "boss/studio", "COLLAB_SECRET": "x" * 20, "COLLAB_OWNER_TOKEN": TOKEN})
    identity = Identity(settings.secret, settings)
    session = {"oauth_info": {"userinfo": {"sub": "1", "preferred_username": "boss"}}}
    owner = {"cookie": f"{OWNER_COOKIE}={identity.owner_cookie(TOKEN)}"}
    for site, headers, known in (
        ("same-origin", {"origin": "https://boss-studio.hf.space"}, True),
        ("cross-site", {"sec-fetch-mode": "navigate"}, True),  # a link, or the frame that shows a Space
        ("cross-site", {"origin": "https://evil.example", "sec-fetch-mode": "cors"}, False),
        ("cross-site", {"origin": "https://evil.example", "sec-fetch-mode": "navigate"}, False),  # a form is sent
        ("cross-site", {"sec-fetch-mode": "no-cors"}, False),
    ):
        visitor = identity.whoami(asked({"sec-fetch-site": site, **owner, **headers}, session=session))
        assert (visitor.is_owner, visitor.origin == "huggingface") == (known, known)
