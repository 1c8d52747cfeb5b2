"""What every model's page in the Django admin builds on: strict filters, and changes that stand in the ledger."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from audit.cells import harmless
from audit.services import record

NOT_TAKEN = ("opens", "action_checkbox")
"""Columns that lead somewhere and say nothing."""
MOST_ROWS = 20_000


class StrictAdmin(admin.ModelAdmin):
    """Filters by what it offers and by nothing else; what is listed can be taken along as a table.

    Django lets an address filter by any column, and so tells of columns that are not shown, letter by letter.
    """

    list_per_page = 50
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """`?rows=csv` beside whatever filters the list gives all of it as a table."""
        form = _without(request, "rows")
        if form != "csv":
            return super().changelist_view(request, extra_context)
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        try:
            return self._table(request)
        except IncorrectLookupParameters:
            return redirect(f"{request.path}?{ERROR_FLAG}=1")  # as the list itself does

    def _table(self, request: HttpRequest) -> HttpResponse:
        listed = self.get_changelist_instance(request)
        columns = [str(name) for name in listed.list_display if name not in NOT_TAKEN]
        rows = listed.get_queryset(request)[:MOST_ROWS]
        answer = HttpResponse(content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{self.opts.model_name}.csv"'
        table = csv.writer(answer)
        table.writerow([label_for_field(name, self.model, self) for name in columns])
        table.writerows([[self._cell(name, row) for name in columns] for row in rows])
        with transaction.atomic():
            record("administration.table_taken", actor=request.actor, of=self.opts.model_name, rows=len(rows))  # type: ignore[attr-defined]
        return answer

    def _cell(self, name: str, row: Model) -> str:
        _field, _attribute, value = lookup_field(name, row, self)
        return "" if value is None else harmless(str(value))

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        offered = {_name(offer) for offer in self.get_list_filter(request)} | {self.date_hierarchy}
        return any(lookup == name or lookup.startswith(f"{name}__") for name in offered if name) and (
            super().lookup_allowed(lookup, value, request)
        )


class ReadOnlyAdmin(StrictAdmin):
    """For rows that only the product itself writes."""

    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RecordedAdmin(StrictAdmin):
    """Each change writes who changed which fields, in the transaction of the change."""

    def department_of(self, row: Any) -> str:
        """Slug of the department that the row belongs to; empty for the server's own."""
        return ""

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            self.note(request, "changed" if change else "added", obj, fields=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            self.note(request, "removed", obj)
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for row in queryset:
                self.note(request, "removed", row)
            super().delete_queryset(request, queryset)

    def note(self, request: HttpRequest, deed: str, row: Any, **detail: Any) -> None:
        record(
            f"{self.opts.model_name}.{deed}_in_admin",
            actor=request.actor,  # type: ignore[attr-defined]
            department=self.department_of(row),
            thing=row,
            **detail,
        )


def translated_once(build: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Every page lists all models by title, and sorting titles that stand untranslated translates each a dozen times:
    a third of what the page costs."""

    def built(request: HttpRequest, label: str | None = None) -> dict[str, Any]:
        apps = build(request, label)
        for each in (*apps.values(), *(model for app in apps.values() for model in app["models"])):
            each["name"] = str(each["name"])
        return apps

    return built


def _without(request: HttpRequest, name: str) -> str:
    """Takes a parameter out of the address, which Django's own list would take for a filter."""
    given = request.GET.copy()
    value = given.pop(name, [""])[0]
    request.GET = given  # type: ignore[assignment]
    return str(value)


def _name(offer: Any) -> str:
    """Of a field's name, a (name, filter) pair or a filter class."""
    if isinstance(offer, str):
        return offer
    return offer[0] if isinstance(offer, tuple) else getattr(offer, "parameter_name", "")
