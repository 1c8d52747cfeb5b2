from __future__ import annotations

import pytest
from django.urls import reverse


@pytest.fixture
def home_page() -> str:
    return reverse("home")
