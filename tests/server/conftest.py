"""A studio that the tests of one file share, and two people who use it by script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gradio_client import Client

from collab.store.verify import problems
from tests.models.fake import FakeCatalog
from tests.server.served import Studio, open_studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(tmp_path_factory.mktemp("studio"), FakeCatalog(delay_s=0.01)) as running:
        yield running
    assert list(problems(running.ws.store, running.ws.blobs)) == []  # sound after all that the file did


@pytest.fixture(scope="module")
def ann(studio: Studio) -> Client:
    return studio.client()


@pytest.fixture(scope="module")
def bob(studio: Studio) -> Client:
    return studio.client()
