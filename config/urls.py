"""Every route of the server."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("departments.urls")),
    path("", include("workflows.urls")),
]
