"""Celery as the engine needs it (docs/decisions/0002)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from config import embedded, parts
from config.celery import QUEUES, app
from config.processes import Process


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("task_acks_late", False),
        ("task_ignore_result", True),
        ("task_publish_retry", False),
        ("worker_prefetch_multiplier", 1),
        ("accept_content", ["json"]),
        ("task_default_queue", "normal"),
        ("broker_connection_retry_on_startup", True),
    ],
)
def test_a_lost_message_costs_time_only(setting: str, value: object) -> None:
    assert app.conf[setting] == value


def test_the_queues_are_the_priorities() -> None:
    assert [queue.name for queue in app.conf.task_queues] == ["interactive", "normal", "bulk"]


@pytest.mark.parametrize("address", ["redis://127.0.0.1:9/0", "redis+socket:///nowhere/valkey.sock"])
def test_publishing_to_a_dead_broker_gives_up_within_a_second(address: str) -> None:
    with app.connection_for_write(address) as connection:
        began = time.monotonic()
        with pytest.raises(OperationalError):
            app.send_task("look.now", args=["id"], queue="normal", connection=connection)

    assert time.monotonic() - began < 1


def test_a_message_reaches_its_queue_and_no_other(home: Path) -> None:
    valkey = Process(parts.valkey(home))
    valkey.wait_until_ready()
    try:
        with app.connection_for_write(embedded.broker_url(home)) as connection:
            for queue in app.conf.task_queues:
                queue(connection).declare()
            app.send_task("look.now", args=["id"], queue="bulk", connection=connection)
        broker = redis.Redis(unix_socket_path=str(embedded.valkey_socket(home)))
        lengths = {name: broker.llen(name) for name in QUEUES}
    finally:
        valkey.stop()

    assert lengths == {"interactive": 0, "normal": 0, "bulk": 1}
