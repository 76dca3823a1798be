"""The server under load: the product as `app.py` serves it, which also writes down what it holds, once a second."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Sized
from pathlib import Path
from typing import Any

import psutil

from collab.settings import read_settings
from collab.ui import serve
from collab.workspace import Workspace, open_workspace


def main(diary: Path) -> None:
    """Serve until a signal; one JSON object a line goes to `diary`."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    ws = open_workspace(read_settings())
    try:
        with serve(ws) as served, diary.open("w") as out:
            for modality in ("text", "image"):
                ws.engine.warm(ws.engine.resolve("", modality))  # type: ignore[arg-type]
            while not stop.wait(1):
                out.write(json.dumps(held(ws, served.page)) + "\n")
                out.flush()
    finally:
        ws.close()


def held(ws: Workspace, page: Any) -> dict[str, float]:
    """The memory of the process in MB, and the lengths of everything in it that a request adds to."""
    queue, app = page._queue, page.app
    containers: dict[str, Sized] = {
        "runs": ws.runs._runs,
        "engine requests": ws.engine._jobs,
        "threads": threading.enumerate(),
        "gradio events": queue.event_ids_to_events,
        "gradio analytics": queue.event_analytics,
        "gradio messages": queue.pending_messages_per_session,
        "gradio pending events": queue.pending_event_ids_session,
        "gradio iterators": app.iterators,
        "gradio iterators to reset": app.iterators_to_reset,
        "gradio sessions": app.state_holder.session_data,
        "gradio tasks": [*queue._asyncio_tasks, *app._asyncio_tasks],
    }
    memory = psutil.Process().memory_info().rss / 2**20
    models = sum(status.state == "ready" for status in ws.engine.status())
    lengths = {name: float(len(value)) for name, value in containers.items()}
    return {"at": time.time(), "memory MB": memory, "models ready": models, **lengths}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
