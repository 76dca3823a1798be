"""The rating desk: an annotator's page for one study, item after item, by keys or taps. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

DESK_SCRIPT = script(
    "strings.js", "dom.js", "diff.js", "order.js", "lightbox.js", "desk_outbox.js", "desk_pace.js", "desk_session.js",
    "desk_panes.js", "desk_zoom.js", "desk_compare.js", "desk_order.js", "desk_rank.js", "desk_rate.js",
    "desk_spans.js", "desk_edit.js", "desk_drawer.js", "desk_guide.js", "desk_list.js", "desk_frame.js", "desk_keys.js",
    "desk.js", "mount_desk.js", styles=("shared.css", "desk.css"),
)  # fmt: skip


def rating_desk(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """The page of one annotator.

    Its value is None; `{"study_id", "open": True}`, a study to open; or `{"studies": [{"study_id", "title", "task",
    "modality", "question", "answered", "quota", "items", "status"}], "owner": bool}` to choose from; both in one value
    open the study with a way back to the list. A study that is being answered stays open when a list arrives.

    `act(payload, request)` answers, besides `{"ok": False, "error": sentence}`:

    - `open` (study_id) with `{"ok": True, "study", "task"}`, and `next` (study_id, held) with `{"ok": True, "task"}`:
      a task as `next_task` gives it, `{"done"}` or `{"waiting"}`; `held` are task ids already on the page;
    - `answer` (task_id, answer) with `{"ok": True, "feedback_id", "saved_at", "progress"}`; the answer carries
      `comment`, `dwell_ms` and `request_id`;
    - `skip` (task_id, reason), `flag` (task_id, note) and `renew` (task_id) with `{"ok": True}`;
    - `undo` (task_id) with `{"ok": True, "task"}`, the task again with its `answer`, its options in the same order;
    - `reveal` (task_id) with `{"ok": True, "arms": {"A": name}}`.

    A call that fails is sent again with the same `request_id`; acts arrive one at a time, in order. A comment added
    after answering is an `undo` and an `answer`. Events: `compose` (an owner has no study yet), `refresh` (back at
    the list).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=DESK_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block", "collab-desk-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
