"""What tests of refining share beside the common fixtures: a studio on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from collab.settings import Settings
from collab.store.schema import metadata
from collab.workspace import Workspace, open_workspace
from models.engine import Engine
from tests.models.fake import FakeCatalog


@pytest.fixture(params=["sqlite", "postgresql"])
def each_ws(request: pytest.FixtureRequest, settings: Settings, catalog: FakeCatalog) -> Iterator[Workspace]:
    """A studio whose models are fakes that answer at once, on each kind of database in turn: races differ there."""
    if request.param == "postgresql":
        url = request.getfixturevalue("shared_postgres")
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(f"TRUNCATE {', '.join(metadata.tables)}")
        engine.dispose()
        settings = replace(settings, database_url=url)
    opened = open_workspace(settings, engine=Engine(catalog))
    yield opened
    opened.close()
