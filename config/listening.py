"""What a worker does beside Celery's own: what is no message is dropped, instead of ending the worker (case B12).

RabbitMQ gives a message back whose worker has died: one such body would kill every worker, for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

log = logging.getLogger(__name__)
GARBAGE = (ValueError, TypeError, AttributeError, LookupError)
"""What Celery and kombu raise over a body or an envelope that they did not expect."""


class Listener(Consumer):
    """Named in Celery's setting `worker_consumer`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.conninfo.transport.driver_type == "redis":
            _tolerate_any_envelope()

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **options)

        def handle_or_drop(message: Any) -> None:
            try:
                handle(message)
            except GARBAGE as error:
                _say(error)
                if not message.acknowledged:
                    message.reject_log_error(log, self.connection_errors)

        return handle_or_drop


def _tolerate_any_envelope() -> None:
    """A list of Redis takes anything from anybody; RabbitMQ's messages always have their envelope."""
    from kombu.transport import redis

    class Channel(redis.Channel):
        def _brpop_read(self, **options: Any) -> Any:
            try:
                return super()._brpop_read(**options)
            except GARBAGE as error:
                return _say(error)

    redis.Transport.Channel = Channel


def _say(error: Exception) -> None:
    log.error("broker.garbage: dropped what is no message of ours (%s)", type(error).__name__)
