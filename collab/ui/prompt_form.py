"""The form above the board: modality, model, prompt, variables, instructions, settings. Makes an `Ask` of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.context import LocalContext

from collab.aliases import MODELS
from collab.generation import Ask, wording_of
from collab.identity import Identity
from collab.pictures.restoring import Restored
from collab.prompts import Wording, placeholders
from collab.store.history_queries import latest_generation
from collab.types import Generation, ModelVersion, PromptVersion
from collab.ui.endpoints import PRIVATE
from collab.ui.heeded import show_heeded
from collab.ui.language import said_here
from collab.ui.pickers import entry_of, ignored, model_choices, name_of_version, name_to_go_on_with, usual_model
from collab.ui.settings_panel import SettingsPanel, build_settings
from collab.ui.steering_switch import SteeringSwitch, build_steering
from collab.workspace import Workspace

MAX_VARIABLES = 8
MAX_EXAMPLES = 6
COUNTS = (1, 2, 4, 8)
DRAFT_KEY = "collab-draft"


@dataclass(frozen=True, slots=True)
class PromptForm:
    """The form's components. names: the variables whose boxes are shown, in their order. turns: the boxes of the
    few-shot examples, two a row. draft: what is being written, kept in the browser so that a reload does not lose it.
    owner_here: whether an owner asks for what Gradio is answering: they may choose any model that was trained.
    ignored: of a modality and a model's name what that model ignores (see pickers.py): hidden, and not asked for.
    """

    modality: gr.Radio
    model: gr.Dropdown
    count: gr.Radio
    prompt: gr.Textbox
    negative: gr.Textbox
    instructions: gr.Accordion
    system: gr.Textbox
    rows: list[gr.Row]
    turns: list[gr.Textbox]
    more: gr.Button
    draft: gr.BrowserState
    variables: gr.Row
    names: gr.State
    boxes: list[gr.Textbox]
    panel: SettingsPanel
    steering: SteeringSwitch
    owner_here: Callable[[], bool]
    ignored: Callable[[str, str], frozenset[str]]

    @property
    def inputs(self) -> list[Any]:
        """What `ask` reads, in its order."""
        return [self.modality, self.model, self.count, self.prompt, self.negative, self.system, self.names,
                *self.steering.components, *self.turns, *self.boxes, *self.panel.components]  # fmt: skip

    @property
    def modal_outputs(self) -> list[Any]:
        """What `for_modality` updates."""
        return [self.model, self.instructions, self.negative, *self.panel.components, *self.panel.groups]

    @property
    def outputs(self) -> list[Any]:
        """What `recall` updates."""
        return [self.modality, self.count, self.prompt, self.system, *self.rows, *self.turns, self.more,
                *self.modal_outputs, self.variables, self.names, *self.boxes]  # fmt: skip

    def ask(self, values: Sequence[Any]) -> Ask:
        """What the person asks for, as the values of `inputs` say. Raises InvalidSetting for a seed that is none."""
        modality, model, count, prompt, negative, system, names, steers, strength, *rest = values
        turns, rest = rest[: 2 * MAX_EXAMPLES], rest[2 * MAX_EXAMPLES :]
        text, ignored_ = modality == "text", self.ignored(modality, model or "")
        settings = self.panel.settings_of(modality, rest[MAX_VARIABLES:])
        return Ask(
            prompt=prompt,
            modality=modality,
            model="" if model in MODELS else model or "",
            count=count,
            seed=self.panel.seed_of(rest),
            settings={key: value for key, value in settings.items() if key not in ignored_},
            negative_prompt="" if text or "negative" in ignored_ else negative,
            system_text=system if text else "",
            examples=_examples(turns) if text else None,
            variables=dict(zip(names, rest[:MAX_VARIABLES], strict=False)),
            inputs={"steer": strength} if steers else None,
        )

    def picker(self, ws: Workspace, modality: str, model: str = "") -> gr.Dropdown:
        """An update for `model`: what can be chosen, and this chosen; "" what serves."""
        choices = model_choices(ws, modality, owner=self.owner_here(), also=model)
        return gr.Dropdown(choices=choices, value=model or usual_model(ws, modality))

    def for_modality(self, ws: Workspace, modality: str, model: str = "") -> tuple[Any, ...]:
        """Updates for `modal_outputs`: the modality's models, controls and defaults."""
        text, entry = modality == "text", entry_of(ws, modality, model)
        return (
            self.picker(ws, modality, model),
            gr.Accordion(visible=text),
            gr.skip(),  # as every box that a model may ignore, it is shown or hidden when the model changes
            *self.panel.values_for(modality, entry.defaults),
            *self.panel.visibility(modality),
        )

    def recall(self, ws: Workspace, made: Generation) -> tuple[Any, ...]:
        """Updates for `outputs`: the form as it was when a generation was asked for, with a new seed each time."""
        wording = wording_of(ws.store, ws.store.get(PromptVersion, made.prompt_version_id))
        brought = "brought" in made.inputs  # no model drew it
        version = None if brought else ws.store.get(ModelVersion, made.model_version_id)
        model = self.picker(ws, wording.modality, name_of_version(ws, version) if version else "")
        text = wording.modality == "text"
        return (
            wording.modality,
            made.count if made.count in COUNTS else gr.skip(),
            wording.text,
            wording.system_text,
            *_rows([(e.user, e.assistant) for e in wording.examples]),
            model,
            gr.Accordion(visible=text),
            wording.negative_text,
            *self.panel.values_for(wording.modality, made.settings),
            *self.panel.visibility(wording.modality),
            *_boxes(list(made.variables), made.variables),
        )

    def with_wording(
        self, ws: Workspace, wording: Wording, typed: Mapping[str, str], *, keep_settings: bool
    ) -> tuple[Any, ...]:
        """Updates for `outputs`: other words in the form. typed: values of variables, kept where the words have them.
        keep_settings: model and settings stay as they are.
        """
        text = wording.modality == "text"
        names = list(dict.fromkeys(n for t in (wording.text, wording.negative_text, wording.system_text)
                                   for n in placeholders(t)))  # fmt: skip
        model, *_rest = self.for_modality(ws, wording.modality)
        settings = {} if keep_settings else entry_of(ws, wording.modality, "").defaults
        return (
            wording.modality, gr.skip(), wording.text, wording.system_text,
            *_rows([(e.user, e.assistant) for e in wording.examples]),
            gr.skip() if keep_settings else model,
            gr.Accordion(visible=text),
            wording.negative_text,
            *self.panel.values_for(wording.modality, settings),
            *self.panel.visibility(wording.modality),
            *_boxes(names[:MAX_VARIABLES], typed),
        )  # fmt: skip

    def restore(self, ws: Workspace, found: Restored) -> tuple[tuple[Any, ...], list[str]]:
        """Updates for `outputs`: the form as a picture says it was; and a sentence for each thing that has no place."""
        settings, beyond = self.panel.possible(found.settings)
        model = self.picker(ws, "image", found.entry.name if found.entry else "")
        settings = {**(found.entry.defaults if found.entry else {}), **settings}
        seed = "" if found.seed is None else str(found.seed)
        names = list(dict.fromkeys([*placeholders(found.prompt), *placeholders(found.negative_prompt)]))
        if len(names) > MAX_VARIABLES:
            beyond.append(f"The prompt has {len(names)} variables: this form has boxes for {MAX_VARIABLES}.")
        updates = (
            "image", gr.skip(), found.prompt, "", *_rows([]), model, gr.Accordion(visible=False), found.negative_prompt,
            *self.panel.values_for("image", settings, seed), *self.panel.visibility("image"),
            *_boxes(names[:MAX_VARIABLES], found.variables),
        )  # fmt: skip
        return updates, [*found.left_out, *beyond]


