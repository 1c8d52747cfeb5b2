"""What a worker does beside Celery's own: what is no message is dropped, instead of ending the worker (case B12).

RabbitMQ gives a message back whose worker has died: one such body would kill every worker, for ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

from config.redis_channels import GARBAGE, say_garbage

log = logging.getLogger(__name__)


class Listener(Consumer):
    """Named in Celery's setting `worker_consumer`."""

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **options)

        def handle_or_drop(message: Any) -> None:
            try:
                handle(message)
            except GARBAGE as error:
                say_garbage(error)
                if not message.acknowledged:
                    message.reject_log_error(log, self.connection_errors)

        return handle_or_drop
