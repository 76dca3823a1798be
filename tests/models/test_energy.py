"""Energy is what counters say, and is not told where there are none."""

from __future__ import annotations

import time
from pathlib import Path

from models.energy import Meter


def package(root: Path, name: str, microjoules: int) -> Path:
    zone = root / name
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text("10000000\n")
    return zone


def test_cpu_time_is_told_and_no_energy_without_a_counter(tmp_path: Path):
    meter = Meter(tmp_path)
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    spent = meter.spent()
    assert spent["cpu_s"] >= 0.03 and "energy_j" not in spent


def test_energy_is_the_sum_of_whole_packages_also_when_a_counter_begins_anew(tmp_path: Path):
    package(tmp_path, "intel-rapl:0", 1_000_000)
    package(tmp_path, "intel-rapl:0:0", 0)  # a part of the first
    package(tmp_path, "intel-rapl:1", 9_000_000)
    meter = Meter(tmp_path)
    package(tmp_path, "intel-rapl:0", 3_500_000)
    package(tmp_path, "intel-rapl:0:0", 2_000_000)
    assert meter.spent()["energy_j"] == 2.5
    package(tmp_path, "intel-rapl:1", 1_000_000)
    assert meter.spent()["energy_j"] == 4.5
