"""How an adapter is trained: every number that decides it, checked, with a sentence that says it in plain words.

Imports no torch: a page checks a recipe before anything is started.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from models.base import InvalidRequest, Modality, ModelError, Setting

Kind = Literal["sft", "dpo", "kto", "reward", "image-sft", "image-dpo", "image-kto"]
KINDS: tuple[Kind, ...] = get_args(Kind)
IMAGE_KINDS: tuple[Kind, ...] = ("image-sft", "image-dpo", "image-kto")


class TrainingFailed(ModelError):
    """A training ended before its time: out of memory, a full disk, numbers that are none. One sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """LoRA (Hu et al. 2021, arXiv 2106.09685) on the attention's projections, trained with AdamW.

    rank: of the adapter's matrices; their scale is twice it. epochs: passes over the rows; max_steps: an upper limit
    of optimiser steps, 0 for none. batch_size: rows, or pairs, a step. beta: how closely DPO and KTO stay to the
    reference. sft_weight: of the mean log-likelihood of the chosen texts' tokens, beside DPO's loss (Pang et al. 2024,
    arXiv 2404.19733); with 0.2 they became less likely than they were, with 1 more. freeze_layers: how many layers,
    counted from the input, get no adapter. patience: after how many evaluations without a lower held-out loss to stop,
    0 for never. evaluations: how many are made in a full run. max_length: tokens of prompt and answer; longer rows are
    left out. save_memory: compute activations twice instead of keeping them. continue_from: the model version whose
    adapter is trained further, "" for a new one; a continued one keeps its rank, dropout and layers. mix: how much more
    often than others the rows of a prompt are shown, by its id (the trainer is given them so).
    Of a text model alone: sft_weight, freeze_layers, max_length. beta has another scale for pictures, whose errors are
    means over a latent and not sums over tokens.
    """

    kind: Kind
    learning_rate: float
    rank: int = 16
    epochs: float = 3.0
    max_steps: int = 0
    batch_size: int = 4
    beta: float = 0.1
    sft_weight: float = 1.0
    weight_decay: float = 0.01
    dropout: float = 0.05
    freeze_layers: int = 0
    seed: int = 0
    patience: int = 3
    evaluations: int = 8
    max_length: int = 512
    save_memory: bool = False
    continue_from: str = ""
    mix: Mapping[str, float] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """What the trained model makes."""
        return "image" if self.kind in IMAGE_KINDS else "text"

    def as_json(self) -> dict[str, Any]:
        """The recipe as it is kept."""
        return asdict(self)


DEFAULTS: Mapping[Kind, Recipe] = {
    "sft": Recipe(kind="sft", learning_rate=1e-4, epochs=2.0),
    "dpo": Recipe(kind="dpo", learning_rate=1e-4, epochs=2.0),
    "kto": Recipe(kind="kto", learning_rate=1e-4, epochs=2.0),
    "reward": Recipe(kind="reward", learning_rate=2e-4, epochs=2.0),
    "image-sft": Recipe(kind="image-sft", learning_rate=5e-4, epochs=8.0, batch_size=8),
    "image-dpo": Recipe(kind="image-dpo", learning_rate=5e-4, epochs=4.0, batch_size=8, beta=200.0),
    "image-kto": Recipe(kind="image-kto", learning_rate=5e-4, epochs=8.0, batch_size=8, beta=200.0),
}
_OF_TEXT_ALONE = ("sft_weight", "freeze_layers", "max_length")
RANGES: Mapping[str, Setting] = {
    "learning_rate": Setting("float", 1e-7, 1e-2),
    "rank": Setting("int", 1, 256),
    "epochs": Setting("float", 0.01, 100),
    "max_steps": Setting("int", 0, 1_000_000),
    "batch_size": Setting("int", 1, 256),
    "beta": Setting("float", 0.001, 10),
    "sft_weight": Setting("float", 0, 10),
    "weight_decay": Setting("float", 0, 1),
    "dropout": Setting("float", 0, 0.9),
    "freeze_layers": Setting("int", 0, 1000),
    "seed": Setting("int", 0, 2**32 - 1),
    "patience": Setting("int", 0, 1000),
    "evaluations": Setting("int", 1, 100),
    "max_length": Setting("int", 32, 131_072),
}
_PICTURE_BETA = Setting("float", 1, 100_000)
MIX_MOST, WEIGHT_MOST = 64, 100
KTO_BATCH = 4  # its loss compares each row with the others of its batch
_DOES: Mapping[Kind, str] = {
    "sft": "imitates the {rows} texts that people wrote or liked",
    "dpo": "is moved from the rejected to the preferred text of {rows} pairs (DPO, Rafailov et al. 2023)",
    "kto": "makes texts like the good ones likelier and like the bad ones less, from {rows} judgements (KTO, "
    "Ethayarajh et al. 2024)",
    "reward": "learns to score the preferred text of {rows} pairs higher; it ranks texts and writes none",
    "image-sft": "imitates the {rows} pictures that people edited or liked",
    "image-dpo": "is moved from the rejected to the preferred picture of {rows} pairs (Diffusion-DPO, Wallace et al. "
    "2023)",
    "image-kto": "makes pictures like the good ones likelier and like the bad ones less, from {rows} judgements "
    "(Diffusion-KTO, Li et al. 2024)",
}


