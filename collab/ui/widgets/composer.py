"""The owner's form for a new study: what is asked, what is judged, who answers. Knows nothing of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.ui.widgets.bundle import script, server_act

COMPOSER_SCRIPT = script(
    "strings.js", "dom.js", "composer_form.js", "composer_spec.js", "composer_fields.js", "composer_task.js",
    "composer_sources.js", "composer_cases.js", "composer_gallery.js", "composer_import.js", "composer_questions.js",
    "composer_gold.js", "composer_people.js", "composer_bar.js", "composer.js", "mount_composer.js",
    styles=("shared.css", "composer_fields.css", "composer.css"),
)  # fmt: skip


def study_composer(act: Callable[..., dict], **kwargs: Any) -> gr.HTML:
    """A form whose value says what there is to choose from; what is typed stays in the browser until it is created.

    The value is None (not opened yet) or `{"modality", "prompts": [{"prompt_version_id", "text", "modality",
    "title"}], "models": [{"name", "title", "modality"}], "outputs": [{"output_id", "text" or "image_url", "prompt",
    "modality"}], "draft": spec or None}`. A draft that was not there before fills the form; what stood there can be
    brought back. A value that comes anew leaves what is being typed alone, but ends the look at a study just
    created; `"opened"`, anything that changes, makes a value new that has nothing else new in it.

    `act(payload, request)` answers
    `{"act": "check", "spec"}` with `{"ok": True, "items", "tasks", "generations", "sentence"}`,
    `{"act": "create", "spec", "request_id"}` with `{"ok": True, "study_id", "link"}`, the link being an address
    or a path of this page, where a repeated `request_id` is the same study (`"status": "closed"` says that there is
    nothing to answer), and
    `{"act": "upload", "upload_id", "index", "total", "name", "format", "data"}`, `data` being base64 of at most
    1,000,000 characters and `upload_id` "" with the first piece, with `{"ok": True, "upload_id", "done"}` and after
    the last piece `"import": {"upload_id", "items", "task", "modality", "sample": [{"prompt", "outputs"}],
    "columns"}`; an output of the sample is a text or a dict with `text` or `image_url`; a file with judgements also
    tells `answers`, their number, one for rating its `questions` ([]: the form's are asked), and `notes` are shown as
    they are. Formats: table, arena, pick-a-pic, argilla, open-webui.
    Each may answer `{"ok": False, "error": sentence, "field": path or None}`, the path being that of the wrong part
    of the spec, such as `title`, `arms.1.prompt`, `cases.3.topic`, `gold.0.expected`, `overlap`.
    Events, with `study_id` on `gr.EventData`: `rate` and `insights`, from the study that was created.
    """
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=COMPOSER_SCRIPT,
        apply_default_css=False,
        elem_classes=[*kwargs.pop("elem_classes", []), "collab-block", "collab-composer"],
        server_functions=[server_act(act)],
        **kwargs,
    )
