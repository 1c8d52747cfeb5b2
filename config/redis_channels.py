"""kombu's channels to Redis and Valkey, made leaner and harder to upset."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)
GARBAGE = (ValueError, TypeError, AttributeError, LookupError)
"""What Celery and kombu raise over a body or an envelope that they did not expect."""


def prepare_redis() -> None:
    """Have kombu's channels to Redis and Valkey keep their client, and drop what is no envelope.

    kombu makes a client for every message sent and every one acknowledged, which costs more than sending it. A list of
    Redis takes anything from anybody; RabbitMQ's messages always have their envelope.
    """
    from kombu.transport import redis

    class Channel(redis.Channel):
        _kept: Any = None

        def _create_client(self, asynchronous: bool = False) -> Any:
            if asynchronous:
                return super()._create_client(asynchronous=True)
            if self._kept is None or self._kept.connection_pool is not self.pool:
                self._kept = super()._create_client()
            return self._kept

        def _brpop_read(self, **options: Any) -> Any:
            try:
                return super()._brpop_read(**options)
            except GARBAGE as error:
                return say_garbage(error)

    redis.Transport.Channel = Channel


def say_garbage(error: Exception) -> None:
    log.error("broker.garbage: dropped what is no message of ours (%s)", type(error).__name__)
