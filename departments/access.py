"""Who may do what: the one place where a role of the matrix becomes a permission and a queryset gets its wall."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet

from departments.matrix import ALLOWS, AUDITOR, Verb
from departments.models import ApiToken, Department, User

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with rights: a person, a token, or the server. `roles` maps a department's id to its roles.

    `only`: of what the roles allow, no more than these verbs; nothing means all of it.
    """

    kind: str
    id: str
    label: str
    roles: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    is_administrator: bool = False
    is_auditor: bool = False
    only: frozenset[str] = frozenset()

    def may(self, verb: Verb, department_id: UUID) -> bool:
        if self.kind == "system":
            return True
        if self.leaves_out(verb):
            return False
        if self.is_auditor and verb in AUDITOR:
            return True
        return any(verb in ALLOWS[role] for role in self.roles.get(department_id, ()))

    def leaves_out(self, verb: Verb) -> bool:
        """Whether it was made without this verb, whatever its role."""
        return bool(self.only) and verb not in self.only

    def with_role(self, role: str, department_id: UUID) -> Actor:
        """The same somebody, allowed in one department what the role allows."""
        return replace(self, roles={**self.roles, department_id: frozenset({role})})

    def departments(self, verb: Verb = Verb.VIEW) -> list[UUID]:
        """Ids of the departments where the actor holds a role that allows this; `visible` knows who needs none."""
        return [department for department in self.roles if self.may(verb, department)]


class NotAllowed(PermissionDenied):
    """Says to whom it was refused, and what; `department` is where, if that is one department."""

    def __init__(self, said: str, department: Department | None = None) -> None:
        super().__init__(said)
        self.department = department


SYSTEM = Actor(kind="system", id="", label="Tandem")
NOBODY = Actor(kind="nobody", id="", label="Somebody not signed in")


def actor_for_user(user: User) -> Actor:
    """One query. A person who may no longer sign in has no rights at all."""
    roles = _by_department(user.memberships.values_list("department_id", "role")) if user.is_active else {}
    return Actor(
        kind="person",
        id=str(user.pk),
        label=user.name or user.email,
        roles=roles,
        is_administrator=user.is_active and user.is_superuser,
        is_auditor=user.is_active and user.is_auditor,
    )


def actor_for_token(token: ApiToken) -> Actor:
    return Actor(
        kind="token",
        id=str(token.pk),
        label=token.name,
        roles={token.department_id: frozenset({token.role})},
        only=frozenset(token.only),
    )


def require(actor: Actor, verb: Verb, department: Department) -> None:
    """Raises PermissionDenied naming what is missing."""
    if not actor.may(verb, department.pk):
        raise NotAllowed(f"{actor.label} may not {verb} in {department.name}.", department)


def require_administrator(actor: Actor) -> None:
    """Raises PermissionDenied for anybody but an administrator of the server, or the server itself."""
    if not (actor.is_administrator or actor.kind == "system"):
        raise NotAllowed(f"{actor.label} is not an administrator of this server.")


def may_manage(actor: Actor, department: Department) -> bool:
    """Administrators manage the people and tokens of every department, managers those of their own."""
    return actor.is_administrator or actor.may(Verb.MANAGE, department.pk)


def require_manager(actor: Actor, department: Department) -> None:
    """Raises PermissionDenied for who may not manage it."""
    if not may_manage(actor, department):
        raise NotAllowed(f"{actor.label} may not manage the people of {department.name}.", department)


def require_repair(actor: Actor, department: Department) -> None:
    """Administrators cancel runs and let them go on in every department, without seeing what is in them."""
    if not actor.is_administrator:
        require(actor, Verb.RUN, department)


def visible(rows: QuerySet[Row], actor: Actor, *, verb: Verb = Verb.VIEW, path: str = "department") -> QuerySet[Row]:
    """Only what belongs to the actor's departments; `path` leads from the row to its department."""
    if actor.kind == "system" or (actor.is_auditor and verb in AUDITOR):
        return rows
    return rows.filter(**{f"{path}__in": actor.departments(verb)})


def _by_department(pairs: Iterable[tuple[UUID, str]]) -> dict[UUID, frozenset[str]]:
    roles: dict[UUID, set[str]] = {}
    for department, role in pairs:
        roles.setdefault(department, set()).add(role)
    return {department: frozenset(held) for department, held in roles.items()}
