"""The sample pictures of a training, small enough to be sent along with what is told of it.

They lie as PNG files in the training's folder and go with it when feedback that it learnt from is deleted.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any

from collab.settings import Settings
from collab.training.starting import folder_of

SAMPLES = "samples"  # as models.tune_image names it
SIDE_PX = 192  # of the longer side
_SHOWN = {"image": "image_url", "before": "before_url", "after": "after_url"}


def with_pictures(
    settings: Settings, job_id: str, kind: str, samples: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The samples of a training; pictures as data URLs (image_url, before_url, after_url) in place of file names.

    Of a training of a text model they are as they were; a picture that is gone is left out.
    """
    if not kind.startswith("image-"):
        return [dict(sample) for sample in samples]
    folder = folder_of(settings, job_id) / SAMPLES
    found = []
    for sample in samples:
        shown = {"prompt": sample["prompt"]}
        for name, url in _SHOWN.items():
            file = folder / f"{sample.get(name, '')}"
            if name in sample and file.parent == folder and file.is_file():
                shown[url] = _small(file.read_bytes())
        found.append(shown)
    return found


def _small(png: bytes) -> str:
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((SIDE_PX, SIDE_PX))
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")
