"""Rows for tests: plain ORM, real defaults, every name unique unless given."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import count
from typing import Any

from django.utils import timezone
from django.utils.text import slugify

from connectors import imports, made
from connectors.manifest_rows import Source
from connectors.models import AiModel, Manifest, Provider
from departments.access import SYSTEM
from departments.models import Absence, Department, Group, Membership, Notice, NoticeStatus, Role, User
from workflows.models import (
    Assignee,
    Budget,
    BudgetQuestion,
    Decision,
    Happening,
    PublishRequest,
    Run,
    RunMode,
    StepRun,
    StepStatus,
    StoredFile,
    Subscription,
    Task,
    TaskKind,
    Version,
    Workflow,
)
from workflows.runtime import tasks
from workflows.services import subscriptions

_numbers = count(1)

DEFINITION: dict[str, Any] = {
    "format": 1,
    "name": "Greeting",
    "inputs": {"name": {"type": "text", "title": "Name"}},
    "steps": [{"id": "greet", "kind": "text.compose", "with": {"text": "Hello {{ inputs.name }}"}}],
    "output": {"greeting": "{{ steps.greet.text }}"},
}


def make_department(name: str = "", **fields: Any) -> Department:
    name = name or f"Department {next(_numbers)}"
    return Department.objects.create(**{"name": name, "slug": slugify(name), **fields})


def make_user(
    name: str = "",
    department: Department | None = None,
    role: Role | str = Role.VIEWER,
    password: str | None = None,
    **fields: Any,
) -> User:
    """A person; with a department also a member of it in this role. Without a password nobody can sign in with one."""
    number = next(_numbers)
    name = name or f"Person {number}"
    fields.setdefault("email", f"{slugify(name)}-{number}@tandem.example")
    user = User.objects.create_user(password=password, name=name, **fields)
    if department is not None:
        make_member(user, department, role)
    return user


def make_member(user: User, department: Department, role: Role | str = Role.VIEWER) -> Membership:
    return Membership.objects.create(user=user, department=department, role=role)


def make_group(department: Department | None = None, *members: User, name: str = "", **fields: Any) -> Group:
    name = name or f"Group {next(_numbers)}"
    department = department or make_department()
    group = Group.objects.create(**{"department": department, "name": name, "slug": slugify(name), **fields})
    group.members.set(members)
    return group


def make_absence(user: User, starts: date, ends: date, stand_in: User | None = None, **fields: Any) -> Absence:
    return Absence.objects.create(user=user, starts=starts, ends=ends, stand_in=stand_in, **fields)


def make_notice(person: User | None = None, **fields: Any) -> Notice:
    """One that went; `notify` writes those that are to go."""
    return Notice.objects.create(
        **{
            "person": person or make_user(),
            "key": f"notice.{next(_numbers)}",
            "kind": "test",
            "subject": "Something happened",
            "text": "Look at it.",
            "status": NoticeStatus.SENT,
            **fields,
        }
    )


def make_provider(name: str = "", **fields: Any) -> Provider:
    return Provider.objects.create(name=name or f"Provider {next(_numbers)}", **fields)


def make_model(provider: Provider | None = None, name: str = "", **fields: Any) -> AiModel:
    return AiModel.objects.create(
        provider=provider or make_provider(), name=name or f"model-{next(_numbers)}", **fields
    )


def make_workflow(
    department: Department | None = None, definition: dict[str, Any] | None = None, name: str = "", **fields: Any
) -> Workflow:
    """A workflow with a draft only; `make_version` publishes it."""
    draft = definition or DEFINITION
    name = name or f"{draft.get('name', 'Workflow')} {next(_numbers)}"
    return Workflow.objects.create(
        **{
            "department": department or make_department(),
            "name": name,
            "slug": slugify(name)[:60],
            "draft": draft,
            **fields,
        }
    )


def make_version(workflow: Workflow | None = None, definition: dict[str, Any] | None = None, **fields: Any) -> Version:
    """The next version of the workflow, made its live one."""
    workflow = workflow or make_workflow(definition=definition)
    version = Version.objects.create(
        workflow=workflow,
        **{
            "number": workflow.versions.count() + 1,
            "definition": definition or workflow.draft,
            "published_by": "Factory",
            **fields,
        },
    )
    workflow.live = version
    workflow.save(update_fields=["live"])
    return version


def make_run(version: Version | None = None, **fields: Any) -> Run:
    version = version or make_version()
    return Run.objects.create(
        **{
            "department": version.workflow.department,
            "workflow": version.workflow,
            "version": version,
            "mode": RunMode.LIVE,
            "title": version.workflow.name,
            "expires_at": timezone.now() + timedelta(days=90),
            **fields,
        }
    )


def make_step(run: Run | None = None, path: str = "", **fields: Any) -> StepRun:
    run = run or make_run()
    path = path or f"step_{next(_numbers)}"
    return StepRun.objects.create(
        **{
            "run": run,
            "department": run.department,
            "path": path,
            "step_id": path.rpartition("/")[2],
            "kind": "text.compose",
            "status": StepStatus.READY,
            **fields,
        }
    )


def make_task(step: StepRun | None = None, **fields: Any) -> Task:
    """Asked of the `person`, else of the `role`, unless `stages` say otherwise."""
    step = step or make_step(kind="people.approve", status=StepStatus.WAITING)
    person, role = fields.get("person"), fields.get("role", Role.APPROVER)
    first = {"people": [str(person.pk)] if person else [], "group": "", "role": "" if person else role, "needs": 1}
    task = Task.objects.create(
        **{
            "department": step.department,
            "run": step.run,
            "step": step,
            "kind": TaskKind.APPROVE,
            "question": "May this be published?",
            "stages": [first],
            **fields,
        }
    )
    Assignee.objects.bulk_create(tasks.assignees(task))
    return task


def make_decision(task: Task, by: User, decision: str = "approve", **fields: Any) -> Decision:
    """A voice that was heard."""
    return Decision.objects.create(
        **{
            "task": task,
            "department": task.department,
            "workflow": task.run.workflow,
            "version": task.run.version,
            "stage": task.stage,
            "decision": decision,
            "answer": {"decision": decision},
            "person": by,
            "by_kind": "person",
            "by_id": str(by.pk),
            "by_label": by.name,
            "step_id": task.step.step_id,
            **fields,
        }
    )


def make_publish_request(workflow: Workflow | None = None, **fields: Any) -> PublishRequest:
    """An open question whether the draft, as it is now, may go live."""
    workflow = workflow or make_workflow()
    return PublishRequest.objects.create(
        **{
            "department": workflow.department,
            "workflow": workflow,
            "revision": workflow.draft_revision,
            "asked_by": "Factory",
            "asker_kind": "system",
            **fields,
        }
    )


def make_budget_question(budget: Budget, **fields: Any) -> BudgetQuestion:
    """Asked when 4 US dollars were spent."""
    return BudgetQuestion.objects.create(
        **{
            "department": budget.department,
            "budget": budget,
            "month": timezone.now().date().replace(day=1),
            "soft_usd": 4,
            "month_usd": budget.month_usd,
            "spent_usd": 4,
            "reserved_usd": 0,
            "foreseen_usd": 9,
            **fields,
        }
    )


def make_file(department: Department | None = None, name: str = "brief.txt", **fields: Any) -> StoredFile:
    """The row only; its bytes are not in the storage."""
    return StoredFile.objects.create(
        **{
            "department": department or make_department(),
            "name": name,
            "content_type": "text/plain",
            "size": 5,
            "sha256": f"{next(_numbers):064x}",
            **fields,
        }
    )


def make_subscription(department: Department | None = None, address: str = "", **asked: Any) -> Subscription:
    """Its host is listed for the department; without `events` it is told all of them."""
    department = department or make_department()
    address = address or "https://archive.example/events"
    department.egress_hosts = [*department.egress_hosts, "archive.example"]
    department.save(update_fields=["egress_hosts"])
    wanted = subscriptions.Asked(address, **{"events": Happening.values, "title": "Archive", **asked})
    return subscriptions.set_up(department, wanted, actor=SYSTEM).subscription


def make_manifest(content: bytes, department: Department | None = None, *, choose: bool = True) -> Manifest:
    """Imported by the server itself; what processes have made of earlier ones of that name is forgotten."""
    made.forget()
    source = Source(content, "openapi.json")
    return imports.import_new(source, department, actor=SYSTEM, choose=choose)
