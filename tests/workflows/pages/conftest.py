"""What the tests of the pages share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.storage import storages
from django.test import Client

from departments.models import User
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene


@pytest.fixture
def scene(db: None) -> Scene:
    return scenes.a_department()


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture(autouse=True)
def in_memory_files(settings):
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    storages._storages.clear()
