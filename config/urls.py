"""Every route of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config import health, metrics
from workflows.api import hooks, mcp

urlpatterns = [
    path("admin/", admin.site.urls),
    *(path(probe.lstrip("/"), view) for probe, view in health.PROBES.items()),
    path("metrics", metrics.page),
    path("api/v1/", include("config.api")),
    path("hooks/<str:token>", hooks.hook, name="hook"),
    path("mcp", mcp.Mcp.as_view(), name="mcp"),
    path("", include("departments.urls")),
    path("", include("connectors.single_sign_on.urls")),
    path("", include("workflows.urls")),
]
