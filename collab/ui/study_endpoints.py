"""The public endpoints of studies. All return JSON; errors are sentences."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from collab.api import study as study_api
from collab.identity import Identity, Visitor
from collab.studies.presenting import TaskLink
from collab.ui.archives import write_archive
from collab.ui.endpoints import spoken
from collab.ui.web import archive_link, client_base_url, picture_link, task_link
from collab.views import Link
from collab.workspace import Workspace


def add_study_endpoints(ws: Workspace, identity: Identity) -> None:
    """Register the endpoints of studies. Called inside a `gr.Blocks`."""

    def who(request: gr.Request | None) -> Visitor:
        return identity.whoami(request)

    def base(request: gr.Request | None) -> str:
        return client_base_url(request) if request is not None else ""

    def pictures(request: gr.Request | None) -> Link:
        return picture_link(identity, base(request))

    def tasks(request: gr.Request | None) -> TaskLink:
        return task_link(identity, base(request))

    def create_study(spec: dict, request_id: str = "", request: gr.Request = None) -> dict:
        """Create a study from its spec (owner only): a title, a task (compare, rank, rate, edit) and its items."""
        return study_api.create_study(ws, who(request), spec, request_id)

    def upload_rows(
        data: str,
        format: str,
        name: str = "",
        upload_id: str = "",
        index: int = 0,
        total: int = 1,
        request: gr.Request = None,
    ) -> dict:
        """Upload a file of rows for a study (owner only), in base64 pieces of at most 2 MB, one after the other.

        format: table, arena, pick-a-pic, argilla or open-webui. name: the file's, for its ending. Each piece after the
        first names the upload_id that the first was answered with. A spec's "import": {"upload_id"} takes the file.
        """
        return study_api.upload_rows(ws, who(request), data, format, name, upload_id, index, total)

    def studies(request: gr.Request = None) -> dict:
        """The studies you may take part in, newest first."""
        return {"studies": study_api.list_studies(ws, who(request))}

    def next_task(study_id: str, held: list | None = None, request: gr.Request = None) -> dict:
        """Your next task in a study, by its id or its link; the same one until you answer or skip it."""
        return study_api.next_task(ws, who(request), study_id, tasks(request), held or ())

    def answer_task(task_id: str, answer: dict, request: gr.Request = None) -> dict:
        """Answer a task: {"winner"}, {"groups"}, {"values"} or {"text"}, by the study's task; comment is optional."""
        return study_api.answer_task(ws, who(request), task_id, answer)

    def skip_task(task_id: str, reason: str = "", request: gr.Request = None) -> dict:
        """Give a task back unanswered; its item never comes back to you."""
        return study_api.skip(ws, who(request), task_id, reason)

    def flag_task(task_id: str, note: str, request: gr.Request = None) -> dict:
        """Tell the study's owner what is wrong with an item."""
        return study_api.flag(ws, who(request), task_id, note)

    def renew_task(task_id: str, request: gr.Request = None) -> dict:
        """Keep a task for longer."""
        return study_api.renew_task(ws, who(request), task_id)

    def undo_task(task_id: str, request: gr.Request = None) -> dict:
        """Take your answer to a task back, until it is revealed or the study closes."""
        return study_api.undo_task(ws, who(request), task_id, tasks(request))

    def reveal_task(task_id: str, request: gr.Request = None) -> dict:
        """Which was which, after your answer, where the study tells; this locks the answer."""
        return study_api.reveal(ws, who(request), task_id)

    def study(study_id: str, by: str = "arm", tag: str = "", request: gr.Request = None) -> dict:
        """A study: what it asks and how far you are; for the owner all its results, with their uncertainty."""
        visitor = who(request)
        if not visitor.is_owner:
            return study_api.open_study(ws, visitor, study_id, tasks(request))
        return study_api.results(ws, visitor, study_id, pictures(request), by, tag)

    def leaderboard(study_id: str, by: str = "arm", tag: str = "", request: gr.Request = None) -> dict:
        """Who leads a study (owner only): Bradley–Terry strengths with intervals, ranks, win matrix, evidence."""
        return study_api.leaderboard(ws, who(request), study_id, by, tag)

    def study_table(study_id: str, table: str = "leaderboard", request: gr.Request = None) -> dict:
        """One table of a study's results as CSV (owner only): leaderboard, matrix, agreement, annotators, answers,
        consensus, questions, edits, time or evidence."""
        return study_api.table(ws, who(request), study_id, table)

    def close_study(study_id: str, reopen: bool = False, request: gr.Request = None) -> dict:
        """Close a study (owner only), or open it again."""
        return study_api.set_status(ws, who(request), study_id, "open" if reopen else "closed")

    def export(format: str, study_id: str = "", request: gr.Request = None) -> dict:
        """Export a study (owner only) as table, arena, pick-a-pic or argilla, or feedback on texts, of one study or of
        all, as trl-sft, trl-dpo, trl-kto or trl-reward: a link to a ZIP, for half a day."""
        token, names = write_archive(ws, who(request), format, study_id)
        return {"url": archive_link(identity, token, base(request)), "files": names}

    public: tuple[Callable[..., dict], ...] = (
        create_study, upload_rows, studies, next_task, answer_task, skip_task, flag_task, renew_task, undo_task,
        reveal_task, study, leaderboard, study_table, close_study, export,
    )  # fmt: skip
    for endpoint in public:
        gr.api(spoken(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
