"""Does refinement help people whose tastes it cannot see? Simulated annotators with hidden preferences, in three parts.

text.py edits on the embedded language model · pictures.py votes on the embedded image model · promotions.py how often
chance is promoted. Each stands beside arms that could have won: no learning, a random proposal, shuffled feedback and
an oracle. `python -m bench.refine [text|pictures|promotions]`
"""

from __future__ import annotations


def main(parts: tuple[str, ...] = ("promotions", "pictures", "text")) -> None:
    """Print and keep the figures of these parts."""
    from bench.record import keep
    from bench.refine import pictures, promotions, text

    for part in parts:
        keep({"text": text, "pictures": pictures, "promotions": promotions}[part].figures(), "refine")
