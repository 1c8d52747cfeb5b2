"""Groups hold members of their department only, and each change stands in the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connections, transaction

from departments.access import SYSTEM, Actor, actor_for_user
from departments.groups import change_group, delete_group, make_group
from departments.models import Department, Group, Role, User
from departments.services import remove_member
from tests import factories
from tests.departments.written import ledger
from tests.factories import make_department, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(legal: Department) -> Actor:
    return actor_for_user(make_user("Henrik", department=legal, role=Role.MANAGER))


def test_a_manager_makes_changes_and_deletes_a_group(legal: Department, lea: User, manager: Actor) -> None:
    tom = make_user("Tom", department=legal, role=Role.APPROVER)

    group = make_group(legal, "Press & deals", members=[lea], actor=manager)
    assert (group.slug, list(group.members.all())) == ("press-deals", [lea])
    change_group(group, name="Deals", members=[tom], actor=manager)
    assert (group.slug, list(group.members.all())) == ("press-deals", [tom])
    delete_group(group, actor=manager)

    assert ledger() == [
        ("group.made", "legal", "Press & deals", {"members": ["Lea"]}),
        ("group.changed", "legal", "Deals", {"added": ["Tom"], "removed": ["Lea"]}),
        ("group.deleted", "legal", "Deals", {}),
    ]
    assert not Group.objects.exists()


def test_what_is_not_given_stays(legal: Department, lea: User, manager: Actor) -> None:
    group = make_group(legal, "Deals", members=[lea], actor=manager)

    change_group(group, name="Contracts", actor=manager)
    change_group(group, members=[], actor=manager)

    group.refresh_from_db()
    assert (group.name, list(group.members.all())) == ("Contracts", [])


def test_an_administrator_manages_the_groups_of_every_department(legal: Department, lea: User) -> None:
    administrator = actor_for_user(make_user(is_superuser=True))

    group = make_group(legal, "Deals", members=[lea], actor=administrator)

    assert list(legal.groups.all()) == [group]


def test_nobody_else_does(legal: Department, lea: User) -> None:
    group = factories.make_group(legal, lea)
    colleague = make_user(department=legal, role=Role.BUILDER)
    neighbour = make_user(department=make_department(), role=Role.MANAGER)

    for actor in (actor_for_user(colleague), actor_for_user(neighbour)):
        with pytest.raises(PermissionDenied):
            make_group(legal, "Deals", actor=actor)
        with pytest.raises(PermissionDenied):
            change_group(group, members=[], actor=actor)
        with pytest.raises(PermissionDenied):
            delete_group(group, actor=actor)

    assert list(group.members.all()) == [lea]
    assert ledger() == []


def test_only_members_of_the_department_are_in_its_groups(legal: Department, lea: User, manager: Actor) -> None:
    stranger = make_user("Yara", department=make_department())

    with pytest.raises(ValidationError, match="Yara: not in Legal"):
        make_group(legal, "Deals", members=[lea, stranger], actor=manager)
    group = make_group(legal, "Deals", actor=manager)
    with pytest.raises(ValidationError, match="Yara: not in Legal"):
        change_group(group, members=[lea, stranger], actor=manager)

    assert list(group.members.all()) == []


def test_two_groups_of_one_name_are_refused_in_one_department_only(legal: Department, manager: Actor) -> None:
    make_group(legal, "Deals", actor=manager)

    with pytest.raises(ValidationError, match="has a group of this name already"):
        make_group(legal, "deals", actor=manager)
    make_group(make_department(), "Deals", actor=SYSTEM)

    with pytest.raises(IntegrityError, match="group_slug_once"), transaction.atomic():
        Group.objects.create(department=legal, name="Other", slug="deals")


def test_a_name_without_latin_letters_has_a_short_name_all_the_same(legal: Department, manager: Actor) -> None:
    first, second = make_group(legal, "法務", actor=manager), make_group(legal, "広報", actor=manager)

    assert first.slug.startswith("group-")
    assert first.slug != second.slug


@pytest.mark.parametrize("name", ["", "x" * 81])
def test_a_group_without_a_name_that_fits_is_refused(legal: Department, manager: Actor, name: str) -> None:
    group = make_group(legal, "Deals", actor=manager)

    with pytest.raises(ValidationError):
        make_group(legal, name, actor=manager)
    with pytest.raises(ValidationError):
        change_group(group, name=name, actor=manager)


@pytest.mark.django_db(transaction=True)
def test_whoever_joins_a_group_and_leaves_the_department_at_once_is_in_no_group() -> None:
    for _round in range(5):
        legal = make_department()
        lea, group = make_user("Lea", department=legal), factories.make_group(legal)

        def join(group: Group = group, lea: User = lea) -> None:
            change_group(group, members=[lea], actor=SYSTEM)

        def leave(lea: User = lea) -> None:
            remove_member(lea.memberships.get(), actor=SYSTEM)

        with ThreadPoolExecutor(2) as both:
            list(both.map(_attempt, [join, leave]))

        assert list(group.members.all()) == []


def _attempt(deed: Any) -> None:
    try:
        deed()
    except ValidationError:
        pass  # came second
    finally:
        connections.close_all()
