"""Celery carries one kind of message: "look now" at a step (docs/decisions/0002). Losing one costs seconds, no work."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

QUEUES = ("interactive", "normal", "bulk")
PUBLISH_TIMEOUT_S = 0.5
SILENCE_S = 1.0
"""After a message could not be sent, for this long only one caller tries; the others are told at once."""


class Breaker:
    """Keeps callers from a broker that has just failed, so that they do not wait in line for its silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._next_try_at = 0.0

    def pass_through(self) -> None:
        """Raises OperationalError while the broker is taken for dead, except for one caller every SILENCE_S."""
        with self._lock:
            if not self._is_open:
                return
            if time.monotonic() < self._next_try_at:
                raise OperationalError("The broker failed a moment ago.")
            self._next_try_at = time.monotonic() + SILENCE_S

    def note(self, *, failed: bool) -> None:
        with self._lock:
            self._is_open = failed
            self._next_try_at = time.monotonic() + SILENCE_S


class Tandem(Celery):
    """A Celery whose senders never wait long: one try of half a second, and none while the broker is known to be dead."""

    breaker = Breaker()

    def connection_for_write(self, url: str | None = None, **options: Any) -> Connection:
        return super().connection_for_write(url, **{"connect_timeout": PUBLISH_TIMEOUT_S, **options})

    def send_task(self, name: str, *args: Any, connection: Connection | None = None, **options: Any) -> Any:
        """Raises kombu's OperationalError when the message did not reach the broker."""
        if connection is not None:
            return super().send_task(name, *args, connection=connection, **options)
        self.breaker.pass_through()
        with self.producer_or_acquire(options.pop("producer", None)) as producer:
            try:
                sent = super().send_task(name, *args, producer=producer, **options)
            except Exception:
                self.breaker.note(failed=True)
                # Else the pool would part from a silent RabbitMQ with ceremony, and wait a second for its answers.
                producer.connection.collect()
                raise
        self.breaker.note(failed=False)
        return sent


def _transport_options(broker_url: str) -> dict[str, Any]:
    """One try of half a second: a page that hands out a step must never hang on a dead broker."""
    # Only publishing obeys max_retries; a worker comes back by broker_connection_max_retries, for ever.
    once = {"max_retries": 0}
    if broker_url.startswith(("redis", "valkey")):
        return once | {"socket_timeout": PUBLISH_TIMEOUT_S, "socket_connect_timeout": PUBLISH_TIMEOUT_S}
    # Without confirms a publish to a RabbitMQ that is gone only fills a buffer, and seems to succeed.
    timeouts = {"read_timeout": PUBLISH_TIMEOUT_S, "write_timeout": PUBLISH_TIMEOUT_S}
    return once | timeouts | {"confirm_publish": True}


def _configure(app: Celery) -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.BROKER_URL,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
        broker_transport_options=_transport_options(settings.BROKER_URL),
        accept_content=["json"],
        task_serializer="json",
        task_acks_late=False,
        task_ignore_result=True,
        task_publish_retry=False,
        # RabbitMQ would write each hint to its disk before it confirms it.
        task_default_delivery_mode="transient",
        # Each with an exchange of its own: on a shared one every message would reach all of them.
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
        task_default_queue="normal",
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_eta_task_limit=100,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        enable_utc=True,
    )


app = Tandem("tandem")
_configure(app)
app.autodiscover_tasks(["workflows"])
