"""Whatever a draft names that the department has to have: models, people, groups, connections."""

from __future__ import annotations

from departments.models import Department
from workflows.engine.definition import Definition
from workflows.engine.problems import Problem
from workflows.services.asked_people import people_problems
from workflows.services.connection_uses import connection_problems
from workflows.services.named_models import model_problems


def missing_here(department: Department, definition: Definition) -> list[Problem]:
    """A handful of queries; none where nothing is named."""
    models = model_problems(department, definition)
    return [*models, *people_problems(department, definition), *connection_problems(department, definition)]
