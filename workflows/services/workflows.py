"""Making, changing and publishing workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils.text import slugify

from audit.payloads import Words
from audit.people import PERSON
from audit.services import record
from departments.access import Actor, Verb, require
from departments.models import Department
from workflows.engine import definition as definitions
from workflows.engine.problems import Problem, problems, running
from workflows.models import PublishRequest, Trigger, Version, Workflow
from workflows.runtime.kinds import kinds
from workflows.services.drafting import edit_draft
from workflows.services.kind_walls import require_own_kinds
from workflows.services.named import missing_here
from workflows.services.naming import clean_name, require_free_name
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError

MOST_CALLS = 500


def create_workflow(
    department: Department,
    *,
    name: str,
    definition: Mapping[str, Any],
    actor: Actor,
    description: str = "",
    sample: Mapping[str, Any] | None = None,
    template: str = "",
) -> Workflow:
    """A new workflow with its draft. Raises ValidationError, PermissionDenied, Conflict when the name is taken."""
    require(actor, Verb.EDIT, department)
    loaded = _loaded({**definition, "name": name} if isinstance(definition, Mapping) else definition)
    require_own_kinds(loaded, department)
    loaded.description = description or loaded.description
    with transaction.atomic():
        workflow = Workflow(
            department=department,
            name=clean_name(loaded.name),
            slug=_free_slug(department, loaded.name),
            description=loaded.description,
            draft=definitions.dump(loaded),
            sample=dict(sample or {}),
            template=template,
            owner_id=actor.id if actor.kind == "person" else None,
        )
        _insert(workflow)
        record("workflow.created", actor=actor, department=department.slug, thing=workflow)
    return workflow


def save_draft(
    workflow: Workflow, definition: Mapping[str, Any], *, actor: Actor, revision: int | None = None
) -> Workflow:
    """Replace the draft. With `revision` the draft must still be the one that was read: else Conflict."""
    loaded = definitions.dump(_loaded(definition))
    return edit_draft(workflow, {"do": "replace", "definition": loaded}, actor=actor, revision=revision).workflow


def publish_workflow(workflow: Workflow, *, note: str, actor: Actor, revision: int | None = None) -> Version:
    """Make the draft the version that new runs take. `revision` is the draft that was looked at.

    Raises ValidationError naming every problem, Conflict when the draft has changed since, and PermissionDenied where
    the department wants a second person (services/publishing.py asks one).
    """
    require(actor, Verb.PUBLISH, workflow.department)
    if workflow.department.second_person_publishes and actor.kind != "system":
        raise PermissionDenied(f"In {workflow.department.name} a second person must approve what is published. Ask.")
    require_publishable(workflow)
    return make_live(workflow, note=note, by=actor.label, actor=actor, revision=revision)


def require_publishable(workflow: Workflow) -> None:
    """Raises ValidationError naming every problem of the draft."""
    if found := draft_problems(workflow):
        raise ValidationError([str(problem) for problem in found], code="problems")


def make_live(
    workflow: Workflow,
    *,
    note: str,
    by: str,
    actor: Actor,
    revision: int | None = None,
    asked: PublishRequest | None = None,
) -> Version:
    """The next version, without asking whether it may be. Raises Conflict when the draft has another revision."""
    with transaction.atomic():
        # The lock makes numbers dense when two people publish at once, and keeps the draft what was looked at.
        locked = Workflow.objects.select_for_update(no_key=True).get(pk=workflow.pk)
        if {locked.draft_revision} != {workflow.draft_revision, revision or workflow.draft_revision}:
            raise Conflict(f"Somebody has changed “{workflow.name}” since you opened it. Look at that, then publish.")
        last = locked.versions.aggregate(last=Max("number"))["last"] or 0
        version = Version.objects.create(
            workflow=locked,
            number=last + 1,
            definition=definitions.dump(_loaded(locked.draft)),
            note=note.strip(),
            published_by=by,
            authors=_authors(locked, actor if asked is None else None),
        )
        Workflow.objects.filter(pk=locked.pk).update(live=version, changed_at=Now())
        record(
            "workflow.published",
            actor=actor,
            department=workflow.department.slug,
            thing=workflow,
            version=version.number,
            note=Words(note, of=asked.asker_id if asked else ""),
            **_asker(asked),
        )
    workflow.live = version
    return version


def _asker(asked: PublishRequest | None) -> dict[str, Any]:
    if asked is None:
        return {}
    return {"asked_by": {PERSON: asked.asker_id} if asked.asker_kind == PERSON else asked.asked_by}


def _authors(locked: Workflow, publisher: Actor | None) -> list[list[str]]:
    """Who changed the draft since the last version, and who published it of their own accord."""
    last = locked.versions.aggregate(last=Max("published_at"))["last"]
    edits = locked.draft_edits.filter(undone=None, **({"at__gt": last} if last else {}))
    wrote = {(kind, id) for kind, id in edits.values_list("by_kind", "by_id").distinct() if id}
    published = {(publisher.kind, publisher.id)} if publisher is not None and publisher.id else set()
    return [list(pair) for pair in sorted(wrote | published)]


def offer_as_tool(workflow: Workflow, *, on: bool, actor: Actor) -> None:
    """Whether other programs' AI finds it among the tools of its department (MCP). Raises PermissionDenied."""
    require(actor, Verb.PUBLISH, workflow.department)
    with transaction.atomic():
        if not Workflow.objects.filter(pk=workflow.pk, is_tool=not on).update(is_tool=on):
            return
        if on:
            record("workflow.offered_as_tool", actor=actor, department=workflow.department.slug, thing=workflow)
        else:
            record("workflow.withdrawn_as_tool", actor=actor, department=workflow.department.slug, thing=workflow)
    workflow.is_tool = on


