from __future__ import annotations

import pytest
from django.urls import reverse

from departments.models import Department, User
from tests.factories import make_department, make_user


@pytest.fixture
def home_page() -> str:
    return reverse("home")


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def lea(legal: Department) -> User:
    return make_user("Lea", department=legal)
