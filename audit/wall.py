"""The second wall (rule S11): a query that forgot its scope gives nothing of another department.

While a request is answered, its statements run as a role without rights of its own, for which each table shows only
rows of the departments told in `app.departments` (config/second_wall.py makes the policies). Here is kept who stands
behind the wall, and each connection is told before its next statement. docs/decisions/0032 says what
this can and cannot stop.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from uuid import UUID

from psycopg.pq import TransactionStatus

ROLE: Final = "tandem_walled"
OPEN: Final = None
"""No wall: workers, the scheduler, commands, and what a request does for the server itself."""
ANY: Final = "any"
"""Whatever the connection has been told: enough for tables of no department."""
UNSURE: Final = "unsure"
ASK_AGAIN_S: Final = 10.0
"""For so long a database without the wall is not asked again whether it has one now."""

log = logging.getLogger(__name__)
_wanted: ContextVar[str | None] = ContextVar("wall", default=OPEN)

_TELL = "SELECT set_config('role', %s, false), set_config('app.departments', %s, false)"
TO_CHANGE: Final = "CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END"
"""From PostgreSQL 16 on a member, like one who made the role, may be one who must not change to it."""
_STANDS = f"""
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND pg_has_role(session_user, oid, {TO_CHANGE}))
    AND EXISTS (SELECT FROM pg_policies WHERE policyname = 'wall')
"""


def stand_behind(departments: Iterable[UUID]) -> None:
    """From now on, in this thread, nothing but these departments is to be seen; none at all where there are none."""
    _wanted.set("{" + ",".join(sorted(map(str, departments))) + "}")


def take_down() -> None:
    _wanted.set(OPEN)


def leave_as_it_is() -> None:
    """Until it is known who asks: until then only tables of no department are read."""
    _wanted.set(ANY)


@contextmanager
def beyond() -> Iterator[None]:
    """For what the server itself looks up, like whose secret this is."""
    yield from _while(OPEN)


@contextmanager
def undecided() -> Iterator[None]:
    """For the tables of no department: saves telling the connection twice."""
    yield from _while(ANY)


def admit(*departments: UUID) -> None:
    """These too, until the request is answered: something of them was found to be open to whoever asks."""
    now = _wanted.get()
    if now is not OPEN and now is not ANY:
        stand_behind({*map(UUID, filter(None, now.strip("{}").split(","))), *departments})


def keep(connection: Any) -> None:
    """Tell Django's `connection` what may be seen, where it has been told otherwise. At most one statement."""
    wanted, raw = _wanted.get(), connection.connection
    if wanted is ANY or raw is None or getattr(raw, "wall", OPEN) == wanted:
        return
    if raw.info.transaction_status == TransactionStatus.INERROR:
        return  # it shows nothing to anybody until it is taken back
    with connection.wrap_database_errors:
        if not _stands(raw):
            return
        raw.execute(_TELL, ["none" if wanted is OPEN else ROLE, wanted or ""], prepare=True)
    raw.wall, raw.walled_in_transaction = wanted, not connection.get_autocommit()


def doubt(connection: Any) -> None:
    """A transaction was taken back, and with it perhaps what the connection was told in it."""
    if getattr(connection.connection, "walled_in_transaction", False):
        connection.connection.wall = UNSURE


def _while(wanted: str | None) -> Iterator[None]:
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


_stood = False
_none_until = 0.0


def _stands(raw: Any) -> bool:
    """Whether the database has the wall: its role and its policies. That there is none is said.

    Once it stands it is not asked for again; where there is none, a migration may bring it at any time.
    """
    global _stood, _none_until
    if not _stood and time.monotonic() >= _none_until:
        _stood = bool(raw.execute(_STANDS, [ROLE]).fetchone()[0])
        if not _stood:
            log.warning("wall.missing: the database has no second wall between departments (docs/operating.md)")
            _none_until = time.monotonic() + ASK_AGAIN_S
    return _stood
