"""Publishing with a second person: asked, approved, refused, withdrawn. Where the department wants none, at once."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.payloads import Words
from audit.services import record
from departments.access import Actor, Verb, require, visible
from departments.models import ApiToken
from workflows.models import PublishRequest, RequestStatus, Version, Workflow
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError
from workflows.services.workflows import make_live, publish_workflow, require_publishable

LONGEST_NOTE = 10_000
OVERTAKEN = "The draft of “{name}” has been changed since it was asked about. Look at it and ask again."


def publish_or_ask(
    workflow: Workflow, *, note: str, actor: Actor, revision: int | None = None
) -> Version | PublishRequest:
    """Publish the draft, or ask a second person where the department wants one.

    `revision` is the draft that was looked at. Raises PermissionDenied, ValidationError naming every problem, and
    Conflict when the draft has changed since or somebody has asked already.
    """
    if workflow.department.second_person_publishes:
        return ask_to_publish(workflow, note=note, actor=actor, revision=revision)
    return publish_workflow(workflow, note=note, actor=actor, revision=revision)


def ask_to_publish(workflow: Workflow, *, note: str, actor: Actor, revision: int | None = None) -> PublishRequest:
    require(actor, Verb.PUBLISH, workflow.department)
    require_publishable(workflow)
    if len(note) > LONGEST_NOTE:
        raise ValidationError({"note": _("At most %(most)s characters are allowed.") % {"most": f"{LONGEST_NOTE:,}"}})
    with transaction.atomic():
        locked = _locked(workflow, workflow.draft_revision if revision is None else revision)
        _take_back_overtaken(locked)
        asked = _open(locked, note.strip(), actor)
        _record("workflow.publishing_asked", asked, actor, note=Words(asked.note[:500]))
    return asked


def approve_request(asked: PublishRequest, *, actor: Actor) -> Version:
    """Make the draft that was asked about live. Raises PermissionDenied for the one who asked, Conflict when late."""
    require_second_person(asked, actor)
    require_publishable(asked.workflow)
    with transaction.atomic():
        locked = _locked(asked.workflow, asked.revision, OVERTAKEN)
        version = make_live(
            locked, note=asked.note, by=asked.asked_by, actor=actor, revision=asked.revision, asked=asked
        )
        _decide(asked, RequestStatus.APPROVED, actor, version=version)
    return version


def refuse_request(asked: PublishRequest, *, reason: str, actor: Actor) -> None:
    require_second_person(asked, actor)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why, so that the person who asked can put it right.")})
    with transaction.atomic():
        _locked(asked.workflow, asked.revision, OVERTAKEN)
        _decide(asked, RequestStatus.REFUSED, actor, reason=reason.strip()[:LONGEST_NOTE])
        _record("workflow.publishing_refused", asked, actor, reason=Words(reason.strip()[:500]))


def withdraw_request(asked: PublishRequest, *, actor: Actor) -> None:
    """By whoever may publish there; the one who asked is one of them."""
    require(actor, Verb.PUBLISH, asked.department)
    with transaction.atomic():
        _decide(asked, RequestStatus.WITHDRAWN, actor)
        _record("workflow.publishing_withdrawn", asked, actor)


def may_approve(asked: PublishRequest, actor: Actor) -> bool:
    """A person who publishes or decides in the department, and never the one who asked, by whatever way."""
    if actor.kind != "person" or actor.id == str(asked.person_id):
        return False
    return any(actor.may(verb, asked.department_id) for verb in (Verb.PUBLISH, Verb.DECIDE))


def require_second_person(asked: PublishRequest, actor: Actor) -> None:
    """Raises PermissionDenied saying why."""
    if may_approve(asked, actor):
        return
    if actor.id == str(asked.person_id):
        raise PermissionDenied("You asked for this yourself, so somebody else has to decide.")
    if actor.kind != "person":
        raise PermissionDenied("A person has to decide this, on the pages; a program cannot.")
    raise PermissionDenied(f"{actor.label} may not decide what is published in {asked.department.name}.")


def requests_for(actor: Actor) -> QuerySet[PublishRequest]:
    """What waits for this person's word, the oldest first."""
    if actor.kind != "person":
        return PublishRequest.objects.none()
    held = {*actor.departments(Verb.PUBLISH), *actor.departments(Verb.DECIDE)}
    rows = visible(PublishRequest.objects.waiting(), actor).filter(department__in=held)
    rows = rows.filter(~Q(person=actor.id) | Q(person=None)).filter(workflow__archived_at=None)
    return rows.select_related("workflow", "department").defer("workflow__draft").order_by("pk")


def latest_request(workflow: Workflow) -> PublishRequest | None:
    return workflow.publish_requests.order_by("-pk").first()


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _locked(workflow: Workflow, revision: int, otherwise: str = "") -> Workflow:
    """The workflow under lock, its draft still the one with this revision; edits wait until the transaction ends."""
    locked = (
        Workflow.objects.select_for_update(of=("self",), no_key=True).select_related("department").get(pk=workflow.pk)
    )
    if locked.draft_revision != revision:
        sentence = otherwise or "Somebody has changed the draft of “{name}” since you opened it. Look at that first."
        raise Conflict(sentence.format(name=workflow.name))
    return locked


def _take_back_overtaken(workflow: Workflow) -> None:
    open_ones = workflow.publish_requests.filter(status=RequestStatus.OPEN)
    open_ones.exclude(revision=workflow.draft_revision).update(status=RequestStatus.WITHDRAWN, decided_at=Now())


def _open(workflow: Workflow, note: str, actor: Actor) -> PublishRequest:
    asked = PublishRequest(
        department=workflow.department,
        workflow=workflow,
        revision=workflow.draft_revision,
        note=note,
        person_id=_person(actor),
        asked_by=actor.label[:254],
        asker_kind=actor.kind,
        asker_id=actor.id,
    )
    try:
        with transaction.atomic():
            asked.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"Somebody has asked already whether “{workflow.name}” may go live.") from None
    return asked


def _person(actor: Actor) -> Any:
    """Behind a token stands the person who made it: nobody approves what their own program asks."""
    if actor.kind == "token":
        return ApiToken.objects.filter(pk=actor.id).values_list("created_by", flat=True).first()
    return actor.id if actor.kind == "person" else None


def _decide(asked: PublishRequest, status: RequestStatus, actor: Actor, **fields: Any) -> None:
    """From open to decided, once. Raises Conflict naming who was first."""
    fields |= {"status": status, "decided_by": actor.label[:254], "decided_at": Now()}
    if not PublishRequest.objects.filter(pk=asked.pk, status=RequestStatus.OPEN).update(**fields):
        asked.refresh_from_db()
        done = {"approved": "approved", "refused": "refused"}.get(asked.status, "withdrawn")
        raise Conflict(f"{asked.decided_by or 'Somebody'} has {done} this already.")
    asked.refresh_from_db()


def _record(verb: str, asked: PublishRequest, actor: Actor, **detail: Any) -> None:
    record(verb, actor=actor, department=asked.department.slug, thing=asked.workflow, **detail)
