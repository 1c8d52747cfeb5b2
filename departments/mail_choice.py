"""Each person's own choice of mail about tasks."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services import record
from departments.access import Actor
from departments.models import NoticeStatus, TaskMail, User


@transaction.atomic
def choose_task_mail(user: User, choice: TaskMail | str, *, actor: Actor) -> None:
    """A person's own deed. What is held for the next summary goes at once in one, or not at all, as is now wanted."""
    if str(user.pk) != actor.id:
        raise PermissionDenied(_("Everybody chooses their own mail."))
    if choice not in TaskMail.values:
        raise ValidationError(_("Choose one of the three."))

    User.objects.filter(pk=user.pk).update(mail_about_tasks=choice)
    user.mail_about_tasks = choice
    held = user.notices.filter(status=NoticeStatus.HELD)
    if choice == TaskMail.AT_ONCE:
        held.update(next_at=Now())
    elif choice == TaskMail.NEVER:
        held.update(status=NoticeStatus.OFF, next_at=None, error="Not sent: the person wants no mail about tasks.")
    record("person.mail_chosen", actor=actor, thing=user, choice=str(TaskMail(choice).value))
