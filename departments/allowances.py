"""How often somebody may ask, counted in the database: it holds however many ask at once, of however many processes.

A key has one moment, `free_at`: when all that it has taken is forgotten. Each taking moves it on by one pause, and is
refused where that would lead further ahead than `at_once` pauses (the generic cell rate algorithm, ITU-T I.371). The
row is locked for one statement alone. The table is unlogged: after a crash of the database everybody begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import Final

from audit import sql

LINE: Final = 6
"""A sixth of what is allowed in a minute may come at once."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`at_once`, and after that one more each `pause_s` seconds."""

    name: str
    at_once: int
    pause_s: float

    @classmethod
    def of_minute(cls, name: str, per_minute: int) -> Limit:
        return cls(name, max(1, per_minute // LINE), 60 / per_minute)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left after a taking. `wait_s` is 0 where it was allowed, else when to come back."""

    limit: Limit
    left: int
    full_s: float
    wait_s: float = 0.0

    @property
    def is_refused(self) -> bool:
        return self.wait_s > 0

    def headers(self) -> dict[str, str]:
        """Source: draft-ietf-httpapi-ratelimit-headers-10."""
        name, most = self.limit.name, self.limit.at_once
        return {
            "RateLimit-Policy": f'"{name}";q={most};w={max(1, ceil(most * self.limit.pause_s))}',
            "RateLimit": f'"{name}";r={self.left};t={ceil(self.full_s)}',
        }


def take(key: str, limit: Limit) -> Allowance:
    """One more for this key. One statement; a second one where it is refused, to say how long."""
    found = sql.row(_TAKE, [key, *values(limit)])
    return after(key, limit, *(found or (None, None)))


def spent(key: str, limit: Limit) -> Allowance | None:
    """What would be refused now, without taking anything; None where one more is allowed."""
    seen = sql.row(_SEEN, [key])
    ahead_s = float(seen[0]) if seen else 0.0
    return after(key, limit, None, None) if ahead_s > (limit.at_once - 1) * limit.pause_s else None


def after(key: str, limit: Limit, free_at: datetime | None, now: datetime | None) -> Allowance:
    """What a taking came to; `free_at` is None where it was refused."""
    if free_at is not None and now is not None:
        ahead_s = (free_at - now).total_seconds()
        return Allowance(limit, max(0, int(limit.at_once - ahead_s / limit.pause_s + 1e-6)), max(0.0, ahead_s))
    seen = sql.row(_SEEN, [key])
    ahead_s = float(seen[0]) if seen else 0.0
    wait_s = ahead_s - (limit.at_once - 1) * limit.pause_s
    return Allowance(limit, 0, max(0.0, ahead_s), max(wait_s, 0.001))


def values(limit: Limit) -> list[float]:
    return [limit.pause_s, limit.pause_s, (limit.at_once - 1) * limit.pause_s]


def of_address(address: str) -> str:
    """The key of whoever asks from there; of IPv6 the /64, of which one customer has all."""
    try:
        known = ip_address(address)
    except ValueError:
        return f"address:{address[:60]}"
    if isinstance(known, IPv6Address):
        return f"address:{IPv6Network((known, 64), strict=False)}"
    return f"address:{known}"


def forget() -> int:
    """Keys of which nothing is known any more that counts."""
    return sql.changed(_FORGET, [])


def taking(key: str, source: str = "") -> str:
    """The statement's part that takes one; `key` and where it is from are SQL. Its parameters are `values`.

    The clock is read after the row is locked: whoever waited for it is not counted by the time when they came.
    """
    return f"""
        INSERT INTO departments_allowance AS known (key, free_at)
        SELECT {key}, clock_timestamp() + make_interval(secs => %s) {source}
        ON CONFLICT (key) DO UPDATE
            SET free_at = greatest(known.free_at, clock_timestamp()) + make_interval(secs => %s)
            WHERE known.free_at <= clock_timestamp() + make_interval(secs => %s)
        RETURNING free_at
    """


_TAKE = f"WITH taken AS ({taking('%s')}) SELECT free_at, clock_timestamp() FROM taken"
_SEEN = "SELECT extract(epoch FROM free_at - clock_timestamp()) FROM departments_allowance WHERE key = %s"
_FORGET = "DELETE FROM departments_allowance WHERE free_at < clock_timestamp()"
