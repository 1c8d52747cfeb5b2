"""Who may do what (rule S11, case Z08)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client, RequestFactory

from departments.access import NOBODY, SYSTEM, Actor, Verb, actor_for_user, require, visible
from departments.middleware import ActorMiddleware
from departments.models import Department, Role, User
from tests.factories import make_department, make_member, make_user, make_workflow
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

TABLE = {
    Role.VIEWER: {"view"},
    Role.OPERATOR: {"view", "run"},
    Role.BUILDER: {"view", "run", "edit", "publish", "connect"},
    Role.APPROVER: {"view", "decide"},
    Role.MANAGER: {"view", "run", "edit", "publish", "decide", "connect", "audit", "manage"},
}


@pytest.mark.parametrize(("role", "verbs"), TABLE.items(), ids=TABLE)
def test_each_role_allows_what_the_table_says_and_only_in_its_department(
    legal: Department, role: Role, verbs: set[str]
) -> None:
    actor = actor_for_user(make_user(department=legal, role=role))
    other = make_department()

    assert {verb.value for verb in Verb if actor.may(verb, legal.pk)} == verbs
    assert not any(actor.may(verb, other.pk) for verb in Verb)


def test_two_roles_add_up(legal: Department) -> None:
    person = make_user(department=legal, role=Role.OPERATOR)
    make_member(person, legal, Role.APPROVER)

    actor = actor_for_user(person)

    assert {verb.value for verb in Verb if actor.may(verb, legal.pk)} == {"view", "run", "decide"}


def test_an_administrator_reads_no_department_without_being_its_member(legal: Department) -> None:
    administrator = actor_for_user(make_user(is_superuser=True, is_staff=True))

    assert not any(administrator.may(verb, legal.pk) for verb in Verb)
    assert administrator.departments() == []


def test_an_auditor_audits_every_department_and_does_nothing_else(legal: Department) -> None:
    auditor = actor_for_user(make_user(is_auditor=True))

    assert [verb for verb in Verb if auditor.may(verb, legal.pk)] == [Verb.AUDIT]
    assert list(visible(Department.objects.all(), auditor, verb=Verb.AUDIT, path="pk")) == [legal]
    assert list(visible(Department.objects.all(), auditor, path="pk")) == []


def test_a_queryset_shows_only_rows_of_the_actors_departments(legal: Department) -> None:
    ours, theirs = make_workflow(legal), make_workflow(make_department())
    viewer = actor_for_user(make_user(department=legal))

    seen = visible(Workflow.objects.all(), viewer)

    assert (list(seen), seen.filter(pk=theirs.pk).exists()) == ([ours], False)
    assert list(visible(Workflow.objects.all(), viewer, verb=Verb.EDIT)) == []
    assert list(visible(Workflow.objects.all(), NOBODY)) == []
    assert visible(Workflow.objects.all(), SYSTEM).count() == 2


def test_a_refusal_names_who_what_and_where(legal: Department) -> None:
    viewer = actor_for_user(make_user("Nora", department=legal))

    with pytest.raises(PermissionDenied, match="Nora may not publish in Legal"):
        require(viewer, Verb.PUBLISH, legal)


def actor_of(user: object) -> Actor:
    request = RequestFactory().get("/")
    request.user = user
    ActorMiddleware(HttpResponse)(request)
    return request.actor


def test_the_actor_of_a_request_is_who_is_signed_in_and_costs_no_query_before_it_is_asked(
    legal: Department, django_assert_num_queries
) -> None:
    nora = make_user("Nora", department=legal)

    with django_assert_num_queries(0):
        actor = actor_of(nora)
    with django_assert_num_queries(1):
        assert actor.label == "Nora"

    assert actor.departments() == [legal.pk]


@pytest.mark.parametrize("user", [AnonymousUser(), None], ids=["nobody", "the API's nobody"])
def test_the_actor_of_a_request_without_a_person_is_nobody(user: object) -> None:
    assert actor_of(user) == NOBODY


def test_somebody_deactivated_has_no_rights_left(legal: Department) -> None:
    person = make_user(
        department=legal, role=Role.MANAGER, is_active=False, is_superuser=True, is_staff=True, is_auditor=True
    )

    actor = actor_for_user(person)

    assert not any(actor.may(verb, legal.pk) for verb in Verb)
    assert (actor.is_administrator, actor.is_auditor, actor.departments()) == (False, False, [])


@pytest.mark.parametrize("path", ["/ledger/", "/admin/", "/accounts/password/set/"])
def test_an_open_session_ends_with_the_next_request_after_deactivation(client: Client, path: str) -> None:
    person = make_user(is_superuser=True, is_staff=True, is_auditor=True)
    client.force_login(person)
    assert client.get(path).status_code == 200

    User.objects.update(is_active=False)

    assert client.get(path).status_code == 302
    assert client.post(path).status_code in (302, 405)


def test_a_role_that_was_taken_is_gone_with_the_next_request(client: Client, legal: Department) -> None:
    manager = make_user(department=legal, role=Role.MANAGER)
    client.force_login(manager)
    assert client.get("/ledger/").status_code == 200

    manager.memberships.all().delete()

    assert client.get("/ledger/").status_code == 403


def test_a_new_password_ends_the_sessions_of_the_old_one(client: Client) -> None:
    person = make_user(is_auditor=True, password="the old pass phrase")
    client.force_login(person)

    person.set_password("the new pass phrase")
    person.save()

    assert client.get("/ledger/").status_code == 302
