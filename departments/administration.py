"""What the admin shows of a department's content, and to whom."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import BooleanField, ExpressionWrapper, Model, Q, QuerySet
from django.forms import CheckboxInput
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from audit.administration import StrictAdmin
from departments.access import Verb, visible
from departments.middleware import actor_of


class ContentAdmin(StrictAdmin):
    """An administrator sees that a row is there and how it fares; only members of its department open it.

    `department_path` leads from the row to its department. Subclasses list and search nothing but facts about the work:
    no titles, questions or file names that people wrote.
    """

    department_path = "department"
    list_display_links = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.resolver_match and request.resolver_match.url_name == "autocomplete":
            return visible(rows, actor_of(request), path=self.department_path)
        return rows.annotate(is_ours=ExpressionWrapper(self._ours(request), output_field=BooleanField()))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) and (obj is None or self.is_ours(request, obj))

    @admin.display(description=mark_safe('<input type="checkbox" id="action-toggle">'))
    def action_checkbox(self, row: Any) -> SafeString:
        """Django names the box by the row's own words, which are content."""
        label = _("Select %(row)s") % {"row": str(row.pk)[-8:]}
        box = CheckboxInput({"class": "action-select", "aria-label": label}, lambda value: False)
        return box.render(ACTION_CHECKBOX_NAME, str(row.pk))

    def is_ours(self, request: HttpRequest, row: Model) -> bool:
        return type(row)._default_manager.filter(self._ours(request), pk=row.pk).exists()

    @admin.display(description=_("content"))
    def opens(self, row: Any) -> Any:
        return format_html('<a href="{}/change/">{}</a>', row.pk, _("Open")) if row.is_ours else _("members only")

    def _ours(self, request: HttpRequest) -> Q:
        departments = actor_of(request).departments(Verb.VIEW)
        return Q(**{f"{self.department_path}__in": departments})


def become(row: Model, saved: Model) -> None:
    """The admin goes on with the row of its form, the service has made another one: make them the same."""
    row.__dict__.update(saved.__dict__)
