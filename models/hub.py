"""What the Hugging Face hub, or its local cache when offline, says about a model id: commit, kind and size,
and fetches a text model's files.

Answers within a few seconds whatever the network does. Loads nothing; imports no torch.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.base import Modality, ModelError, ModelInfo, ModelNotFound, ModelUnavailable

HUB_ID = re.compile(r"[A-Za-z0-9][\w.\-]*/[A-Za-z0-9][\w.\-]*")
DEADLINE_S = 6.0
KEEP_S = 300.0  # an answer is asked for again after this long
KEEP_FAILURE_S = 20.0


@dataclass(frozen=True, slots=True)
class HubModel:
    """revision: commit sha. modality: None when it is neither. snapshot: its folder in the local cache, if there."""

    hub_id: str
    revision: str
    modality: Modality | None
    snapshot: Path | None
    parameters: int = 0  # 0: the hub does not say


_answers: dict[str, tuple[float, HubModel | ModelError]] = {}


def find(hub_id: str) -> HubModel:
    """Raises ModelNotFound if there is no such model, ModelUnavailable if it cannot be reached or needs consent."""
    known = _answers.get(hub_id)
    if known is None or time.monotonic() > known[0]:
        answer = _ask(hub_id)
        keep_s = KEEP_S if isinstance(answer, HubModel) else KEEP_FAILURE_S
        known = _answers[hub_id] = (time.monotonic() + keep_s, answer)
    if isinstance(known[1], ModelError):
        raise known[1].with_traceback(None)
    return known[1]


def snapshot(hub_id: str, revision: str) -> Path | None:
    """The folder of a commit in the local cache (files may be missing), or None."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{hub_id.replace('/', '--')}" / "snapshots" / revision
    return folder if folder.is_dir() else None


def downloaded(info: ModelInfo, progress: Callable[[str, float | None], None]) -> Path:
    """The folder of a text model's pinned commit, fetched if it is not there. Raises ModelUnavailable."""
    from huggingface_hub import snapshot_download

    progress(f"Fetching {info.name} from the hub (once)", None)
    patterns = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]
    try:
        folder = Path(snapshot_download(info.base, revision=info.revision, allow_patterns=patterns))
        if not any(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(info.base, revision=info.revision, allow_patterns=["*.bin", *patterns]))
    except Exception as e:
        # the hub's client, its HTTP library and the disk raise many kinds, and all mean the same to a person
        raise ModelUnavailable(
            f"{info.base} could not be fetched ({type(e).__name__}): check the network and the disk, then try again."
        ) from e
    return folder


def _ask(hub_id: str) -> HubModel | ModelError:
    from huggingface_hub import constants

    refs = Path(constants.HF_HUB_CACHE) / f"models--{hub_id.replace('/', '--')}" / "refs" / "main"
    cached = refs.read_text().strip() if refs.is_file() else ""
    offline = constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "ON", "YES")
    answer = None if offline else _ask_online(hub_id)
    if isinstance(answer, HubModel) or (isinstance(answer, ModelNotFound) and not cached):
        return answer
    if cached and (folder := snapshot(hub_id, cached)):
        return HubModel(hub_id, cached, modality_of_folder(folder), folder)
    if answer is not None:
        return answer
    return ModelUnavailable(
        f"{hub_id} is not on this machine and HF_HUB_OFFLINE forbids a download: unset it, or choose another model."
    )


def _ask_online(hub_id: str) -> HubModel | ModelError:
    found: list[Any] = []

    def ask() -> None:
        from huggingface_hub import HfApi

        try:
            found.append(HfApi().model_info(hub_id, timeout=DEADLINE_S - 1))
        except Exception as e:
            found.append(e)

    # a thread, because looking up the host's name has no timeout of its own
    asking = threading.Thread(target=ask, name=f"hub {hub_id}", daemon=True)
    asking.start()
    asking.join(DEADLINE_S)
    if not found or isinstance(found[0], Exception):
        return _refusal(hub_id, found[0] if found else None)
    info = found[0]
    files = {s.rfilename for s in info.siblings or ()}
    modality: Modality | None = None
    if "model_index.json" in files:
        modality = "image"
    elif "config.json" in files and (info.pipeline_tag or "text-generation") in (
        "text-generation",
        "image-text-to-text",
    ):
        modality = "text"
    parameters = int(getattr(info.safetensors, "total", 0) or 0)
    return HubModel(hub_id, info.sha, modality, snapshot(hub_id, info.sha), parameters)


def _refusal(hub_id: str, error: Exception | None) -> ModelError:
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):  # a child of RepositoryNotFoundError
        return ModelUnavailable(f"{hub_id} asks for consent: accept its terms on huggingface.co and set HF_TOKEN.")
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return ModelNotFound(
            f"The hub has no model {hub_id} that this machine may see: check the name, or set HF_TOKEN."
        )
    return ModelUnavailable(
        f"{hub_id} is not on this machine and huggingface.co cannot be reached: go online, or choose another model."
    )


def modality_of_folder(folder: Path) -> Modality | None:
    """ "image" for a diffusers pipeline, "text" for a transformers model, None for anything else."""
    if (folder / "model_index.json").is_file():
        return "image"
    return "text" if (folder / "config.json").is_file() else None
