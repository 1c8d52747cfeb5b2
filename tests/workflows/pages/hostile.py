"""A department in which every text that people, models and other systems write is one of tests/hostile_texts.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import cycle
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.services import record
from connectors.connections import Told, connect
from connectors.models import Connection, Manifest, ManifestVersion
from departments.access import SYSTEM
from departments.models import Department, Role, User
from departments.tokens import create_token
from tests import factories
from tests.connectors.manifests.petshop import described
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import (
    Attempt,
    DraftEdit,
    JournalEntry,
    ManualMode,
    Run,
    RunStatus,
    Sample,
    SavedKind,
    SavedStep,
    SavedStepVersion,
    StepStatus,
    Task,
    TaskKind,
    Trigger,
    TriggerEvent,
    Why,
    Workflow,
)
from workflows.runtime.kinds import kinds
from workflows.services.triggers import Wanted, set_up

LONG = 3
"""Texts in a list that may hold any number."""


@dataclass
class Pen:
    """Gives one text after the other, cut to what a field takes, and remembers which it has given."""

    texts: Sequence[str]
    written: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next: Iterator[str] = cycle(self.texts)

    def __call__(self, most: int = 10_000) -> str:
        text = next(self._next)[:most]
        self.written.append(text)
        return text


@dataclass(frozen=True, slots=True)
class Hostile:
    """The scene and what its pages are about."""

    scene: Scene
    administrator: User
    people: Mapping[str, User]
    run: Run
    tasks: Sequence[Task]
    saved: Sequence[SavedStep]
    group: Any
    mode: ManualMode
    connection: Connection
    rows: Sequence[Any]


# ── the draft ────────────────────────────────────────────────────────────────────────────────────────────────────────


def filled(pen: Pen, schema: Mapping[str, Any], defs: Mapping[str, Any], depth: int = 0) -> Any:
    """A value for a parameter in which every text is hostile; what is chosen from a list stays as it is."""
    if "$ref" in schema:
        return filled(pen, defs[schema["$ref"].rpartition("/")[2]], defs, depth)
    if "anyOf" in schema:
        return filled(pen, schema["anyOf"][0], defs, depth)
    if "enum" in schema or "const" in schema:
        return schema.get("default", schema.get("const", (schema.get("enum") or [""])[0]))
    if schema.get("type") == "array":
        return [filled(pen, schema.get("items", {}), defs, depth + 1) for _ in range(2)]
    if schema.get("properties") and depth < 4:
        return {name: filled(pen, part, defs, depth + 1) for name, part in schema["properties"].items()}
    if schema.get("type") == "object":
        return {pen(60): pen(400)}
    if schema.get("type") in ("integer", "number", "boolean"):
        return schema.get("default")
    return pen(min(int(schema.get("maxLength", 400)), 400))


def a_step_of(pen: Pen, kind: str, step_id: str) -> dict[str, Any]:
    schema = kinds()[kind].Params.model_json_schema()
    given = {name: filled(pen, part, schema.get("$defs", {})) for name, part in schema.get("properties", {}).items()}
    node: dict[str, Any] = {"id": step_id, "kind": kind, "title": pen(200), "with": given}
    return {**node, **_sequences(pen, kind, step_id)}


def _sequences(pen: Pen, kind: str, step_id: str) -> dict[str, Any]:
    """A step in each sequence that the kind holds; the others are done on a condition."""
    held = kinds()[kind].sequences
    if not held:
        return {"when": a_condition(pen)}
    return {
        **({"steps": [_inner(pen, step_id, "in")]} if "steps" in held else {}),
        **({"cases": [_case(pen, step_id)]} if "cases" in held else {}),
        **({"arms": [{"title": pen(200), "steps": [_inner(pen, step_id, "arm")]}]} if "arms" in held else {}),
        **{name: [_inner(pen, step_id, name)] for name in ("otherwise", "rescue") if name in held},
    }


def _case(pen: Pen, step_id: str) -> dict[str, Any]:
    return {"title": pen(200), "when": a_condition(pen), "steps": [_inner(pen, step_id, "way")]}


def _inner(pen: Pen, step_id: str, place: str) -> dict[str, Any]:
    return {"id": f"{step_id}_{place}", "kind": "text.compose", "title": pen(200), "with": {"text": pen(400)}}


def a_condition(pen: Pen) -> dict[str, Any]:
    return {"all": [{"value": pen(200), "is": "equal", "to": pen(200)}]}


def a_draft(pen: Pen) -> dict[str, Any]:
    """A step of every kind with every text it takes; questions of every type; results."""
    types = ("text", "long_text", "choice", "list", "number", "date", "boolean", "file")
    asked = {kind: {"type": kind, "title": pen(200), "help": pen(300)} for kind in types}
    asked["choice"] |= {"choices": [pen(100), pen(100)]}
    asked["text"] |= {"default": pen(200)}
    asked["long_text"] |= {"default": pen()}
    return {
        "format": 1,
        "name": pen(120),
        "description": pen(1_000),
        "inputs": asked,
        "steps": [a_step_of(pen, kind, f"s{number}") for number, kind in enumerate(sorted(kinds()))],
        "output": {"said": pen(), "also": {"deep": [pen(300), {"er": pen(300)}]}},
    }


# ── what runs and people leave behind ────────────────────────────────────────────────────────────────────────────────


def a_finished_run(pen: Pen, scene: Scene, workflow: Workflow) -> Run:
    said = {"text": pen(), "list": [pen(300) for _ in range(LONG)], "rows": [{"a": pen(200), "b": pen(200)}] * 2}
    error = {"code": "rejected", "message": pen(500)}
    run = factories.make_run(
        workflow.live,
        title=pen(200),
        status=RunStatus.FAILED,
        inputs={"text": pen(200), "long_text": pen(), "list": [pen(100)]},
        output=said,
        error=error,
        started_by=pen(254),
        started_at=timezone.now(),
        finished_at=timezone.now(),
    )
    for number, kind in enumerate(("ai.write", "ai.classify", "people.review", "flow.for_each")):
        step = scenes.a_step(
            run, f"s{number}", kind, StepStatus.FAILED, output=said, error=error, summary=pen(300), made_by=pen(254)
        )
        a_try(pen, step, said, error)
    JournalEntry.objects.create(run=run, seq=1, event="step.done", path="s0", detail={"said": pen(300)})
    return run


def a_try(pen: Pen, step: Any, said: Any, error: Any) -> Attempt:
    call = {
        "kind": "model",
        "provider": pen(80),
        "model_asked": pen(100),
        "model_answered": pen(100),
        "prompt": [{"role": "system", "content": pen()}, {"role": "user", "content": pen()}],
        "answer": pen(),
        "tokens_in": 1,
        "tokens_out": 1,
        "latency_s": 1.0,
        "priced": True,
        "cost_usd": "0.1",
        "error": pen(300),
    }
    return scenes.a_try(step, given={"text": pen(), **said}, calls=[call], error=error)


def tasks_of_every_kind(pen: Pen, scene: Scene, workflow: Workflow, person: User) -> list[Task]:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string", "title": pen(100), "description": pen(200)}},
    }
    made = []
    for kind in TaskKind:
        run = factories.make_run(workflow.live, title=pen(200), status=RunStatus.WAITING)
        step = scenes.a_step(run, "s1", "people.review", StepStatus.WAITING, waits_for="person")
        task = factories.make_task(
            step,
            kind=kind,
            question=pen(500),
            draft=pen(),
            shown={pen(80): pen(), "rows": [{"a": pen(200)}]},
            options=[pen(), pen()] if kind == TaskKind.CHOOSE else [],
            form=schema if kind in (TaskKind.FORM, TaskKind.RESOLVE) else None,
            known={"answer": pen(200)},
            why={"code": "unavailable", "message": pen(300)} if kind == TaskKind.RESOLVE else None,
            due_at=timezone.now() + timedelta(hours=3),
        )
        task.assignees.update(why=Why.DELEGATED, by_label=pen(254), reason=pen(500))
        factories.make_decision(task, person, reason=pen(500), in_place_of=pen(254))
        made.append(task)
    over = factories.make_task(
        scenes.a_step(factories.make_run(workflow.live, title=pen(200)), "s2", "people.review"),
        kind=TaskKind.REVIEW,
        question=pen(500),
        draft=pen(),
    )
    scenes.decided(over, person, text=pen(), reason=pen(500))
    return [*made, over]


def a_library(pen: Pen, department: Department) -> list[SavedStep]:
    made = []
    for number, (kind, content) in enumerate(
        [
            (SavedKind.PROMPT, {"text": pen()}),
            (
                SavedKind.STEP,
                {
                    "steps": [a_step_of(pen, "ai.write", "write")],
                    "needs": [{"reference": "inputs.text", "title": pen(200)}],
                },
            ),
        ]
    ):
        saved = SavedStep.objects.create(
            department=department, kind=kind, slug=f"kept-{number}", title=pen(120), note=pen(1_000), newest=2
        )
        for version in (1, 2):
            SavedStepVersion.objects.create(
                saved=saved, number=version, content=content, note=pen(1_000), saved_by=pen(254)
            )
        made.append(saved)
    return made


def a_trigger(pen: Pen, workflow: Workflow) -> None:
    """One that has heard something, and does not work."""
    made, _ = set_up(workflow, "time.schedule", Wanted(pen(120)), actor=SYSTEM)
    said = {"health": "fails", "health_said": pen(1_000), "made_by": pen(254)}
    Trigger.objects.filter(pk=made.pk).update(**said)
    TriggerEvent.objects.create(trigger=made, key=pen(300), title=pen(200), said=pen(1_000), outcome="refused")


def a_connection(pen: Pen, department: Department) -> Connection:
    """Which its other side has refused with words of its own."""
    settings = {"address": "https://archive.example", "signs_in": "header", "key_name": "X-Key"}
    connection = connect(department, "http", Told("Archive", settings, {"secret": "unheard-of"}), actor=SYSTEM)
    shown = {"address": pen(400), "signs_in": "header", "key_name": pen(100), "test_path": pen(300)}
    Connection.objects.filter(pk=connection.pk).update(
        title=pen(120),
        settings=shown,
        health="fails",
        health_said=pen(500),
        made_by=pen(254),
        checked_at=timezone.now(),
        last_used_at=timezone.now(),
    )
    connection.refresh_from_db()
    return connection


def a_service(pen: Pen, department: Department) -> Manifest:
    """Whose description is not to be trusted, word for word; what is cleaned on the way in is made hostile again."""
    manifest = factories.make_manifest(described("https://shop.example"), department)
    version = manifest.versions.get()
    way = {"name": "w", "title": pen(80), "schemes": []}
    told = {"title": pen(80), "about": pen(300), "servers": [{"address": pen(200)}], "signs_in": [way]}
    ManifestVersion.objects.filter(pk=version.pk).update(
        service={**version.service, **told}, notes=[pen(200)], address=pen(300), made_by=pen(254)
    )
    for row in version.operations.all():
        row.title, row.tag, row.path, row.problem = pen(80), pen(60), pen(300), ""
        row.content = {**row.content, "title": row.title, "about": pen(300), "asked": [_asked(pen)]}
        row.save()
    version.operations.filter(name="me").update(problem=pen(300))
    Manifest.objects.filter(pk=manifest.pk).update(title=pen(80))
    return manifest


def _asked(pen: Pen) -> dict[str, Any]:
    said = {"title": pen(80), "about": pen(200), "example": pen(80)}
    return {"field": "it", "name": pen(40), "type": "choice", "choices": [pen(60)], "needed": True, **said}


@transaction.atomic
def a_ledger(pen: Pen, department: Department, run: Run) -> list[Any]:
    actor = replace(SYSTEM, label=pen(254))
    of = {"actor": actor, "department": department.slug}
    return [
        record("workflow.published", **of, thing=run.workflow, version=1, note=pen(400)),
        record("task.delegated", **of, thing=run, to=pen(200)),
        record("group.made", **of, thing=department, why=pen(300)),
    ]


def a_hostile_department(pen: Pen) -> Hostile:
    department = factories.make_department(pen(80), slug="hostile")
    roles = [Role.VIEWER, Role.OPERATOR, Role.BUILDER, Role.APPROVER, Role.MANAGER]
    people = {role.value: factories.make_user(pen(120), department, role, email=f"{role}@x.example") for role in roles}
    administrator = factories.make_user(
        pen(120), department, Role.MANAGER, is_staff=True, is_superuser=True, email="root@x.example"
    )
    draft = a_draft(pen)
    workflow = factories.make_workflow(
        department, draft, name=draft["name"], slug="hostile", description=draft["description"], sample={"text": pen()}
    )
    factories.make_version(workflow, note=pen(1_000), published_by=pen(254))
    factories.make_version(workflow, {**draft, "steps": draft["steps"][1:]}, note=pen(1_000), published_by=pen(254))
    builder = people["builder"]
    scene = Scene(department, builder, people["operator"], people["approver"], people["viewer"], builder, workflow)
    run = a_finished_run(pen, scene, workflow)
    mode = ManualMode.objects.create(department=department, workflow=workflow, reason=pen(500), on_by=pen(254))
    provider = factories.make_provider(pen(80))
    group = factories.make_group(department, *people.values(), name=pen(80), slug="h")
    tasks = tasks_of_every_kind(pen, scene, workflow, people["approver"])
    saved = a_library(pen, department)
    connection = a_connection(pen, department)
    a_service(pen, department)
    a_trigger(pen, scene.workflow)
    rows = [
        *a_ledger(pen, department, run),
        Sample.objects.create(workflow=workflow, step_id="s0", kind=draft["steps"][0]["kind"], output={"text": pen()}),
        DraftEdit.objects.create(workflow=workflow, revision=1, edit={}, said=pen(300), before=draft, by=pen(254)),
        factories.make_file(department, pen(255), created_by=pen(254)),
        factories.make_absence(
            builder, date.today(), date.today() + timedelta(days=9), people["viewer"], note=pen(200)
        ),
        factories.make_notice(builder, department=department, subject=pen(200), text=pen(), digest_line=pen(500)),
        factories.make_model(provider, pen(120), title=pen(120)),
        factories.make_publish_request(workflow, note=pen(500), asked_by=pen(254), reason=pen(500)),
        create_token(department, role=Role.VIEWER, name=pen(80), actor=SYSTEM)[0],
        department,
        workflow,
        run,
        mode,
        connection,
        provider,
        group,
        *tasks,
        *saved,
        *people.values(),
        *Attempt.objects.all(),
        *JournalEntry.objects.all(),
    ]
    return Hostile(scene, administrator, people, run, tasks, saved, group, mode, connection, rows)
