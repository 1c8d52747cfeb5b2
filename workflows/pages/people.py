"""Pages about people: who is away and who stands in, and the department that its managers set up."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from departments import groups, holds
from departments.absences import colleagues_of, end_absence, may_plan_for, plan_absence, today_of
from departments.access import Verb, require, visible
from departments.models import Absence, Department, Group, Membership, Role, User
from departments.services import change_deciding_by_mail, change_hours
from workflows.pages import week
from workflows.pages.members import members_of
from workflows.pages.page import Request, page


class AbsenceForm(forms.Form):
    """Days away and who stands in, chosen from the people of the person's departments."""

    starts = forms.DateField(label=gettext_lazy("First day"), widget=forms.DateInput({"type": "date"}))
    ends = forms.DateField(label=gettext_lazy("Last day"), widget=forms.DateInput({"type": "date"}))
    stand_in = forms.ModelChoiceField(
        User.objects.none(), label=gettext_lazy("Stand-in"), required=False, empty_label=gettext_lazy("Nobody")
    )
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=200)

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField, self.fields["stand_in"]).queryset = colleagues_of(person)


class HoldForm(forms.Form):
    """Why nothing of the department may go, or why it may again."""

    reason = forms.CharField(label=gettext_lazy("Why?"), max_length=holds.LONGEST)


class GroupForm(forms.Form):
    """A name, which of the department's people, and the roles that they hold by it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    members = forms.ModelMultipleChoiceField(User.objects.none(), label=gettext_lazy("Members"), required=False)
    roles = forms.MultipleChoiceField(choices=Role.choices, label=gettext_lazy("Roles of its members"), required=False)

    def __init__(self, *args: Any, department: Department, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(memberships__department=department).distinct()
        cast(forms.ModelMultipleChoiceField, self.fields["members"]).queryset = people


# ── away ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "HEAD", "POST"])
def absence(request: Request) -> HttpResponse:
    return _absence_of(request, cast(User, request.user))


@page
@require_http_methods(["GET", "HEAD", "POST"])
def absence_of(request: Request, pk: UUID) -> HttpResponse:
    """The same for somebody else, by a manager of one of their departments."""
    return _absence_of(request, _planned_person(request, pk))


@page
@require_POST
def end(request: Request, pk: UUID) -> HttpResponse:
    ended = get_object_or_404(Absence.objects.select_related("user"), pk=pk)
    person = _planned_person(request, ended.user_id)
    try:
        end_absence(ended, actor=request.actor)
        messages.success(request, _("The absence of %(name)s has ended.") % {"name": person})
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    return _back_to(request, person)


def _absence_of(request: Request, person: User) -> HttpResponse:
    form = AbsenceForm(request.POST if request.method == "POST" else None, person=person)
    if form.is_valid():
        try:
            plan_absence(person, actor=request.actor, **form.cleaned_data)
        except ValidationError as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("The absence has been planned."))
            return _back_to(request, person)
    today = today_of(person)
    context = {
        "person": person,
        "is_own": person == request.user,
        "form": form,
        "absences": person.absences.filter(ends__gte=today).select_related("stand_in"),
        "stands_in": person.stands_in.filter(ends__gte=today).select_related("user"),
        "today": today,
    }
    return render(request, "departments/absence.html", context, status=422 if form.errors else 200)


def _planned_person(request: Request, pk: UUID) -> User:
    """Somebody whom one shares a department with; only a manager of it plans for others."""
    people = visible(Membership.objects.all(), request.actor).values("user")
    person = (
        get_object_or_404(User, pk=pk) if str(pk) == request.actor.id else get_object_or_404(User, pk=pk, pk__in=people)
    )
    if not may_plan_for(request.actor, person):
        raise PermissionDenied(_("Only %(name)s and managers plan this absence.") % {"name": person})
    return person


def _back_to(request: Request, person: User) -> HttpResponse:
    return redirect("absence") if person == request.user else redirect("absence_of", person.pk)


# ── the department ───────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_GET
def departments(request: Request) -> HttpResponse:
    """The department that one manages; of several, the choice."""
    managed = list(visible(Department.objects.all(), request.actor, verb=Verb.MANAGE, path="pk"))
    if not managed:
        raise PermissionDenied(_("A department is set up by its managers."))
    if len(managed) == 1:
        return redirect("department", managed[0].slug)
    return render(request, "departments/departments.html", {"departments": managed})


@page
@require_GET
def department(request: Request, slug: str) -> HttpResponse:
    return department_page(request, find_managed(request, slug))


@page
@require_POST
def hours(request: Request, slug: str) -> HttpResponse:
    """What is refused comes back as it was typed (422)."""
    found, given = find_managed(request, slug), week.typed(request.POST)
    try:
        change_hours(find_managed(request, slug), actor=request.actor, **given)
    except ValidationError as refused:
        return department_page(request, found, hours=given, refused=refused.message_dict, status=422)
    messages.success(request, _("The hours of %(name)s have been saved.") % {"name": found})
    return redirect("department", found.slug)


@page
@require_GET
def hours_tried(request: Request, slug: str) -> HttpResponse:
    """What is in the fields, tried and not saved: the rows with Monday's hours, or what is due and the holidays."""
    context = week.form_of(find_managed(request, slug), week.typed(request.GET))
    if "copy" in request.GET:
        return render(request, "departments/_week.html", {**context, "tried": True})
    return render(request, "departments/_tried.html", context)


