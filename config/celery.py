"""Celery carries one kind of message: "look now" at a step (docs/decisions/0002). Losing one costs seconds, no work."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import worker_init
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from config.env import BadSetting
from config.redis_channels import prepare_redis

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

QUEUES = ("interactive", "normal", "bulk")
REDIS = ("redis", "valkey")
PUBLISH_TIMEOUT_S = 0.5
LISTEN_TIMEOUT_S = 5.0
"""A worker may wait for a busy broker: it has nothing else to do, and giving up costs it a longer pause."""
DEAF_S = 5
"""A worker whose line died without a word (a firewall forgot it) finds that out after two or three times this."""
SILENCE_S = 1.0
"""After a message could not be sent, for this long only one caller tries; the others are told at once."""


class Breaker:
    """Keeps callers from a broker that has just failed, so that they do not wait in line for its silence."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._failed_at = self._next_try_at = float("-inf")

    def pass_through(self) -> float:
        """When this caller came. Raises OperationalError while the broker is taken for dead, except for one caller
        every SILENCE_S."""
        now = time.monotonic()
        with self._lock:
            if self._is_open and now < self._next_try_at:
                raise OperationalError("The broker failed a moment ago.")
            self._next_try_at = now + SILENCE_S
        return now

    def look_again(self, came_at: float) -> None:
        """Raises OperationalError when the broker has failed since: the caller stood in line behind who found out."""
        if self._is_open and self._failed_at > came_at:
            raise OperationalError("The broker failed just now.")

    def note(self, *, failed: bool) -> None:
        with self._lock:
            self._is_open = failed
            if failed:
                self._failed_at = time.monotonic()
                self._next_try_at = self._failed_at + SILENCE_S


class Tandem(Celery):
    """A Celery whose senders never wait long: one try of half a second, none while the broker is known dead."""

    breaker = Breaker()

    def connection_for_write(self, url: str | None = None, **options: Any) -> Connection:
        once = _publishing_options(url or self.conf.broker_write_url)
        return super().connection_for_write(
            url, **{"connect_timeout": PUBLISH_TIMEOUT_S, "transport_options": once, **options}
        )

    def send_task(self, name: str, *args: Any, connection: Connection | None = None, **options: Any) -> Any:
        """Raises kombu's OperationalError when the message did not reach the broker."""
        if connection is not None:
            return super().send_task(name, *args, connection=connection, **options)
        came_at = self.breaker.pass_through()
        with self.producer_or_acquire(options.pop("producer", None)) as producer:
            try:
                self.breaker.look_again(came_at)
                sent = super().send_task(name, *args, producer=producer, **options)
            except Exception:
                self.breaker.note(failed=True)
                # Else the pool would part from a silent RabbitMQ with ceremony, and wait a second for its answers.
                producer.connection.collect()
                raise
        self.breaker.note(failed=False)
        return sent


def _options(broker_url: str, patience_s: float) -> dict[str, Any]:
    """The transport's options: how long to wait for the broker's answer, under the names that each transport has."""
    if broker_url.startswith(REDIS):
        timeouts = {"socket_timeout": patience_s, "socket_connect_timeout": patience_s}
        # What a worker has taken and not begun need not be kept in Redis a second time: the database knows it.
        return timeouts | {"health_check_interval": DEAF_S, "ack_emulation": False}
    return {"read_timeout": patience_s, "write_timeout": patience_s}


def _publishing_options(broker_url: str) -> dict[str, Any]:
    """One try of half a second: a page that hands out a step must never hang on a dead broker."""
    options = _options(broker_url, PUBLISH_TIMEOUT_S) | {"max_retries": 0}
    # Without confirms a publish to a RabbitMQ that is gone only fills a buffer, and seems to succeed.
    return options | ({"confirm_publish": True} if broker_url.startswith(("amqp", "pyamqp")) else {})


def _configure(app: Celery) -> None:
    from django.conf import settings

    if settings.BROKER_URL.startswith(REDIS):
        prepare_redis()
    app.conf.update(
        broker_url=settings.BROKER_URL,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=LISTEN_TIMEOUT_S,
        # AMQP's own heartbeat; Redis has none and takes the health check among the transport's options.
        broker_heartbeat=DEAF_S,
        broker_transport_options=_options(settings.BROKER_URL, LISTEN_TIMEOUT_S),
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
        worker_consumer="config.listening:Listener",
        worker_prefetch_multiplier=1,
        worker_eta_task_limit=100,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        # After a lost connection it would raise the prefetch count step by step, from the pool's threads, on the socket
        # that the main thread reads: RabbitMQ's frames get torn apart, and the next connection is lost as well.
        worker_enable_prefetch_count_reduction=False,
        enable_utc=True,
    )


@worker_init.connect
def _require_plain_role(**_: object) -> None:
    from django.conf import settings

    from config import metrics
    from config.role import require_plain_role

    metrics.serve(settings.ENV.metrics_listen)

    try:
        require_plain_role()
    except BadSetting as problem:
        sys.exit(str(problem))
    from departments import erasing

    erasing.replay()


app = Tandem("tandem")
try:
    _configure(app)
except BadSetting as problem:  # the text alone, not Celery's path to it
    sys.exit(str(problem))
app.autodiscover_tasks(["workflows"])
