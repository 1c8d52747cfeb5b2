"""When a person hears by mail of tasks: at once, once a day, or never."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from departments import mail
from departments.mail_choice import choose_task_mail
from departments.models import TaskMail, User
from workflows.pages.page import Request, page

EXPLAINED: dict[str, Any] = {
    TaskMail.AT_ONCE: gettext_lazy("One mail for each task, as soon as it is yours."),
    TaskMail.DAILY: gettext_lazy("One mail at 8 in the morning, by your department's clock, if there is anything."),
    TaskMail.NEVER: gettext_lazy("No mail. Your tasks wait for you under Tasks."),
}


REFUSED = gettext_lazy("Choose one of the three.")


class MailForm(forms.Form):
    choice = forms.ChoiceField(
        choices=TaskMail.choices, error_messages={"required": REFUSED, "invalid_choice": REFUSED}
    )


@dataclass(frozen=True, slots=True)
class Offer:
    """One of the choices as the page shows it."""

    value: str
    title: str
    explained: str
    is_chosen: bool


@page
@require_http_methods(["GET", "HEAD", "POST"])
def mail_choice(request: Request) -> HttpResponse:
    user = cast(User, request.user)
    form = MailForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        choose_task_mail(user, form.cleaned_data["choice"], actor=request.actor)
        messages.success(request, _("Your choice has been saved."))
        return redirect("mail_choice")

    context = {"form": form, "offers": _offers(user), "sends_mail": mail.is_set_up()}
    return render(request, "departments/mail_choice.html", context, status=422 if form.errors else 200)


def _offers(user: User) -> list[Offer]:
    return [
        Offer(choice.value, str(choice.label), str(EXPLAINED[choice]), choice == user.mail_about_tasks)
        for choice in TaskMail
    ]
