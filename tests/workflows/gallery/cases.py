"""Golden cases through services, engine and steps; only the AI at the other end of the wire is scripted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from connectors.models import SchemaSupport
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.scripted_provider import MODEL, Reply, ScriptedProvider, gives
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.gallery.catalogue import Case, Template
from workflows.models import Run, StepRun, StepStatus, Task, TaskStatus, Workflow
from workflows.services.files import reference, store_file
from workflows.services.runs import start_run
from workflows.services.tasks import decide_task
from workflows.services.templates import copy_template
from workflows.services.workflows import publish_workflow

DONE = (StepStatus.SUCCEEDED, StepStatus.FAILED)


@dataclass
class Played:
    """How a case went: the run at its end, and the steps that asked somebody, in order."""

    run: Run
    asked: list[str] = field(default_factory=list)

    def step(self, step_id: str) -> StepRun | None:
        """The step in the run itself, else in the first item that did it."""
        rows = StepRun.objects.filter(step_id=step_id, status__in=DONE)
        return rows.order_by("run__depth", "pk").first()

    def performed(self) -> set[str]:
        return set(StepRun.objects.filter(status__in=DONE).values_list("step_id", flat=True))


def a_model(provider: ScriptedProvider) -> None:
    served = factories.make_provider(base_url=provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True, schema_support=SchemaSupport.FULL)


def play(template: Template, case: Case, provider: ScriptedProvider) -> Played:
    """Copy the template, publish the copy, start it with the case's inputs and answer until it is over."""
    provider.reply = _scripted(case)
    slug = template.department_slug
    department, _new = Department.objects.get_or_create(slug=slug, defaults={"name": slug.title()})
    workflow = copy_template(template, department, actor=SYSTEM)
    publish_workflow(workflow, note="", actor=SYSTEM)
    with silent_broker():
        run = start_run(workflow, inputs=_inputs(template, case, workflow), actor=SYSTEM)
    return _carried_through(case, run)


def _carried_through(case: Case, run: Run) -> Played:
    played = Played(carried(run))
    while tasks := list(Task.objects.filter(status=TaskStatus.OPEN).select_related("step").order_by("pk")):
        for task in tasks:
            played.asked.append(task.step.step_id)
            _decide(case, task)
        played.run = carried(run)
    return played


def _decide(case: Case, task: Task) -> None:
    decision = case.decided(task.step.step_id, task.question)
    with silent_broker():
        decide_task(task, actor=SYSTEM, decision=decision.decision, text=decision.text, reason=decision.reason)


def _inputs(template: Template, case: Case, workflow: Workflow) -> dict[str, Any]:
    files = {
        name: reference(store_file(workflow.department, name=file, content=content, actor=SYSTEM)).model_dump()
        for name, (file, content) in template.files(case.inputs).items()
    }
    return {**workflow.sample, **case.inputs, **files}


def _scripted(case: Case) -> Any:
    def reply(asked: Mapping[str, Any]) -> Reply:
        step = _asking()
        question = "\n".join(str(message["content"]) for message in asked["messages"])
        return gives(case.said(step, question))

    return reply


def _asking() -> str:
    """The step whose question this is: the only one under way, since the test does one after the other."""
    try:
        return StepRun.objects.get(status=StepStatus.RUNNING, kind__startswith="ai.").step_id
    finally:
        connection.close()


def holds(wanted: Any, found: Any) -> bool:
    """Whether what was found has at least what is wanted: mappings may have more names, all else is equal."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(holds(value, found.get(name)) for name, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(holds(*pair) for pair in zip(wanted, found, strict=True))
        )
    return bool(json.dumps(wanted) == json.dumps(found))
