"""A department with a program in it, and a broker that loses every message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from departments.models import Department
from tests import factories
from tests.workflows.api.program import Program
from tests.workflows.runtime.harness import silent_broker


@pytest.fixture(autouse=True)
def nobody_is_told() -> Iterator[None]:
    with silent_broker():
        yield


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def program(legal: Department) -> Program:
    """With the role of a manager: it may do everything in Legal."""
    return Program(legal)


@pytest.fixture
def stranger() -> Program:
    return Program(factories.make_department("Marketing"))
