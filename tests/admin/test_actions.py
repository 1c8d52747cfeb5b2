"""Each action of the administration, and what it writes into the ledger (case A22)."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from connectors.models import Breaker, ModelCall
from departments.access import SYSTEM
from departments.models import Department, User
from departments.tokens import create_token
from tests import factories
from tests.connectors.manifests.petshop import described
from tests.deeds import leaves, listed
from tests.workflows.runtime.harness import silent_broker

pytestmark = pytest.mark.django_db


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def a_person(legal: Department) -> User:
    """In the department, with a second factor, signed in."""
    lea = factories.make_user("Lea", legal)
    TOTP.activate(lea, "JBSWY3DPEHPK3PXP")
    a_session(lea)
    return lea


def a_session(person: User) -> UserSession:
    client = Client()
    client.force_login(person)
    key = client.session.session_key
    return UserSession.objects.create(user=person, ip="127.0.0.1", user_agent="Firefox", session_key=key)


def a_call(legal: Department) -> ModelCall:
    """Nobody knows whether the provider has billed it."""
    run = factories.make_run(factories.make_version(factories.make_workflow(legal)))
    where = {"workflow_id": run.workflow_id, "run_id": run.pk, "step_id": factories.make_step(run).pk}
    paid = {"provider": "P", "model": "m", "month": timezone.now().date().replace(day=1), "reserved_usd": 1}
    return ModelCall.objects.create(department=legal, **where, **paid, status="unknown", cost_usd=1)


def a_run(legal: Department, status: str) -> Model:
    run = factories.make_run(factories.make_version(factories.make_workflow(legal)), status=status)
    factories.make_step(run, status=status if status == "failed" else "ready")
    return run


def row_for(action: str, legal: Department) -> Model:
    """One that the action changes."""
    now = timezone.now()
    match action.rsplit(".", 1):
        case ["departments.apitoken", _]:
            return create_token(legal, role="viewer", name="Archive", actor=SYSTEM)[0]
        case ["departments.notice", _]:
            return factories.make_notice(factories.make_user("Tom", legal), status="failed")
        case ["departments.user", "activate"]:
            return factories.make_user("Gone", is_active=False)
        case ["departments.user", _]:
            return a_person(legal)
        case ["usersessions.usersession", _]:
            return a_session(factories.make_user("Ida", legal))
        case ["connectors.aimodel", _]:
            return factories.make_model(is_default=False)
        case ["connectors.breaker", _]:
            return Breaker.objects.create(model=factories.make_model(), opened_at=now, open_until=now)
        case ["connectors.manifest", _]:
            return factories.make_manifest(described("https://pets.example/"), legal)
        case ["connectors.modelcall", _]:
            return a_call(legal)
        case ["workflows.run", "cancel"]:
            return a_run(legal, "queued")
    return a_run(legal, "failed")


def test_each_action_leaves_the_deed_that_its_line_names(legal: Department) -> None:
    robin = Client()
    robin.force_login(factories.make_user("Robin", is_superuser=True, is_staff=True))
    known = {way.removeprefix("admin ") for way in listed() if way.startswith("admin ")}
    assert known == {
        f"{model._meta.label_lower}.{name}"
        for model, desk in admin.site._registry.items()
        for _do, name, *_ in desk._get_base_actions()  # type: ignore[attr-defined]
        if name != "delete_selected"  # the same as deleting one, which tests/admin/test_changes.py sees
    }

    for action in sorted(known):
        row = row_for(action, legal)
        chosen: dict[str, Any] = {"action": action.rsplit(".", 1)[1], "_selected_action": [str(row.pk)]}
        address = f"/admin/{row._meta.app_label}/{row._meta.model_name}/"
        with silent_broker(), leaves(f"admin {action}"):
            assert robin.post(address, chosen).status_code in (200, 302), action
        if action.startswith("departments.user."):
            User.objects.filter(pk=row.pk).update(is_active=False)
