"""A definition holds no step kind of another department: for its own department there is none of that name."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from connectors import made
from departments.models import Department
from workflows.engine.definition import Definition, Node
from workflows.runtime.kinds import kinds
from workflows.services.refusals import ValidationError


def foreign(definition: Definition, department: Department) -> Iterator[Node]:
    """The steps whose kind another department has made of a service of its own."""
    for node in definition.nodes():
        if made.is_foreign(kinds().get(node.kind), department.pk):
            yield node


def require_own_kinds(definition: Definition, department: Department) -> None:
    """Raises ValidationError."""
    for node in foreign(definition, department):
        raise ValidationError([_("There is no step kind called “%(kind)s”.") % {"kind": node.kind}])
