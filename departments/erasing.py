"""Erasing a person who has left: name, address and ways in, their words in the ledger, and what mails said of them.

What they decided stays, by an id that nobody can resolve any more. What the floors above hold of a person they erase
themselves, in the same transaction (`ELSEWHERE`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final, Protocol

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, Q, TextField
from django.db.models.functions import Cast, Now
from django.utils.html import escape
from django.utils.translation import gettext as _

from audit import payloads
from audit.models import Entry, Payload
from audit.payloads import Words
from audit.people import ERASED, PERSON
from audit.services import record
from departments import erasures, holds, second_factor, sessions
from departments.access import SYSTEM, Actor, require_administrator
from departments.models import Absence, Group, Membership, Notice, SignInLink, User
from departments.roles import take_role

LONGEST: Final = 500
TEXTS: Final[tuple[tuple[type[Model], tuple[str, ...]], ...]] = (
    (Notice, ("subject", "text", "html", "digest_line")),
    (LogEntry, ("object_repr", "change_message")),
)


class Elsewhere(Protocol):
    """What a floor above this one holds of people."""

    def obstacles(self, person: User) -> list[str]:
        """Why they cannot be erased yet."""
        ...

    def erase(self, person: User, *, alone: bool) -> int:
        """How many rows lost the name. `alone`: nobody else is called the same."""
        ...

    def replay(self) -> None:
        """Erase again what else the register has and a restored database knows anew."""
        ...


ELSEWHERE: Final[list[Elsewhere]] = []


@dataclass(frozen=True, slots=True)
class Outlook:
    """What there is of a person, before they are erased."""

    obstacles: list[str]
    words: int
    old_entries: int
    """Of the ledger, from before names were kept out of it. They cannot be changed."""
    namesakes: int


def outlook(person: User) -> Outlook:
    return Outlook(
        obstacles=_obstacles(person),
        words=Payload.objects.filter(subject=str(person.pk)).count(),
        old_entries=old_entries(person),
        namesakes=User.objects.filter(name=person.name).exclude(pk=person.pk).count(),
    )


def old_entries(person: User) -> int:
    """Entries that hold the name or the address in clear: by their id, or in what they tell."""
    id = str(person.pk)
    by_id = Q(actor_kind=PERSON, actor_id=id) & ~Q(actor_label="")
    by_id |= Q(object_kind=User._meta.model_name, object_id=id) & ~Q(object_label="")
    rows = Entry.objects.alias(told=Cast("detail", TextField()))
    told = Q(told__contains=str(person)) | Q(told__contains=person.email)
    return rows.filter(by_id | told).count()


def erase_person(person: User, *, reason: str, actor: Actor) -> int:
    """How many old entries of the ledger still hold their name.

    Raises PermissionDenied, and ValidationError while something is in the way; a legal hold is told to the ledger.
    """
    require_administrator(actor)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why, like “asked for it on 3 May”.")})
    if person.erased_at is not None:
        raise ValidationError(_("This person was erased already."))
    if held := list(holds.holds_against_erasing(person)):
        with transaction.atomic():
            record("person.erasure_refused", actor=actor, thing=person, holds=[str(hold.pk) for hold in held])
        raise ValidationError([_held(hold) for hold in held])
    if obstacles := _obstacles(person):
        raise ValidationError(obstacles)
    if written(str(person)).search(reason) or person.email.lower() in reason.lower():
        raise ValidationError({"reason": _("Say why without the name and the address: the reason stays.")})
    with transaction.atomic():
        return _erase(person, actor, reason=Words(reason.strip()[:LONGEST]))


def replay() -> int:
    """Erase again whom a restored database knows anew (rule A11), before anything else goes on. Where they had not left
    at the time of the backup, they have now. How many: another process may have been first.
    """
    for each in ELSEWHERE:
        each.replay()
    people = outstanding()
    if not people:
        return 0
    with transaction.atomic():
        rows = User.objects.select_for_update().filter(pk__in=[person.pk for person in people], erased_at=None)
        people = list(rows.order_by("pk"))
        for person in people:
            User.objects.filter(pk=person.pk).update(is_active=False)
            for membership in Membership.objects.filter(user=person).select_related("department", "group", "user"):
                take_role(membership, actor=SYSTEM)
            Group.members.through.objects.filter(user=person).delete()
            _erase(person, SYSTEM, is_again=True)
    return len(people)


def outstanding() -> list[User]:
    """Those in the register who are in the database as if nothing had been."""
    known = erasures.register()
    return list(User.objects.filter(pk__in=known, erased_at=None).order_by("pk")) if known else []


def _erase(person: User, actor: Actor, *, is_again: bool = False, **told: Any) -> int:
    """In a transaction. What stands in the way is looked at once more where nobody can come between."""
    holds.alone()
    locked = User.objects.select_for_update().get(pk=person.pk)
    if not is_again and (obstacles := _obstacles(locked)):
        raise ValidationError(obstacles)
    told |= {"again": True} if is_again else {}
    old, alone = old_entries(locked), not User.objects.filter(name=locked.name).exclude(pk=locked.pk).exists()
    rows = sum(each.erase(locked, alone=alone) for each in ELSEWHERE) + (_from_texts(locked.name) if alone else 0)
    words = payloads.erase(str(locked.pk))
    _ways_in(locked, actor)
    Notice.objects.filter(person=locked).delete()
    Absence.objects.filter(user=locked).delete()
    _nameless(locked)
    record("person.erased", actor=actor, thing=locked, rows=rows, words=words, old_entries=old, **told)
    transaction.on_commit(lambda: erasures.add(str(locked.pk)))
    person.refresh_from_db()
    return old


def _ways_in(person: User, actor: Actor) -> None:
    sessions.end_others(person, None, actor=actor)
    second_factor.forget(person, actor=actor)
    for model in (Authenticator, SocialAccount, EmailAddress, SignInLink):
        model._default_manager.filter(user=person).delete()


def _nameless(person: User) -> None:
    """The row stays, so that what the person did is somebody's."""
    person.name, person.email, person.is_active = str(ERASED), f"{person.pk}@erased.invalid", False
    person.is_staff = person.is_superuser = person.is_auditor = False
    person.last_login = None
    person.set_unusable_password()
    person.save()
    User.objects.filter(pk=person.pk).update(erased_at=Now())


