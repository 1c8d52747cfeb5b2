"""Merkle trees as in RFC 6962 §2.1: the root over leaves that are hashed already, and the way from one leaf to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_NODE = b"\x01"


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Of at least one leaf. A node that is left over at the end of a level goes up as it is."""
    if not leaves:
        raise ValueError("a tree has leaves")
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def way_of(leaves: Sequence[bytes], position: int) -> list[bytes]:
    """The neighbours on the way from a leaf up to the root."""
    level, way = list(leaves), []
    while len(level) > 1:
        neighbour = position ^ 1
        if neighbour < len(level):
            way.append(level[neighbour])
        level, position = _above(level), position // 2
    return way


def leads_to(leaf: bytes, position: int, count: int, way: Sequence[bytes]) -> bytes | None:
    """The root that this way leads to in a tree of `count` leaves; None where the way does not fit such a tree."""
    if not 0 <= position < count:
        return None
    left, found = list(way), leaf
    while count > 1:
        neighbour = position ^ 1
        if neighbour < count:
            if not left:
                return None
            other = left.pop(0)
            found = _node(other, found) if neighbour < position else _node(found, other)
        position, count = position // 2, (count + 1) // 2
    return None if left else found


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()
