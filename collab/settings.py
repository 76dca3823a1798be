"""Environment → Settings, read once at the edge. Knows nothing of the rest of the product."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from collab.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. `home` holds the database, blobs, keys and prepared models."""

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

    @property
    def is_loopback(self) -> bool:
        """Whether the server answers this machine only."""
        return self.server_name in ("127.0.0.1", "localhost", "::1")


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that `environ` (the process's by default) describes. Raises Misconfigured naming the variable."""
    env = os.environ if environ is None else environ
    home = Path(env.get("COLLAB_HOME") or user_data_path("collab", appauthor=False)).expanduser().resolve()
    port_text = env.get("GRADIO_SERVER_PORT") or "7860"
    if not re.fullmatch(r"\d{1,5}", port_text) or not 0 < int(port_text) < 65536:
        raise Misconfigured(f"GRADIO_SERVER_PORT is “{port_text}”: set it to a number from 1 to 65535.")
    database_url = env.get("DATABASE_URL") or f"sqlite:///{home / 'collab.db'}"
    if not re.match(r"(sqlite|postgres(ql)?(\+psycopg)?)://", database_url):
        raise Misconfigured("DATABASE_URL must begin with sqlite:// or postgresql://.")
    token = env.get("COLLAB_OWNER_TOKEN", "")
    if token and len(token) < 16:
        raise Misconfigured("COLLAB_OWNER_TOKEN is too short to keep anyone out: use at least 16 characters.")
    owners = {name.strip().lower() for name in env.get("COLLAB_OWNERS", "").split(",") if name.strip()}
    space_id = env.get("SPACE_ID", "")
    if space_id and not owners:
        owners = {space_id.partition("/")[0].lower()}
    return Settings(
        home=home,
        database_url=re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", database_url),
        owners=frozenset(owners),
        owner_token=token,
        secret=env.get("COLLAB_SECRET", ""),
        text_model=env.get("COLLAB_TEXT_MODEL", ""),
        image_model=env.get("COLLAB_IMAGE_MODEL", ""),
        server_name=env.get("GRADIO_SERVER_NAME") or "127.0.0.1",
        server_port=int(port_text),
        space_id=space_id,
    )