def archive_workflow(workflow: Workflow, *, actor: Actor) -> None:
    """Take it out of the lists; its runs stay readable and it starts no new ones, by itself neither."""
    require(actor, Verb.EDIT, workflow.department)
    with transaction.atomic():
        Workflow.objects.filter(pk=workflow.pk).update(archived_at=Now())
        Trigger.objects.filter(workflow=workflow, enabled=True).update(enabled=False, next_at=None)
        record("workflow.archived", actor=actor, department=workflow.department.slug, thing=workflow)


def draft_problems(workflow: Workflow) -> list[Problem]:
    """What keeps the draft from being published."""
    loaded = _loaded(workflow.draft)
    found = [*problems(loaded, kinds()), *_call_problems(workflow, loaded)]
    return [*found, *missing_here(workflow.department, loaded)]


def _loaded(definition: Any) -> definitions.Definition:
    try:
        return definitions.load(definition)
    except definitions.BadDefinition as error:
        raise ValidationError([f"{place}: {why}" if place else why for place, why in error.problems.items()]) from None


def _insert(workflow: Workflow) -> None:
    require_free_name(workflow.department, workflow.name)
    try:
        with transaction.atomic():
            workflow.save(force_insert=True)
    except IntegrityError:
        raise Conflict(
            f"Somebody else made “{workflow.name}” at the same moment. Look at the list of workflows."
        ) from None


def _free_slug(department: Department, name: str) -> str:
    base = slugify(name)[:50] or "workflow"
    taken = set(Workflow.objects.filter(department=department, slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in _slugs(base) if slug not in taken)


def _slugs(base: str) -> Any:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1


def _call_problems(workflow: Workflow, loaded: definitions.Definition) -> list[Problem]:
    """Workflows that are called must exist, and no call may lead back here (case P06)."""
    found = []
    for node in running(loaded):
        if node.kind != "flow.workflow":
            continue
        slug = str(node.given.get("workflow", ""))
        if not _live(workflow, slug) and slug != workflow.slug:
            found.append(
                Problem(node.id, "with.workflow", f"The department has no published workflow called “{slug}”.")
            )
        elif chain := _way_back(workflow, slug, (workflow.slug,)):
            found.append(
                Problem(node.id, "with.workflow", f"The workflows would call each other for ever: {' → '.join(chain)}.")
            )
    return found


def _way_back(workflow: Workflow, slug: str, chain: tuple[str, ...]) -> tuple[str, ...] | None:
    """The chain of calls from `slug` back to a workflow that is already in it, if there is one."""
    if slug in chain:
        return (*chain, slug)
    called = _live(workflow, slug)
    if called is None or called.live is None or len(chain) > MOST_CALLS:
        return None
    for node in running(definitions.load(called.live.definition)):
        if node.kind == "flow.workflow" and (
            back := _way_back(workflow, str(node.given.get("workflow")), (*chain, slug))
        ):
            return back
    return None


def _live(workflow: Workflow, slug: str) -> Workflow | None:
    return (
        Workflow.objects.select_related("live")
        .filter(department=workflow.department, slug=slug, live__isnull=False, archived_at=None)
        .first()
    )
