"""B06: who finds the broker dead spares the others the wait."""

from __future__ import annotations

import pytest
from kombu.exceptions import OperationalError

from config import celery
from config.celery import Breaker


def test_b06_after_a_failure_nobody_else_tries() -> None:
    breaker = Breaker()
    breaker.pass_through()

    breaker.note(failed=True)

    with pytest.raises(OperationalError):
        breaker.pass_through()


def test_b06_who_stood_in_line_behind_the_failure_does_not_try_either() -> None:
    breaker = Breaker()
    came_at = breaker.pass_through()

    breaker.note(failed=True)

    with pytest.raises(OperationalError):
        breaker.look_again(came_at)


def test_b06_after_the_silence_one_caller_tries_and_the_others_still_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker()
    monkeypatch.setattr(celery, "SILENCE_S", 0.0)
    breaker.note(failed=True)
    monkeypatch.setattr(celery, "SILENCE_S", 60.0)

    came_at = breaker.pass_through()

    breaker.look_again(came_at)
    with pytest.raises(OperationalError):
        breaker.pass_through()


def test_b06_a_message_that_went_out_lets_everybody_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker = Breaker()
    breaker.note(failed=True)

    breaker.note(failed=False)

    assert breaker.pass_through() <= breaker.pass_through()
