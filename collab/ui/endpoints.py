"""The public endpoints: `api.py`'s functions as Gradio endpoints, so also MCP tools. All return JSON.

Translates errors once: a CollabError's sentence reaches the client, anything else is logged and becomes a plain one.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from collab import api
from collab.errors import CollabError, InvalidSetting
from collab.generation import Ask
from collab.identity import Identity, Visitor
from collab.people import erasing
from collab.people import saying as people
from collab.people.consent import notice
from collab.ui.archives import write_own_archive
from collab.ui.language import said_here
from collab.ui.web import archive_link, client_base_url, picture_link
from collab.views import Link
from collab.workspace import Workspace

log = logging.getLogger(__name__)
# what every event of the page itself is given: no public name, no spinner over what is already shown
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
UNEXPECTED = "Something went wrong on the server; nothing was saved. Its log says more: try again."


def spoken(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its errors as sentences for the client; `gr.Error` alone keeps its words on the way."""

    def check(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if any(_names_a_file(each._data) for each in (*args, *kwargs.values()) if isinstance(each, gr.EventData)):
            raise InvalidSetting("A file comes as an upload and not in an event: upload it first.")

    def say(error: Exception) -> gr.Error:
        if isinstance(error, CollabError):
            return gr.Error(said_here(str(error)), print_exception=False)
        log.exception("unexpected error in %s", function.__name__, exc_info=error)
        return gr.Error(said_here(UNEXPECTED), print_exception=False)

    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        async def stream(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            try:
                check(args, kwargs)
                async for item in function(*args, **kwargs):
                    yield item
            except Exception as error:
                raise say(error) from error

        return stream

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def wait(*args: Any, **kwargs: Any) -> Any:
            try:
                check(args, kwargs)
                return await function(*args, **kwargs)
            except Exception as error:
                raise say(error) from error

        return wait

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            check(args, kwargs)
            return function(*args, **kwargs)
        except Exception as error:
            raise say(error) from error

    return call


def _names_a_file(said: Any) -> bool:
    """Whether what a client says in an event holds what Gradio takes for a file, at any depth: Gradio looks for it less
    deeply on the way in than on the way out, and would then hand out any file that the server can read."""
    if isinstance(said, Mapping):
        return {"path", "meta"} <= said.keys() or any(_names_a_file(each) for each in said.values())
    return isinstance(said, list | tuple) and any(_names_a_file(each) for each in said)


def upload_folder() -> Path:
    """Where Gradio keeps the files that clients send: the only place that one may name."""
    return Path(get_upload_folder())


def add_endpoints(ws: Workspace, identity: Identity) -> None:
    """Register every endpoint of the contract that exists so far. Called inside a `gr.Blocks`."""

    def who(request: gr.Request | None) -> Visitor:
        return identity.whoami(request)

    def link(request: gr.Request | None) -> Link:
        return picture_link(identity, client_base_url(request) if request is not None else "")

    async def generate(
        prompt: str,
        modality: str = "text",
        model: str = "",
        count: int = 1,
        seed: int | None = None,
        settings: dict | None = None,
        negative_prompt: str = "",
        prompt_version_id: str = "",
        variables: dict | None = None,
        inputs: dict | None = None,
        request_id: str = "",
        system_text: str = "",
        examples: list | None = None,
        request: gr.Request = None,
    ) -> AsyncIterator[dict]:
        """Generate 1 to 8 texts or pictures from a prompt, streaming their state until all are finished."""
        ask = Ask(
            prompt=prompt,
            modality=modality,
            model=model,
            count=count,
            seed=seed,
            settings=settings,
            negative_prompt=negative_prompt,
            prompt_version_id=prompt_version_id,
            variables=variables,
            inputs=inputs,
            request_id=request_id,
            system_text=system_text,
            examples=examples,
        )
        async for state in api.generate(ws, who(request), ask, link(request)):
            yield state

    async def generation(generation_id: str, request: gr.Request = None) -> AsyncIterator[dict]:
        """Follow one of your generations again, from its present state until it has ended."""
        async for state in api.follow(ws, who(request), generation_id, link(request)):
            yield state

    def cancel(generation_id: str, request: gr.Request = None) -> dict:
        """Stop one of your generations; what its texts have by then is kept."""
        return api.cancel(ws, who(request), generation_id)

    def rate(
        output_id: str,
        score: int | None = None,
        aspects: dict | None = None,
        tags: list | None = None,
        comment: str = "",
        thumb: int | None = None,
        spans: list | None = None,
        request_id: str = "",
        request: gr.Request = None,
    ) -> dict:
        """Rate an output: stars and aspects 1–5, thumb 1 or -1, tags, spans, a comment. What is left out stays."""
        return api.rate(ws, who(request), output_id, score, aspects, tags, comment, thumb, spans, request_id)

    def compare(
        output_a_id: str,
        output_b_id: str,
        winner: str,
        comment: str = "",
        request_id: str = "",
        request: gr.Request = None,
    ) -> dict:
        """Say which of two outputs is better: a, b, tie or both_bad."""
        return api.compare(ws, who(request), output_a_id, output_b_id, winner, comment, request_id)

    def rank(groups: list, request_id: str = "", request: gr.Request = None) -> dict:
        """Order outputs: a list of groups of output ids, best first, ties inside a group."""
        return api.rank(ws, who(request), groups, request_id)

    def edit_text(output_id: str, text: str, request_id: str = "", request: gr.Request = None) -> dict:
        """Keep a corrected version of a text output."""
        return api.edit_text(ws, who(request), output_id, text, request_id)

    def edit_image(
        output_id: str, image: Any, mask: Any = None, request_id: str = "", request: gr.Request = None
    ) -> dict:
        """Keep an edited version of a picture, and the mask of what changed. Both: PNG, JPEG or WebP as Base64 text, a
        file, or the id of another picture of yours. An edit is also a preference over the original."""
        return api.edit_image(ws, who(request), output_id, image, mask, request_id, upload_folder())

    def upload_picture(image: Any, request: gr.Request = None) -> dict:
        """Bring a picture of your own, as Base64 text or a file; generate from it with inputs={"init_output_id": …}
        and, to change a part only, "mask_output_id": a picture that is white where it is to change."""
        return api.upload_picture(ws, who(request), image, link(request), upload_folder())

    def undo(feedback_id: str, request: gr.Request = None) -> dict:
        """Take back one of your acts of feedback; what it had replaced is in force again."""
        return api.undo(ws, who(request), feedback_id)

    def history(
        limit: int = 50, cursor: str = "", query: str = "", filters: dict | None = None, request: gr.Request = None
    ) -> dict:
        """Your generations, newest first, each with its outputs and your feedback on them. query: words that must all
        occur, "in quotes" as they stand; filters: modality, model, prompt_id, stars (at least), edited, tag."""
        return api.history(ws, who(request), link(request), limit, cursor, query, filters)

    def branches(generation_id: str, request: gr.Request = None) -> dict:
        """The tree of branches and replies that one of your text generations belongs to. To grow it, give /generate
        inputs with "parent_output_id": with "prefix", the model goes on from these words; without, the prompt is a
        reply to that text."""
        return api.branches(ws, who(request), generation_id)

    def explain(output_id: str, edited: bool = False, request: gr.Request = None) -> dict:
        """How likely the model thought each piece of one of your texts, with what else could have stood there.

        edited: of the text as you corrected it, which a model of this studio then reads."""
        return api.explain(ws, who(request), output_id, edited)

    def export_my_data(request: gr.Request = None) -> dict:
        """Everything you gave this studio, as one ZIP of JSON lines and pictures, at a URL that is good for half a
        day."""
        token, written = write_own_archive(ws, who(request))
        return {"url": archive_link(identity, token, client_base_url(request)), "counts": written}

    def delete_my_data(confirm: str, request: gr.Request = None) -> dict:
        """Erase what you made and said, for good; confirm with the word "delete". Your votes no longer count, and
        nothing that is exported or trained from now on uses it. What others judged stays, without your name."""
        counts = erasing.delete_my_data(ws, who(request), confirm)
        return {"deleted": counts}

    def consent(version: str = "", request: gr.Request = None) -> dict:
        """The notice on what is kept, and whether you agreed to it. version: agrees to it, named as it was shown;
        where others can reach the studio, nothing of yours is kept before."""
        visitor = who(request)
        if version:
            people.agree(ws, visitor, version)
        return {**notice(ws.settings), **people.myself(ws, visitor)}

    def call_me(name: str, request: gr.Request = None) -> dict:
        """Choose what you are called beside what you gave; empty for nothing. Exports carry a pseudonym instead."""
        return {"name": people.call_me(ws, who(request), name)}

    def models() -> dict:
        """The models this studio lists, and which are loaded now."""
        return api.models(ws)

    for endpoint in (generate, generation, cancel, rate, compare, rank, edit_text, edit_image, upload_picture, undo,
                     history, branches, explain, export_my_data, delete_my_data, consent, call_me, models):  # fmt: skip
        gr.api(spoken(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
