"""What administrators and managers do with people and departments: permission, change and ledger in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.people import named
from audit.services import record
from departments import mail, sessions
from departments.access import Actor, require_administrator, require_manager
from departments.models import NOTICES_OVER, Department, Membership, Notice, NoticeStatus, Role, User
from departments.roles import give_role, refuse_deactivated, take_role

RIGHTS = ("is_superuser", "is_staff", "is_auditor")
HOURS = ("working_hours", "holidays_of", "days_off")


@transaction.atomic
def create_department(
    name: str,
    *,
    actor: Actor,
    slug: str = "",
    time_zone: str = "Europe/Berlin",
    egress_hosts: Sequence[str] = (),
    second_person_publishes: bool = False,
    decides_by_mail_without_sign_in: bool = False,
    **hours: Any,
) -> Department:
    """Its slug never changes afterwards: the ledger knows the department by it. `hours` is as in change_hours."""
    require_administrator(actor)
    slug = slug or slugify(name)[:60]
    department = Department(
        name=name,
        slug=slug,
        time_zone=time_zone,
        egress_hosts=list(egress_hosts),
        second_person_publishes=second_person_publishes,
        decides_by_mail_without_sign_in=decides_by_mail_without_sign_in,
        **_only(HOURS, hours),
    )
    department.full_clean()

    department.save()
    record("department.created", actor=actor, department=department.slug, thing=department)
    return department


@transaction.atomic
def change_hours(department: Department, *, actor: Actor, **hours: Any) -> None:
    """Sets some of working_hours, holidays_of and days_off; departments/hours.py says how they are written."""
    require_manager(actor, department)
    changed = {name: value for name, value in _only(HOURS, hours).items() if value != getattr(department, name)}
    if not changed:
        return
    for name, value in changed.items():
        setattr(department, name, value)
    department.full_clean()

    department.save(update_fields=list(changed))
    record("department.hours_changed", actor=actor, department=department.slug, thing=department, **changed)


@transaction.atomic
def change_deciding_by_mail(department: Department, *, without_sign_in: bool, actor: Actor) -> None:
    """Whether the link in a mail is enough to approve or reject as the person to whom it was sent."""
    require_manager(actor, department)
    if department.decides_by_mail_without_sign_in == without_sign_in:
        return
    department.decides_by_mail_without_sign_in = without_sign_in
    department.save(update_fields=["decides_by_mail_without_sign_in"])
    record(
        "department.deciding_by_mail_changed",
        actor=actor,
        department=department.slug,
        thing=department,
        without_sign_in=without_sign_in,
    )


def add_member(department: Department, user: User, role: Role | str, *, actor: Actor) -> Membership:
    """Raises ValidationError when the person already holds the role there directly, or is deactivated."""
    require_manager(actor, department)
    refuse_deactivated(user)
    return give_role(department, user, role, actor=actor)


def remove_member(membership: Membership, *, actor: Actor) -> None:
    """Takes one role from one person, from their next request on; the last one takes them out of its groups too.

    Raises ValidationError for a role that a group gives: it would be there again with the group's next change.
    """
    require_manager(actor, membership.department)
    if membership.group is not None:
        said = {"person": membership.user, "role": membership.get_role_display(), "group": membership.group}
        raise ValidationError(
            _("%(person)s is %(role)s by the group %(group)s. Take them out of the group instead.") % said
        )
    take_role(membership, actor=actor)


@transaction.atomic
def create_user(email: str, name: str, *, actor: Actor, **rights: bool) -> User:
    """A person without a password, who comes in by a sign-in link. `rights`: is_superuser, is_staff, is_auditor."""
    require_administrator(actor)
    user = User(email=User.objects.normalize_email(email), name=name, **_rights(rights))
    user.set_unusable_password()
    user.full_clean()

    user.save()
    record("person.created", actor=actor, thing=user, rights=_held(user))
    return user


@transaction.atomic
def change_rights(user: User, *, actor: Actor, **rights: bool) -> None:
    """Sets some of is_superuser, is_staff and is_auditor. Raises ValidationError for the last administrator."""
    require_administrator(actor)
    before = _held(user)
    if rights.get("is_superuser") is False:
        refuse_for_last_administrator(user)

    for right, value in _rights(rights).items():
        setattr(user, right, value)
    user.save(update_fields=RIGHTS)
    record("person.rights_changed", actor=actor, thing=user, before=before, after=_held(user))


@transaction.atomic
def deactivate_user(user: User, *, actor: Actor) -> None:
    """Ends all rights and sessions at once. Raises ValidationError for the last administrator."""
    require_administrator(actor)
    refuse_for_last_administrator(user)

    user.is_active = False
    user.save(update_fields=["is_active"])
    sessions.end_others(user, None, actor=actor)  # else they would go on when the account is activated again
    record("person.deactivated", actor=actor, thing=user)


@transaction.atomic
def reactivate_user(user: User, *, actor: Actor) -> None:
    """Raises ValidationError for somebody who was erased."""
    require_administrator(actor)
    if User.objects.select_for_update().get(pk=user.pk).erased_at is not None:
        raise ValidationError(_("This person was erased. Make a new account."))

    user.is_active = True
    user.save(update_fields=["is_active"])
    record("person.reactivated", actor=actor, thing=user)


@transaction.atomic
def change_email(user: User, email: str, *, actor: Actor) -> None:
    """The new address takes the place of every address the person could sign in with."""
    require_administrator(actor)
    user.email = User.objects.normalize_email(email)
    user.full_clean()

    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    record("person.email_changed", actor=actor, thing=user)


@transaction.atomic
def send_again(notice: Notice, *, actor: Actor) -> None:
    """Raises ValidationError for a notice that is on its way or went in a summary, and without a mail server."""
    require_administrator(actor)
    if not mail.is_set_up():
        raise ValidationError(mail.NO_SERVER)
    over = Notice.objects.filter(pk=notice.pk, status__in=NOTICES_OVER)
    if not over.update(status=NoticeStatus.WAITING, attempts=0, next_at=Now(), error="", sent_at=None):
        raise ValidationError(
            _("The notice “%(notice)s” is on its way, or went in a daily summary.") % {"notice": notice}
        )

    record("notice.sent_again", actor=actor, thing=notice, to=named(notice.person))


def refuse_for_last_administrator(user: User) -> None:
    """Without an administrator nobody could let anybody in again."""
    # Locked, so that of two administrators who remove each other at once the second is refused.
    administrators = User.objects.select_for_update().filter(is_superuser=True, is_active=True).order_by("pk")
    if {administrator.pk for administrator in administrators} == {user.pk}:
        raise ValidationError(_("%(name)s is the last administrator. Make somebody else one first.") % {"name": user})


def _only(known: Sequence[str], given: dict[str, Any]) -> dict[str, Any]:
    unknown = given.keys() - set(known)
    if unknown:
        raise TypeError(f"not one of {', '.join(known)}: {', '.join(sorted(unknown))}")
    return given


def _rights(given: dict[str, Any]) -> dict[str, Any]:
    """An administrator who cannot open the administration would administer nothing."""
    return _only(RIGHTS, given) | ({"is_staff": True} if given.get("is_superuser") else {})


def _held(user: User) -> list[str]:
    return [right for right in RIGHTS if getattr(user, right)]