def build_form(ws: Workspace, identity: Identity) -> PromptForm:
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
        label="Prompt", lines=2, max_lines=14, elem_id="prompt", autofocus=True,
        placeholder="Write what you want. Braces make a variable: Summarise {article}, or: a {colour} bicycle.",
    )  # fmt: skip
    names = gr.State([])
    with gr.Row(visible=False, elem_id="variables") as variables:
        boxes = [gr.Textbox("", visible=False, lines=1, max_lines=6, label=f"variable {n + 1}", min_width=220,
                            elem_id=f"variable-{n + 1}") for n in range(MAX_VARIABLES)]  # fmt: skip
    negative = gr.Textbox(label="Negative prompt", lines=1, max_lines=4, visible=False, elem_id="negative",
                          placeholder="What should not be in the picture.")  # fmt: skip
    with gr.Row(elem_id="collab-folds"):
        with gr.Accordion("System text and examples", open=False, elem_id="instructions") as instructions:
            system = gr.Textbox(label="System text", lines=2, max_lines=8, elem_id="system-text",
                                placeholder="How the model should behave.")  # fmt: skip
            rows, turns = [], []
            for n in range(MAX_EXAMPLES):
                with gr.Row(visible=n == 0, elem_classes="collab-example") as row:
                    for role, said in (("user", "Example prompt"), ("assistant", "Answer wanted")):
                        turns.append(gr.Textbox(label=f"{said} {n + 1}", lines=1, max_lines=6, min_width=140,
                                                elem_id=f"example-{n + 1}-{role}"))  # fmt: skip
                rows.append(row)
            more = gr.Button("Add an example", size="sm", elem_id="add-example")
        panel = build_settings(ws)
    switch = build_steering()

    def owner_here() -> bool:
        request = LocalContext.request.get(None)
        return request is not None and identity.whoami(request).is_owner

    draft = gr.BrowserState(None, storage_key=DRAFT_KEY, secret=identity.sign("draft", DRAFT_KEY))
    form = PromptForm(
        modality, model, count, prompt, negative, instructions, system, rows, turns, more, draft, variables, names,
        boxes, panel, switch, owner_here, partial(ignored, ws),
    )  # fmt: skip

    def on_modality(chosen: str) -> tuple[Any, ...]:
        return form.for_modality(ws, chosen)

    def on_model(chosen: str, name: str) -> list[Any]:
        return panel.values_for(chosen, entry_of(ws, chosen, name or "").defaults)

    def written_of(
        chosen: str, many: int, text: str, system_text: str, negative_text: str, before: list[str], *values: str
    ) -> dict[str, Any]:
        variables_ = dict(zip(before, values, strict=False))
        return {"modality": chosen, "count": many, "prompt": text, "system": system_text, "negative": negative_text,
                "variables": variables_}  # fmt: skip

    def on_wording(
        chosen: str, many: int, text: str, system_text: str, negative_text: str, before: list[str], *values: str
    ) -> tuple[Any, ...]:
        written = written_of(chosen, many, text, system_text, negative_text, before, *values)
        wanted = list(dict.fromkeys(n for t in (text, negative_text, system_text) for n in placeholders(t or "")))
        if len(wanted) > MAX_VARIABLES >= len(before):
            words = f"The prompt has {len(wanted)} variables: this form has boxes for {MAX_VARIABLES}."
            gr.Warning(said_here(words))
        if wanted == before:
            return written, *((gr.skip(),) * (2 + MAX_VARIABLES))
        return written, *_boxes(wanted, dict(zip(before, values, strict=False)))

    def on_more(*said: str) -> tuple[Any, ...]:
        """Show one row more than hold something."""
        pairs = [(said[n], said[n + 1]) for n in range(0, len(said), 2)]
        used = max((n + 1 for n, pair in enumerate(pairs) if any(pair)), default=0)
        shown = min(used + 1, MAX_EXAMPLES)
        return *(gr.update(visible=n < shown) for n in range(MAX_EXAMPLES)), gr.update(visible=shown < MAX_EXAMPLES)

    def on_load(kept: dict[str, Any] | None, request: gr.Request) -> tuple[Any, ...]:
        """The form as it was: what was being written, else what was asked for last."""
        visitor = identity.whoami(request)
        latest = latest_generation(ws.store, visitor.annotator_id)
        if latest and "brought" in latest.inputs:  # a picture that no prompt made
            latest = None
        updates = list(form.recall(ws, latest) if latest else (gr.skip(),) * len(form.outputs))
        last = ws.store.get(ModelVersion, latest.model_version_id) if latest else None
        model_now = name_to_go_on_with(ws, last) if last else ""
        updates[form.outputs.index(form.model)] = form.picker(ws, last.modality if last else "text", model_now)
        draft_of = kept if isinstance(kept, dict) else {}
        modal = draft_of.get("modality")
        if modal in ("text", "image") and (not latest or updates[0] != modal):
            updates[0] = modal
            first = form.outputs.index(form.model)
            updates[first : first + len(form.modal_outputs)] = form.for_modality(ws, modal)
        for component, key in ((form.prompt, "prompt"), (form.system, "system"), (form.negative, "negative")):
            words = draft_of.get(key)
            if isinstance(words, str) and words:
                at = form.outputs.index(component)
                updates[at] = words
        if draft_of.get("count") in COUNTS:
            updates[form.outputs.index(form.count)] = draft_of["count"]
        typed = draft_of.get("variables")
        if isinstance(typed, dict) and typed:
            typed = {str(name): str(value) for name, value in list(typed.items())[:MAX_VARIABLES]}
            updates[form.outputs.index(form.variables) :] = _boxes(list(typed), typed)
        return tuple(updates)

    def on_loaded(chosen: str, name: str) -> tuple[Any, ...]:
        """Text or pictures may have been chosen while the form as it was came in: what belongs to them then."""
        other = "text" if chosen == "image" else "image"
        offered = [{value for _, value in model_choices(ws, each, owner=True)} for each in (other, chosen)]
        if name in offered[0] - offered[1]:
            return form.for_modality(ws, chosen)
        return (gr.skip(),) * len(form.modal_outputs)

    written_in = [modality, count, prompt, system, negative, names, *boxes]
    modality.input(on_modality, inputs=modality, outputs=form.modal_outputs, **PRIVATE)
    model.input(on_model, inputs=[modality, model], outputs=panel.components, **PRIVATE)
    show_heeded(ws, modality, model, negative, panel)
    gr.on(
        [prompt.change, system.change, negative.change, modality.change],
        on_wording,
        inputs=written_in,
        outputs=[draft, variables, names, *boxes],
        trigger_mode="always_last",
        **PRIVATE,
    )
    gr.on(
        [count.input, *(box.change for box in boxes)],
        written_of,
        inputs=written_in,
        outputs=draft,
        trigger_mode="always_last",
        **PRIVATE,
    )
    more.click(on_more, inputs=turns, outputs=[*rows, more], **PRIVATE)
    page = gr.context.Context.root_block
    assert page is not None, "a form is built inside a gr.Blocks"
    loaded = page.load(on_load, inputs=draft, outputs=form.outputs, **PRIVATE)
    loaded.then(on_loaded, inputs=[modality, model], outputs=form.modal_outputs, **PRIVATE)
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


def _rows(pairs: list[tuple[str, str]]) -> tuple[Any, ...]:
    """Updates for the examples' rows, boxes and the button that adds one."""
    if len(pairs) > MAX_EXAMPLES:
        words = f"That prompt has {len(pairs)} examples: this form shows the first {MAX_EXAMPLES}."
        gr.Warning(said_here(words))
    shown = max(1, len(pairs))
    said = [words for pair in pairs[:MAX_EXAMPLES] for words in pair]
    return (
        *(gr.update(visible=n < shown) for n in range(MAX_EXAMPLES)),
        *(said + [""] * (2 * MAX_EXAMPLES - len(said))),
        gr.update(visible=shown < MAX_EXAMPLES),
    )


def _examples(turns: Sequence[Any]) -> list[dict[str, str]]:
    """The examples that are not wholly empty; half-filled ones too, for the check to name."""
    said = [str(words or "") for words in turns]
    pairs = [{"user": said[n], "assistant": said[n + 1]} for n in range(0, len(said), 2)]
    return [pair for pair in pairs if pair["user"].strip() or pair["assistant"].strip()]