def recipe_from(kind: Kind, given: Mapping[str, Any] | None) -> Recipe:
    """The recipe of this kind with what was given in place of its defaults. Raises InvalidRequest naming the first
    unknown name or value out of range."""
    changes: dict[str, Any] = {}
    known = settings_of(kind)
    for name, value in (given or {}).items():
        if name not in known:
            raise InvalidRequest(f"Unknown training setting “{str(name)[:40]}”: use one of {', '.join(known)}.")
        changes[name] = _checked(name, value, kind)
    recipe = replace(DEFAULTS[kind], **changes)
    if kind in ("kto", "image-kto") and recipe.batch_size < KTO_BATCH:
        raise InvalidRequest(f"Training setting batch_size is {recipe.batch_size}: KTO needs at least {KTO_BATCH}.")
    return recipe


def settings_of(kind: Kind) -> list[str]:
    """The names of the numbers that decide a training of this kind."""
    unknown = ("kind", *(_OF_TEXT_ALONE if kind in IMAGE_KINDS else ()))
    return [field.name for field in fields(Recipe) if field.name not in unknown]


def range_of(kind: Kind, name: str) -> Setting | None:
    """What a number may be; None for what is no number."""
    return _PICTURE_BETA if name == "beta" and kind in IMAGE_KINDS else RANGES.get(name)


def _checked(name: str, value: Any, kind: Kind) -> Any:
    if name == "continue_from":
        if not isinstance(value, str) or len(value) > 100:
            raise InvalidRequest("Training setting continue_from must be a model version's id.")
        return value.strip()
    if name == "mix":
        return _mix(value)
    if name == "save_memory":
        if not isinstance(value, bool):
            raise InvalidRequest(f"Training setting save_memory is {str(value)[:40]!r}: choose true or false.")
        return value
    spec = range_of(kind, name) or RANGES[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    inside = number and spec.low <= value <= spec.high  # which neither NaN nor infinity is
    if not inside or (spec.kind == "int" and value != int(value)):
        what = "a whole number" if spec.kind == "int" else "a number"
        raise InvalidRequest(
            f"Training setting {name} is {str(value)[:40]!r}: choose {what} from {spec.low:g} to {spec.high:g}."
        )
    return float(value) if spec.kind == "float" else int(value)


def _mix(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping) or len(value) > MIX_MOST:
        raise InvalidRequest(f"Training setting mix must give at most {MIX_MOST} prompts a weight, by their ids.")
    for name, weight in value.items():
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not isinstance(name, str) or not number or not 0 <= weight <= WEIGHT_MOST:
            raise InvalidRequest(
                f"Training setting mix gives “{str(name)[:40]}” the weight {str(weight)[:40]!r}: choose a number from "
                f"0 to {WEIGHT_MOST}."
            )
    return {name: float(weight) for name, weight in sorted(value.items())}


def in_words(recipe: Recipe, base: str, train: int, held_out: int) -> str:
    """What the training will do, for people. train, held_out: numbers of rows."""
    passes = f"{recipe.epochs:g} pass{'' if recipe.epochs == 1 else 'es'} over them"
    if recipe.max_steps:
        passes += f", at most {recipe.max_steps:,} steps"
    parts = [
        f"{base} {_DOES[recipe.kind].format(rows=f'{train:,}')}",
        f"{passes}, {recipe.batch_size} at a time, at a learning rate of {recipe.learning_rate:g}",
    ]
    if recipe.kind == "dpo" and recipe.sft_weight:
        parts.append(f"the preferred texts are also imitated (weight {recipe.sft_weight:g}), so that they stay likely")
    if recipe.mix:
        parts.append(f"the rows of {len(recipe.mix)} prompts are shown more or less often than others")
    kept = "the adapter of an earlier version is trained further" if recipe.continue_from else (
        f"only an adapter of rank {recipe.rank} is trained"
    )  # fmt: skip
    frozen = f", none in the first {recipe.freeze_layers} layers" if recipe.freeze_layers else ""
    parts.append(f"{kept}{frozen}; the model itself stays as it is")
    if held_out:
        stop = f", and training stops after {recipe.patience} checks without progress" if recipe.patience else ""
        parts.append(f"{held_out:,} rows are held out to check it{stop}")
    else:
        parts.append("nothing can be held out, so nothing checks it on the way")
    return ". ".join(part[0].upper() + part[1:] for part in parts) + "."
