"""From an image request to what its pipeline is to do, or to the sentence that says why it cannot. Knows no engine."""

from __future__ import annotations

import inspect

from PIL import Image

from models.base import ImageRequest, InvalidRequest, Request
from models.denoising import Plan
from models.fabric import References, takes_references
from models.pictures import decode_mask, decode_picture
from models.pipelines import Kind, Pipeline, copy_with_scheduler, size_multiple


def planned(request: Request, name: str, pipelines: dict[Kind, Pipeline]) -> Plan:
    """What a model called `name` is to do. Raises InvalidRequest for what it cannot."""
    if not isinstance(request, ImageRequest):
        raise InvalidRequest(f"“{name}” makes pictures: choose a text model for text.")
    settings = request.settings
    size = (settings["width"], settings["height"])
    init = mask = whole = None
    kind: Kind = "text-to-image"
    if request.init_image is not None:
        kind = "image-to-image"
        given = decode_picture(request.init_image)
        init = given.resize(size, Image.Resampling.LANCZOS)
    if request.mask is not None:
        if init is None:
            raise InvalidRequest("A mask says where to repaint a picture: add the picture.")
        kind = "inpaint"
        mask, whole = decode_mask(request.mask, size), (given, decode_mask(request.mask, given.size))
    if kind not in pipelines:
        able = ", ".join(pipelines)
        raise InvalidRequest(f"“{name}” cannot do {kind}: it does {able}, or choose another model.")
    if init is not None and int(settings["num_inference_steps"] * settings["strength"]) < 1:
        raise InvalidRequest(
            f"Strength {settings['strength']:g} of {settings['num_inference_steps']} steps leaves no step to do: "
            f"raise it to at least {1 / settings['num_inference_steps']:.2g}, or take more steps."
        )
    pipe = pipelines[kind]
    multiple = size_multiple(pipe)
    if any(side % multiple for side in size):
        raise InvalidRequest(f"“{name}” cannot draw {size[0]}×{size[1]}: choose multiples of {multiple}.")
    if request.negative_prompt.strip() and "negative_prompt" not in accepted(pipe):
        raise InvalidRequest(f"“{name}” knows no negative prompt: leave it empty.")
    copy_with_scheduler(pipe, settings["scheduler"])  # refuses before anything runs
    words, unwanted = _encodable(request.prompt), _encodable(request.negative_prompt).strip()
    return Plan(request, kind, words, unwanted, init, mask, _references(request, name, pipe, size), whole)


def _references(request: ImageRequest, name: str, pipe: Pipeline, size: tuple[int, int]) -> References | None:
    """What the request is steered by. Raises InvalidRequest for what it cannot be steered by."""
    if request.steering == 0 or not (request.liked or request.disliked):
        return None
    if not takes_references(pipe):
        raise InvalidRequest(
            f"“{name}” cannot be steered by pictures: turn that off or choose a Stable Diffusion model."
        )
    liked, disliked = (
        [decode_picture(data).resize(size, Image.Resampling.LANCZOS) for data in pictures]
        for pictures in (request.liked, request.disliked)
    )
    return References(liked, disliked, request.steering)


def accepted(pipe: Pipeline) -> frozenset[str]:
    """The arguments that a pipeline's call takes."""
    return frozenset(inspect.signature(type(pipe).__call__).parameters)


def _encodable(text: str) -> str:
    """The text without lone surrogates, which no tokenizer can encode."""
    return text.encode("utf-8", "replace").decode("utf-8")
