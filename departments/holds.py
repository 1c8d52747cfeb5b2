"""Legal holds: while one is on a person or a department, nobody is erased there (rule A12).

Nor is what the department's triggers heard and its subscriptions told forgotten when it is old (`runtime.sweeping`).
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import sql
from audit.models import Entry
from audit.payloads import Words
from audit.services import record
from departments.access import Actor, require_administrator, require_manager
from departments.models import Department, LegalHold, User

LONGEST = 500


def set_hold(
    *, person: User | None = None, department: Department | None = None, reason: str, actor: Actor
) -> LegalHold:
    """On one of the two: an administrator's on a person, a manager's or administrator's on a department.

    Raises PermissionDenied, and ValidationError without a reason or where one is on already.
    """
    by_administrator = actor.is_administrator or actor.kind == "system"
    hold = LegalHold(person=person, department=department, reason=_reason(reason), by_administrator=by_administrator)
    _require(hold, actor)
    try:
        with transaction.atomic():
            alone()
            if person is not None and User.objects.get(pk=person.pk).erased_at is not None:
                raise ValidationError(_("This person was erased already."))
            hold.save(force_insert=True)
            _record("hold.set", hold, hold.reason, actor)
    except IntegrityError:
        raise ValidationError(_("A legal hold is on %(whom)s already.") % {"whom": hold.whom}) from None
    return hold


def lift_hold(hold: LegalHold, *, reason: str, actor: Actor) -> None:
    """What an administrator has set, an administrator lifts.

    Raises PermissionDenied, and ValidationError without a reason or for one that is lifted already.
    """
    _require(hold, actor)
    if hold.by_administrator:
        require_administrator(actor)
    why = _reason(reason)
    with transaction.atomic():
        rows = LegalHold.objects.filter(pk=hold.pk, lifted_at=None)
        if not rows.update(lifted_at=Now(), lifted_because=why):
            raise ValidationError(_("This legal hold was lifted already."))
        _record("hold.lifted", hold, why, actor)
    hold.refresh_from_db()


def holds_against_erasing(person: User) -> QuerySet[LegalHold]:
    """Those on the person, and on each department in which they are, or did or met with anything."""
    theirs = Entry.objects.filter(Q(actor_id=str(person.pk)) | Q(object_id=str(person.pk)))
    where = Q(department__slug__in=theirs.values("department")) | Q(department__memberships__user=person)
    return LegalHold.objects.filter(Q(person=person) | where, lifted_at=None).distinct()


def is_held(department: Department) -> bool:
    """For whatever erases: nothing of this department may go."""
    return LegalHold.objects.filter(department=department, lifted_at=None).exists()


def alone() -> None:
    """Until the transaction ends: whoever sets a hold and whoever erases look at what the other has done."""
    sql.execute("SELECT pg_advisory_xact_lock(hashtextextended('legal holds', 0))", [])


def _require(hold: LegalHold, actor: Actor) -> None:
    if hold.department is not None:
        require_manager(actor, hold.department)
    else:
        require_administrator(actor)


def _reason(given: str) -> str:
    if not given.strip():
        raise ValidationError({"reason": _("Say why, so that whoever lifts it knows.")})
    return given.strip()[:LONGEST]


def _record(verb: str, hold: LegalHold, reason: str, actor: Actor) -> None:
    slug = hold.department.slug if hold.department is not None else ""
    thing = hold.department or hold.person
    if verb == "hold.set":
        record("hold.set", actor=actor, department=slug, thing=thing, reason=Words(reason))
    else:
        record("hold.lifted", actor=actor, department=slug, thing=thing, reason=Words(reason))
