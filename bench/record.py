"""Keeps what a benchmark measured in bench/results.json, one record a figure. Knows nothing of what is measured."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"
_PACKAGES = ("gradio", "torch", "transformers", "diffusers", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. ratio: value ÷ peer_value, None where there is no peer."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.peer_value else round(self.value / self.peer_value, 3)


def keep(figures: list[Figure], script: str) -> None:
    """Print the figures and put them into the results, in place of those of the same name."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    common = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load}",
        "versions": {p: importlib.metadata.version(p) for p in _PACKAGES} | {"python": platform.python_version()},
        "command": f"python -m bench.{script}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    fresh = [{**asdict(f), "ratio": f.ratio, **common} for f in figures]
    names = {f.name for f in figures}  # a name may have several peers
    RESULTS.write_text(
        json.dumps([r for r in kept if r["name"] not in names] + fresh, indent=1, ensure_ascii=False) + "\n"
    )
    for figure in figures:
        against = f"  {figure.peer}: {figure.peer_value:g}  ratio {figure.ratio:g}" if figure.ratio is not None else ""
        sys.stdout.write(f"{figure.name}: {figure.value:g} {figure.unit}{against}  {figure.note}\n")
