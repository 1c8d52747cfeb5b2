"""The four clocks and the size limit (rules L2, L9; cases M06, M07, M08, M17)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from connectors.models_gateway.door import ask
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import Clocks
from connectors.sdk import Rejected, StepError, Unavailable
from tests.connectors.models_gateway.asking import question, way_to
from tests.scripted_provider import (
    Reply,
    ScriptedProvider,
    drips,
    huge,
    only_keeps_alive,
    stalls_before_body,
    stalls_before_headers,
    stalls_midway,
)

LONG = Clocks(connect_s=9, first_byte_s=9, idle_s=9, total_s=9)


def failure_after(provider: ScriptedProvider, clocks: Clocks, **changes: object) -> tuple[StepError, float, CallRecord]:
    calls: list[CallRecord] = []
    began = time.monotonic()
    with pytest.raises(StepError) as caught:
        ask(question(provider, clocks, **changes), calls)
    return caught.value, time.monotonic() - began, calls[-1]


@pytest.mark.parametrize("reply", [stalls_before_headers(), stalls_before_body()])
def test_a_provider_that_never_begins_is_given_up_at_the_first_byte_clock(
    scripted_provider: ScriptedProvider, reply: Reply
) -> None:
    scripted_provider.script = [reply]

    error, took, call = failure_after(scripted_provider, Clocks(first_byte_s=0.5, idle_s=9, total_s=9))

    assert isinstance(error, Unavailable)
    assert "did not begin to answer within 0.5 s" in error.message
    assert 0.5 <= took < 1
    assert call["first_byte_s"] is None


def test_a_stream_that_falls_silent_is_given_up_at_the_idle_clock_and_its_part_is_no_answer(
    scripted_provider: ScriptedProvider,
) -> None:
    scripted_provider.script = [stalls_midway("Once upon a time")]

    error, took, call = failure_after(scripted_provider, Clocks(first_byte_s=9, idle_s=0.5, total_s=9))

    assert isinstance(error, Unavailable)
    assert "fell silent for 0.5 s" in error.message
    assert 0.5 <= took < 1
    assert call["partial"] == "Once upon a "
    assert "answer" not in call
    assert (call["error"], call["estimated"]) == ("unavailable", True)


def test_a_slow_start_does_not_count_on_the_idle_clock(scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script = [Reply(text="Late but whole", before_s=0.6)]

    answer = ask(question(scripted_provider, Clocks(first_byte_s=5, idle_s=0.2, total_s=9)), [])

    assert answer.text == "Late but whole"


@pytest.mark.parametrize("reply", [drips(0.05), only_keeps_alive(0.05)])
def test_a_provider_that_drips_for_ever_is_given_up_at_the_total_clock(
    scripted_provider: ScriptedProvider, reply: Reply
) -> None:
    scripted_provider.script = [reply]

    error, took, _call = failure_after(scripted_provider, Clocks(first_byte_s=9, idle_s=9, total_s=0.6))

    assert isinstance(error, Unavailable)
    assert "did not finish within" in error.message
    assert 0.6 <= took < 1


def test_the_total_clock_rings_during_a_silence_that_the_idle_clock_would_allow(
    scripted_provider: ScriptedProvider,
) -> None:
    scripted_provider.script = [stalls_midway()]

    _error, took, _call = failure_after(scripted_provider, Clocks(first_byte_s=9, idle_s=9, total_s=0.6))

    assert 0.6 <= took < 1


def test_no_call_outlives_the_deadline_of_its_step(scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script = [stalls_midway()]

    _error, took, _call = failure_after(scripted_provider, LONG, deadline=time.monotonic() + 0.5)

    assert 0.4 <= took < 1


def test_a_step_without_time_does_not_ask_at_all(scripted_provider: ScriptedProvider) -> None:
    calls: list[CallRecord] = []

    with pytest.raises(Unavailable, match="The step's time was over"):
        ask(question(scripted_provider, deadline=time.monotonic() - 1), calls)

    assert (scripted_provider.calls, calls) == (0, [])


def test_headers_that_drip_are_given_up_at_the_first_byte_clock(dripping_headers: int) -> None:
    provider = ScriptedProvider()
    way = way_to(
        provider, Clocks(first_byte_s=0.6, idle_s=9, total_s=9), base_url=f"http://127.0.0.1:{dripping_headers}/v1"
    )

    error, took, _call = failure_after(provider, way.clocks, way=way)

    assert "did not begin to answer" in error.message
    assert 0.6 <= took < 1
    provider.close()


def test_nobody_listening_is_told_at_once(scripted_provider: ScriptedProvider, unused_port: int) -> None:
    way = way_to(scripted_provider, base_url=f"http://127.0.0.1:{unused_port}/v1")

    error, took, call = failure_after(scripted_provider, LONG, way=way)

    assert isinstance(error, Unavailable)
    assert "could not be reached" in error.message
    assert took < 1
    assert (call["tokens_in"], call["cost_usd"], call["estimated"]) == (0, "0.000000", False)


def test_an_endless_answer_is_cut_at_ten_megabytes(scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script = [huge(50)]

    error, took, call = failure_after(scripted_provider, LONG)

    assert isinstance(error, Rejected)
    assert error.code == "too_large"
    assert len(call["partial"]) == 200_000
    assert took < 3


def test_an_endless_error_page_is_cut_as_well(scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script = [Reply(status=500, body=b"<html>" + b"x" * 12_000_000)]

    error, _took, _call = failure_after(scripted_provider, LONG)

    assert error.code == "too_large"


def test_a_compressed_answer_is_not_taken(scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script = [Reply(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})]

    error, _took, _call = failure_after(scripted_provider, LONG)

    assert isinstance(error, Unavailable)
    assert scripted_provider.headers[0]["accept-encoding"] == "identity"


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def dripping_headers() -> Iterator[int]:
    """A server that sends its headers one byte at a time, for ever."""
    import threading

    server = socket.create_server(("127.0.0.1", 0))
    closing = threading.Event()

    def serve() -> None:
        caller, _ = server.accept()
        with caller:
            caller.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not closing.wait(0.05):
                try:
                    caller.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    closing.set()
    thread.join(2)
    server.close()
