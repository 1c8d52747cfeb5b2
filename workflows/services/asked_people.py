"""Whether the people and groups that a draft names are there to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from departments.models import Department, Group, User
from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.engine.problems import Problem, running
from workflows.engine.sources import chosen
from workflows.runtime.kinds import kinds


@dataclass(frozen=True, slots=True)
class Named:
    """A person or a group as a step names it, and where: `with.then.0.person`."""

    step: str
    field: str
    source: str
    name: str
    needs: int = 1


def people_problems(department: Department, definition: Definition) -> list[Problem]:
    """Whoever is named and nobody in the department. At most two queries; none where nobody is named."""
    found = [named for node in running(definition) for named in _named(node)]
    emails = _emails(department) if any(named.source == "people" for named in found) else frozenset()
    groups = _groups(department) if any(named.source == "groups" for named in found) else {}
    said = ((named, _wrong(named, emails, groups, department)) for named in found)
    return [Problem(named.step, named.field, why) for named, why in said if why]


def _named(node: Node) -> Iterator[Named]:
    """What a reference gives only the run knows; it checks that itself."""
    kind = kinds().get(node.kind)
    for place, source, name in chosen(node.given, kind.Params) if kind else ():
        if not params.is_template(name):
            yield Named(node.id, f"with.{place}", source, name, _needs(node.given, place))
    if node.on_error == "ask" and node.helper is not None:
        if node.helper.person:
            yield Named(node.id, "helper.person", "people", node.helper.person)
        if node.helper.group:
            yield Named(node.id, "helper.group", "groups", node.helper.group)


def _needs(given: Mapping[str, object], place: str) -> int:
    """How many have to agree where the group at this place is asked."""
    here: object = given
    for part in place.split(".")[:-1]:
        here = here[int(part)] if isinstance(here, list) else here.get(part) if isinstance(here, Mapping) else None
    needs = here.get("needs") if isinstance(here, Mapping) else None
    return needs if isinstance(needs, int) else 1


def _emails(department: Department) -> frozenset[str]:
    rows = User.objects.filter(is_active=True, memberships__department=department)
    return frozenset(email.casefold() for email in rows.values_list("email", flat=True))


def _groups(department: Department) -> Mapping[str, int]:
    """Slug → how many of its members can be asked."""
    active = Count("members", filter=Q(members__is_active=True))
    return dict(Group.objects.filter(department=department).annotate(size=active).values_list("slug", "size"))


def _wrong(named: Named, emails: frozenset[str], groups: Mapping[str, int], department: Department) -> str:
    if named.source == "people":
        if named.name.casefold() in emails:
            return ""
        return _("Nobody in %(department)s has the address “%(person)s”. Choose who is asked.") % {
            "department": department.name,
            "person": named.name,
        }
    if named.source != "groups":
        return ""
    size = groups.get(named.name)
    if size is None:
        return f"{department.name} has no group “{named.name}”. Choose another, or let a manager make it."
    if size == 0:
        return f"Nobody is in the group “{named.name}” of {department.name}. Choose another one."
    if named.needs > size:
        return f"{named.needs} have to agree, but the group “{named.name}” has {size}."
    return ""
