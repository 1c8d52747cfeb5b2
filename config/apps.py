"""The composition as a Django app: its commands, and Celery's app as the default one of every process."""

from __future__ import annotations

from django.apps import AppConfig


class HouseConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import celery  # noqa: F401
