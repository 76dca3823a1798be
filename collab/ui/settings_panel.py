"""The folded settings of Create: one control for each key of a modality, with the model's own defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from collab.errors import InvalidSetting
from collab.ui.pickers import entry_of
from collab.workspace import Workspace
from models.base import SCHEDULERS

_TEXT = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "stop")
_IMAGE = ("num_inference_steps", "guidance_scale", "width", "height", "scheduler")


@dataclass(frozen=True, slots=True)
class SettingsPanel:
    """controls: setting key -> component; `seed` stands beside them. groups: what shows for text, and for image."""

    controls: Mapping[str, gr.components.Component]
    seed: gr.Textbox
    text_group: gr.Group
    image_group: gr.Group

    @property
    def components(self) -> list[gr.components.Component]:
        """Every control, the seed last: the order of all value lists here."""
        return [*self.controls.values(), self.seed]

    @property
    def groups(self) -> list[gr.Group]:
        return [self.text_group, self.image_group]

    def settings_of(self, modality: str, values: Sequence[Any]) -> dict[str, Any]:
        """What the controls of one modality say."""
        said = dict(zip(self.controls, values, strict=False))
        if modality == "image":
            return {key: said[key] for key in _IMAGE}
        stop = [line for line in str(said["stop"] or "").split("\n") if line]
        return {key: said[key] for key in _TEXT if key != "stop"} | {"stop": stop}

    def seed_of(self, values: Sequence[Any]) -> int | None:
        """The seed that was typed or locked, or None for a new one each time."""
        typed = str(values[-1] or "").strip()
        if not typed:
            return None
        if not typed.isdecimal():
            raise InvalidSetting(f"The seed is “{typed[:40]}”: write a whole number, or leave it empty for a new one.")
        return int(typed)

    def values_for(self, modality: str, settings: Mapping[str, Any], seed: str | None = None) -> list[Any]:
        """Updates for `components` that make the modality's controls say these settings."""
        shown = dict(settings)
        if "stop" in shown:
            shown["stop"] = "\n".join(shown["stop"])
        mine = _IMAGE if modality == "image" else _TEXT
        updates = [shown[key] if key in mine and key in shown else gr.skip() for key in self.controls]
        return [*updates, gr.skip() if seed is None else seed]

    def possible(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The settings that the controls can say, and a sentence for each that is beyond them. A page's own word for
        them may hold anything: what is no number where one belongs, or no words, is left out."""
        kept, beyond = dict[str, Any](), []
        for key, value in settings.items():
            control = self.controls.get(key)
            low, high = getattr(control, "minimum", None), getattr(control, "maximum", None)
            ranged = low is not None and high is not None
            words = value if isinstance(value, list | tuple) else [value]
            fits = isinstance(value, int | float) if ranged else all(isinstance(each, str) for each in words)
            if control is None or not fits:
                continue
            if ranged and not low <= value <= high:
                beyond.append(f"{control.label} {value:g}: this form goes from {low:g} to {high:g}.")
            else:
                kept[key] = value
        return kept, beyond

    def visibility(self, modality: str) -> list[Any]:
        """Updates for `groups`."""
        return [gr.Group(visible=modality == "text"), gr.Group(visible=modality == "image")]


def build_settings(ws: Workspace) -> SettingsPanel:
    """The accordion, saying the default models' defaults."""
    text, image = (entry_of(ws, m, "").defaults for m in ("text", "image"))
    controls: dict[str, gr.components.Component] = {}
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        with gr.Group() as text_group, gr.Row():
            controls["max_new_tokens"] = gr.Slider(
                1, 2048, text["max_new_tokens"], step=1, label="Longest answer", info="tokens, about ¾ of a word each"
            )
            controls["temperature"] = gr.Slider(
                0, 2, text["temperature"], step=0.05, label="Temperature", info="0 always takes the likeliest word"
            )
            controls["top_p"] = gr.Slider(
                0.05, 1, text["top_p"], step=0.01, label="Top p", info="share of likely words kept"
            )
            controls["top_k"] = gr.Slider(0, 200, text["top_k"], step=1, label="Top k", info="0 keeps all words")
            controls["repetition_penalty"] = gr.Slider(
                0.8, 2, text["repetition_penalty"], step=0.05, label="Repetition penalty", info="1 is none"
            )
            controls["stop"] = gr.Textbox(
                "\n".join(text["stop"]), lines=1, max_lines=4, label="Stop at", info="one string a line"
            )
        with gr.Group(visible=False) as image_group, gr.Row():
            controls["num_inference_steps"] = gr.Slider(
                1, 100, image["num_inference_steps"], step=1, label="Steps", info="more is slower and cleaner"
            )
            controls["guidance_scale"] = gr.Slider(
                0, 20, image["guidance_scale"], step=0.5, label="Guidance", info="how closely to follow the prompt"
            )
            controls["width"] = gr.Slider(32, 1536, image["width"], step=8, label="Width", info="pixels")
            controls["height"] = gr.Slider(32, 1536, image["height"], step=8, label="Height", info="pixels")
            controls["scheduler"] = gr.Dropdown(
                list(SCHEDULERS), value=image["scheduler"], label="Scheduler", info="default: the model's own"
            )
        seed = gr.Textbox(
            "", label="Seed", placeholder="new each time", elem_id="seed",
            info="the same seed, prompt and settings give the same output; each further output adds one", max_lines=1,
        )  # fmt: skip
    return SettingsPanel(controls, seed, text_group, image_group)
