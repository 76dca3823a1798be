"""What a piece of work takes of the processor, and the energy where the machine measures it. Estimates nothing.

Energy is read from the counters of the processor packages (Linux powercap, “RAPL”) and of the GPU (NVML), which count
what all programs take, this one's share unknown; a machine without them tells CPU time alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil

POWERCAP = Path("/sys/class/powercap")
Counter = tuple[Callable[[], float], float]  # joules so far, and where the count begins anew (0: never)


class Meter:
    """Counts from when it is made. To be asked at least every few minutes: counters of packages wrap around."""

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._process = psutil.Process()
        self._cpu_s = self._cpu()
        self._counters = [*_packages(powercap), *_gpu()]
        self._last = [read() for read, _ in self._counters]
        self._joules = 0.0

    def spent(self) -> dict[str, float]:
        """`cpu_s`: seconds of this process on all cores; `energy_j`: of the machine's counters, where there are any."""
        found = {"cpu_s": round(self._cpu() - self._cpu_s, 2)}
        for n, (read, range_j) in enumerate(self._counters):
            now = read()
            self._joules += now - self._last[n] if now >= self._last[n] else now + range_j - self._last[n]
            self._last[n] = now
        return found | ({"energy_j": round(self._joules, 1)} if self._counters else {})

    def _cpu(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def _packages(powercap: Path) -> Iterator[Counter]:
    """The counters of whole processor packages that this process may read (their parts are counted in them)."""
    for zone in sorted(powercap.glob("*-rapl:*")):
        file = zone / "energy_uj"
        if zone.name.count(":") > 1:
            continue
        try:
            _microjoules(file)
            yield partial(_microjoules, file), _microjoules(zone / "max_energy_range_uj")
        except (OSError, ValueError):  # not for everybody to read: a side channel
            continue


def _microjoules(file: Path) -> float:
    return int(file.read_text()) / 1e6


def _gpu() -> Iterator[Counter]:
    """The counter of the GPU that CUDA's programs see first, where NVML and its package are there."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        device = nvml.nvmlDeviceGetHandleByIndex(0)
        nvml.nvmlDeviceGetTotalEnergyConsumption(device)
    except Exception:  # no package, no GPU, or one that does not count
        return
    yield (lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(device) / 1e3), 0.0
