"""Insights: an owner's studies and, of one of them, the results with their uncertainty. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

INSIGHTS_SCRIPT = script(
    "strings.js", "dom.js", "lightbox.js", "insights_words.js", "plots.js", "plot_export.js", "plot_figure.js",
    "plot_forest.js", "plot_evidence.js", "plot_matrix.js", "plot_scores.js", "plot_choices.js", "plot_agreement.js",
    "plot_time.js", "insights_list.js", "insights_head.js", "insights_people.js", "insights_decide.js",
    "insights_adjudicate.js", "insights_plots.js", "insights_study.js", "insights.js", "mount_insights.js",
    styles=("shared.css", "insights.css", "plots.css"),
)  # fmt: skip


def insights_board(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A page whose value is `{"studies", "open", "results"}` (None: not loaded yet; no studies: a page that teaches).

    studies: one row each (`study_id`, `title`, `task`, `modality`, `status`, `answers`, `items_complete`, `items`,
    `annotators`, `created_at`); open: the study shown, or None; results: its results, or None to have them asked for.

    `act(payload, request)` answers, for a `study_id` and with `by` ("arm", "model", "prompt", "tag") and `tag` said
    each time, `results`, `close`, `reopen`, `retry` (failed items), `filter` (`annotator_ids`, `reason`; no ids: nobody
    is left out) and `adjudicate` (`item_id`, `answer`) with `{"ok": True, "results"}`; `csv` (`table`: "leaderboard",
    "matrix", "agreement", "annotators", "answers", "consensus") with `{"ok": True, "name", "csv"}`; `export` (`format`:
    one of the results' `exports`) with `{"ok": True, "url"}` of a file. A refusal is `{"ok": False, "error":
    sentence}`. Events: `compose` (a study is wanted), `opened` (`study_id`, "" for the list).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=INSIGHTS_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
