"""`python -m bench.seeding`: publish what is measured in a prepared home, and print how to reach it as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

CSRF = "0" * 32


@dataclass(frozen=True)
class Seeded:
    """`tokens`: department → secret. `workflows`: name in DEFINITIONS → department → id. `cookie`: a signed-in session.

    `csrf` is the token that its forms send. `build_page` is the address behind a workflow's own where it is built, or
    nothing where there is none.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    workflows: dict[str, dict[str, str]] = field(default_factory=dict)
    cookie: str = ""
    csrf: str = ""
    build_page: str = ""


def seed() -> Seeded:
    from django.conf import settings

    from departments.models import Department

    _cancel_samples()
    departments = list(Department.objects.order_by("slug"))
    return Seeded(
        tokens={each.slug: _token(each) for each in departments},
        workflows={name: {each.slug: _published(each, name) for each in departments} for name in _names()},
        cookie=f"{_session(departments[0])}; {settings.CSRF_COOKIE_NAME}={CSRF}",
        csrf=CSRF,
        build_page=_build_page(),
    )


def _names() -> list[str]:
    from bench.workflows import DEFINITIONS

    return list(DEFINITIONS)


def _token(department: Any) -> str:
    from departments.access import SYSTEM
    from departments.models import Role
    from departments.tokens import create_token

    return create_token(department, role=Role.OPERATOR, name="Benchmark", actor=SYSTEM)[1]


def _published(department: Any, name: str) -> str:
    from bench.workflows import DEFINITIONS
    from departments.access import SYSTEM
    from workflows.services.workflows import create_workflow, publish_workflow

    definition = DEFINITIONS[name]
    workflow = create_workflow(department, name=definition["name"], definition=definition, actor=SYSTEM)
    publish_workflow(workflow, note="Measured", actor=SYSTEM)
    return str(workflow.pk)


def _cancel_samples() -> None:
    """A fresh server tries its examples on their samples at once, which would be in the way."""
    from departments.access import SYSTEM
    from workflows.models import Run
    from workflows.models.states import RUN_OVER
    from workflows.services.runs import cancel_run

    for run in Run.objects.exclude(status__in=RUN_OVER):
        cancel_run(run, actor=SYSTEM)


def _session(department: Any) -> str:
    """The cookie of somebody who builds workflows in the department."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from departments.models import Role, User

    user = User.objects.filter(memberships__department=department, memberships__role=Role.BUILDER).earliest("pk")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def _build_page() -> str:
    from uuid import UUID

    from django.urls import NoReverseMatch, reverse

    nobody = UUID(int=0)
    for name in ("build", "workflow_build", "edit"):
        try:
            return reverse(name, args=[nobody]).replace(str(nobody), "{id}")
        except NoReverseMatch:
            continue
    return ""


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    print(json.dumps(asdict(seed())))


if __name__ == "__main__":
    main()
