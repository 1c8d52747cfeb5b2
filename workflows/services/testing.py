"""Testing a draft: really carried out by the workers, with what would leave Tandem only rehearsed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import uuid_utils.compat as uuid
from django.db import transaction

from audit.services import Deed, deed
from departments.access import Actor, Verb, require
from workflows.engine import definition as definitions
from workflows.engine.cutting import Extent, Part, cut
from workflows.engine.definition import Definition, Node
from workflows.engine.problems import running
from workflows.models import Priority, Run, RunMode, Version, Workflow
from workflows.runtime import accepting, limits, store
from workflows.runtime.inputs import BadInputs, for_version
from workflows.runtime.kinds import kinds
from workflows.services import samples
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.runs import title_from
from workflows.services.workflows import draft_problems

WHOLE = Part()


def start_test(
    workflow: Workflow,
    *,
    actor: Actor,
    inputs: Mapping[str, Any] | None = None,
    part: Part = WHOLE,
    send: bool = False,
) -> Run:
    """A run of the draft, or of a part of it, as it is now. `send`: effects really happen.

    Inputs that are not given are those of the last test; what comes before a part is taken from the samples. Raises
    PermissionDenied, Conflict for an archived workflow, and ValidationError: code `problems` for steps that are not
    ready, `missing` (step → sentence) for earlier steps without a sample, else keyed by input.
    """
    require(actor, Verb.EDIT, workflow.department)
    require(actor, Verb.RUN, workflow.department)
    if workflow.archived_at is not None:
        raise Conflict(f"“{workflow.name}” is archived. Only workflows in use are tested.")
    whole = draft_of(workflow)
    tested = part_of(whole, part)
    _refuse_problems(workflow, tested, part)
    scope = _scope(workflow, whole, tested, part)

    with transaction.atomic():
        version = _version(workflow, tested, part, actor)
        given = _inputs(workflow, whole, version, inputs)
        now = store.clock()
        begun = Run(
            id=uuid.uuid7(),
            department=workflow.department,
            workflow=workflow,
            version=version,
            mode=RunMode.SENDING if send else RunMode.TEST,
            priority=Priority.INTERACTIVE,
            title=title_from(given) or workflow.name,
            inputs=given,
            scope=scope,
            started_by=actor.label,
            starter_kind=actor.kind,
            starter_id=actor.id,
            created_at=now,
            handed_out_at=now,
            expires_at=now + limits.RUN_LIFETIME,
        )
        run = accepting.accept(begun, _tested(begun, part, actor, send=send)).run
        if inputs is not None or part.extent is Extent.WHOLE:
            known = samples.sample_inputs(workflow, whole, made=False)
            samples.remember_inputs(workflow, {**known, **given}, run)
    return run


def draft_of(workflow: Workflow) -> Definition:
    """Raises ValidationError for a draft that is not a workflow."""
    try:
        return definitions.load(workflow.draft)
    except definitions.BadDefinition as error:
        raise ValidationError(str(error), code="problems") from None


def part_of(definition: Definition, part: Part) -> Definition:
    """Raises ValidationError for a step that is not there any more."""
    try:
        return cut(definition, part, kinds())
    except KeyError:
        raise ValidationError(
            f"The draft has no step called “{part.step}” any more. Open the step that you want to test.", code="gone"
        ) from None


def missing_for(workflow: Workflow, definition: Definition, part: Part) -> tuple[Node, ...]:
    """Earlier steps that the part needs a result of and that have none yet."""
    if part.extent in (Extent.WHOLE, Extent.UP_TO):
        return ()
    tested = part_of(definition, part)
    return samples.given_to(workflow, definition, part.step, tested.steps).missing


def sends(definition: Definition) -> tuple[Node, ...]:
    """The steps of the part that would be rehearsed, as far as can be told before their values are known."""
    known = kinds()
    return tuple(node for node in running(definition) if node.kind in known and known[node.kind].may_leave(node.given))


def _refuse_problems(workflow: Workflow, tested: Definition, part: Part) -> None:
    """A step that is not ready would only be found out after those before it were paid for."""
    own = {node.id for node in tested.nodes()}
    found = [each for each in draft_problems(workflow) if part.extent is Extent.WHOLE or each.step in own]
    if found:
        raise ValidationError([str(problem) for problem in found], code="problems")


def _scope(workflow: Workflow, whole: Definition, tested: Definition, part: Part) -> dict[str, Any]:
    if part.extent in (Extent.WHOLE, Extent.UP_TO):
        return {}
    given = samples.given_to(workflow, whole, part.step, tested.steps)
    if given.missing:
        said = "This step has no result yet that could be used. Test up to here, or write a sample."
        raise ValidationError({node.id: ValidationError(said, code="missing") for node in given.missing})
    return dict(given.scope)


def _version(workflow: Workflow, tested: Definition, part: Part, actor: Actor) -> Version:
    """The draft as it is tested, kept once for each of its revisions."""
    version, _ = Version.every.get_or_create(
        workflow=workflow,
        number=workflow.draft_revision,
        part=str(part),
        is_test=True,
        defaults={"definition": definitions.dump(tested), "published_by": actor.label},
    )
    return version


def _inputs(workflow: Workflow, whole: Definition, version: Version, given: Mapping[str, Any] | None) -> dict[str, Any]:
    asked = definitions.load(version.definition).inputs
    values = samples.sample_inputs(workflow, whole, made=False) if given is None else given
    own = {name: value for name, value in values.items() if name in asked}
    try:
        return for_version(version.pk, own if given is None else values, workflow.department_id)
    except BadInputs as error:
        raise ValidationError(error.fields) from None


def _tested(run: Run, part: Part, actor: Actor, *, send: bool) -> Deed:
    return deed(
        "run.tested",
        actor=actor,
        department=run.department.slug,
        thing=run,
        run_id=run.pk,
        opened_at=run.created_at,
        workflow=run.workflow.name,
        part=str(part),
        sends=send,
    )
