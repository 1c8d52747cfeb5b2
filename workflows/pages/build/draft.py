"""The draft as the build page finds it: who may change it, what is wrong with it, what it was at a revision."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404

from departments.access import Verb, require
from workflows.engine.definition import BadDefinition, Definition, Node, load
from workflows.engine.fixes import Fix, fixes
from workflows.engine.problems import Problem
from workflows.models import DraftEdit, Workflow
from workflows.pages.cards import title_of
from workflows.pages.page import Request
from workflows.pages.workflows import find
from workflows.runtime.kinds import kinds
from workflows.services.workflows import draft_problems


def to_build(request: Request, pk: UUID) -> Workflow:
    """The workflow, for somebody who may change it. 404 for a stranger, 403 for the wrong role."""
    shown = find(request, pk)
    require(request.actor, Verb.EDIT, shown.department)
    return shown


def drafted(workflow: Workflow) -> Definition:
    """Raises ValidationError for a draft that is not a workflow; no service ever stores one."""
    try:
        return load(workflow.draft)
    except BadDefinition as error:
        raise ValidationError(str(error)) from None


def at_revision(workflow: Workflow, revision: int) -> Definition | None:
    """The draft as it was at that revision, None when that is no longer known."""
    if revision == workflow.draft_revision:
        return drafted(workflow)
    later = DraftEdit.objects.filter(workflow=workflow, revision__gt=revision).order_by("revision")
    before = later.values_list("before", flat=True).first()
    return load(before) if before else None


@dataclass(frozen=True, slots=True)
class Found:
    """A problem as the list shows it: where it is in words, and what one click does about it."""

    problem: Problem
    where: str
    fixes: tuple[Fix, ...] = ()

    @property
    def panel(self) -> str:
        """Which panel a click opens: a step, `start` for what the workflow asks, `result` for what it gives."""
        if self.problem.step:
            return f"step:{self.problem.step}"
        return {"inputs": "start", "output": "result"}.get(self.problem.field.partition(".")[0], "")

    @property
    def leads(self) -> bool:
        """Whether the panel may have a field for it."""
        return "." in self.problem.field or self.problem.field in ("when", "on_error", "helper", "retry", "timeout_s")


def found_problems(workflow: Workflow, definition: Definition) -> list[Found]:
    titles = {node.id: title_of(node) for node in definition.nodes()}
    return [
        Found(problem, titles.get(problem.step, ""), tuple(fixes(definition, problem, kinds())))
        for problem in draft_problems(workflow)
    ]


def node_of(definition: Definition, step: str) -> Node | None:
    return next((node for node in definition.nodes() if node.id == step), None)


def node_or_404(definition: Definition, step: str) -> Node:
    node = node_of(definition, step)
    if node is None:
        raise Http404
    return node


def numbered(definition: Definition, step: str) -> int:
    """The how-manieth step it is in reading order, from 1."""
    return 1 + [node.id for node in definition.nodes()].index(step)
