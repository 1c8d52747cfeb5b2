"""`python -m bench.admin N`: how long the lists of the admin take over N runs, and how often they ask the database.

Of each run there are three steps and three entries of the ledger, of every tenth one a task, evenly over a year.
Written by SQL: to run them would take days.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from bench.figures import percentile

TURNS = 15
DEPARTMENTS = ("Legal", "Marketing", "Communications")


def lists(count: int) -> dict[str, Any]:
    """Each list as it is, searched for words, what is nowhere and an id, and filtered: {"ms": p95, "queries"}."""
    from django.conf import settings
    from django.contrib.sessions.models import Session

    from bench.crowd import _session
    from departments.models import User

    settings.ADMIN_NEEDS_SECOND_FACTOR = False  # the lists are measured, not the sign-in
    began = time.monotonic()
    _fill(count)
    filled_s = time.monotonic() - began
    person = User.objects.create(email="bench.admin@example.org", name="Robin", is_staff=True, is_superuser=True)
    session = _session(person)
    Session.objects.bulk_create([session])
    found = {name: _measured(path, session.session_key) for name, path in _paths().items()}
    return {"filled_s": filled_s, "lists": found}


def _paths() -> Mapping[str, str]:
    from audit.models import Entry
    from workflows.models import Run, Task

    run, task, entry = (model.objects.order_by("pk")[10] for model in (Run, Task, Entry))
    asked = {
        "workflows/run": ("q=Workflow+17", "q=nowhere", f"q={run.pk}", "status__exact=failed", "status__exact=queued"),
        "workflows/task": ("q=Workflow+17", "q=nowhere", f"q={task.pk}", "status__exact=open", "kind__exact=form"),
        "audit/entry": ("q=Person+17", "q=nowhere", f"q={entry.pk}", "actor_kind=token", "actor_kind=nobody"),
        "departments/user": ("q=Person+17", "q=nowhere", "is_active__exact=0", "memberships__role__exact=manager"),
        "workflows/workflow": ("q=Workflow+17", "q=nowhere", "department__id__exact=" + str(run.department_id)),
        "workflows/steprun": ("q=Workflow+17", "q=nowhere", f"q={run.pk}", "status__exact=failed"),
        "": (),
    }
    since = "created_at__gte=2026-01-01+00%3A00%3A00%2B00%3A00&created_at__lt=2099-01-01+00%3A00%3A00%2B00%3A00"
    asked["workflows/run"] += (since,)
    return {
        f"{name or 'desk'} {question}".strip(): f"/admin/{name}{'/' if name else ''}?{question}"
        for name, questions in asked.items()
        for question in ("", *questions)
    }


def _measured(path: str, key: str) -> dict[str, float]:
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "127.0.0.1"})
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    queries = len(asked)  # the next request forgets them
    assert answer.status_code == 200, (path, answer.status_code, answer.get("Location"))
    took = []
    for _turn in range(TURNS):
        began = time.perf_counter()
        client.get(path)
        took.append((time.perf_counter() - began) * 1000)
    return {"ms": percentile(took, 95), "queries": queries}


def _fill(count: int) -> None:
    """Each row is a copy of one that Django has made, with what tells it apart changed."""
    from django.db import connection

    _one_of_each()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET synchronous_commit = off")
        cursor.execute("SET session_replication_role = replica")  # no triggers, no foreign keys: a year in minutes
        for table, source, changed in _FILL:
            cursor.execute(_copied(cursor, table, source, changed), {"count": count})
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def _one_of_each() -> None:
    from django.db import transaction
    from django.utils import timezone

    from audit.services import record
    from departments.access import SYSTEM
    from departments.models import Department, Membership, Role, User
    from workflows.models import Run, StepRun, Task, Version, Workflow

    department, *_others = [Department.objects.create(name=name, slug=name.lower()) for name in DEPARTMENTS]
    person = User.objects.create(email="one@example.org", name="Person", password="!")
    Membership.objects.create(user=person, department=department, role=Role.OPERATOR)
    workflow = Workflow.objects.create(department=department, name="Workflow", slug="bench-one", draft={"steps": []})
    version = Version.objects.create(workflow=workflow, number=1, definition={"steps": []}, published_by="Clara Vogel")
    expires = timezone.now()
    values = {"department": department, "workflow": workflow, "version": version, "expires_at": expires}
    run = Run.objects.create(**values, inputs={"topic": "the spring campaign"}, started_by="Clara Vogel")
    step = StepRun.objects.create(run=run, department=department, path="write", step_id="write", kind="ai.write")
    Task.objects.create(run=run, step=step, department=department, kind="approve", question="May it leave?")
    with transaction.atomic():
        record("run.started", actor=SYSTEM, department=department.slug, thing=run, run_id=run.pk)


def _copied(cursor: Any, table: str, source: str, changed: Mapping[str, str]) -> str:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_identity = 'NO'", [table]
    )
    columns = [name for (name,) in cursor.fetchall()]
    taken = ", ".join(changed.get(name, f'one."{name}"') for name in columns)
    latest = f"(SELECT * FROM {table} ORDER BY id DESC LIMIT 1) AS one"
    given = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({given}) SELECT {taken} FROM {source} CROSS JOIN {latest}"


# `uuidv7(shift)` is PostgreSQL's own: ids of a year, evenly, as rows were made.
_SHIFT = "interval '1 year' * g / %(count)s - interval '366 days'"
_PLACES = (
    "(SELECT array_agg(id ORDER BY slug) AS ids, array_agg(slug ORDER BY slug) AS slugs FROM departments_department)"
)
_STATUS = "(CASE WHEN g %% 100 = 7 THEN 'failed' WHEN g %% 1000 = 3 THEN 'waiting' ELSE 'succeeded' END)"
_AT = f"(now() + {_SHIFT})"
_FILL: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("departments_user", "generate_series(1, 20000) AS g",
     {"id": "uuidv7()", "email": "'person' || g || '@example.org'", "name": "'Person ' || g",
      "is_active": "g %% 20 <> 0"}),
    ("departments_membership", "(SELECT *, row_number() OVER () AS g FROM departments_user"
     " WHERE name LIKE 'Person _%%') AS u"
     f" CROSS JOIN {_PLACES} AS d",
     {"id": "uuidv7()", "user_id": "u.id", "department_id": "d.ids[1 + u.g %% cardinality(d.ids)]"}),
    ("workflows_workflow", f"generate_series(1, 500) AS g CROSS JOIN {_PLACES} AS d",
     {"id": "uuidv7()", "name": "'Workflow ' || g", "slug": "'bench-' || g",
      "department_id": "d.ids[1 + g %% cardinality(d.ids)]"}),
    ("workflows_version", "(SELECT id FROM workflows_workflow WHERE slug LIKE 'bench-%%' AND slug <> 'bench-one') AS w",
     {"id": "uuidv7()", "workflow_id": "w.id"}),
    ("workflows_run", "generate_series(1, %(count)s) AS g JOIN (SELECT v.id, v.workflow_id, w.department_id,"
     " row_number() OVER () - 1 AS n, count(*) OVER () AS many FROM workflows_version AS v"
     " JOIN workflows_workflow AS w ON w.id = v.workflow_id WHERE w.slug LIKE 'bench-%%') AS v ON v.n = g %% v.many",
     {"id": f"uuidv7({_SHIFT})", "workflow_id": "v.workflow_id", "version_id": "v.id",
      "department_id": "v.department_id",
      "status": _STATUS, "created_at": _AT, "started_at": _AT, "finished_at": _AT,
      "started_by": "'Person ' || g %% 20000", "starter_kind": "'person'"}),
    ("workflows_steprun", "(SELECT id, department_id, status, created_at FROM workflows_run"
     " WHERE status <> 'queued') AS r"
     " CROSS JOIN generate_series(1, 3) AS g",
     {"id": "uuidv7(r.created_at - now() + interval '1 ms' * g)", "run_id": "r.id", "department_id": "r.department_id",
      "path": "'step' || g", "step_id": "'step' || g", "position": "g", "status": "r.status",
      "created_at": "r.created_at", "kind": "(ARRAY['ai.write', 'text.compose', 'people.approve'])[g]"}),
    ("workflows_task", "(SELECT id, run_id, department_id, created_at, row_number() OVER () AS g FROM workflows_steprun"
     " WHERE step_id = 'step3' AND random() < 0.1) AS s",
     {"id": "uuidv7(s.created_at - now())", "run_id": "s.run_id", "step_id": "s.id", "department_id": "s.department_id",
      "created_at": "s.created_at", "status": "(CASE WHEN s.g %% 1000 = 3 THEN 'open' ELSE 'decided' END)"}),
    ("audit_entry", "(SELECT id, department_id, created_at, started_by FROM workflows_run) AS r"
     " CROSS JOIN generate_series(2, 4) AS g JOIN departments_department AS d ON d.id = r.department_id",
     {"id": "uuidv7(r.created_at - now() + interval '1 ms' * g)", "run_id": "r.id", "seq": "g", "at": "r.created_at",
      "department": "d.slug", "actor_kind": "'person'", "actor_label": "r.started_by", "object_id": "r.id::text"}),
)  # fmt: skip


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    print(json.dumps(lists(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
