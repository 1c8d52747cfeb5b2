"""Every route of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from config import health
from workflows.api import hooks, mcp

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/", include("config.api")),
    path("hooks/<str:token>", hooks.hook, name="hook"),
    path("mcp", mcp.Mcp.as_view(), name="mcp"),
    path("", include("departments.urls")),
    path("", include("workflows.urls")),
]
