"""The embedded text model, converted once into a folder that outlives the test run, and loaded once a session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from models.base import Ended, Message, ModelInfo, TextRequest, TextSample, canonical_settings
from models.catalog import Catalog
from models.engine import Engine
from models.image import ImageBackend
from tests.models.fake import FakeCatalog
from tests.models.tiny_pipeline import info_of, save_tiny_pipeline


@pytest.fixture(scope="session")
def cache_folder() -> Path:
    chosen = os.environ.get("COLLAB_TEST_CACHE")
    folder = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("collab-tests"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def catalog(cache_folder: Path) -> Catalog:
    return Catalog(cache_folder)


@pytest.fixture(scope="session")
def text_backend(catalog: Catalog):
    backend = catalog.load(catalog.resolve("", "text"), lambda message, fraction: None)
    yield backend
    backend.close()


@pytest.fixture
def fake_catalog() -> FakeCatalog:
    return FakeCatalog()


@pytest.fixture
def fake_engine(fake_catalog: FakeCatalog) -> Iterator[Engine]:
    engine = Engine(fake_catalog)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator[ImageBackend]:
    backend = ImageBackend.load(info_of(folder), lambda message, fraction: None)
    yield backend
    backend.close()


@pytest.fixture
def backend(loaded: ImageBackend) -> Iterator[ImageBackend]:
    yield loaded
    for request_id in list(loaded._running):
        loaded.evict(request_id)


def text_request(
    info: ModelInfo,
    prompt: str,
    *,
    id: str = "request",
    seed: int = 0,
    count: int = 1,
    owner: str = "ada",
    prefix: str = "",
    messages: tuple[Message, ...] = (),
    **settings: object,
) -> TextRequest:
    return TextRequest(
        id=id,
        owner=owner,
        model=info,
        settings=canonical_settings("text", settings, info.defaults),
        seed=seed,
        count=count,
        messages=(*messages, Message("user", prompt)),
        prefix=prefix,
    )


def run_alone(backend, *requests: TextRequest) -> dict[tuple[str, int], list[TextSample]]:
    """Admit the requests together, step until all have ended; samples by (request id, position)."""
    for request in requests:
        backend.admit(request)
    samples: dict[tuple[str, int], list[TextSample]] = {}
    while backend.active():
        for sample in backend.step():
            assert not isinstance(sample, Ended), sample
            samples.setdefault((sample.request_id, sample.position), []).append(sample)
    return samples


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Sums of floats in one order, and no quarrel over cores with the tests beside."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
