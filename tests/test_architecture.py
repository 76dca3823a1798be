"""The import rule and the size of modules, read from the source itself."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path
    for folder in ("collab", "models")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations/versions" not in path.as_posix()
)
HEAVY = {"torch", "torchvision", "diffusers", "transformers", "peft", "trl", "accelerate", "safetensors"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module that this one imports, wherever in the file, with `from a import b` as both `a` and `a.b`."""
    package = name_of(path).split(".")
    package = package if path.name == "__init__.py" else package[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], node.module or ""]).strip(".")
            base = base if node.level else node.module or ""
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def imported(path: Path, *roots: str) -> set[str]:
    return {name for name in imports_of(path) for root in roots if name == root or name.startswith(f"{root}.")}


def ids(path: Path) -> str:
    return name_of(path)


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_imports_point_one_way(path: Path):
    name = name_of(path)
    if name.startswith("models"):
        assert not imported(path, "collab", "gradio", "app")
        return
    assert not imported(path, *HEAVY), "torch and its family belong to models/"
    assert not imported(path, "tests", "app")
    if not name.startswith("collab.ui"):
        assert not imported(path, "gradio"), "only collab/ui knows Gradio"
        if name not in ("collab.cli", "collab.__main__"):  # the command line starts the page
            assert not imported(path, "collab.ui")
    if name.startswith("collab.store"):
        beyond = {n for n in imported(path, "collab", "models") if not n.startswith(("collab.store", "collab.types"))}
        allowed = {"collab", "collab.errors", "collab.types", "collab.store"}
        assert not {n for n in beyond if n not in allowed and not n.startswith("collab.errors.")}
    if name in ("collab.types", "collab.errors", "collab.settings", "collab.checks"):
        assert not {n for n in imported(path, "collab") if n.split(".")[1:2] not in ([], ["errors"], ["types"])}


def test_the_rule_is_checked_against_real_imports():
    """The checker itself sees imports inside functions and relative ones."""
    runs, catalog = ROOT / "collab" / "runs.py", ROOT / "models" / "catalog.py"
    assert imported(runs, "models") and imported(runs, "collab.store") and not imported(runs, "gradio")
    assert imported(catalog, "models.text")  # it is imported inside `load`
    assert imported(ROOT / "collab" / "ui" / "endpoints.py", "gradio")


def test_no_module_is_longer_than_a_newcomer_can_read():
    long = {name_of(p): n for p in MODULES if (n := len(p.read_text(encoding="utf-8").splitlines())) >= 350}
    assert not long, f"these ask to become two: {long}"


def test_every_module_says_what_it_is_for():
    mute = [name_of(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert not mute


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import collab.ui", HEAVY),
        ("import app", HEAVY | {"gradio"}),
        ("import collab.cli", HEAVY | {"gradio", "sqlalchemy"}),
        ("import collab.api, collab.feedback, collab.workspace, models.catalog, models.engine", HEAVY | {"gradio"}),
        ("import models.base, models.engine, models.catalog", HEAVY | {"gradio", "collab", "sqlalchemy"}),
    ],
)
def test_importing_stays_light(code: str, absent: set[str]):
    """torch loads in the background after the page is up: nothing may pull it in before."""
    asked = f"import json, sys; {code}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not absent & set(json.loads(done.stdout.splitlines()[-1]))
