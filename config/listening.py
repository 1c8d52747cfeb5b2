"""What our workers do otherwise than Celery's: a short way from a message to a thread, and no death by a bad one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import Celery, Task
from celery.worker.consumer import Consumer
from kombu import Message

from config.redis_channels import GARBAGE, say_garbage

log = logging.getLogger(__name__)


class Listener(Consumer):
    """Named in Celery's setting `worker_consumer`: what is no message is dropped (case B12).

    RabbitMQ gives a message back whose worker has died: one such body would kill every worker, for ever.
    """

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


def look_now(task: Task, app: Celery, consumer: Consumer, **_: Any) -> Callable[..., None]:
    """The `Strategy` of the task "look": from the message straight to a thread of the pool.

    Celery's own makes a request of each message, with tracing, states, time limits and a result: for a hint that may as
    well be lost.
    """

    def received(message: Message, _body: Any, acknowledge: Callable[..., None], *_more: Any) -> None:
        args, kwargs, _embedded = message.decode()
        done = partial(acknowledge, log, consumer.connection_errors)
        consumer.pool.on_apply(_look, (task, done, args, kwargs), callback=_nothing_more)

    return received


def _look(task: Task, acknowledge: Callable[[], None], args: Any, kwargs: Any) -> None:
    """In a thread of the pool. It takes the next message off the line when it has a thread for it, as Celery does."""
    acknowledge()
    try:
        task.run(*args, **kwargs)
    except Exception:
        log.exception("look.defect: a message could not be followed")


def _nothing_more(_result: object) -> None:
    """A look answers to nobody."""