@page
@require_POST
def by_mail(request: Request, slug: str) -> HttpResponse:
    """Whether the link in a mail is enough; a switch that is off is not sent at all."""
    found, is_enough = find_managed(request, slug), "without_sign_in" in request.POST
    change_deciding_by_mail(found, without_sign_in=is_enough, actor=request.actor)
    said = _("From now on the link in a mail is enough.") if is_enough else _("Whoever decides from a mail signs in.")
    messages.success(request, said)
    return redirect("department", found.slug)


@page
@require_POST
def group_make(request: Request, slug: str) -> HttpResponse:
    found = find_managed(request, slug)
    form = GroupForm(request.POST, department=found, prefix="new")
    if form.is_valid():
        try:
            made = groups.make_group(found, actor=request.actor, **form.cleaned_data)
        except ValidationError as refused:
            form.add_error("name", refused.messages)
        else:
            messages.success(request, _("The group %(name)s has been made.") % {"name": made})
            return redirect("department", found.slug)
    return department_page(request, found, new_group=form, status=422)


@page
@require_POST
def group_change(request: Request, slug: str, pk: UUID) -> HttpResponse:
    found = find_managed(request, slug)
    group = get_object_or_404(found.groups, pk=pk)
    form = GroupForm(request.POST, department=found, prefix=_prefix(group))
    if not form.is_valid():
        return department_page(request, found, changed={group.pk: form}, status=422)
    groups.change_group(group, actor=request.actor, **form.cleaned_data)
    messages.success(request, _("The group %(name)s has been changed.") % {"name": group})
    return _back_to_department(request, found)


@page
@require_POST
def group_delete(request: Request, slug: str, pk: UUID) -> HttpResponse:
    found = find_managed(request, slug)
    group = get_object_or_404(found.groups, pk=pk)
    groups.delete_group(group, actor=request.actor)
    messages.success(request, _("The group %(name)s has been deleted.") % {"name": group})
    return _back_to_department(request, found)


def _back_to_department(request: Request, found: Department) -> HttpResponse:
    """Who managed it only by a group has perhaps just given that up."""
    manages = cast(User, request.user).memberships.filter(department=found, role=Role.MANAGER).exists()
    return redirect("department", found.slug) if manages else redirect("home")


def find_managed(request: Request, slug: str) -> Department:
    found = get_object_or_404(visible(Department.objects.all(), request.actor, path="pk"), slug=slug)
    require(request.actor, Verb.MANAGE, found)
    return found


def department_page(
    request: Request,
    found: Department,
    *,
    hours: week.Hours | None = None,
    new_group: GroupForm | None = None,
    changed: dict[UUID, GroupForm] | None = None,
    refused: dict[str, list[str]] | None = None,
    hold: forms.Form | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a department, with what was typed where something was refused."""
    members, new_group = members_of(found), new_group or GroupForm(department=found, prefix="new")
    forms_of_groups = _group_forms(found, changed or {})
    for form in (new_group, *(form for _group, form in forms_of_groups)):
        # Read once for all forms, not once for each.
        cast(forms.ChoiceField, form.fields["members"]).choices = [(one.user.pk, str(one.user)) for one in members]
    context = {
        **week.form_of(found, hours or week.stored(found)),
        "groups": forms_of_groups,
        "new_group": new_group,
        "members": members,
        "refused": refused or {},
        "hold": hold or HoldForm(),
        "holds": list(found.holds.all()),
    }
    return render(request, "departments/department.html", context, status=status)


def _group_forms(found: Department, changed: dict[UUID, GroupForm]) -> list[tuple[Group, GroupForm]]:
    shown = found.groups.prefetch_related("members")
    return [(group, changed.get(group.pk) or _group_form(found, group)) for group in shown]


def _group_form(found: Department, group: Group) -> GroupForm:
    initial = {"name": group.name, "members": group.members.all(), "roles": group.roles}
    return GroupForm(initial=initial, department=found, prefix=_prefix(group))


def _prefix(group: Group) -> str:
    return f"group-{group.pk}"
