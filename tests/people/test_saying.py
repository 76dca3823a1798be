"""Consent and names: what is kept of whom, and what nobody may be called."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image

from collab.errors import InvalidSetting, NotAllowed
from collab.generation import Ask, generate
from collab.library import presets, saved
from collab.people import erasing
from collab.people import saying as people
from collab.people.consent import NOTICE, NOTICE_VERSION, notice, version_at, version_of
from collab.pictures.own import bring_picture
from collab.prompts import check_wording
from collab.settings import read_settings
from collab.studies.names import names_of
from collab.types import Annotator, Consent, Generation, now
from collab.workspace import Workspace
from tests.visitors import new_visitor


def test_where_others_come_nothing_is_kept_before_they_agree(ws: Workspace):
    visitor = replace(new_visitor(), must_consent=True)
    with pytest.raises(NotAllowed, match="before you agree"):
        generate(ws, visitor, Ask(prompt="hello"))
    assert not ws.store.find(Generation, requested_by=visitor.annotator_id)
    assert not ws.store.find(Annotator, id=visitor.annotator_id)
    brought = io.BytesIO()
    Image.new("RGB", (8, 8)).save(brought, "PNG")
    for keep in (
        lambda: bring_picture(ws, visitor, brought.getvalue()),
        lambda: saved.save(ws, visitor, check_wording("text", "my words"), name="mine"),
        lambda: presets.save(ws, visitor, "mine", "text", {"temperature": 1}),
        lambda: people.call_me(ws, visitor, "Ann"),
    ):
        with pytest.raises(NotAllowed, match="before you agree"):
            keep()
    assert not ws.store.find(Annotator, id=visitor.annotator_id)
    with pytest.raises(InvalidSetting, match="not in force"):
        people.agree(ws, visitor, "1999")
    before = now()
    people.agree(ws, visitor, NOTICE_VERSION)
    people.agree(ws, visitor, NOTICE_VERSION)
    assert generate(ws, visitor, Ask(prompt="hello"))
    assert len(ws.store.find(Consent, annotator_id=visitor.annotator_id)) == 1
    assert version_at(ws, visitor.annotator_id, now()) == NOTICE_VERSION
    assert version_at(ws, visitor.annotator_id, before) == ""
    assert people.myself(ws, visitor)["agreed"]


def test_an_operators_own_notice_is_another_version_and_is_asked_anew(ws: Workspace):
    own = read_settings({"COLLAB_HOME": str(ws.settings.home), "COLLAB_NOTICE": "We keep all.\n\nFor ever."})
    assert version_of(own) != version_of(ws.settings)
    assert notice(own)["paragraphs"] == ["We keep all.", "For ever."]
    linked = read_settings({"COLLAB_HOME": str(ws.settings.home), "COLLAB_NOTICE": "https://example.org/kept"})
    assert notice(linked)["url"] and not notice(linked)["paragraphs"]
    script = read_settings({"COLLAB_HOME": str(ws.settings.home), "COLLAB_NOTICE": "javascript:alert(1)"})
    assert not notice(script)["url"]
    assert len(NOTICE["en"]) == len(NOTICE["zh"])


@pytest.mark.parametrize(
    "name",
    [
        "Owner",
        " the  OWNER ",
        "admin1",
        "ａｄｍｉｎ",
        "管理员",
        "annotator-12ab",
        "a" * 41,
        "<b>",
        "a\u202eb",
        "...",
        7,
    ],
)
def test_what_nobody_may_be_called(ws: Workspace, name: object):
    visitor = new_visitor()
    with pytest.raises(InvalidSetting):
        people.call_me(ws, visitor, name)
    assert not ws.store.find(Annotator, id=visitor.annotator_id)


def test_a_name_is_ones_own_and_goes_with_ones_data(ws: Workspace):
    ada, bob = new_visitor(), new_visitor()
    people.agree(ws, ada, NOTICE_VERSION)
    assert people.call_me(ws, ada, "  Ada   L. ") == "Ada L."
    assert names_of(ws, [ada.annotator_id]) == {ada.annotator_id: "Ada L."}
    with pytest.raises(InvalidSetting, match="Somebody else"):
        people.call_me(ws, bob, "ada l.")
    with pytest.raises(InvalidSetting, match="logged in"):
        people.call_me(ws, replace(bob, origin="huggingface"), "Bob")
    erasing.delete_my_data(ws, ada, "delete")
    assert not ws.store.find(Consent, annotator_id=ada.annotator_id)
    assert names_of(ws, [ada.annotator_id])[ada.annotator_id].startswith("annotator-")
    assert people.call_me(ws, bob, "李雷") == "李雷"
    assert people.call_me(ws, bob, "") == ""
