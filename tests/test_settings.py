"""The operator's environment: what it means, and one sentence for what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab.errors import Misconfigured
from collab.settings import read_settings
from collab.workspace import open_workspace


def test_an_empty_environment_is_a_studio_for_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    found = read_settings({})
    assert found.is_loopback and found.server_port == 7860 and not found.owners and not found.owner_token
    assert found.database_url == f"sqlite:///{found.home / 'collab.db'}"
    assert found.home != Path.cwd() and "collab" in found.home.name


def test_the_environment_is_read(tmp_path: Path):
    found = read_settings(
        {
            "COLLAB_HOME": str(tmp_path / "a b"),
            "DATABASE_URL": "postgres://me:secret@db/x",
            "COLLAB_OWNERS": " Ann, bob ,,",
            "COLLAB_OWNER_TOKEN": "t" * 16,
            "COLLAB_SECRET": "s" * 32,
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_SERVER_PORT": "8080",
            "COLLAB_MEMORY_GB": "19.5",
        }
    )
    assert found.home == tmp_path / "a b" and found.database_url == "postgresql+psycopg://me:secret@db/x"
    assert found.owners == {"ann", "bob"} and not found.is_loopback and found.server_port == 8080
    assert found.memory_gb == 19.5


def test_a_spaces_owner_owns_it_unless_others_are_named():
    space = {"SPACE_ID": "Ann/studio", "COLLAB_HOME": "/nowhere"}
    assert read_settings(space).owners == {"ann"}
    assert read_settings({**space, "COLLAB_OWNERS": "bob"}).owners == {"bob"}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"GRADIO_SERVER_PORT": "seven"}, "GRADIO_SERVER_PORT is “seven”"),
        ({"GRADIO_SERVER_PORT": "0"}, "GRADIO_SERVER_PORT is “0”"),
        ({"GRADIO_SERVER_PORT": "65536"}, "GRADIO_SERVER_PORT"),
        ({"COLLAB_MEMORY_GB": "lots"}, "COLLAB_MEMORY_GB is “lots”"),
        ({"COLLAB_MEMORY_GB": "-3"}, "COLLAB_MEMORY_GB"),
        ({"GRADIO_SERVER_PORT": "-1"}, "GRADIO_SERVER_PORT"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL must begin with"),
        ({"DATABASE_URL": "collab.db"}, "DATABASE_URL must begin with"),
        ({"COLLAB_OWNER_TOKEN": "short"}, "COLLAB_OWNER_TOKEN is too short"),
        ({"COLLAB_SECRET": "short"}, "COLLAB_SECRET is too short"),
        ({"COLLAB_HOME": "~nobody-of-this-name/x"}, "COLLAB_HOME is “~nobody-of-this-name/x”"),
        ({"COLLAB_HOME": "a\x00b"}, "COLLAB_HOME is"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_name(environ: dict[str, str], said: str):
    with pytest.raises(Misconfigured) as raised:
        read_settings(environ)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_home_that_cannot_be_made_is_told_in_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    for home in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(Misconfigured, match="COLLAB_HOME cannot be used"):
            open_workspace(read_settings({"COLLAB_HOME": str(home)}))


def test_the_home_is_its_owners_alone(ws, settings):
    assert settings.home.stat().st_mode & 0o777 == 0o700
