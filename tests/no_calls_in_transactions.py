"""Case D14 in every test: nothing goes out to the network while the code holds a transaction open.

connectors.net refuses by itself; this listens lower down, at the sockets, and so covers the models, the broker, mail
and whatever comes later. Who catches the refusal is found out at the end of the test. The transaction that
pytest-django puts around a test is none of the code's. Imported by conftest.py.
"""

from __future__ import annotations

import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections


class CallInTransaction(RuntimeError):
    """Somebody spoke to the network inside `transaction.atomic()`. Move the call before or behind the transaction."""


REFUSED: list[str] = []
"""Where it happened, since the beginning of the test."""


@pytest.fixture(scope="session", autouse=True)
def nothing_is_sent_inside_a_transaction() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for kind in (socket.socket, ssl.SSLSocket):
            for name in ("connect", "send", "sendall", "sendto"):
                patch.setattr(kind, name, guarded(getattr(kind, name)))
        yield


@pytest.fixture(autouse=True)
def no_refusal_was_swallowed() -> Iterator[None]:
    REFUSED.clear()
    yield
    assert not REFUSED, f"The network was called inside a transaction:\n{REFUSED[0]}"


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    def outside_transactions_only(self: Any, *args: Any) -> Any:
        if is_in_transaction():
            REFUSED.append("".join(traceback.format_stack(limit=25)))
            raise CallInTransaction(f"{type(self).__name__}.{method.__name__} inside a transaction")
        return method(self, *args)

    return outside_transactions_only


def is_in_transaction() -> bool:
    """Whether this thread is in a transaction that the code under test began."""
    for connection in connections.all(initialized_only=True):
        if any(not block._from_testcase for block in connection.atomic_blocks):
            return True
    return False
