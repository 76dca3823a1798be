"""Shares as benchmarks tell them: in per cent, with the interval. Knows nothing of what is measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def percent(happened: Any) -> float:
    """The share of what happened, 0–100. happened: yes and no, as a list, an array or a tensor."""
    return round(100 * float(np.asarray(happened, dtype=float).mean()), 2)


def spread(happened: Any) -> str:
    """A share with its 95 % interval (Wilson 1927)."""
    happened = np.asarray(happened, dtype=float)
    n, share, z = len(happened), float(happened.mean()), 1.96
    centre, scale = (share + z**2 / (2 * n)) / (1 + z**2 / n), z / (1 + z**2 / n)
    half = scale * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return f"{100 * share:.2f} % [{100 * (centre - half):.2f}, {100 * (centre + half):.2f}] of {n:,}"
