"""Secrets and connections in the admin; providers, models and imported services have files of their own."""

from __future__ import annotations

from django.contrib import admin

from audit.administration import ReadOnlyAdmin
from connectors.ai_admin import AiModelAdmin, AllowanceAdmin, ModelRouteAdmin, ProviderAdmin, RouteStopAdmin
from connectors.identity_admin import GivenRoleAdmin, GroupRoleAdmin, IdentityProviderAdmin, SocialAccountAdmin
from connectors.manifest_admin import ManifestAdmin
from connectors.models import Connection, Secret
from connectors.spending_admin import BreakerAdmin, CostAdmin, ModelCallAdmin, SpendingAdmin

__all__ = [
    "AiModelAdmin",
    "AllowanceAdmin",
    "BreakerAdmin",
    "ConnectionAdmin",
    "CostAdmin",
    "GivenRoleAdmin",
    "GroupRoleAdmin",
    "IdentityProviderAdmin",
    "ManifestAdmin",
    "ModelCallAdmin",
    "ModelRouteAdmin",
    "ProviderAdmin",
    "RouteStopAdmin",
    "SecretAdmin",
    "SocialAccountAdmin",
    "SpendingAdmin",
]


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
