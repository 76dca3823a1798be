"""Refine: an owner's prompts and, of one of them, its versions, their tests and what may be done. Knows no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

REFINE_SCRIPT = script(
    "strings.js", "dom.js", "diff.js", "lightbox.js", "insights_words.js", "plots.js", "plot_export.js",
    "plot_figure.js", "plot_evidence.js", "insights_list.js", "insights_head.js", "insights_study.js",
    "refine_words.js", "refine_list.js", "refine_tree.js", "refine_compare.js", "refine_propose.js", "refine_test.js",
    "refine_revise.js", "refine_job.js", "refine_decide.js", "refine_trial.js", "refine_log.js", "refine_page.js",
    "refine.js", "mount_refine.js",
    styles=("shared.css", "insights.css", "plots.css", "refine.css", "refine_forms.css"),
)  # fmt: skip


def refine_board(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A page whose value is `{"prompts", "open", "board"}` (None: not loaded yet; no prompts: a page that teaches).

    prompts: one row each (`prompt_id`, `title`, `modality`, `versions`, `acts`, `current_id`, `trial_stage`); open: the
    prompt shown, or None; board: its board as `refine_api.board` tells it, or None to have it asked for.

    `act(payload, request)` answers `prompts` with `{"ok": True, "prompts"}`, `job` (`job_id`) with `{"ok": True,
    "job"}`, and with `{"ok": True, "board"}` `board` (`prompt_id`), `propose` (`prompt_version_id`, `count`,
    `proposers`: none means all, `reflector`), `cancel_job` (`job_id`), `revise` (`prompt_version_id`, `text`,
    `negative_text`, `system_text`, `settings`, `why`), `reject` (`prompt_version_id`, `reason`), `trial` (`prompt_id`,
    `prompt_version_ids`, `model`, `cases`: none means those used so far, `scope`, `votes`), `stop_trial` (`trial_id`),
    `promote` (`prompt_id`, `prompt_version_id`) and `rollback` (`prompt_id`, `reason`); a refusal is `{"ok": False,
    "error": sentence}`. Events: `start` (Create is wanted), `rate` (`study_id`: the owner wants to vote), `opened`
    (`prompt_id`, "" for the list).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=REFINE_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
