"""Train: what the feedback could teach, a recipe, trainings live, and what came of them. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

TRAIN_SCRIPT = script(
    "strings.js", "dom.js", "diff.js", "lightbox.js", "insights_words.js", "plots.js", "plot_export.js",
    "plot_figure.js", "plot_evidence.js", "insights_list.js", "insights_head.js", "insights_study.js",
    "refine_words.js", "refine_trial.js", "refine_decide.js", "train_words.js", "train_lessons.js", "train_mix.js",
    "train_recipe.js", "train_list.js", "train_plots.js", "train_samples.js", "train_live.js", "train_result.js",
    "train_lineage.js", "train.js", "mount_train.js",
    styles=("shared.css", "insights.css", "plots.css", "refine.css", "refine_forms.css", "train.css"),
)  # fmt: skip


def train_widget(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A page whose value is `{"opened"}` (None: not opened yet); a new `opened` has it ask anew.

    `act(payload, request)` answers as `collab.api.train_board` tells: `overview`, `lessons`, `plan` (`kind`,
    `settings`), `acts` (`snapshot_id`, `start`), `adapter` (`version_id`), `rollback` (`modality`, `reason`); with a
    training, `start` (`kind`, `settings`), `training`, `cancel`, `resume` (`job_id`), `test` and `promote` (`job_id`,
    `version_id`). A refusal is `{"ok": False, "error": sentence}`. Events: `start` (Create is wanted), `rate`
    (`study_id`: the owner wants to vote), `show` (`generation_id`: one of the owner's own outputs), `served` (another
    model serves now).
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=TRAIN_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block"],
        server_functions=[server_act(act)],
        **kwargs,
    )
