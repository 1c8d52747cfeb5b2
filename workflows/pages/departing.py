"""The page on which somebody leaves a department: what they hold there, and who takes it."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from departments.models import ApiToken, Department, User
from workflows.pages.page import Request, page
from workflows.pages.people import find_managed
from workflows.services.departing import Held, held_by, leave_department


class LeaveForm(forms.Form):
    """Who takes it over, and which tokens that the person made end."""

    to = forms.ModelChoiceField(User.objects.none(), label=gettext_lazy("Who takes it over"))
    revoke = forms.ModelMultipleChoiceField(ApiToken.objects.none(), required=False)

    def __init__(self, *args: Any, person: User, department: Department, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = User.objects.filter(memberships__department=department, is_active=True).exclude(pk=person.pk)
        cast(forms.ModelChoiceField, self.fields["to"]).queryset = others.distinct()
        tokens = ApiToken.objects.filter(department=department, created_by=person, revoked_at=None)
        cast(forms.ModelMultipleChoiceField, self.fields["revoke"]).queryset = tokens


@page
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: Request, slug: str, pk: UUID) -> HttpResponse:
    found = find_managed(request, slug)
    person = get_object_or_404(User.objects.filter(memberships__department=found).distinct(), pk=pk)
    form = LeaveForm(request.POST if request.method == "POST" else None, person=person, department=found)
    held = held_by(person, found)
    if request.method != "POST":
        return _shown(request, found, person, form, held)
    if form.is_valid():
        try:
            kept = leave_department(person, found, actor=request.actor, **form.cleaned_data)
        except ValidationError as refused:
            form.add_error("to", refused.messages)
        else:
            return _left(request, found, person, form.cleaned_data["to"], len(kept))
    return _shown(request, found, person, form, held, 422)


def _left(request: Request, found: Department, person: User, to: User, kept: int) -> HttpResponse:
    said = _("%(name)s has left %(department)s. %(to)s has what they held.")
    messages.success(request, said % {"name": person, "department": found, "to": to})
    if kept:
        still = ngettext(
            "%(count)d task asks for somebody else: %(to)s must not decide it. Hand it over under Tasks.",
            "%(count)d tasks ask for somebody else: %(to)s must not decide them. Hand them over under Tasks.",
            kept,
        )
        messages.warning(request, still % {"count": kept, "to": to})
    return redirect("department", found.slug)


def _shown(
    request: Request, found: Department, person: User, form: LeaveForm, held: Held, status: int = 200
) -> HttpResponse:
    ends = request.POST.getlist("revoke") if form.is_bound else [str(token.pk) for token in held.tokens]
    context = {
        "department": found,
        "person": person,
        "form": form,
        "held": held,
        "holds_nothing": not any(getattr(held, name) for name in Held.__slots__),
        "ends": ends,
    }
    return render(request, "departments/leave.html", context, status=status)
