"""People in the admin once more: with what they hold in workflows, which somebody takes over when they leave."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from departments.admin import UserAdmin
from departments.middleware import actor_of
from departments.models import User
from workflows.services.deactivating import deactivate_and_hand_over, told

admin.site.unregister(User)


class HeirForm(forms.Form):
    """Who takes over."""

    to = forms.ModelChoiceField(User.objects.none(), label=gettext_lazy("Who takes over what they hold"))


@admin.register(User)
class PersonAdmin(UserAdmin):
    actions = (*UserAdmin.actions, "hand_over")

    @admin.action(description=gettext_lazy("Deactivate and hand over"), permissions=["change"])
    def hand_over(self, request: HttpRequest, people: QuerySet[User]) -> HttpResponse | None:
        chosen = list(people.filter(is_active=True))
        form = HeirForm(request.POST if "to" in request.POST else None)
        heirs = User.objects.filter(is_active=True).exclude(pk__in=[person.pk for person in chosen])
        form.fields["to"].queryset = heirs  # type: ignore[attr-defined]
        if not form.is_valid():
            return self._ask(request, chosen, form)
        for person in chosen:
            self._deactivate(request, person, form.cleaned_data["to"])
        return None

    def _ask(self, request: HttpRequest, chosen: list[User], form: HeirForm) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "people": chosen, "form": form}
        return TemplateResponse(
            request, "workflows/admin_hand_over.html", {**context, "title": _("Deactivate and hand over")}
        )

    def _deactivate(self, request: HttpRequest, person: User, to: User) -> None:
        try:
            outcomes = deactivate_and_hand_over(person, to=to, actor=actor_of(request))
        except ValidationError as refusal:
            self.message_user(request, " ".join(refusal.messages), "error")
            return
        self.message_user(request, _("%(name)s is deactivated.") % {"name": person})
        for outcome in outcomes:
            self.message_user(request, told(outcome), "warning" if outcome.kept or outcome.to is None else "info")
