"""Every sentence that an error may say, read from the source: the list that a translation is checked against.

An f-string's holes become `{}`, pieces that are added are joined, both arms of a choice count, a name stands for what
its module assigns to it, and a call for what that module's function returns.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent.parent
_FAMILIES = {"CollabError", "ModelError"}
# what speaks to an operator's terminal alone, in English
_TERMINAL = ("cli.py", "terminal.py", "collab/settings.py", "doctor.py", "pretrain/", "/migrat", "keys.py")
_AT_MOST = 64  # sentences of one raise
# more than an error ever says: names that hold parts of the product's own words elsewhere
SPOKEN_NAMES = ("UNEXPECTED",)


def source_files() -> list[Path]:
    """The modules whose errors reach a page."""
    found = sorted(path for folder in ("collab", "models") for path in (_ROOT / folder).rglob("*.py"))
    return [path for path in found if not any(part in path.as_posix() for part in _TERMINAL)]


def error_templates(files: Iterable[Path] | None = None) -> dict[str, str]:
    """Each template, with the file and line where it is raised."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files or source_files()}
    family = _family(trees.values())
    found: dict[str, str] = {}
    for path, tree in trees.items():
        module = _Module(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and _name(node.func) in family:
                for template in module.templates(node.args[0]):
                    if any(part.strip(" .:()“”") for part in template.split("{}")):
                        found.setdefault(template, f"{path.relative_to(_ROOT)}:{node.lineno}")
            if isinstance(node, ast.Assign) and _name(node.targets[0]) in SPOKEN_NAMES:
                for template in module.templates(node.value):
                    found.setdefault(template, f"{path.relative_to(_ROOT)}:{node.lineno}")
    return found


def _family(trees: Iterable[ast.Module]) -> set[str]:
    """The names of all errors that are spoken."""
    bases = {
        node.name: {_name(base) for base in node.bases}
        for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    }  # fmt: skip
    family = set(_FAMILIES)
    while more := {name for name, of in bases.items() if of & family} - family:
        family |= more
    return family


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


class _Module:
    """What names and functions of one module stand for."""

    def __init__(self, tree: ast.Module) -> None:
        self.assigned: dict[str, list[ast.expr]] = {}
        self.returned: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.assigned.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.FunctionDef):
                returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
                self.returned[node.name] = returns

    def templates(self, node: ast.expr, depth: int = 4) -> list[str]:
        """The sentences that an expression may be; none where it is not known here."""
        if depth == 0:
            return []
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.JoinedStr):
            return ["".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.templates(node.left, depth - 1), self.templates(node.right, depth - 1)
            return [a + b for a in left or ["{}"] for b in right or ["{}"]][:_AT_MOST] if left or right else []
        if isinstance(node, ast.IfExp):
            return [*self.templates(node.body, depth - 1), *self.templates(node.orelse, depth - 1)]
        if isinstance(node, ast.BoolOp):
            return list(self._of_each(node.values, depth))
        if isinstance(node, ast.Name):
            return list(self._of_each(self.assigned.get(node.id, []), depth))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return list(self._of_each(self.returned.get(node.func.id, []), depth))
        return []

    def _of_each(self, nodes: Sequence[ast.expr], depth: int) -> Iterator[str]:
        for node in nodes:
            yield from self.templates(node, depth - 1)
