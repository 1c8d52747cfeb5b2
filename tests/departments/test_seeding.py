"""The people of a fresh server."""

from __future__ import annotations

from itertools import groupby

import pytest
from django.test import Client

from departments.access import Verb, actor_for_user
from departments.matrix import ALLOWS
from departments.models import Department, Membership, Role, User
from departments.seeding import seed_people

pytestmark = pytest.mark.django_db


def test_three_departments_have_one_person_per_role_beside_an_auditor_and_an_administrator() -> None:
    people = seed_people()

    found = {
        name: [person.role for person in group]
        for name, group in groupby(people, lambda person: person.department and person.department.slug)
    }
    roles = ["viewer", "operator", "builder", "approver", "manager"]
    assert found == {
        "marketing": roles,
        "legal": roles,
        "communications": roles,
        None: ["auditor", "administrator"],
    }
    assert all(person.user.email.isascii() and person.user.email.endswith("@tandem.example") for person in people)


def test_each_may_do_what_the_role_says_in_the_own_department_only() -> None:
    people = seed_people()

    for person in people[:15]:
        actor = actor_for_user(person.user)
        assert set(actor.roles) == {person.department.pk}
        assert {verb for verb in Verb if actor.may(verb, person.department.pk)} == ALLOWS[Role(person.role)]
    auditor, administrator = people[15].user, people[16].user
    assert (auditor.is_auditor, auditor.is_superuser, auditor.is_staff) == (True, False, False)
    assert (administrator.is_auditor, administrator.is_superuser, administrator.is_staff) == (False, True, True)


def test_nobody_has_a_password_and_each_link_signs_its_person_in() -> None:
    people = seed_people()

    for person in people:
        client = Client()
        assert not person.user.has_usable_password()
        assert client.post(f"/sign-in/{person.link_token}/").status_code == 302
        assert client.session["_auth_user_id"] == str(person.user.pk)


def test_seeding_again_changes_nothing_and_makes_no_links() -> None:
    first = seed_people()
    before = list(User.objects.values()), list(Department.objects.values()), list(Membership.objects.values())

    second = seed_people()

    after = list(User.objects.values()), list(Department.objects.values()), list(Membership.objects.values())
    assert after == before
    assert [person.user for person in second] == [person.user for person in first]
    assert [person.link_token for person in second] == [None] * 17


def test_seeding_again_leaves_alone_what_administrators_changed() -> None:
    seed_people()
    Membership.objects.filter(user__email="henrik.falk@tandem.example").delete()
    Department.objects.filter(slug="legal").update(name="Legal and Compliance")
    User.objects.filter(email="lea.hoffmann@tandem.example").delete()

    people = seed_people()

    assert not Membership.objects.filter(user__email="henrik.falk@tandem.example").exists()
    assert Department.objects.get(slug="legal").name == "Legal and Compliance"
    assert [person.user.name for person in people if person.link_token] == ["Lea Hoffmann"]
