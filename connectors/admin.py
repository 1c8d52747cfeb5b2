"""Providers and models in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit.administration import ReadOnlyAdmin, RecordedAdmin
from connectors.manifest_admin import ManifestAdmin
from connectors.models import AiModel, Connection, Provider, Secret

__all__ = ["AiModelAdmin", "ConnectionAdmin", "ManifestAdmin", "ProviderAdmin", "SecretAdmin"]


@admin.register(Provider)
class ProviderAdmin(RecordedAdmin):
    list_display = ("name", "base_url", "key_variable", "is_practice", "enabled", "refused_at")
    list_filter = ("enabled", "is_practice")
    search_fields = ("name", "base_url")
    readonly_fields = ("refused_at",)


@admin.register(AiModel)
class AiModelAdmin(RecordedAdmin):
    list_display = (
        "name",
        "title",
        "provider",
        "is_default",
        "enabled",
        "usd_per_million_in",
        "usd_per_million_out",
        "context_tokens",
    )
    list_filter = ("enabled", "is_default", "provider")
    search_fields = ("name", "title", "provider__name")
    autocomplete_fields = ("provider",)
    list_select_related = ("provider",)
    readonly_fields = ("is_default",)
    actions = ("take_as_default",)

    @admin.action(description=_("Take the chosen one where a step names none"), permissions=["change"])
    def take_as_default(self, request: HttpRequest, models: QuerySet[Any]) -> None:
        if models.count() != 1:
            self.message_user(request, _("Choose exactly one model: there is one default."), "error")
            return

        with transaction.atomic():
            AiModel.objects.filter(is_default=True).update(is_default=False)
            models.update(is_default=True)
            self.note(request, "changed", models.get(), fields=["is_default"])


@admin.register(Secret)
class SecretAdmin(ReadOnlyAdmin):
    """Which there are, whose, and under which key of the vault; never what they hold."""

    list_display = ("id", "department", "version", "key_id", "changed_at")
    list_filter = ("department", "key_id")
    search_fields = ("department__name", "key_id")
    list_select_related = ("department",)
    fields = ("id", "department", "version", "key_id", "changed_at")


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """Which there are and how they are. Departments connect, renew and remove them on their own pages."""

    list_display = ("slug", "connector", "department", "health", "checked_at", "last_used_at", "removed_at")
    list_filter = ("department", "connector", "health")
    search_fields = ("slug", "connector", "department__name")
    list_select_related = ("department",)
    fields = (*list_display, "health_said", "settings", "made_by", "created_at")
