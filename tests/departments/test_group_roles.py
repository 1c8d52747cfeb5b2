"""A group gives its members roles in its department, for as long as they are in it (issue 8, cases Z05 and Z08)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.urls import reverse

from departments.access import SYSTEM, Actor, Verb, actor_for_user
from departments.groups import change_group, delete_group, make_group
from departments.models import Department, Group, Membership, Role, User
from departments.services import add_member, remove_member
from tests.departments.written import ledger
from tests.factories import make_department, make_user, make_workflow
from workflows.services.departing import leave_department

pytestmark = pytest.mark.django_db


@pytest.fixture
def henrik(legal: Department) -> User:
    return make_user("Henrik", department=legal, role=Role.MANAGER)


@pytest.fixture
def manager(henrik: User) -> Actor:
    return actor_for_user(henrik)


def test_who_is_in_a_group_holds_its_roles_and_the_ledger_says_by_which(
    legal: Department, lea: User, manager: Actor
) -> None:
    tom = make_user("Tom")

    deals = make_group(legal, "Deals", members=[lea, tom], roles=["approver", "operator"], actor=manager)
    assert (held(lea), held(tom)) == ({"viewer", "operator", "approver"}, {"operator", "approver"})
    assert actor_for_user(tom).may(Verb.DECIDE, legal.pk)
    change_group(deals, roles=["builder"], actor=manager)
    assert (held(lea), held(tom)) == ({"viewer", "builder"}, {"builder"}), "given before taken: nobody falls out"
    change_group(deals, members=[lea], actor=manager)
    assert (held(lea), held(tom), list(deals.members.all())) == ({"viewer", "builder"}, set(), [lea])
    delete_group(deals, actor=manager)
    assert held(lea) == {"viewer"}, "what was given directly stays"

    said = ledger()
    assert said[0] == ("group.made", "legal", "Deals", {"members": ["Lea", "Tom"], "roles": ["operator", "approver"]})
    assert said[1] == ("member.added", "legal", "Lea", {"role": "operator", "group": "Deals"})
    assert (said[5][3]["roles_before"], said[5][3]["roles"]) == (["operator", "approver"], ["builder"])
    verbs = [verb for verb, *_rest in said]
    assert (verbs.count("member.added"), verbs.count("member.removed"), verbs[-1]) == (6, 6, "group.deleted")


def test_a_role_held_directly_and_by_groups_ends_with_the_last_of_them(
    legal: Department, lea: User, manager: Actor
) -> None:
    one, two = (make_group(legal, name, members=[lea], roles=["builder"], actor=manager) for name in ("One", "Two"))
    direct = add_member(legal, lea, Role.BUILDER, actor=manager)

    with pytest.raises(ValidationError, match="already"):
        add_member(legal, lea, Role.BUILDER, actor=manager)
    with pytest.raises(ValidationError, match="Lea is Builder by the group One"):
        remove_member(one.gives.get(), actor=manager)
    for gone in (partial(remove_member, direct), partial(delete_group, one), partial(change_group, two, roles=[])):
        assert "builder" in held(lea)
        gone(actor=manager)

    assert held(lea) == {"viewer"}


def test_whoever_holds_roles_by_a_group_alone_loses_the_department_with_it(legal: Department, manager: Actor) -> None:
    tom = make_user("Tom")
    deals = make_group(legal, "Deals", members=[tom], roles=["viewer"], actor=manager)
    asked = make_group(legal, "Asked", members=[tom], actor=manager)

    change_group(deals, roles=[], actor=manager)

    assert (list(deals.members.all()), list(asked.members.all()), held(tom)) == ([], [], set())


def test_a_group_gives_roles_of_its_own_department_to_people_who_may_sign_in(
    legal: Department, lea: User, manager: Actor
) -> None:
    neighbour = actor_for_user(make_user(department=make_department(), role=Role.MANAGER))
    gone = make_user("Gone", is_active=False)
    deals = make_group(legal, "Deals", members=[lea], actor=manager)

    for actor in (neighbour, actor_for_user(lea)):
        with pytest.raises(PermissionDenied):
            change_group(deals, roles=["manager"], actor=actor)
    with pytest.raises(ValidationError, match="no role “owner”"):
        change_group(deals, roles=["owner"], actor=manager)
    with pytest.raises(ValidationError, match="Gone is deactivated"):
        change_group(deals, members=[lea, gone], roles=["viewer"], actor=manager)
    rows = [Membership(user=lea, department=legal, role="viewer", group=deals) for _twice in range(2)]
    with pytest.raises(IntegrityError, match="membership_once_by_group"), transaction.atomic():
        Membership.objects.bulk_create(rows)

    assert held(lea) == {"viewer"}


def test_who_leaves_the_department_leaves_the_groups_that_give_roles(
    legal: Department, lea: User, manager: Actor
) -> None:
    bob = make_user("Bob", department=legal)
    deals = make_group(legal, "Deals", members=[lea, bob], roles=["builder"], actor=manager)

    leave_department(lea, legal, to=bob, actor=manager)

    assert (held(lea), list(deals.members.all()), held(bob)) == (set(), [bob], {"viewer", "builder"})


def test_taken_out_of_the_group_an_open_session_may_nothing_with_the_next_request(
    legal: Department, henrik: User, client: Client
) -> None:
    tom, workflow = make_user("Tom"), make_workflow(legal, name="Nightly digest")
    page, build = reverse("workflow", args=[workflow.pk]), reverse("build", args=[workflow.pk])
    desk = Client()
    desk.force_login(henrik)
    desk.post(reverse("group_make", args=["legal"]), {"new-name": "Desk", "new-roles": ["builder"]})
    group = Group.objects.get()
    change_group(group, members=[tom], actor=SYSTEM)
    client.force_login(tom)

    before = [client.get(address).status_code for address in (page, build)]
    people = desk.get(reverse("department", args=["legal"])).content.decode()
    change = {f"group-{group.pk}-name": "Desk", f"group-{group.pk}-roles": ["viewer"]}
    desk.post(reverse("group_change", args=["legal", group.pk]), {**change, f"group-{group.pk}-members": [tom.pk]})
    less = [client.get(address).status_code for address in (page, build)]
    desk.post(reverse("group_change", args=["legal", group.pk]), change)
    after = [client.get(address).status_code for address in (page, build)]

    assert (before, less, after) == ([200, 200], [200, 403], [404, 404])
    assert "Builder (group Desk)" in people
    assert "Builder: Tom" in people, "the group's line says what it gives"


def test_a_manager_by_a_group_may_give_that_up(legal: Department, client: Client) -> None:
    tom = make_user("Tom")
    group = make_group(legal, "Heads", members=[tom], roles=["manager"], actor=SYSTEM)
    client.force_login(tom)

    answer = client.post(reverse("group_delete", args=["legal", group.pk]), follow=True)

    assert (answer.status_code, held(tom)) == (200, set())


@pytest.mark.django_db(transaction=True)
def test_whoever_comes_in_while_the_group_gets_a_role_has_it() -> None:
    for _round in range(5):
        legal = make_department()
        lea, group = make_user("Lea", department=legal), make_group(legal, "Deals", actor=SYSTEM)

        deeds = [{"members": [lea]}, {"roles": ["builder"]}]
        with ThreadPoolExecutor(2) as both:
            list(both.map(partial(_change, group.pk), deeds))

        assert held(lea) == {"viewer", "builder"}


def _change(pk: object, deed: dict[str, list[object]]) -> None:
    try:
        change_group(Group.objects.select_related("department").get(pk=pk), **deed, actor=SYSTEM)  # type: ignore[arg-type]
    finally:
        connections.close_all()


def held(user: User) -> set[str]:
    return set(Membership.objects.filter(user=user).values_list("role", flat=True))
