"""The last samples of a request that is stopped. Knows no engine and no backend."""

from __future__ import annotations

from collections.abc import Mapping

from models.base import ImageSample, Request, Sample, TextRequest, TextSample


def cancelled_samples(request: Request, last: Mapping[int, Sample], seconds: float) -> list[Sample]:
    """A last sample for every unfinished position: text keeps what it has, a picture has none."""
    samples: list[Sample] = []
    for position in range(request.count):
        newest = last.get(position)
        if newest is not None and newest.finish_reason is not None:
            continue
        if isinstance(request, TextRequest):
            text = newest if isinstance(newest, TextSample) else None
            samples.append(
                TextSample(
                    request.id,
                    position,
                    text.text if text else "",
                    finish_reason="cancelled",
                    prompt_tokens=text.prompt_tokens if text else 0,
                    completion_tokens=text.completion_tokens if text else 0,
                    seconds=seconds,
                )
            )
        else:
            image = newest if isinstance(newest, ImageSample) else None
            samples.append(
                ImageSample(
                    request.id,
                    position,
                    image.step if image else 0,
                    int(request.settings.get("num_inference_steps", 0)),
                    finish_reason="cancelled",
                    seconds=seconds,
                )
            )
    return samples
