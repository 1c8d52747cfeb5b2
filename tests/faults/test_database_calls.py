"""No call to the network inside a transaction, in any test of the suite (case D14)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from openai import APIConnectionError

from connectors import net
from connectors.models_gateway import wire
from tests.no_calls_in_transactions import REFUSED, CallInTransaction
from tests.scripted_provider import KEY, MODEL, ScriptedProvider, scripted_provider

__all__ = ["scripted_provider"]


@contextmanager
def refused(by: tuple[type[Exception], ...] = (CallInTransaction,)) -> Iterator[None]:
    """Inside a transaction of the code's own; the refusal in it is meant."""
    with transaction.atomic(), pytest.raises(by):
        yield
    assert REFUSED
    REFUSED.clear()


def address_of(provider: ScriptedProvider) -> tuple[str, int]:
    host, port = provider.base_url.split("/")[2].split(":")
    return host, int(port)


def test_d14_the_door_to_the_network_refuses_by_itself() -> None:
    assert net.FORBID_IN_TRANSACTION is True


@pytest.mark.django_db(transaction=True)
def test_d14_a_socket_inside_a_transaction_is_refused(scripted_provider: ScriptedProvider) -> None:
    with socket.create_connection(address_of(scripted_provider)) as line:
        with refused():
            line.sendall(b"GET / HTTP/1.1")
        with refused():
            socket.create_connection(address_of(scripted_provider))

        line.sendall(b"GET / HTTP/1.1")


@pytest.mark.django_db(transaction=True)
def test_d14_a_model_asked_inside_a_transaction_hears_nothing(scripted_provider: ScriptedProvider) -> None:
    client = wire.client(scripted_provider.base_url, KEY)
    question = [{"role": "user", "content": "Is anybody there?"}]

    with refused((CallInTransaction, APIConnectionError)):
        client.chat.completions.create(model=MODEL, messages=question)  # type: ignore[call-overload]

    assert scripted_provider.requests == []


@pytest.mark.django_db
def test_d14_the_transaction_around_a_test_is_none_of_the_codes(scripted_provider: ScriptedProvider) -> None:
    assert connection.in_atomic_block

    socket.create_connection(address_of(scripted_provider)).close()

    with refused():
        socket.create_connection(address_of(scripted_provider))
