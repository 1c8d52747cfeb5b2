"""A server started beside us, by compose for instance, may need a moment."""

from __future__ import annotations

import time

from django.db import OperationalError, connection

PATIENCE_S = 30


class NoDatabase(Exception):
    """It gives no answer; what it says instead."""


def wait_for_database() -> None:
    """Returns with a connection. Raises NoDatabase after half a minute without one."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise NoDatabase(f"The database gives no answer. Is DATABASE_URL right? It says: {error}") from None
            time.sleep(1)
        else:
            return
