"""`manage.py web`: the pages and the API."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.serving import serve
from config.settings import ENV
from config.wsgi import application
from departments import erasing


class Command(BaseCommand):
    help = "Serves the pages and the API on TANDEM_BIND and PORT until it is stopped."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        erasing.replay()  # a restored database must not show who was erased (rule A11)
        try:
            serve(application, ENV)
        except OSError as error:
            raise CommandError(
                f"Port {ENV.port} of {ENV.bind} cannot be opened: {error}. Set PORT to another."
            ) from None
