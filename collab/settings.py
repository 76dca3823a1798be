"""Environment → Settings, read once at the edge. Knows nothing of the rest of the product."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from collab.errors import Misconfigured

TEXT_ASPECTS = ("helpful", "correct", "style")
NOTICE_LIMIT = 8000  # characters
IMAGE_ASPECTS = ("prompt match", "aesthetics", "artefacts")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. `home` holds the database, blobs, keys, prepared models and adapters.

    train_launcher: the command that starts a training's process, such as "accelerate launch"; "" for this Python.
    notice: the operator's own words, or a URL, on what is kept; "" for the product's own notice.
    memory_gb: what the server may take of the device's memory, in 10⁹ bytes; 0 for all that is free.
    text_aspects, image_aspects: what outputs can be rated on from 1 to 5, besides their stars.
    """

    home: Path
    database_url: str
    owners: frozenset[str] = frozenset()
    owner_token: str = ""
    secret: str = ""
    text_model: str = ""
    image_model: str = ""
    server_name: str = "127.0.0.1"
    server_port: int = 7860
    space_id: str = ""
    text_aspects: tuple[str, ...] = TEXT_ASPECTS
    image_aspects: tuple[str, ...] = IMAGE_ASPECTS
    train_launcher: str = ""
    notice: str = ""
    memory_gb: float = 0.0

    @property
    def is_loopback(self) -> bool:
        """Whether the server answers this machine only."""
        return self.server_name in ("127.0.0.1", "localhost", "::1")


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that `environ` (the process's by default) describes. Raises Misconfigured naming the variable."""
    env = os.environ if environ is None else environ
    given_home = env.get("COLLAB_HOME") or user_data_path("collab", appauthor=False)
    try:
        home = Path(given_home).expanduser().resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise Misconfigured(f"COLLAB_HOME is “{given_home}”, which is no folder here: {error}.") from error
    port_text = env.get("GRADIO_SERVER_PORT") or "7860"
    if not re.fullmatch(r"\d{1,5}", port_text) or not 0 < int(port_text) < 65536:
        raise Misconfigured(f"GRADIO_SERVER_PORT is “{port_text}”: set it to a number from 1 to 65535.")
    database_url = env.get("DATABASE_URL") or f"sqlite:///{home / 'collab.db'}"
    if not re.match(r"(sqlite|postgres(ql)?(\+psycopg)?)://", database_url):
        raise Misconfigured("DATABASE_URL must begin with sqlite:// or postgresql://.")
    token = env.get("COLLAB_OWNER_TOKEN", "")
    if token and len(token) < 16:
        raise Misconfigured("COLLAB_OWNER_TOKEN is too short to keep anyone out: use at least 16 characters.")
    secret = env.get("COLLAB_SECRET", "")
    if secret and len(secret) < 16:
        raise Misconfigured("COLLAB_SECRET is too short to sign anything: use at least 16 random characters.")
    memory_text = env.get("COLLAB_MEMORY_GB", "").strip() or "0"
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", memory_text):
        raise Misconfigured(f"COLLAB_MEMORY_GB is “{memory_text[:40]}”: set it to a number of gigabytes, such as 20.")
    owners = {name.strip().lower() for name in env.get("COLLAB_OWNERS", "").split(",") if name.strip()}
    space_id = env.get("SPACE_ID", "")
    if space_id and not owners:
        owners = {space_id.partition("/")[0].lower()}
    return Settings(
        home=home,
        database_url=re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", database_url),
        owners=frozenset(owners),
        owner_token=token,
        secret=secret,
        text_model=env.get("COLLAB_TEXT_MODEL", ""),
        image_model=env.get("COLLAB_IMAGE_MODEL", ""),
        server_name=env.get("GRADIO_SERVER_NAME") or "127.0.0.1",
        server_port=int(port_text),
        space_id=space_id,
        text_aspects=_names(env, "COLLAB_TEXT_ASPECTS", TEXT_ASPECTS),
        image_aspects=_names(env, "COLLAB_IMAGE_ASPECTS", IMAGE_ASPECTS),
        train_launcher=env.get("COLLAB_TRAIN_LAUNCHER", "").strip(),
        notice=env.get("COLLAB_NOTICE", "").strip()[:NOTICE_LIMIT],
        memory_gb=float(memory_text),
    )


def _names(env: Mapping[str, str], variable: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """What a comma-separated variable lists, or the default where it is not set."""
    names = tuple(dict.fromkeys(name.strip() for name in env.get(variable, "").split(",") if name.strip()))
    if len(names) > 8 or any(len(name) > 40 for name in names):
        raise Misconfigured(f"{variable} lists {len(names)} names: give at most 8, of at most 40 characters each.")
    return names or default
