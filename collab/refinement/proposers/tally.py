"""What speaks for a rule and what against it, and when that is enough. Knows nothing of style.

The gate: of the acts that take sides, most must be on this one. With a uniform prior, the share that agrees has the
posterior Beta(support + 1, against + 1). A rule needs 3 acts in support and a posterior of at least 0.93 that the share
is more than one half, which 3 of 3 have. Where more than a tenth disagrees it needs 0.98, since some twenty things are
tried at once: 8 of 9 and 9 of 11 have that, 5 of 6 and 7 of 9 have not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import erfc, sqrt

SUPPORT = 3.0  # acts, weighted
SURE, SURER = 0.93, 0.98  # posterior that most agree: where nearly all do, and else
KEPT = 0.5  # of what somebody left as it was when they changed something else, or liked as it was


@dataclass(frozen=True, slots=True)
class Contrast:
    """A text and what somebody would rather have. how: "edit", "liked" (both are the same) or "choice"."""

    before: str
    after: str
    asked: str
    weight: float
    event_ids: tuple[str, ...]
    how: str = "edit"


@dataclass(slots=True)
class Side:
    """The acts on one side: how much they weigh, and which they are. changed: without those that left it so."""

    weight: float = 0.0
    changed: float = 0.0
    events: dict[str, None] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """For every dimension, the sides people took."""

    sides: dict[str, dict[str, Side]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Side)))

    def vote(self, dimension: str, way: str, weight: float, events: Iterable[str]) -> None:
        """Somebody made it so, or asked for it."""
        side = self.sides[dimension][way]
        side.weight += weight
        side.changed += weight
        side.events |= dict.fromkeys(events)

    def keep(self, dimension: str, way: str, weight: float) -> None:
        """Somebody left it so: that speaks against the other ways, and asks for nothing."""
        self.sides[dimension][way].weight += KEPT * weight

    def standing(self, dimension: str, way: str) -> tuple[float, float, float, tuple[str, ...]]:
        """support, against, strength, and the acts in support."""
        side = self.sides[dimension][way]
        against = sum(other.weight for name, other in self.sides[dimension].items() if name != way)
        return side.changed, against, sureness(side.changed, against), tuple(side.events)

    def conflict(self, dimension: str) -> list[str]:
        """The ways of a dimension in which people changed things, where there are several that count; else []."""
        ways = [way for way, side in self.sides[dimension].items() if side.changed >= 1]
        return sorted(ways, key=lambda way: -self.sides[dimension][way].changed) if len(ways) > 1 else []


def sureness(support: float, against: float) -> float:
    """The posterior that more than half of all such acts would agree: 1 − I½(support + 1, against + 1)."""
    from scipy.special import betainc

    return float(betainc(against + 1, support + 1, 0.5))


def suffices(support: float, against: float, strength: float) -> bool:
    """Whether this much evidence makes a rule."""
    return support >= SUPPORT - 1e-9 and strength >= (SURER if against > 0.1 * support + 1e-9 else SURE)


def by_chance(hits: int, chances: Iterable[float]) -> float:
    """P(at least `hits` of these happen), each with its own chance: the Poisson binomial, exact for up to a hundred, by
    the normal approximation beyond."""
    chances = list(chances)
    if len(chances) > 100:
        spread_by = sqrt(sum(chance * (1 - chance) for chance in chances))
        beyond = hits - 0.5 - sum(chances)
        return 0.5 * erfc(beyond / spread_by / sqrt(2)) if spread_by else float(beyond <= 0)
    spread = [1.0]
    for chance in chances:
        spread = [
            (spread[n] if n < len(spread) else 0.0) * (1 - chance) + (spread[n - 1] if n else 0.0) * chance
            for n in range(len(spread) + 1)
        ]
    return sum(spread[hits:])
