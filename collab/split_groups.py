"""Rows that must not be split from each other, because they share a prompt, a person or anything else. Pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable


def joined(rows: Iterable[Collection[Hashable]]) -> list[str]:
    """For each row, given as the keys it has, the name of its group: no two groups share a key.

    These are the connected components of rows and keys, by union-find: people who saw everything leave only one.
    """
    parent: list[int] = []  # of each key, by number
    numbers: dict[Hashable, int] = {}

    def root(number: int) -> int:
        while (above := parent[number]) != number:
            parent[number] = parent[above]  # path halving
            number = parent[number]
        return number

    firsts = []
    for keys in rows:
        nodes = []
        for key in keys:
            number = numbers.setdefault(key, len(parent))
            if number == len(parent):
                parent.append(number)
            nodes.append(number)
        for node in nodes[1:]:
            parent[root(node)] = root(nodes[0])
        firsts.append(nodes[0])
    names: dict[int, str] = {}
    return [names.setdefault(root(first), f"g{len(names) + 1}") for first in firsts]
