"""Calls of models, what they cost, and models that are left alone, in the admin: read, and put right."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.administration import ReadOnlyAdmin
from connectors import mending
from connectors.models import Breaker, Cost, ModelCall, Spending
from departments.middleware import actor_of


class MendedAdmin(ReadOnlyAdmin):
    """Nobody changes a row; who may is offered what puts things right."""

    def has_mend_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return actor_of(request).is_administrator


@admin.register(ModelCall)
class ModelCallAdmin(MendedAdmin):
    list_display = (
        "at", "department", "model", "provider", "status", "reserved_usd", "cost_usd", "tokens_in", "tokens_out",
        "estimated", "went", "error",
    )  # fmt: skip
    list_filter = ("status", "went", "department", "provider")
    search_fields = ("=id", "=run_id", "model", "provider", "department__slug")
    list_select_related = ("department",)
    actions = ("count_as_estimated", "count_as_free")

    @admin.action(description=gettext_lazy("Count as spent what we estimate (outcome unknown)"), permissions=["mend"])
    def count_as_estimated(self, request: HttpRequest, calls: QuerySet[ModelCall]) -> None:
        self._settle(request, {call: call.cost_usd for call in calls.select_related("department")})

    @admin.action(description=gettext_lazy("Count as never billed (outcome unknown)"), permissions=["mend"])
    def count_as_free(self, request: HttpRequest, calls: QuerySet[ModelCall]) -> None:
        self._settle(request, dict.fromkeys(calls.select_related("department"), Decimal(0)))

    def _settle(self, request: HttpRequest, calls: dict[ModelCall, Decimal]) -> None:
        unknown = {call: usd for call, usd in calls.items() if call.status == "unknown"}
        done = sum(mending.settle_by_hand(call, usd, actor=actor_of(request)) for call, usd in unknown.items())
        said = ngettext("%(count)d call was settled.", "%(count)d calls were settled.", done) % {"count": done}
        self.message_user(request, said)


@admin.register(Spending)
class SpendingAdmin(ReadOnlyAdmin):
    list_display = ("subject", "month", "department", "spent_usd", "reserved_usd", "calls")
    list_filter = ("month", "department")
    search_fields = ("=subject", "department__slug")
    list_select_related = ("department",)


@admin.register(Cost)
class CostAdmin(ReadOnlyAdmin):
    list_display = (
        "month",
        "department",
        "workflow_id",
        "provider",
        "model",
        "calls",
        "tokens_in",
        "tokens_out",
        "cost_usd",
    )
    list_filter = ("month", "department", "provider", "model")
    search_fields = ("=workflow_id", "model", "provider", "department__slug")
    list_select_related = ("department",)


@admin.register(Breaker)
class BreakerAdmin(MendedAdmin):
    """Open while “asked again at” says something."""

    list_display = ("model", "base_url", "open_until", "opened_at", "closed_at", "failures", "calls", "said")
    list_filter = ("model__provider",)
    search_fields = ("model__name", "model__title", "model__provider__name")
    list_select_related = ("model",)
    actions = ("ask_again",)

    @admin.action(description=gettext_lazy("Ask the model again at once"), permissions=["mend"])
    def ask_again(self, request: HttpRequest, breakers: QuerySet[Any]) -> None:
        done = sum(mending.close_breaker(each, actor=actor_of(request)) for each in breakers.select_related("model"))
        self.message_user(request, _("%(count)d closed.") % {"count": done})
