"""A department at work, for the tests of its pages: people, a workflow, runs in every state, a task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from departments.models import Department, Role, User
from tests.factories import make_department, make_run, make_step, make_task, make_user, make_version, make_workflow
from workflows.engine import definition
from workflows.models import Attempt, Run, RunStatus, StepRun, StepStatus, Task, TaskKind, TaskStatus, Workflow

EXAMPLES = Path(__file__).parents[3] / "workflows" / "examples"

DRAFT = (
    "We understand that closing a branch changes people's routine. Every customer affected will get a personal call, "
    "and our app offers all services around the clock.\n"
)
SAMPLE = {"brief": "Round-Up rounds every card payment up.", "forbidden": ["guaranteed"], "channels": ["E-mail", "Ad"]}


def example(name: str) -> dict[str, Any]:
    return definition.dump(definition.from_text((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class Scene:
    department: Department
    builder: User
    operator: User
    approver: User
    viewer: User
    stranger: User
    workflow: Workflow

    @property
    def manager(self) -> User:
        """Made when asked for."""
        return make_user("Maren Holt", self.department, Role.MANAGER)


def a_department(name: str = "Marketing") -> Scene:
    department = make_department(name)
    campaign = example("campaign_copy/with_review")
    workflow = make_workflow(
        department,
        campaign,
        name="Campaign brief into channel copy",
        description=campaign["description"],
        sample=SAMPLE,
    )
    make_version(workflow, published_by="Clara Vogel", note="Ask the brand owner before the pack goes out")
    return Scene(
        department=department,
        builder=make_user("Britta Falk", department, Role.BUILDER),
        operator=make_user("Olga Lind", department, Role.OPERATOR),
        approver=make_user("Astrid Berg", department, Role.APPROVER),
        viewer=make_user("Viggo Holm", department, Role.VIEWER),
        stranger=make_user("Sam Stone", make_department(), Role.MANAGER),
        workflow=workflow,
    )


def a_run(scene: Scene, status: str = RunStatus.SUCCEEDED, **fields: Any) -> Run:
    begun = timezone.now() - timedelta(minutes=4)
    over = RunStatus(status).is_over
    return make_run(
        scene.workflow.live,
        **{
            "status": status,
            "title": "Campaign brief: Acme Bank Round-Up",
            "inputs": SAMPLE,
            "started_by": scene.operator.name,
            "starter_kind": "person",
            "starter_id": str(scene.operator.pk),
            "started_at": begun,
            "finished_at": begun + timedelta(seconds=73) if over else None,
            "cost_usd": "0.0183",
            "tokens": 4212,
            **fields,
        },
    )


def a_step(run: Run, path: str, kind: str, status: str = StepStatus.SUCCEEDED, **fields: Any) -> StepRun:
    begun = run.started_at or timezone.now()
    ended = StepStatus(status).is_over
    return make_step(
        run,
        path,
        **{
            "kind": kind,
            "status": status,
            "position": run.steps.count(),
            "attempts": 1,
            "started_at": begun,
            "finished_at": begun + timedelta(seconds=2.4) if ended else None,
            **fields,
        },
    )


def a_try(step: StepRun, number: int = 1, **fields: Any) -> Attempt:
    return Attempt.objects.create(
        step=step,
        number=number,
        **{
            "started_at": step.started_at or timezone.now(),
            "given": {"text": "Round-Up rounds every card payment up."},
            "calls": [
                {
                    "kind": "model",
                    "provider": "Practice",
                    "model_asked": "practice",
                    "model_answered": "practice",
                    "prompt": [
                        {"role": "system", "content": "You fill in a form."},
                        {"role": "user", "content": "Find in the text: product, audience"},
                    ],
                    "answer": '{"product": "Round-Up"}',
                    "tokens_in": 812,
                    "tokens_out": 64,
                    "latency_s": 2.113,
                    "priced": True,
                    "cost_usd": "0.0004",
                    "error": "",
                }
            ],
            "tokens": 876,
            "cost_usd": "0.0004",
            **fields,
        },
    )


def items_of(step: StepRun, statuses: list[str]) -> list[Run]:
    """The runs inside a `for_each`, one per status."""
    step.inside = {"items": len(statuses), "keep_going": True}
    step.save(update_fields=["inside"])
    return [
        make_run(
            step.run.version,
            parent=step.run,
            parent_step=step,
            body=step.step_id,
            item_index=index,
            status=status,
            title=f"{step.run.title}, item {index + 1}",
            depth=1,
        )
        for index, status in enumerate(statuses)
    ]


def a_task(scene: Scene, run: Run | None = None, **fields: Any) -> Task:
    run = run or a_run(scene, RunStatus.WAITING)
    step = a_step(run, "review", "people.review", StepStatus.WAITING, waits_for="person")
    return make_task(
        step,
        **{
            "kind": TaskKind.REVIEW,
            "question": "May this pack go out?",
            "draft": DRAFT,
            "shown": {"Brief": "Round-Up rounds every card payment up.", "Texts with a risky claim": 2},
            "role": Role.APPROVER,
            "due_at": timezone.now() + timedelta(hours=3),
            **fields,
        },
    )


def decided(task: Task, by: User, decision: str = "approve", **answer: Any) -> Task:
    task.status = TaskStatus.DECIDED
    task.answer = {"decision": decision, "text": "", "reason": "", "by": by.name, **answer}
    task.decided_at = timezone.now()
    task.decided_by = by
    task.decided_by_label = by.name
    task.save()
    return task


def a_waiting_run(scene: Scene) -> Run:
    """A run that has done most of its work and waits for its reviewer."""
    run = a_run(scene, RunStatus.WAITING, seq=9)
    facts = a_step(run, "facts", "ai.extract", summary="found product, audience, offer, deadline", cost_usd="0.0004")
    facts.output = {"product": "Round-Up", "audience": "Customers aged 20 to 35", "offer": "5 euros", "deadline": None}
    facts.save(update_fields=["output"])
    a_try(facts)
    copies = a_step(run, "copies", "flow.for_each", summary="4 items")
    items_of(copies, ["succeeded", "succeeded", "failed", "succeeded"])
    risky = a_step(run, "risky", "data.list", summary="1 of 4")
    risky.output = {"items": [{"channel": "Ad", "verdict": "risky claim", "banned": []}], "count": 1}
    risky.save(update_fields=["output"])
    a_step(run, "pack", "text.compose", summary="212 words")
    a_task(scene, run)
    return run
