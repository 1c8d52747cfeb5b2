"""The composition as a Django app: its commands, and Celery's app as the default one of every process."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate


class HouseConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import celery, second_wall  # noqa: F401

        # The last app with models: none is sent for an app without.
        post_migrate.connect(second_wall.build, sender=apps.get_app_config("workflows"))
        register(second_wall.missing, Tags.database)
