"""Whose request is next: deficit round-robin over owners. Knows nothing of models, backends or threads."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterator
from copy import deepcopy
from dataclasses import dataclass

from models.base import Request
from models.pace import cost


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands in a queue. before: how many go first. work: what they and it itself cost."""

    before: int = 0
    work: int = 0


class FairQueue:
    """Deficit round-robin (Shreedhar & Varghese 1995) with one lane per owner.

    In each round every waiting owner earns the same credit, just enough for one of them to afford the request at
    the head of its lane. Among those who can afford theirs, the one served longest ago goes first, so a newcomer's
    request is next unless it is heavier than what the others wait for. Not thread-safe.
    """

    def __init__(self) -> None:
        self._lanes: dict[str, deque[tuple[str, int]]] = {}  # owner -> (request id, cost), oldest first
        self._credit: dict[str, int] = {}
        self._served: OrderedDict[str, int] = OrderedDict()  # owner -> tick of its last service
        self._tick = 0

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def push(self, request: Request) -> None:
        self._lanes.setdefault(request.owner, deque()).append((request.id, cost(request)))
        self._credit.setdefault(request.owner, 0)

    def next(self, skip: Collection[str] = ()) -> str | None:
        """The request to admit next if these owners must wait; None when there is none."""
        lanes = {owner: lane for owner, lane in self._lanes.items() if owner not in skip}
        if not lanes:
            return None
        shortfall = {owner: lane[0][1] - self._credit[owner] for owner, lane in lanes.items()}
        grant = max(0, min(shortfall.values()))
        for owner in self._lanes:
            self._credit[owner] += grant
        affordable = [owner for owner in lanes if shortfall[owner] <= grant]
        return lanes[min(affordable, key=lambda owner: self._served.get(owner, 0))][0][0]

    def take(self, request_id: str) -> None:
        """Take a request out and charge its owner; one that is not there is ignored."""
        owner = next((owner for owner, lane in self._lanes.items() if any(id_ == request_id for id_, _ in lane)), None)
        if owner is None:
            return
        self._credit[owner] -= next(price for id_, price in self._lanes[owner] if id_ == request_id)
        self._tick += 1
        self._served[owner] = self._tick
        self._served.move_to_end(owner)
        if len(self._served) > 1000:
            self._served.popitem(last=False)
        self.remove(request_id)

    def pop(self) -> str | None:
        """Take the next request out and charge its owner."""
        if (request_id := self.next()) is not None:
            self.take(request_id)
        return request_id

    def remove(self, request_id: str) -> bool:
        """Take a request out as if it had never been there."""
        for owner, lane in list(self._lanes.items()):
            for place, (id_, _) in enumerate(lane):
                if id_ == request_id:
                    del lane[place]
                    self._forget_if_empty(owner)
                    return True
        return False

    def order(self) -> Iterator[str]:
        """The ids in the order they would be popped if nothing else arrived."""
        rehearsal = deepcopy(self)
        while (request_id := rehearsal.pop()) is not None:
            yield request_id

    def places(self) -> dict[str, Place]:
        """The place of every request as things stand."""
        prices = {id_: price for lane in self._lanes.values() for id_, price in lane}
        places, work = {}, 0
        for before, request_id in enumerate(self.order()):
            work += prices[request_id]
            places[request_id] = Place(before, work)
        return places

    def _forget_if_empty(self, owner: str) -> None:
        # an idle owner keeps no credit: saved-up credit would let it flood the machine later
        if not self._lanes[owner]:
            del self._lanes[owner], self._credit[owner]
