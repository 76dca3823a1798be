"""The form above the board: modality, model, prompt, variables, instructions, settings. Makes an `Ask` of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.generation import Ask, wording_of
from collab.prompts import placeholders
from collab.types import Generation, ModelVersion, PromptVersion
from collab.ui.pickers import entry_of, model_choices
from collab.ui.settings_panel import SettingsPanel, build_settings
from collab.workspace import Workspace

MAX_VARIABLES = 8
COUNTS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class PromptForm:
    """The form's components. names: the variables whose boxes are shown, in their order."""

    modality: gr.Radio
    model: gr.Dropdown
    count: gr.Radio
    prompt: gr.Textbox
    negative: gr.Textbox
    instructions: gr.Accordion
    system: gr.Textbox
    examples: gr.Dataframe
    variables: gr.Row
    names: gr.State
    boxes: list[gr.Textbox]
    panel: SettingsPanel

    @property
    def inputs(self) -> list[Any]:
        """What `ask` reads, in its order."""
        return [self.modality, self.model, self.count, self.prompt, self.negative, self.system, self.examples,
                self.names, *self.boxes, *self.panel.components]  # fmt: skip

    @property
    def modal_outputs(self) -> list[Any]:
        """What `for_modality` updates."""
        return [self.model, self.instructions, self.negative, *self.panel.components, *self.panel.groups]

    @property
    def outputs(self) -> list[Any]:
        """What `recall` updates."""
        return [self.modality, self.count, self.prompt, self.system, self.examples, *self.modal_outputs,
                self.variables, self.names, *self.boxes]  # fmt: skip

    def ask(self, values: Sequence[Any]) -> Ask:
        """What the person asks for, as the values of `inputs` say. Raises InvalidSetting for a seed that is none."""
        modality, model, count, prompt, negative, system, examples, names, *rest = values
        text = modality == "text"
        return Ask(
            prompt=prompt,
            modality=modality,
            model=model or "",
            count=count,
            seed=self.panel.seed_of(rest),
            settings=self.panel.settings_of(modality, rest[MAX_VARIABLES:]),
            negative_prompt="" if text else negative,
            system_text=system if text else "",
            examples=_turns(examples) if text else None,
            variables=dict(zip(names, rest[:MAX_VARIABLES], strict=False)),
        )

    def for_modality(self, ws: Workspace, modality: str, model: str = "") -> tuple[Any, ...]:
        """Updates for `modal_outputs`: the modality's models, controls and defaults."""
        text, entry = modality == "text", entry_of(ws, modality, model)
        return (
            gr.Dropdown(choices=model_choices(ws, modality), value=model or entry.name),
            gr.Accordion(visible=text),
            gr.Textbox(visible=not text),
            *self.panel.values_for(modality, entry.defaults),
            *self.panel.visibility(modality),
        )

    def recall(self, ws: Workspace, made: Generation) -> tuple[Any, ...]:
        """Updates for `outputs`: the form as it was when a generation was asked for, with a new seed each time."""
        wording = wording_of(ws.store, ws.store.get(PromptVersion, made.prompt_version_id))
        base = ws.store.get(ModelVersion, made.model_version_id).base
        listed = {e.base: e.name for e in ws.engine.entries()}
        model, *_rest = self.for_modality(ws, wording.modality, listed.get(base, base))
        text = wording.modality == "text"
        return (
            wording.modality,
            made.count if made.count in COUNTS else gr.skip(),
            wording.text,
            wording.system_text,
            [[e.user, e.assistant] for e in wording.examples] or [["", ""]],
            model,
            gr.Accordion(visible=text),
            gr.Textbox(value=wording.negative_text, visible=not text),
            *self.panel.values_for(wording.modality, made.settings),
            *self.panel.visibility(wording.modality),
            *_boxes(list(made.variables), made.variables),
        )