def _from_texts(name: str) -> int:
    """Mails to others that tell of them, and what Django's admin notes of what it changed. How many rows."""
    if not name:
        return 0
    changed, pattern = 0, written(name)
    for model, columns in TEXTS:
        speaks = [Q(**{f"{column}__contains": each}) for column in columns for each in {name, escape(name)}]
        for row in model._default_manager.filter(reduce(or_, speaks)).iterator():
            now = {column: pattern.sub(str(ERASED), getattr(row, column)) for column in columns}
            most = {column: getattr(model._meta.get_field(column), "max_length", None) for column in columns}
            changed += model._default_manager.filter(pk=row.pk).update(
                **{column: text[: most[column]] for column, text in now.items()}
            )
    return changed


def written(name: str) -> re.Pattern[str]:
    """As a word of its own, in a text or in HTML: Ann is not in Annual."""
    return re.compile(rf"(?<!\w)(?:{re.escape(name)}|{re.escape(escape(name))})(?!\w)")


def _obstacles(person: User) -> list[str]:
    found = []
    if person.erased_at is not None:
        return [_("This person was erased already.")]
    if person.is_active:
        found.append(_("%(name)s may still sign in. Deactivate the account first.") % {"name": person})
    if roles := Membership.objects.filter(user=person).select_related("department"):
        where = ", ".join(sorted({role.department.name for role in roles}))
        found.append(
            _("%(name)s has not left %(where)s. Let them leave, and hand over what they hold.")
            % {"name": person, "where": where}
        )
    found += [_held(hold) for hold in holds.holds_against_erasing(person)]
    return found + [sentence for each in ELSEWHERE for sentence in each.obstacles(person)]


def _held(hold: Any) -> str:
    since: datetime = hold.set_at
    said = _("A legal hold on %(whom)s since %(since)s forbids it: %(reason)s")
    return said % {"whom": hold.whom, "since": f"{since:%Y-%m-%d}", "reason": hold.reason}
