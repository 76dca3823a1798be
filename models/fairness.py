"""Whose request is next: deficit round-robin over owners. Knows nothing of models, backends or threads."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from copy import deepcopy

from models.base import ImageRequest, Request


def cost(request: Request) -> int:
    """The work a request asks for, in tokens for text and in pixel updates for images; at least 1.

    Costs of the two modalities are never compared: every model has its own queue.
    """
    settings = request.settings
    if isinstance(request, ImageRequest):
        each = settings["num_inference_steps"] * settings["width"] * settings["height"]
    else:
        each = settings["max_new_tokens"]
    return max(1, request.count * int(each))


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
        self._chosen: str | None = None  # the owner whose head is next, fixed until it is popped or removed

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def push(self, request: Request) -> None:
        self._lanes.setdefault(request.owner, deque()).append((request.id, cost(request)))
        self._credit.setdefault(request.owner, 0)

    def next(self) -> str | None:
        """The request that is to be admitted next; the same one until it leaves the queue. None when empty."""
        if self._chosen is None and self._lanes:
            shortfall = {owner: lane[0][1] - self._credit[owner] for owner, lane in self._lanes.items()}
            grant = max(0, min(shortfall.values()))
            for owner in self._lanes:
                self._credit[owner] += grant
            affordable = [owner for owner in self._lanes if shortfall[owner] <= grant]
            self._chosen = min(affordable, key=lambda owner: self._served.get(owner, 0))
        return self._lanes[self._chosen][0][0] if self._chosen is not None else None

    def pop(self) -> str | None:
        """Take the next request out and charge its owner."""
        if self.next() is None:
            return None
        owner, self._chosen = str(self._chosen), None
        request_id, price = self._lanes[owner].popleft()
        self._credit[owner] -= price
        self._tick += 1
        self._served[owner] = self._tick
        self._served.move_to_end(owner)
        if len(self._served) > 1000:
            self._served.popitem(last=False)
        self._forget_if_empty(owner)
        return request_id

    def remove(self, request_id: str) -> bool:
        for owner, lane in list(self._lanes.items()):
            for place, (id_, _) in enumerate(lane):
                if id_ == request_id:
                    del lane[place]
                    if self._chosen == owner and place == 0:
                        self._chosen = None
                    self._forget_if_empty(owner)
                    return True
        return False

    def order(self) -> Iterator[str]:
        """The ids in the order they would be popped if nothing else arrived."""
        rehearsal = deepcopy(self)
        while (request_id := rehearsal.pop()) is not None:
            yield request_id

    def _forget_if_empty(self, owner: str) -> None:
        # an idle owner keeps no credit: saved-up credit would let it flood the machine later
        if not self._lanes[owner]:
            del self._lanes[owner], self._credit[owner]
