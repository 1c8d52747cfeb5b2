"""The real web server on a free port, in a thread of the test's own process, over the test's own database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.conf import settings

from config.serving import Server, adjustments, headed
from config.wsgi import application


@contextmanager
def web_server() -> Iterator[str]:
    """Its address, such as http://127.0.0.1:12345."""
    server = Server(headed(application), adj=adjustments(replace(settings.ENV, bind="127.0.0.1", port=0)))
    is_over = threading.Event()
    thread = threading.Thread(target=server.work_until, args=[is_over.is_set], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        is_over.set()
        server.pull_trigger()
        thread.join(5)
        server.task_dispatcher.shutdown()
        server.close()
