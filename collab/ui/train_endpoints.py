"""The public endpoints of fine-tuning, for owners. All return JSON; errors are sentences."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gradio as gr

from collab.api import train as train_api
from collab.identity import Identity
from collab.training import publishing
from collab.ui.endpoints import spoken
from collab.workspace import Workspace


def add_train_endpoints(ws: Workspace, identity: Identity) -> None:
    """Register the endpoints of fine-tuning. Called inside a `gr.Blocks`."""

    def snapshot(kind: str, request: gr.Request = None) -> dict:
        """Freeze the feedback that may be learned from (owner only): kind sft, dpo, kto, reward, image-sft, image-dpo
        or image-kto.

        Answers with its snapshot_id, how many rows it has, what was left out and why, and whether they are too few.
        """
        return train_api.snapshot(ws, identity.whoami(request), kind)

    def train(kind: str, settings: dict | None = None, request: gr.Request = None) -> dict:
        """Begin to train a model on feedback (owner only) and answer at once: /job tells how far it is.

        kind: as of /snapshot. settings: learning_rate, rank, epochs and the like; also snapshot_id, model.
        """
        return train_api.start(ws, identity.whoami(request), kind, settings)

    def resume_job(job_id: str, request: gr.Request = None) -> dict:
        """Go on with a training that was stopped or interrupted, from its last checkpoint (owner only)."""
        return train_api.resume(ws, identity.whoami(request), job_id)

    def push_adapter(model_version_id: str, name: str, private: bool = True, request: gr.Request = None) -> dict:
        """Put a trained adapter with its model card onto the Hugging Face Hub (owner only), as user/name.

        Uses the login of the machine that serves. Answers with the model's url.
        """
        visitor, endpoint = identity.whoami(request), os.environ.get("HF_ENDPOINT")
        return {"url": publishing.push_adapter(ws, visitor, model_version_id, name, private=private is not False,
                                               endpoint=endpoint)}  # fmt: skip

    public: tuple[Callable[..., Any], ...] = (snapshot, train, resume_job, push_adapter)
    for endpoint in public:
        gr.api(spoken(endpoint), api_name=endpoint.__name__, concurrency_limit=None)
