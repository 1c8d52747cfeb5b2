"""Budgets in the admin: set by the services, which write the ledger and let go on who waits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from audit.administration import ReadOnlyAdmin, StrictAdmin
from departments.middleware import actor_of
from workflows.models import Budget, BudgetQuestion
from workflows.services import budgets


class BudgetForm(forms.ModelForm):
    class Meta:
        model = Budget
        fields = ("department", "workflow", *budgets.LIMITS, "owner")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for name in ("department", "workflow"):
                self.fields[name].disabled = True

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        department, workflow, owner = (given.get(name) for name in ("department", "workflow", "owner"))
        if department is None:
            return given
        if workflow is not None and workflow.department_id != department.pk:
            raise ValidationError({"workflow": _("This is no workflow of %(name)s.") % {"name": department.name}})
        if owner is not None and not owner.memberships.filter(department=department).exists():
            said = _("%(person)s is nobody in %(name)s.") % {"person": owner, "name": department.name}
            raise ValidationError({"owner": said})
        budgets.refuse_too_late(given.get("soft_usd"), given.get("month_usd"))
        return given


@admin.register(Budget)
class BudgetAdmin(StrictAdmin):
    form = BudgetForm
    list_display = ("department", "workflow", "month_usd", "soft_usd", "run_usd", "owner", "stopped_by")
    list_filter = ("department",)
    search_fields = ("department__name", "workflow__name")
    list_select_related = ("department", "workflow", "owner")
    autocomplete_fields = ("department", "workflow", "owner")
    readonly_fields = ("stopped_by", "stopped_at")

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        limits = {name: form.cleaned_data[name] for name in budgets.LIMITS}
        made = budgets.set_budget(obj.department, obj.workflow, limits=limits, owner=obj.owner, actor=actor_of(request))
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        budgets.remove_budget(obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for budget in queryset.select_related("department", "workflow"):
            budgets.remove_budget(budget, actor=actor_of(request))


@admin.register(BudgetQuestion)
class BudgetQuestionAdmin(ReadOnlyAdmin):
    list_display = ("budget", "month", "status", "spent_usd", "foreseen_usd", "answer", "answered_by", "asked_at")
    list_filter = ("status", "department")
    search_fields = ("department__name", "budget__workflow__name", "answered_by")
    date_hierarchy = "asked_at"
    list_select_related = ("budget__department", "budget__workflow")
