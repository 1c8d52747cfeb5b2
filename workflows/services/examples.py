"""The example workflows: put into their departments once, and run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from departments.access import SYSTEM, Actor
from departments.models import Department
from workflows.examples.catalogue import EXAMPLES, Example, load_definition, sample_files
from workflows.models import Run, RunStatus, Workflow
from workflows.models.states import RUN_OVER
from workflows.services.files import reference, store_file
from workflows.services.runs import start_run
from workflows.services.workflows import create_workflow, publish_workflow

PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class ExampleRun:
    """How one example went. `error` is the run's error, or what it was doing when patience ended."""

    department: str
    workflow: str
    status: str
    output: Any
    error: Any
    seconds: float


def seed_examples(*, actor: Actor = SYSTEM) -> list[Workflow]:
    """Create and publish those examples that are not there yet; gives the new ones that are to run at once."""
    departments = {department.slug: department for department in Department.objects.all()}
    return [
        workflow
        for example in EXAMPLES
        if (department := departments.get(example.department_slug))
        if not Workflow.objects.filter(department=department, template=example.slug).exists()
        if (workflow := _seed(example, department, actor)) and example.runs_on_first_start
    ]


def start_sample(workflow: Workflow, *, actor: Actor = SYSTEM) -> Run:
    """A run of the workflow on its sample input."""
    return start_run(workflow, inputs=workflow.sample, actor=actor, title="Sample run")


def run_examples() -> Iterator[ExampleRun]:
    """Run the seeded examples on their samples, all at once, and tell of each when it is over. Needs a worker.

    On a first start their runs are under way already: those are told of then.
    """
    slugs = [example.slug for example in EXAMPLES if example.runs_on_first_start]
    workflows = Workflow.objects.select_related("department", "live").filter(template__in=slugs, archived_at=None)
    began = time.monotonic()
    runs = [_under_way(workflow) or start_sample(workflow) for workflow in workflows.order_by("department__name")]
    for run in runs:
        yield _awaited(run, began)


def await_run(run: Run, patience_s: float = PATIENCE_S) -> Run:
    """The run once it is over, waits for a person, or patience has ended."""
    deadline = time.monotonic() + patience_s
    while not run.status_is_settled and time.monotonic() < deadline:
        connection.close()
        time.sleep(0.2)
        run.refresh_from_db()
    return run


def _under_way(workflow: Workflow) -> Run | None:
    runs = Run.objects.live().select_related("department", "workflow").filter(workflow=workflow)
    return runs.exclude(status__in=RUN_OVER).first()


def _seed(example: Example, department: Department, actor: Actor) -> Workflow:
    with transaction.atomic():
        workflow = create_workflow(
            department,
            name=example.title,
            definition=load_definition(example),
            actor=actor,
            description=example.description,
            sample=_sample(example, department, actor),
            template=example.slug,
        )
        publish_workflow(workflow, note="Example that comes with Tandem", actor=actor)
    return workflow


def _sample(example: Example, department: Department, actor: Actor) -> dict[str, Any]:
    """The sample's values; its files are stored and referred to."""
    files = {
        name: reference(store_file(department, name=file_name, content=content, actor=actor)).model_dump()
        for name, (file_name, content) in sample_files(example).items()
    }
    return {**example.sample, **files}


def _awaited(run: Run, began: float) -> ExampleRun:
    await_run(run)
    over = RunStatus(run.status).is_over
    return ExampleRun(
        department=run.department.name,
        workflow=run.workflow.name,
        status=run.status,
        output=run.output,
        error=run.error or (None if over else {"message": f"still {run.status} after {PATIENCE_S:.0f} s"}),
        seconds=time.monotonic() - began,
    )
