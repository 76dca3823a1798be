"""Every sentence that an error may say, read from the source: the list that a translation is checked against.

An f-string's holes become `{}`, pieces that are added are joined, both arms of a choice count, a name stands for what
its module assigns to it, and a call for what that module's function returns.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from collab.ui.locales import JOINTS

_ROOT = Path(__file__).parent.parent.parent.parent
_FAMILIES = {"CollabError", "ModelError"}
# what speaks to an operator's terminal alone, in English
_TERMINAL = ("collab/cli/", "collab/settings.py", "pretrain/", "/migrat", "keys.py")
_AT_MOST = 64  # sentences of one raise
_HEADER = re.compile(r"^[A-Z]\w+(-[A-Z]\w+)+$|filename=|%Y|default-src|max-age")
# calls whose strings are not for people
_UNSAID = {"compile", "search", "match", "sub", "Column", "getLogger", "text", "slot", "kind"}
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


# the modules, and in them the functions (none: all of it), that say something to the page besides errors
SPOKEN: dict[str, tuple[str, ...]] = {
    "collab/exchange/argilla.py": ("notes",),
    "collab/exchange/open_webui.py": ("notes", "append()"),
    "collab/exchange/study_file.py": ("_notes", "_left_out"),
    "collab/exchange/table.py": ("_notes", "_listed"),
    "collab/pictures/editing.py": ("drawing_model",),
    "collab/statistics/agreement.py": ("alpha", "_sentence", "_VERDICTS", "_TOO_LOW"),
    "collab/statistics/evidence.py": ("sentence", "_claim", "_outlook"),
    "collab/statistics/ranking.py": ("bradley_terry",),
    "collab/studies/assignment.py": (),
    "collab/studies/claims.py": ("claim", "chosen_afterwards"),
    "collab/studies/counting.py": (),
    "collab/studies/fitting.py": ("_notes",),
    "collab/studies/leaderboard.py": (),
    "collab/studies/pregeneration.py": (),
    "collab/studies/quality.py": ("_signals",),
    "collab/studies/results.py": ("_about", "filter_effect"),
    "collab/refinement/board.py": (),
    "collab/refinement/foreseeing.py": (),
    "collab/refinement/guardrails.py": (),
    "collab/refinement/keeping.py": (),
    "collab/refinement/proposing.py": (),
    "collab/refinement/revising.py": (),
    "collab/refinement/sampling.py": (),
    "collab/refinement/saying.py": (),
    "collab/refinement/sieve.py": (),
    "collab/refinement/standing.py": (),
    "collab/refinement/proposers/contradiction.py": (),
    "collab/refinement/proposers/demonstrations.py": (),
    "collab/refinement/proposers/lessons.py": ("said_changes",),
    "collab/refinement/proposers/modifier_moves.py": (),
    "collab/refinement/proposers/modifiers.py": (),
    "collab/refinement/proposers/preferences.py": ("propose", "_asked", "_candidate", "_support", "_why_nothing"),
    "collab/refinement/proposers/proposed_text.py": ("objection_to",),
    "collab/refinement/proposers/reflect.py": ("propose", "_reflect", "_told"),
    "collab/refinement/proposers/rules.py": ("WORDINGS",),
    "collab/refinement/proposers/surrogate.py": ("said", "fit", "_told"),
    "collab/refinement/proposers/surrogate_search.py": ("optimize_against_surrogate", "SCORED_BY", "tell"),
    "collab/refinement/trying/promotion.py": (),
    "collab/refinement/trying/trial_words.py": (),
    "collab/refinement/trying/trials.py": (),
    "collab/datasets/building.py": ("_NOTHING",),
    "collab/datasets/rows.py": (),
    "collab/datasets/sifting.py": (),
    "collab/datasets/snapshots.py": (),
    "collab/datasets/sources.py": (),
    "collab/datasets/splitting.py": (),
    "collab/training/gates.py": (),
    "collab/jobs.py": ("interrupted", "_UNDER_WAY", "_AGAIN", "UNEXPECTED", "start"),
    "collab/api/refine.py": (),
    "collab/steering.py": ("said", "told", "NOTHING", "_TOLD"),
    "collab/training/trainer.py": (),
    "collab/training/starting.py": (),
    "collab/views.py": ("provenance",),
    "collab/ui/create.py": ("on_picture",),
    "collab/ui/pickers.py": ("model_words", "model_choices"),
    "collab/ui/prompt_form.py": ("restore", "_rows", "on_wording", "on_load"),
    "collab/ui/settings_panel.py": ("possible",),
    "collab/ui/web.py": ("send", "download", "archive", "owner_enter", "picture", "_FORM_WORDS"),
    "models/catalog.py": ("entries", "load"),
    "models/engine.py": ("_end()",),
    "models/hub.py": ("progress()",),
    "models/image.py": ("progress()", "_explained"),
    "models/picture_rows.py": ("prepared",),
    "models/pipelines.py": ("progress()",),
    "models/remote.py": ("progress()",),
    "models/residents.py": ("is_now()",),
    "models/smollm2.py": ("progress()",),
    "models/text.py": ("progress()", "_why"),
    "models/tune_text.py": ("_leave_unreached",),
    "models/tuning_rows.py": ("prepared",),
}


def said_templates() -> dict[str, str]:
    """Each template of what the listed functions say besides errors, with its file and line."""
    found: dict[str, str] = {}
    for name, functions in SPOKEN.items():
        path = _ROOT / name
        tree = ast.parse(path.read_text(encoding="utf-8"))
        speakers: list[ast.AST] = [n for n in ast.walk(tree) if _defines(n) in functions] if functions else [tree]
        module = _Module(tree)
        for speaker in speakers:
            for node in _expressions(speaker):
                for template in module.alternatives(node):
                    if _is_said(said := template.strip(JOINTS)):
                        found.setdefault(said, f"{name}:{node.lineno}")
    return found


def _is_said(template: str) -> bool:
    """Whether there is a word for people in it: one alone counts if it begins like a label."""
    if template.startswith("<") or _HEADER.search(template):
        return False
    words = template.replace("{}", "")
    if words.strip() in ("and", "to"):  # lists and ranges are put together by the catalogue
        return False
    return bool(re.search(r"[a-z]{2}", words)) and (" " in words or words[:1].isupper() or "“" in words)


def _defines(node: ast.AST) -> str:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return node.name
    if isinstance(node, ast.Call):
        return f"{_name(node.func)}()"
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return _name(target) if isinstance(node, (ast.Assign, ast.AnnAssign)) and target is not None else ""


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The strings in it that may be read by people, whole ones first."""
    if isinstance(node, (ast.Raise, ast.Compare, ast.Assert, ast.ImportFrom)):
        return
    if isinstance(node, ast.Call) and (_logs(node) or _name(node.func) in _UNSAID):
        return
    if isinstance(node, ast.Call) and _name(node.func) == "get":  # the key is a name
        for other in node.args[1:]:
            yield from _expressions(other)
        return
    if isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg in _UNSAID):
        return
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and _is_rule(node.elts[0]):
        yield from _expressions(node.elts[1])  # what people did; the rule itself is a prompt's text
        return
    if isinstance(node, ast.Dict):  # its keys are names
        for value in node.values:
            yield from _expressions(value)
        return
    if isinstance(node, ast.AnnAssign):
        yield from _expressions(node.value) if node.value else ()
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        for inside in node.body:
            yield from _expressions(inside)
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and _name(node.func) == "_count" and len(node.args) > 1:
        yield from _counted(*node.args[1:])
        return
    if isinstance(node, (ast.JoinedStr, ast.Constant)) or (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)
    ):
        yield node
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _expressions(part.value)
        return
    for child in ast.iter_child_nodes(node):
        yield from _expressions(child)


