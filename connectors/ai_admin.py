"""Providers, models, routes and allowances in the admin: pages over the services, which write the ledger."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.administration import ReadOnlyAdmin, RecordedAdmin, StrictAdmin
from connectors import allowances
from connectors.models import AiModel, Allowance, ModelRoute, Provider, RouteStop
from departments.middleware import actor_of


class ProviderForm(forms.ModelForm):
    """`key` is written and never read."""

    key = forms.CharField(
        label=gettext_lazy("Key"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy(
            "Sealed in the vault and never shown again. Empty: as it was, else from the environment variable."
        ),
    )
    forget_key = forms.BooleanField(label=gettext_lazy("Forget the sealed key"), required=False)

    class Meta:
        model = Provider
        fields = ("name", "base_url", "key_variable", "is_practice", "enabled", "for_all")
        help_texts = {
            "base_url": gettext_lazy(
                "As the provider's manual has it, mostly ending in /v1: https://models.example.com/v1. Empty: OpenAI. "
                "It need not be among the hosts of a department."
            ),
            "key_variable": gettext_lazy("Instead of a key in the vault: how the variable is called on every host."),
            "is_practice": gettext_lazy("Only for the one that Tandem starts itself."),
        }

    def clean_base_url(self) -> str:
        address = str(self.cleaned_data["base_url"]).strip()
        if address and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
            raise ValidationError(_("Write the whole address, such as https://models.example.com/v1."))
        return address

    def clean_key(self) -> str:
        given = str(self.cleaned_data["key"])
        return allowances.checked_key(given) if given else ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.secret_id is None:
            del self.fields["forget_key"]


class AllowanceInline(admin.TabularInline):
    """Given and taken, never rewritten: the ledger tells of both."""

    model = Allowance
    extra = 0
    autocomplete_fields = ("department", "model")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Provider)
class ProviderAdmin(RecordedAdmin):
    form = ProviderForm
    list_display = ("name", "base_url", "has_key", "is_practice", "enabled", "for_all", "refused_at")
    list_filter = ("enabled", "for_all", "is_practice")
    search_fields = ("name", "base_url")
    readonly_fields = ("refused_at",)

    @admin.display(description=gettext_lazy("key"))
    def has_key(self, provider: Provider) -> str:
        return _("sealed") if provider.secret_id else provider.key_variable

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        sealed = ["forget_key"] if isinstance(obj, Provider) and obj.secret_id else []
        return [*ProviderForm.Meta.fields[:3], "key", *sealed, *ProviderForm.Meta.fields[3:], "refused_at"]

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        return (AllowanceInline,) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        key = form.cleaned_data.get("key", "")
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if key:
                allowances.seal_key(obj, key, actor=actor_of(request))
            elif form.cleaned_data.get("forget_key"):
                allowances.forget_key(obj, actor=actor_of(request))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for gone in formset.deleted_objects:
            allowances.disallow(gone, actor=actor_of(request))
        for new in formset.new_objects:
            allowances.allow(new.department, new.provider, new.model, actor=actor_of(request))


@admin.register(AiModel)
class AiModelAdmin(RecordedAdmin):
    list_display = (
        "name",
        "title",
        "provider",
        "is_default",
        "enabled",
        "data_class",
        "jurisdiction",
        "price_in",
        "price_out",
        "currency",
        "context_tokens",
    )
    list_filter = ("enabled", "is_default", "data_class", "jurisdiction", "provider")
    search_fields = ("name", "title", "provider__name")
    autocomplete_fields = ("provider",)
    list_select_related = ("provider",)
    readonly_fields = ("is_default", "answered_as", "answered_as_since")
    actions = ("take_as_default",)

    @admin.action(description=gettext_lazy("Take the chosen one where a step names none"), permissions=["change"])
    def take_as_default(self, request: HttpRequest, models: QuerySet[Any]) -> None:
        if models.count() != 1:
            self.message_user(request, _("Choose exactly one model: there is one default."), "error")
            return

        with transaction.atomic():
            AiModel.objects.filter(is_default=True).update(is_default=False)
            models.update(is_default=True)
            self.note(request, "changed", models.get(), fields=["is_default"])


class StopsFormSet(forms.BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        allowances.require_alike(self.models())

    def models(self) -> list[AiModel]:
        """Those that stay, in their order."""
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data["DELETE"]]
        return [each["model"] for each in sorted(kept, key=lambda each: each["position"])]


class StopInline(admin.TabularInline):
    model = RouteStop
    formset = StopsFormSet
    extra = 2
    autocomplete_fields = ("model",)


@admin.register(ModelRoute)
class ModelRouteAdmin(RecordedAdmin):
    list_display = ("name", "enabled", "in_order")
    list_filter = ("enabled",)
    search_fields = ("name",)
    inlines = (StopInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelRoute]:
        return super().get_queryset(request).prefetch_related("stops__model")

    @admin.display(description=gettext_lazy("models in their order"))
    def in_order(self, route: ModelRoute) -> str:
        return " → ".join(str(stop.model) for stop in route.stops.all())

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        allowances.set_stops(form.instance, formset.models(), actor=actor_of(request))


@admin.register(RouteStop)
class RouteStopAdmin(ReadOnlyAdmin):
    """Which model stands in which route. They are changed on the page of the route."""

    list_display = ("route", "position", "model")
    list_filter = ("route",)
    search_fields = ("route__name", "model__name", "model__title")
    list_select_related = ("route", "model")


class AllowanceForm(forms.ModelForm):
    class Meta:
        model = Allowance
        fields = ("department", "provider", "model")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        model, provider = given.get("model"), given.get("provider")
        if model is not None and provider is not None and model.provider_id != provider.pk:
            raise ValidationError({"model": _("%(model)s is no model of this provider.") % {"model": model}})
        return given


@admin.register(Allowance)
class AllowanceAdmin(StrictAdmin):
    """Who may use what. Given and taken, never rewritten."""

    form = AllowanceForm
    list_display = ("department", "provider", "model")
    list_filter = ("department", "provider")
    search_fields = ("department__name", "provider__name", "model__name")
    list_select_related = ("department", "provider", "model")
    autocomplete_fields = ("department", "provider", "model")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        made = allowances.allow(obj.department, obj.provider, obj.model, actor=actor_of(request))
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        allowances.disallow(obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for allowance in queryset.select_related("department", "provider", "model"):
            allowances.disallow(allowance, actor=actor_of(request))
