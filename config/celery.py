"""Celery carries one kind of message: "look now" at a step (docs/decisions/0002). Losing one costs seconds, no work."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

QUEUES = ("interactive", "normal", "bulk")


def _transport_options(broker_url: str) -> dict[str, Any]:
    """One try of half a second: a page that hands out a step must never hang on a dead broker."""
    # Only publishing obeys max_retries; a worker comes back by broker_connection_max_retries, for ever.
    once = {"max_retries": 0}
    if broker_url.startswith(("redis", "valkey")):
        return once | {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}
    return once | {"read_timeout": 0.5, "write_timeout": 0.5}


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


app = Celery("tandem")
_configure(app)
app.autodiscover_tasks(["workflows"])
