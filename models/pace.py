"""How fast a model works, learnt while it does, and how long a request will therefore take. Knows no backend."""

from __future__ import annotations

from models.base import ImageRequest, ImageSample, Request, Sample, TextRequest, TextSample

READING = 1 / 8  # what reading a token costs of writing one
CHARACTERS = 4  # a token of a prompt, about
KEPT = 0.97  # of what was seen before, with each step
LEARNT_S = 0.5  # work seen before any promise is made


def cost(request: Request) -> int:
    """The work a request asks for at most: tokens for text, pixels × denoising steps for images; at least 1.

    Costs of the two modalities are never compared: every model has its own queue and its own pace.
    """
    settings = request.settings
    if isinstance(request, ImageRequest):
        return max(1, request.count * settings["num_inference_steps"] * settings["width"] * settings["height"])
    assert isinstance(request, TextRequest)
    characters = sum(len(message.content) for message in request.messages) + len(request.given)
    read = characters / CHARACTERS * READING
    return max(1, request.count * int(settings["max_new_tokens"]) + int(read))


def done(request: Request, last: dict[int, Sample]) -> int:
    """How much of a request's cost is behind it. last: its newest sample of each position; it may grow meanwhile."""
    if isinstance(request, ImageRequest):
        pixels = request.settings["width"] * request.settings["height"]
        return sum(sample.step * pixels for sample in tuple(last.values()) if isinstance(sample, ImageSample))
    each = request.settings["max_new_tokens"]
    samples = [sample for sample in tuple(last.values()) if isinstance(sample, TextSample)]
    return sum(each if sample.finish_reason else sample.completion_tokens for sample in samples)


class Pace:
    """One model's speed. The rate is of everything it works on together, so a batch is quicker than its parts."""

    def __init__(self) -> None:
        self._units = self._seconds = 0.0  # seen lately, the newest counting most
        self._worked_s = 0.0
        self._used = 1.0  # of the most that requests asked for, how much they came to need

    def stepped(self, units: int, seconds: float) -> None:
        """One step did so many units of work; reading a prompt does none and takes its time all the same."""
        self._worked_s += seconds
        self._units = self._units * KEPT + units
        self._seconds = self._seconds * KEPT + seconds

    def ended(self, request: Request, last: dict[int, Sample]) -> None:
        """A request is done: texts often end long before the most they may have."""
        if isinstance(request, TextRequest) and last:
            samples = [sample for sample in tuple(last.values()) if isinstance(sample, TextSample)]
            used = sum(sample.completion_tokens for sample in samples) / cost(request)
            self._used += (min(1.0, used) - self._used) * 0.1

    def seconds(self, units: float) -> float | None:
        """How long so much work takes at this pace; None while too little has been seen."""
        if self._worked_s < LEARNT_S or not self._units:
            return None
        return units * self._used * self._seconds / self._units
