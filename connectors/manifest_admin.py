"""Imported services in the admin: imported and changed by the services, each change as the next version."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit.administration import ReadOnlyAdmin, StrictAdmin
from connectors import imports
from connectors.documents.describing import LARGEST, described
from connectors.manifest_rows import Source
from connectors.manifests.manifest import Service
from connectors.models import Manifest, ManifestOperation, ManifestVersion
from connectors.sdk import StepError


class ManifestForm(ModelForm):
    """`document` is a new description; `service` what is known of the service, to be put right by hand."""

    document = forms.FileField(label=_("description (OpenAPI)"), required=False)
    service = forms.JSONField(
        label=_("what is known of it"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 30, "class": "vLargeTextField"}),
        help_text=_("Title, servers with their variables, ways to sign in. A change makes the next version."),
    )

    class Meta:
        model = Manifest
        fields = ("department",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.created_at is None:
            self.fields["document"].required = True
            del self.fields["service"]
            return
        self.known = self.instance.versions.get(number=self.instance.latest).service
        self.fields["service"].initial = self.known

    def clean_document(self) -> Source | None:
        """Read twice, here and by the service: what is refused is to be said at the field."""
        file = self.cleaned_data["document"]
        if not file:
            return None
        if file.size > LARGEST:
            raise ValidationError(_("At most 25 MB are taken."))
        source = Source(file.read(), file.name)
        try:
            described(source.content, source.name)
        except StepError as error:
            raise ValidationError(error.message) from None
        return source

    def clean_service(self) -> dict[str, Any]:
        try:
            return Service.model_validate(self.cleaned_data["service"] or {}).model_dump(mode="json")
        except ValueError as error:
            raise ValidationError(str(error)) from None


@admin.register(Manifest)
class ManifestAdmin(StrictAdmin):
    form = ManifestForm
    list_display = ("name", "title", "department", "latest", "made_by", "removed_at")
    list_filter = ("department",)
    search_fields = ("name", "title", "department__name")
    list_select_related = ("department",)
    readonly_fields = ("name", "title", "latest", "made_by", "created_at", "removed_at")
    actions = ("take_away",)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return (*self.readonly_fields, "department") if obj is not None else ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return (*self.readonly_fields, "department", "document", "service") if obj else ("department", "document")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Workflows may run on any version: a service is taken out of use, and never deleted."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor, source = request.actor, form.cleaned_data["document"]  # type: ignore[attr-defined]
        if not change:
            made = imports.import_new(source, obj.department, actor=actor)
            obj.__dict__.update(made.__dict__)
            return
        if source is not None:
            imports.import_anew(obj, source, actor=actor)
        elif json.dumps(form.cleaned_data["service"]) != json.dumps(form.known):
            imports.change_service(obj, form.cleaned_data["service"], actor=actor)
        obj.refresh_from_db()

    @admin.action(description=_("Take out of use: steps that were made of it go on"), permissions=["change"])
    def take_away(self, request: HttpRequest, manifests: QuerySet[Manifest]) -> None:
        for manifest in manifests.filter(removed_at=None):
            imports.remove(manifest, actor=request.actor)  # type: ignore[attr-defined]


@admin.register(ManifestVersion)
class ManifestVersionAdmin(ReadOnlyAdmin):
    list_display = ("manifest", "number", "sha256", "made_by", "created_at")
    list_filter = ("manifest",)
    search_fields = ("manifest__name", "manifest__title", "manifest__department__name")
    list_select_related = ("manifest",)
    fields = ("manifest", "number", "address", "sha256", "service", "notes", "made_by", "created_at")


@admin.register(ManifestOperation)
class ManifestOperationAdmin(ReadOnlyAdmin):
    list_display = ("title", "version", "method", "path", "level", "chosen")
    list_filter = ("level", "chosen")
    search_fields = ("name", "title", "path", "version__manifest__name", "version__manifest__department__name")
    list_select_related = ("version__manifest",)
    fields = ("version", "name", "method", "path", "title", "tag", "level", "chosen", "problem", "content")
