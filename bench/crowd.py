"""`python -m bench.crowd people N` and `python -m bench.crowd waiting N`: a crowd in a prepared home, told as JSON.

`people`: N approvers who are signed in, as cookies. `waiting`: the newest run that waits for a person, N times over.
`timers`: the newest one that sleeps, so too.
`hook`: the path of a webhook.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

CSRF = "0" * 32


def people(count: int) -> list[str]:
    """The cookies of so many approvers of the first department."""
    from django.conf import settings
    from django.contrib.sessions.models import Session

    from departments.models import Department, Membership, Role, User

    department = Department.objects.order_by("slug")[0]
    made = User.objects.bulk_create(
        User(email=f"{uuid4().hex}@example.org", name=f"Approver {number}", password="!") for number in range(count)
    )
    Membership.objects.bulk_create(Membership(user=user, department=department, role=Role.APPROVER) for user in made)
    sessions = [_session(user) for user in made]
    Session.objects.bulk_create(sessions)
    tail = f"{settings.CSRF_COOKIE_NAME}={CSRF}"
    return [f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {tail}" for session in sessions]


def _session(user: Any) -> Any:
    from datetime import timedelta

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    store = SessionStore()
    known = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    return Session(
        session_key=uuid4().hex,
        session_data=store.encode(known),
        expire_date=timezone.now() + timedelta(hours=1),
    )


def hook(_count: int) -> str:
    """The path of a new webhook that starts the workflow of three local steps."""
    from departments.access import SYSTEM
    from workflows.models import Workflow
    from workflows.services.triggers import Wanted, set_up

    workflow = Workflow.objects.select_related("department").filter(name="Bench: three local steps").order_by("pk")[0]
    settings = {"proof": "none", "per_minute": 100_000}
    wanted = Wanted("Storm", settings, {"topic": "{{ event.body.topic }}"})
    return f"/hooks/{set_up(workflow, 'web.hook', wanted, actor=SYSTEM)[1].path}"


def waiting(count: int) -> int:
    """So many more runs like the newest one that waits for a person; how many wait then."""
    from workflows.models import Task

    task = Task.objects.filter(status="open").latest("id")
    new = {"run": "map.run_id", "step": "map.step_id", "task": "map.task_id"}
    return _copied(
        count,
        ("workflows_run", ("id", task.run_id), {"id": new["run"]}),
        ("workflows_steprun", ("id", task.step_id), {"id": new["step"], "run_id": new["run"]}),
        ("workflows_task", ("id", task.pk), {"id": new["task"], "run_id": new["run"], "step_id": new["step"]}),
        ("workflows_assignee", ("task_id", task.pk), {"task_id": new["task"]}),
    )


def timers(count: int) -> int:
    """So many more runs like the newest one that sleeps; how many wait then."""
    from workflows.models import StepRun

    step = StepRun.objects.filter(status="waiting", path="nap").latest("id")
    return _copied(
        count,
        ("workflows_run", ("id", step.run_id), {"id": "map.run_id"}),
        ("workflows_steprun", ("id", step.pk), {"id": "map.step_id", "run_id": "map.run_id"}),
    )


def _copied(count: int, *rows: tuple[str, tuple[str, Any], Mapping[str, str]]) -> int:
    """So many copies of these rows (table, how it is found, what is other in each copy); how many runs wait then."""
    from django.db import connection, transaction

    from workflows.models import Run

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE map ON COMMIT DROP AS"
            " SELECT uuidv7() AS run_id, uuidv7() AS step_id, uuidv7() AS task_id FROM generate_series(1, %s)",
            [count],
        )
        for table, source, replaced in rows:
            cursor.execute(_copies(table, _columns(cursor, table), replaced, source[0]), [source[1]])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Run.objects.filter(status="waiting").count()


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_identity = 'NO'", [table]
    )
    return [row[0] for row in cursor.fetchall()]


def _copies(table: str, columns: Iterable[str], replaced: Mapping[str, str], key: str) -> str:
    given = ", ".join(f'"{name}"' for name in columns)
    taken = ", ".join(replaced.get(name, f'one."{name}"') for name in columns)
    return f"INSERT INTO {table} ({given}) SELECT {taken} FROM map CROSS JOIN {table} AS one WHERE one.{key} = %s"


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    what, count = sys.argv[1], int(sys.argv[2])
    print(json.dumps({"people": people, "waiting": waiting, "timers": timers, "hook": hook}[what](count)))


if __name__ == "__main__":
    main()
