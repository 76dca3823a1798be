"""The public endpoints of fine-tuning, for owners. All return JSON; errors are sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.datasets import snapshots
from collab.identity import Identity
from collab.ui.endpoints import spoken
from collab.workspace import Workspace


def add_train_endpoints(ws: Workspace, identity: Identity) -> None:
    """Register the endpoints of fine-tuning. Called inside a `gr.Blocks`."""

    def snapshot(kind: str, request: gr.Request = None) -> dict:
        """Freeze the feedback that may be learned from (owner only): kind sft, dpo, kto or reward.

        Answers with its snapshot_id, how many rows it has, what was left out and why, and whether they are too few.
        """
        return snapshots.told(ws, snapshots.make(ws, identity.whoami(request), kind))

    public: tuple[Callable[..., Any], ...] = (snapshot,)
    for endpoint in public:
        gr.api(spoken(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
