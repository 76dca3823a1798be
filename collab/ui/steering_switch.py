"""The switch below Create's settings that steers by one's own feedback, and its strength. Knows no generation."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from collab.ui.endpoints import PRIVATE


@dataclass(frozen=True, slots=True)
class SteeringSwitch:
    """on: whether the next outputs are steered. strength: 0–1, kept while the switch is off and the page stays."""

    on: gr.Checkbox
    strength: gr.Slider

    @property
    def components(self) -> list[gr.components.Component]:
        return [self.on, self.strength]


def build_steering() -> SteeringSwitch:
    """The row. Called inside a `gr.Blocks`."""
    with gr.Row(elem_id="steering"):
        on = gr.Checkbox(
            False, label="Steer by my feedback", elem_id="steer", min_width=240, scale=2,
            info="What you liked, disliked or edited shapes your next outputs at once. Nothing is trained.",
        )  # fmt: skip
        strength = gr.Slider(
            0, 1, 0.5, step=0.05, label="Strength", elem_id="steer-strength", visible=False, min_width=220, scale=1,
            info="0 is off",
        )  # fmt: skip
    on.change(lambda steers: gr.Slider(visible=steers), inputs=on, outputs=strength, **PRIVATE)
    return SteeringSwitch(on, strength)
