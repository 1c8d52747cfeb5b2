"""Identity providers in the admin, and what the groups there mean here."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.administration import ReadOnlyAdmin, RecordedAdmin
from audit.services import record
from connectors import vault
from connectors.models import GivenRole, GroupRole, IdentityProvider, Protocol
from connectors.net import urls
from connectors.net.egress import Egress
from connectors.single_sign_on import saml
from departments.middleware import actor_of

# Providers stand in a table of ours, with their secrets in the vault; tokens of people are never kept.
admin.site.unregister([SocialApp, SocialToken, SocialAccount])

WHOSE = ("protocol", "issuer", "metadata")
"""With one of these another system may be meant, whose people are other people."""


class ProviderForm(forms.ModelForm):
    """`new_secret` is written and never read."""

    new_secret = forms.CharField(
        label=gettext_lazy("client secret"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Sealed in the vault and never shown again. Empty: as it was."),
    )

    class Meta:
        model = IdentityProvider
        fields = (
            *("name", "slug", "protocol", "enabled", "issuer", "client_id", "new_secret", "hosts", "metadata"),
            *("groups_in", "makes_accounts", "vouches_for_addresses"),
        )

    def clean_hosts(self) -> list[str]:
        hosts: list[str] = self.cleaned_data["hosts"]
        if unreadable := Egress(tuple(map(str, hosts))).unreadable:
            raise ValidationError(_("Not written as a host: %(hosts)s.") % {"hosts": ", ".join(unreadable)})
        return hosts

    def clean_issuer(self) -> str:
        issuer: str = self.cleaned_data["issuer"]
        if issuer:
            try:
                urls.parse(issuer)
            except urls.BadUrl as problem:
                raise ValidationError(str(problem)) from None
        return issuer

    def clean_metadata(self) -> str:
        metadata: str = self.cleaned_data["metadata"]
        if metadata:
            try:
                saml.settings_of(metadata)
            except saml.BadMetadata as problem:
                raise ValidationError(str(problem)) from None
        return metadata


class GroupRoleInline(admin.TabularInline):
    """Given and taken, never rewritten: the ledger tells of both."""

    model = GroupRole
    extra = 1
    autocomplete_fields = ("department",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(IdentityProvider)
class IdentityProviderAdmin(RecordedAdmin):
    form = ProviderForm
    list_display = ("name", "protocol", "issuer", "enabled", "makes_accounts")
    list_filter = ("protocol", "enabled")
    search_fields = ("name", "slug", "issuer")
    inlines = (GroupRoleInline,)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False  # switch it off: its short name must never mean another system's people

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("slug", "to_register") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [*ProviderForm.Meta.fields, *(["to_register"] if obj else [])]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    @admin.display(description=gettext_lazy("to register there"))
    def to_register(self, provider: IdentityProvider) -> str:
        name = "saml_metadata" if provider.protocol == Protocol.SAML else "openid_connect_callback"
        return _address(name, provider)

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        with transaction.atomic():
            if new := form.cleaned_data.get("new_secret"):
                _keep_secret(obj, new)
            super().save_model(request, obj, form, change)
            if change and set(WHOSE) & set(form.changed_data):
                SocialAccount.objects.filter(provider=obj.slug).delete()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        with transaction.atomic():
            formset.save(commit=False)
            for rule in formset.deleted_objects:
                record("group_role.removed", thing=rule, **_about(request, rule))
                rule.delete()
            for rule in formset.new_objects:
                if form.instance.group_roles.filter(group=rule.group, department=rule.department, role=rule.role):
                    continue
                rule.save()
                record("group_role.added", thing=rule, **_about(request, rule))


@admin.register(GroupRole)
class GroupRoleAdmin(ReadOnlyAdmin):
    """They are made on the page of their provider."""

    list_display = ("group", "provider", "department", "role")
    list_filter = ("provider", "department", "role")
    search_fields = ("group", "department__name", "department__slug")
    list_select_related = ("provider", "department")


@admin.register(GivenRole)
class GivenRoleAdmin(ReadOnlyAdmin):
    list_display = ("membership", "provider", "given_at")
    list_filter = ("provider",)
    search_fields = ("membership__user__name", "membership__user__email", "membership__department__slug")
    list_select_related = ("provider", "membership__user", "membership__department")


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnlyAdmin):
    """Which identity elsewhere belongs to whom."""

    list_display = ("user", "provider", "date_joined", "last_login")
    list_display_links = None
    search_fields = ("user__name", "user__email", "provider")
    list_select_related = ("user",)


def _keep_secret(provider: IdentityProvider, new: str) -> None:
    """In the place of the one before, which is gone with that."""
    if provider.secret:
        vault.replace(provider.secret, {"secret": new})
    else:
        provider.secret = vault.keep({"secret": new}, None)


def _address(name: str, provider: IdentityProvider) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=[provider.slug])}"


def _about(request: HttpRequest, rule: GroupRole) -> dict[str, Any]:
    said = {"group": rule.group, "role": rule.role, "provider": rule.provider.name}
    return {"actor": actor_of(request), "department": rule.department.slug, **said}