def build_form(ws: Workspace) -> PromptForm:
    """The form and what happens inside it. Called inside a `gr.Blocks`."""
    with gr.Row(elem_id="collab-bar"):
        modality = gr.Radio([("Text", "text"), ("Image", "image")], value="text", label="Make", elem_id="modality",
                            scale=1, min_width=170)  # fmt: skip
        model = gr.Dropdown(
            model_choices(ws, "text"), value=entry_of(ws, "text", "").name, label="Model", allow_custom_value=True,
            elem_id="model", scale=3, min_width=230,
        )  # fmt: skip
        count = gr.Radio(list(COUNTS), value=2, label="Outputs", elem_id="count", scale=1, min_width=220)
    prompt = gr.Textbox(
        label="Prompt", lines=3, max_lines=14, elem_id="prompt", autofocus=True,
        placeholder="Write what you want. Braces make a variable: Summarise {article} for a ten-year-old.",
    )  # fmt: skip
    names = gr.State([])
    with gr.Row(visible=False, elem_id="variables") as variables:
        boxes = [gr.Textbox(visible=False, lines=1, max_lines=6, label=f"variable {n + 1}", min_width=220,
                            elem_id=f"variable-{n + 1}") for n in range(MAX_VARIABLES)]  # fmt: skip
    negative = gr.Textbox(label="Negative prompt", lines=1, max_lines=4, visible=False, elem_id="negative",
                          placeholder="What should not be in the picture.")  # fmt: skip
    with gr.Row(elem_id="collab-folds"):
        with gr.Accordion("System text and examples", open=False, elem_id="instructions") as instructions:
            system = gr.Textbox(label="System text", lines=2, max_lines=8, elem_id="system-text",
                                placeholder="How the model should behave.")  # fmt: skip
            examples = gr.Dataframe(
                value=[["", ""]], headers=["Prompt", "Answer wanted"], datatype="str", type="array", column_count=2,
                label="Examples the model is shown first", wrap=True, elem_id="examples", interactive=True,
            )  # fmt: skip
        panel = build_settings(ws)
    form = PromptForm(
        modality, model, count, prompt, negative, instructions, system, examples, variables, names, boxes, panel
    )

    def on_modality(chosen: str) -> tuple[Any, ...]:
        return form.for_modality(ws, chosen)

    def on_model(chosen: str, name: str) -> list[Any]:
        return panel.values_for(chosen, entry_of(ws, chosen, name or "").defaults)

    def on_wording(text: str, system_text: str, negative_text: str, before: list[str], *values: str) -> tuple[Any, ...]:
        wanted = list(dict.fromkeys(n for t in (text, negative_text, system_text) for n in placeholders(t or "")))
        if wanted == before:
            return (gr.skip(),) * (2 + MAX_VARIABLES)
        return _boxes(wanted, dict(zip(before, values, strict=False)))

    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    modality.input(on_modality, inputs=modality, outputs=form.modal_outputs, **private)
    model.input(on_model, inputs=[modality, model], outputs=panel.components, **private)
    gr.on(
        [prompt.change, system.change, negative.change],
        on_wording,
        inputs=[prompt, system, negative, names, *boxes],
        outputs=[variables, names, *boxes],
        trigger_mode="always_last",
        **private,
    )
    return form


def _boxes(wanted: list[str], values: Any) -> tuple[Any, ...]:
    """Updates for the variables' row, names and boxes; what was typed for a name stays with the name."""
    return (
        gr.Row(visible=bool(wanted)),
        wanted,
        *(
            gr.Textbox(visible=True, label=f"{{{wanted[n]}}}", value=values.get(wanted[n], ""))
            if n < len(wanted)
            else gr.Textbox(visible=False, value="")
            for n in range(MAX_VARIABLES)
        ),
    )


def _turns(rows: Any) -> list[dict[str, str]]:
    filled = [[str(cell or "") for cell in row] for row in rows or []]
    return [{"user": row[0], "assistant": row[1]} for row in filled if any(cell.strip() for cell in row)]
