"""Staff without the right do nothing in the admin by any door, and the ledger says that they tried (case Z14)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from departments.access import SYSTEM
from departments.groups import make_group
from departments.models import ApiToken, Department, Group, Membership, Role, User
from departments.tokens import create_token
from tests.factories import make_department, make_run, make_user, make_version, make_workflow
from workflows.models import Run, Workflow

pytestmark = pytest.mark.django_db

KEPT = (User, Department, Membership, Group, ApiToken, Workflow, Run)
ACTIONS = {
    User: ("make_links", "forget_passwords", "forget_factors", "end_sessions", "deactivate", "activate", "hand_over"),
    ApiToken: ("revoke",),
    Membership: ("delete_selected",),
    Group: ("delete_selected",),
    Run: ("cancel", "try_again"),
}


@pytest.fixture
def rows() -> dict[type[Model], Any]:
    legal = make_department("Legal")
    lea = make_user("Lea", legal, Role.BUILDER)
    run = make_run(make_version(make_workflow(legal)), status="waiting")
    token, _secret = create_token(legal, role=Role.VIEWER, name="Archive", actor=SYSTEM)
    group = make_group(legal, "Deals", members=[lea], actor=SYSTEM)
    made = (lea, legal, lea.memberships.get(), group, token, run.workflow, run)
    return {type(row): row for row in made}


def address(model: type[Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def state() -> list[Any]:
    found: list[Any] = [list(model._default_manager.order_by("pk").values()) for model in KEPT]
    for user in found[0]:
        user.pop("last_login")
    return found


def staff(*permissions: str) -> Client:
    person, client = make_user(is_staff=True), Client()
    person.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(person)
    return client


def test_no_door_of_the_admin_opens_without_permission_and_the_ledger_says_who_tried(
    rows: dict[type[Model], Any],
) -> None:
    client = staff()
    before = state()

    for model, row in ((model, rows[model]) for model in (User, Membership, ApiToken, Run)):
        for path in (
            address(model, "changelist") + "?_popup=1",
            address(model, "changelist") + "?rows=csv",
            address(model, "add") + "?_popup=1&_to_field=id",
            address(model, "change", row.pk) + "?_popup=1",
            address(model, "history", row.pk),
            address(model, "delete", row.pk) + "?_popup=1",
        ):
            assert _is_shut(client.get(path)), path
            if "?_popup" in path:
                assert _is_shut(client.post(path, {"post": "yes", "name": "Mine", "is_superuser": "on"})), path
        for action in ACTIONS[model]:
            answer = client.post(address(model, "changelist"), _chosen(action, row))
            assert answer.status_code == 403, (model, action)
    for app, name, field in (
        ("departments", "membership", "user"),
        ("departments", "group", "members"),
        ("workflows", "run", "workflow"),
    ):
        asked = {"app_label": app, "model_name": name, "field_name": field, "term": ""}
        assert client.get("/admin/autocomplete/", asked).status_code == 403

    assert state() == before
    told = Entry.objects.filter(verb="access.refused", detail__address__startswith="admin/")
    assert 10 <= told.count() < 40, "not each of them: whoever tries everything fills no disk"


def test_whoever_may_look_or_change_rows_still_does_nothing_that_administrators_do(
    rows: dict[type[Model], Any],
) -> None:
    names = [model._meta.model_name for model in rows]
    looks = staff(*(f"view_{name}" for name in names))
    changes = staff(*(f"{deed}_{name}" for name in names for deed in ("view", "change", "delete", "add")))
    to = make_user("Tom", rows[Department])
    before = state()

    for client in (looks, changes):
        for model, actions in ACTIONS.items():
            for action in actions:
                chosen = {**_chosen(action, rows[model]), "post": "yes", "to": str(to.pk)}
                assert client.post(address(model, "changelist"), chosen).status_code in (200, 302, 403), action
                assert state() == before, (model, action)
        for to_field in ("password", "digest", "email"):
            asked = client.get(address(User, "changelist"), {"_popup": "1", "_to_field": to_field})
            assert asked.status_code == 400, to_field

    assert Entry.objects.filter(verb="access.refused", detail__method="POST").count() >= 5


def _is_shut(answer: Any) -> bool:
    """Refused; or told that it does not exist, where the second wall hides what is another department's."""
    return answer.status_code == 403 or (answer.status_code, answer.headers.get("Location")) == (302, "/admin/")


def _chosen(action: str, row: Model) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(row.pk)], "index": "0"}
