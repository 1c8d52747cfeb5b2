"""The question that a step asks a person."""

from __future__ import annotations

from uuid import UUID

from connectors.sdk import Ask, BadParams
from departments.models import User
from workflows.engine import strict
from workflows.models import Run, RunMode, Task
from workflows.runtime.journey import Step


def question(run: Run, step: Step, ask: Ask) -> Task:
    """The row, not yet saved. Raises BadParams when the person named is not a member of the department.

    In a test run who tests is asked, whoever it would be otherwise.
    """
    person = member(run, ask.person).pk if ask.person else None
    is_mine = run.mode != RunMode.LIVE and run.starter_kind == "person"
    return Task(
        department_id=run.department_id,
        run_id=run.pk,
        step_id=step.id,
        kind=ask.kind,
        question=strict.legible(ask.question, 490),
        draft=ask.draft,
        shown=dict(ask.shown),
        role=ask.role,
        person_id=UUID(run.starter_id) if is_mine else person,
        not_the_starter=ask.not_the_starter and not is_mine,
        due_at=ask.due,
    )


def member(run: Run, email: str) -> User:
    found = User.objects.filter(
        email__iexact=email.strip(), is_active=True, memberships__department_id=run.department_id
    ).first()
    if found is None:
        raise BadParams(
            f"“{strict.legible(email, 100)}” is nobody in {run.department.name}. Name a member of the department."
        )
    return found
