"""The database backend named in config/database.py."""

from __future__ import annotations

import select
import time
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, Error
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from audit import wall

SURELY_ALIVE_S = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """Django asks at every use (CONN_HEALTH_CHECKS), which costs a tenth of a short request or step.

    A connection that was used a moment ago is only looked at: a server that ends a session says so, or hangs up.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        connection: Connection[Any] = super().get_new_connection(conn_params)
        while self.pool and not _lives(connection):
            self.pool.putconn(connection)  # the pool throws a broken connection away
            connection = super().get_new_connection(conn_params)
        return connection

    def _close(self) -> Any:
        if self.connection is not None:
            self.connection.returned_at = time.monotonic()
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                wall.doubt(self)  # the pool takes back what was begun
        return super()._close()  # type: ignore[misc]  # django-stubs does not know it

    def create_cursor(self, name: str | None = None) -> Any:
        wall.keep(self)
        return super().create_cursor(name)

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]
        wall.doubt(self)

    def _savepoint_rollback(self, sid: str) -> None:
        super()._savepoint_rollback(sid)  # type: ignore[misc]
        wall.doubt(self)


def _lives(connection: Connection[Any]) -> bool:
    if time.monotonic() - getattr(connection, "returned_at", 0.0) < SURELY_ALIVE_S:
        return not connection.closed and not _has_word(connection)
    try:
        ConnectionPool.check_connection(connection)
    except Error:
        return False
    return True


def _has_word(connection: Connection[Any]) -> bool:
    """Whether something has come in on a connection that was asked nothing. `poll`, as `select` ends at 1,024 files."""
    line = select.poll()
    line.register(connection.fileno(), select.POLLIN)
    return bool(line.poll(0))
