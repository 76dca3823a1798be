"""LoRA adapters over one resident causal model: several at once, one for each row of a batch (peft's mixed batches).

Knows nothing of requests or of where adapters come from.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.base import ModelUnavailable

MAX_ADAPTERS = 8  # in memory
BASE = "__base__"  # peft's name for “no adapter” in a mixed batch


class Adapters:
    """The adapters of one model, least recently used forgotten first. "" names the base without any."""

    def __init__(self, model: Any) -> None:
        self.model = model  # becomes a PeftModel with the first adapter
        self._known: OrderedDict[str, None] = OrderedDict()

    def named(self, folder: str | None, in_use: frozenset[str] = frozenset()) -> str:
        """Load a folder's adapter if it is not in memory. in_use: names that must stay. Raises ModelUnavailable."""
        if folder is None:
            return ""
        name = "adapter_" + hashlib.sha256(folder.encode()).hexdigest()[:16]  # peft forbids dots in a name
        if name not in self._known:
            self._load(name, folder)
        self._known[name] = None
        self._known.move_to_end(name)
        for old in [known for known in self._known if known not in in_use and known != name]:
            if len(self._known) <= MAX_ADAPTERS:
                break
            self._forget(old)
            del self._known[old]
        return name

    def chosen(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The arguments of a pass whose rows use these; none as long as the model is a plain one."""
        return {"adapter_names": [name or BASE for name in names]} if self._known else {}

    def _forget(self, name: str) -> None:
        self.model.delete_adapter(name)

    def _load(self, name: str, folder: str) -> None:
        from peft import PeftModel

        try:
            if not (Path(folder) / "adapter_config.json").is_file():
                raise FileNotFoundError("it holds no adapter_config.json")
            if self._known:
                self.model.load_adapter(folder, adapter_name=name)
            else:
                self.model = PeftModel.from_pretrained(self.model, folder, adapter_name=name).eval()
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ModelUnavailable(
                f"The adapter in {Path(folder).name} does not fit this model ({reason[:200]}): choose another version."
            ) from error
