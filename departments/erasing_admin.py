"""Erasing people and legal holds, on the administrator's desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.administration import StrictAdmin
from departments import erasing, holds
from departments.middleware import actor_of
from departments.models import LegalHold, User


class EraseForm(forms.Form):
    reason = forms.CharField(label=gettext_lazy("Why"), max_length=erasing.LONGEST)
    typed = forms.CharField(label=gettext_lazy("The e-mail address of this person, typed by you"))

    def __init__(self, person: User, *args: Any) -> None:
        super().__init__(*args)
        self.person = person

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"].strip().lower()
        if typed != self.person.email:
            raise ValidationError(_("This is not the address of %(name)s.") % {"name": self.person})
        return typed


@admin.action(description=gettext_lazy("Erase a person who has left"), permissions=["change"])
def erase(page: admin.ModelAdmin, request: HttpRequest, people: QuerySet[User]) -> HttpResponse | None:
    """First what there is of them, and a form; erased is with its answer."""
    person = people.first()
    if person is None or people.count() != 1:
        page.message_user(request, _("Choose one person: each is erased for a reason of their own."), "error")
        return None
    form = EraseForm(person, request.POST if "typed" in request.POST else None)
    if form.is_valid() and _erased(page, request, person, form):
        return None
    context = {**page.admin_site.each_context(request), "opts": page.opts, "form": form, "person": person}
    context |= {"outlook": erasing.outlook(person), "title": _("Erase %(name)s?") % {"name": person}}
    return TemplateResponse(request, "departments/admin_erase.html", context, status=422 if form.errors else 200)


def _erased(page: admin.ModelAdmin, request: HttpRequest, person: User, form: EraseForm) -> bool:
    try:
        old = erasing.erase_person(person, reason=form.cleaned_data["reason"], actor=actor_of(request))
    except ValidationError as refusal:
        form.add_error(None, refusal.messages)
        return False
    said = ngettext(
        "Erased. %(old)s old entry of the ledger still holds the name.",
        "Erased. %(old)s old entries of the ledger still hold the name.",
        old,
    )
    page.message_user(request, said % {"old": old})
    return True


class HoldForm(forms.ModelForm):
    class Meta:
        model = LegalHold
        fields = ("person", "department", "reason")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        whom = {name: given[name] for name in ("person", "department") if given.get(name)}
        if len(whom) != 1:
            raise ValidationError(_("Choose a person or a department."))
        if LegalHold.objects.filter(**whom, lifted_at=None).exists():
            raise ValidationError(_("A legal hold is on it already."))
        return given


class LiftForm(forms.ModelForm):
    """A hold is never rewritten, only lifted."""

    class Meta:
        model = LegalHold
        fields = ("lifted_because",)

    def clean_lifted_because(self) -> str:
        why: str = self.cleaned_data["lifted_because"].strip()
        if not why:
            raise ValidationError(_("Say why it is lifted."))
        return why


@admin.register(LegalHold)
class LegalHoldAdmin(StrictAdmin):
    list_display = ("whom", "reason", "set_at", "lifted_at")
    search_fields = ("reason", "person__name", "department__name")
    autocomplete_fields = ("person", "department")
    list_select_related = ("person", "department")

    def has_delete_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LegalHold | None = None) -> bool:
        is_over = obj is not None and obj.lifted_at is not None
        return not is_over and super().has_change_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: LegalHold | None = None, change: bool = False, **more: Any) -> Any:
        return super().get_form(request, obj, change, form=LiftForm if obj else HoldForm, **more)

    def get_fields(self, request: HttpRequest, obj: LegalHold | None = None) -> list[Any]:
        return ["person", "department", "reason", *(["lifted_because"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: LegalHold | None = None) -> tuple[str, ...]:
        return ("person", "department", "reason") if obj else ()

    def save_model(self, request: HttpRequest, obj: LegalHold, form: forms.ModelForm, change: bool) -> None:
        actor = actor_of(request)
        if change:
            holds.lift_hold(LegalHold.objects.get(pk=obj.pk), reason=obj.lifted_because, actor=actor)
        else:
            made = holds.set_hold(person=obj.person, department=obj.department, reason=obj.reason, actor=actor)
            obj.pk, obj._state.adding = made.pk, False