def _is_rule(node: ast.expr) -> bool:
    said = node.value if isinstance(node, ast.Constant) else None
    return isinstance(said, str) and said.endswith(".")


def _counted(one: ast.expr, many: ast.expr | None = None) -> Iterator[ast.expr]:
    """What `_count(number, "person", "people")` says."""
    said = str(one.value) if isinstance(one, ast.Constant) else ""
    plural = str(many.value) if isinstance(many, ast.Constant) else f"{said}s"
    for noun in (said, plural):
        yield ast.copy_location(ast.Constant(f"{{}} {noun}"), one)


def _logs(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and _name(node.func.value) == "log"


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

    def alternatives(self, node: ast.expr) -> list[str]:
        """The templates of one string, an ending that a number decides (“vote”, “votes”) written out."""
        if not isinstance(node, ast.JoinedStr):
            return self.templates(node)
        made = [""]
        for part in node.values:
            ends = [str(part.value)] if isinstance(part, ast.Constant) else _endings(part)
            made = [before + end for before in made for end in ends][:_AT_MOST]
        return made


def _endings(part: ast.expr) -> list[str]:
    value = part.value if isinstance(part, ast.FormattedValue) else part
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult) and isinstance(value.left, ast.Constant):
        return ["", value.left.value] if isinstance(value.left.value, str) else ["{}"]
    if isinstance(value, ast.IfExp):
        arms = [arm.value for arm in (value.body, value.orelse) if isinstance(arm, ast.Constant)]
        if len(arms) == 2 and "" in arms and all(len(str(arm)) <= 2 for arm in arms):
            return [str(arm) for arm in arms]
    return ["{}"]
