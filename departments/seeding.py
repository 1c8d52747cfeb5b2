"""The people of a fresh server: three departments, one person per role, an auditor and an administrator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from departments.access import SYSTEM
from departments.links import create_sign_in_link
from departments.models import Department, Role, User
from departments.services import add_member, create_department, create_user

LINK_LIFETIME = timedelta(days=7)

MEMBERS: dict[str, dict[Role, str]] = {
    "Marketing": {
        Role.VIEWER: "Nora Lindqvist",
        Role.OPERATOR: "Jonas Brandt",
        Role.BUILDER: "Amira Haddad",
        Role.APPROVER: "Felix Okafor",
        Role.MANAGER: "Clara Vogel",
    },
    "Legal": {
        Role.VIEWER: "Emil Sandberg",
        Role.OPERATOR: "Lea Hoffmann",
        Role.BUILDER: "Mateus Carvalho",
        Role.APPROVER: "Ingrid Nyström",
        Role.MANAGER: "Henrik Falk",
    },
    "Communications": {
        Role.VIEWER: "Yara Petrov",
        Role.OPERATOR: "Tom Eriksson",
        Role.BUILDER: "Sofia Marino",
        Role.APPROVER: "David Keller",
        Role.MANAGER: "Anna Bergström",
    },
}
AUDITOR = "Greta Olsen"
ADMINISTRATOR = "Robin Castell"

ASCII = str.maketrans("äöåéø", "aoaeo")


@dataclass(frozen=True, slots=True)
class SeededPerson:
    """Who was seeded. `role` is one of Role, or "auditor" or "administrator" without a department.

    `link_token` is there only when this call made the person; departments.links.address_of makes the address.
    """

    user: User
    department: Department | None
    role: str
    link_token: str | None


@transaction.atomic
def seed_people() -> list[SeededPerson]:
    """Makes what is missing and leaves alone what is there, grouped by department."""
    members = [
        _member(department, role, name)
        for department, people in ((_department(name), people) for name, people in MEMBERS.items())
        for role, name in people.items()
    ]
    auditor = _person(AUDITOR, "auditor", is_auditor=True)
    administrator = _person(ADMINISTRATOR, "administrator", is_staff=True, is_superuser=True)
    return [*members, auditor, administrator]


def _department(name: str) -> Department:
    return Department.objects.filter(slug=name.lower()).first() or create_department(name, actor=SYSTEM)


def _member(department: Department, role: Role, name: str) -> SeededPerson:
    """An existing person keeps the roles that administrators have given since."""
    person = _person(name, role, department)
    if person.link_token:
        add_member(department, person.user, role, actor=SYSTEM)
    return person


def _person(name: str, role: str, department: Department | None = None, **rights: bool) -> SeededPerson:
    email = f"{name.lower().translate(ASCII).replace(' ', '.')}@tandem.example"
    user, token = User.objects.filter(email=email).first(), None
    if user is None:
        user = create_user(email, name, actor=SYSTEM, **rights)
        token = create_sign_in_link(user, actor=SYSTEM, lifetime=LINK_LIFETIME)
    return SeededPerson(user=user, department=department, role=str(role), link_token=token)
