"""People and departments: permission, change and ledger are one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connections, transaction

from audit.models import Entry
from departments import services
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role, User
from tests.factories import make_department, make_group, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator() -> Actor:
    return actor_for_user(make_user("Robin", is_superuser=True))


def last_entry() -> tuple[str, str, str, dict[str, Any]]:
    entry = Entry.objects.shown().first()
    return entry.verb, entry.department, entry.object_label, entry.detail


def test_an_administrator_creates_a_department(administrator: Actor) -> None:
    department = services.create_department("Public Affairs", actor=administrator)

    assert (department.name, department.slug) == ("Public Affairs", "public-affairs")
    assert last_entry() == ("department.created", "public-affairs", "Public Affairs", {})


def test_two_departments_of_one_name_are_refused(administrator: Actor, legal: Department) -> None:
    with pytest.raises(ValidationError) as refusal:
        services.create_department("Legal", actor=administrator)

    assert set(refusal.value.message_dict) == {"name", "slug"}
    assert not Entry.objects.exists()


def test_a_manager_gives_and_takes_roles_in_the_own_department(legal: Department) -> None:
    manager = actor_for_user(make_user("Henrik", department=legal, role=Role.MANAGER))
    lea = make_user("Lea")

    membership = services.add_member(legal, lea, Role.OPERATOR, actor=manager)
    added = last_entry()
    services.remove_member(membership, actor=manager)

    assert added == ("member.added", "legal", "Lea", {"role": "operator"})
    assert last_entry() == ("member.removed", "legal", "Lea", {"role": "operator"})
    assert not lea.memberships.exists()


def test_the_last_role_that_is_taken_takes_its_groups_along(legal: Department) -> None:
    manager = actor_for_user(make_user("Henrik", department=legal, role=Role.MANAGER))
    lea = make_user("Lea", department=legal, role=Role.VIEWER)
    approver = make_member(lea, legal, Role.APPROVER)
    elsewhere = make_department()
    make_member(lea, elsewhere)
    ours, theirs = make_group(legal, lea), make_group(elsewhere, lea)

    services.remove_member(approver, actor=manager)
    assert lea in ours.members.all()
    services.remove_member(lea.memberships.get(department=legal), actor=manager)

    assert list(lea.member_of.all()) == [theirs]


def test_a_manager_says_when_the_department_works(legal: Department) -> None:
    manager = actor_for_user(make_user("Henrik", department=legal, role=Role.MANAGER))
    hours = {"monday": [["08:00", "12:00"]]}

    services.change_hours(legal, working_hours=hours, holidays_of="DE-BE", days_off=[], actor=manager)

    legal.refresh_from_db()
    assert (legal.working_hours, legal.holidays_of, legal.days_off) == (hours, "DE-BE", [])
    changed = {"working_hours": hours, "holidays_of": "DE-BE"}
    assert last_entry() == ("department.hours_changed", "legal", "Legal", changed)


def test_hours_that_stay_as_they_are_write_nothing(legal: Department, administrator: Actor) -> None:
    services.change_hours(legal, holidays_of="", days_off=[], actor=administrator)

    assert not Entry.objects.exists()


@pytest.mark.parametrize(
    "hours",
    [
        {"working_hours": {}},
        {"working_hours": {"monday": [["17:00", "09:00"]]}},
        {"holidays_of": "XX"},
        {"days_off": ["x"]},
    ],
)
def test_hours_that_cannot_be_are_refused(legal: Department, administrator: Actor, hours: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        services.change_hours(legal, **hours, actor=administrator)

    assert refusal.value.message_dict.keys() == hours.keys()
    assert not Entry.objects.exists()


def test_nobody_else_says_when_a_department_works(legal: Department) -> None:
    for person in (
        make_user(department=legal, role=Role.BUILDER),
        make_user(department=make_department(), role=Role.MANAGER),
    ):
        with pytest.raises(PermissionDenied):
            services.change_hours(legal, days_off=["2026-12-24"], actor=actor_for_user(person))


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.MANAGER])
def test_no_other_role_manages_people(legal: Department, role: str) -> None:
    member = actor_for_user(make_user(department=legal, role=role))

    with pytest.raises(PermissionDenied):
        services.add_member(legal, make_user(), Role.VIEWER, actor=member)

    assert not Entry.objects.exists()


def test_a_manager_of_another_department_is_refused(legal: Department) -> None:
    stranger = actor_for_user(make_user(department=make_department(), role=Role.MANAGER))
    membership = make_member(make_user(), legal)

    with pytest.raises(PermissionDenied):
        services.add_member(legal, make_user(), Role.VIEWER, actor=stranger)
    with pytest.raises(PermissionDenied):
        services.remove_member(membership, actor=stranger)

    assert legal.memberships.count() == 1


@pytest.mark.parametrize("role", ["owner", "", "MANAGER"])
def test_an_unknown_role_is_refused(administrator: Actor, legal: Department, role: str) -> None:
    with pytest.raises(ValidationError):
        services.add_member(legal, make_user(), role, actor=administrator)


def test_the_same_role_twice_is_refused(administrator: Actor, legal: Department) -> None:
    lea = make_user(department=legal, role=Role.OPERATOR)

    with pytest.raises(ValidationError):
        services.add_member(legal, lea, Role.OPERATOR, actor=administrator)


def test_the_database_keeps_roles_to_the_known_ones(legal: Department) -> None:
    with pytest.raises(IntegrityError, match="membership_role"), transaction.atomic():
        make_member(make_user(), legal, "owner")


def test_a_new_person_has_no_password_and_a_lower_case_address(administrator: Actor) -> None:
    user = services.create_user(" Lea.HOFFMANN@Tandem.example ", "Lea Hoffmann", actor=administrator, is_auditor=True)

    user.refresh_from_db()
    assert (user.email, user.is_auditor, user.is_staff) == ("lea.hoffmann@tandem.example", True, False)
    assert not user.has_usable_password()
    assert last_entry() == ("person.created", "", "Lea Hoffmann", {"rights": ["is_auditor"]})


def test_one_address_belongs_to_one_person_however_it_is_written(administrator: Actor) -> None:
    make_user(email="lea@tandem.example")

    with pytest.raises(ValidationError):
        services.create_user("LEA@tandem.example", "Another Lea", actor=administrator)
    with pytest.raises(IntegrityError, match="lower_case"), transaction.atomic():
        User.objects.bulk_create([User(email="LEA@tandem.example", name="Another Lea")])


def test_rights_change_with_what_was_and_what_is(administrator: Actor) -> None:
    greta = make_user("Greta", is_auditor=True)

    services.change_rights(greta, actor=administrator, is_auditor=False, is_staff=True)

    greta.refresh_from_db()
    assert (greta.is_auditor, greta.is_staff, greta.is_superuser) == (False, True, False)
    assert last_entry() == (
        "person.rights_changed",
        "",
        "Greta",
        {"before": ["is_auditor"], "after": ["is_staff"]},
    )


def test_only_rights_can_be_set_as_rights(administrator: Actor) -> None:
    with pytest.raises(TypeError, match="password"):
        services.create_user("a@tandem.example", "A", actor=administrator, password="x")


def test_an_address_that_was_changed_opens_nothing_any_more(administrator: Actor) -> None:
    lea = make_user(email="old@tandem.example")
    EmailAddress.objects.create(user=lea, email="old@tandem.example", primary=True, verified=True)

    services.change_email(lea, "New@tandem.example", actor=administrator)

    lea.refresh_from_db()
    assert lea.email == "new@tandem.example"
    assert not EmailAddress.objects.exists()
    assert last_entry()[0] == "person.email_changed"


@pytest.mark.parametrize(
    "deed",
    [
        lambda _user, actor: services.create_department("New", actor=actor),
        lambda _user, actor: services.create_user("x@tandem.example", "X", actor=actor),
        lambda user, actor: services.change_rights(user, actor=actor, is_superuser=True),
        lambda user, actor: services.change_email(user, "x@tandem.example", actor=actor),
        lambda user, actor: services.deactivate_user(user, actor=actor),
        lambda user, actor: services.reactivate_user(user, actor=actor),
    ],
    ids=["department", "person", "rights", "address", "deactivate", "reactivate"],
)
def test_the_server_is_managed_by_administrators_only(legal: Department, deed: Callable[[User, Actor], Any]) -> None:
    manager = make_user(department=legal, role=Role.MANAGER)

    with pytest.raises(PermissionDenied):
        deed(manager, actor_for_user(manager))

    assert not Entry.objects.exists()


def test_a_deactivated_person_can_be_activated_again(administrator: Actor) -> None:
    lea = make_user("Lea")

    services.deactivate_user(lea, actor=administrator)
    assert not User.objects.get(pk=lea.pk).is_active
    services.reactivate_user(lea, actor=administrator)

    assert User.objects.get(pk=lea.pk).is_active
    assert list(Entry.objects.values_list("verb", flat=True)) == ["person.reactivated", "person.deactivated"]


def test_a_deactivated_person_gets_no_role(administrator: Actor, legal: Department) -> None:
    with pytest.raises(ValidationError, match="deactivated"):
        services.add_member(legal, make_user(is_active=False), Role.VIEWER, actor=administrator)


def test_the_last_administrator_stays() -> None:
    robin = make_user("Robin", is_superuser=True)
    make_user(is_superuser=True, is_active=False)

    with pytest.raises(ValidationError, match="Robin is the last administrator"):
        services.deactivate_user(robin, actor=SYSTEM)
    with pytest.raises(ValidationError, match="Robin is the last administrator"):
        services.change_rights(robin, actor=SYSTEM, is_superuser=False)

    robin.refresh_from_db()
    assert robin.is_active
    assert robin.is_superuser


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_deactivate_each_other_at_once_leave_one() -> None:
    pair = [make_user(is_superuser=True), make_user(is_superuser=True)]

    def deactivate(user: User) -> str:
        try:
            services.deactivate_user(user, actor=SYSTEM)
            return "done"
        except ValidationError:
            return "refused"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as both:
        answers = sorted(both.map(deactivate, pair))

    assert answers == ["done", "refused"]
    assert User.objects.filter(is_active=True).count() == 1
