"""Whatever a draft names that the department has to have: people, groups, connections."""

from __future__ import annotations

from departments.models import Department
from workflows.engine.definition import Definition
from workflows.engine.problems import Problem
from workflows.services.asked_people import people_problems
from workflows.services.connection_uses import connection_problems


def missing_here(department: Department, definition: Definition) -> list[Problem]:
    """At most three queries; none where nothing is named."""
    return [*people_problems(department, definition), *connection_problems(department, definition)]
