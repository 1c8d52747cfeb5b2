"""Who serves AI models, which models there are, in which order they are tried, and which departments may use them."""

from __future__ import annotations

from decimal import Decimal

import uuid_utils.compat as uuid
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Provider(models.Model):
    """A server that speaks the OpenAI protocol. Its key is sealed in the vault, or comes from the variable named here.

    A key that the server did not accept is remembered by its hash, so that it is not offered again at once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    base_url = models.CharField(_("address"), max_length=300, blank=True)
    key_variable = models.CharField(_("environment variable with the key"), max_length=80, blank=True)
    secret = models.OneToOneField(
        "connectors.Secret", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    is_practice = models.BooleanField(_("built-in practice model"), default=False)
    enabled = models.BooleanField(_("in use"), default=True)
    for_all = models.BooleanField(
        _("for every department"),
        default=True,
        help_text=_("Without it only the departments that are named below may use its models."),
    )
    refused_key = models.CharField(_("SHA-256 of the refused key"), max_length=64, blank=True, editable=False)
    refused_at = models.DateTimeField(_("key refused"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SchemaSupport(models.TextChoices):
    """How far the server holds a model to a JSON Schema; the door has its own, pure copy of these four words."""

    FULL = "full", _("whole JSON Schema (llama.cpp)")
    STRICT = "strict", _("strict subset (OpenAI)")
    JSON = "json", _("some JSON object")
    NONE = "none", _("not at all")


class DataClass(models.TextChoices):
    """What a value is, and where it may go, from the freest to the strictest."""

    PUBLIC = "public", _("public")
    INTERNAL = "internal", _("internal")
    CONFIDENTIAL = "confidential", _("confidential")
    PERSONAL = "personal", _("personal")
    PRIVILEGED = "privileged", _("privileged")


class AiModel(models.Model):
    """One model of one provider, with its prices, its place before the law, and its clocks (rule L2).

    `answered_as` is what the model called itself when it answered last: a change behind one name shows (case M20).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="models")
    name = models.CharField(_("name at the provider"), max_length=120)
    title = models.CharField(_("name for people"), max_length=120, blank=True)
    is_default = models.BooleanField(_("taken when a step names none"), default=False)
    enabled = models.BooleanField(_("in use"), default=True)
    context_tokens = models.PositiveIntegerField(_("context in tokens"), default=128_000)
    data_class = models.CharField(
        _("strictest data it may be given"), max_length=20, choices=DataClass.choices, default=DataClass.INTERNAL
    )
    jurisdiction = models.CharField(
        _("where it is processed"),
        max_length=60,
        blank=True,
        help_text=_("Under whose law: EU, United States, our own server."),
    )
    price_in = models.DecimalField(
        _("price of a million tokens in"), max_digits=10, decimal_places=4, default=0, validators=[MinValueValidator(0)]
    )
    price_out = models.DecimalField(
        _("price of a million tokens out"),
        max_digits=10,
        decimal_places=4,
        default=0,
        validators=[MinValueValidator(0)],
    )
    price_cached = models.DecimalField(
        _("price of a million tokens in that the provider had kept"),
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Empty: like every token in."),
    )
    currency = models.CharField(
        _("currency of the prices"),
        max_length=3,
        default="USD",
        validators=[RegexValidator("^[A-Z]{3}$", _("Write three capital letters, like EUR."))],
    )
    usd_per_unit = models.DecimalField(
        _("US dollars for one unit of it"),
        max_digits=12,
        decimal_places=6,
        default=1,
        validators=[MinValueValidator(Decimal("0.000001"))],
        help_text=_("All costs are kept in US dollars. 1 where the prices are in US dollars."),
    )
    schema_support = models.CharField(
        _("keeps to a form"), max_length=10, choices=SchemaSupport.choices, default=SchemaSupport.STRICT
    )
    thinking_tokens = models.PositiveIntegerField(
        _("tokens for thoughts"),
        default=0,
        help_text=_("Room for what the model thinks before it answers; 0 for a model that does not."),
    )
    effort = models.CharField(
        _("effort"),
        max_length=10,
        blank=True,
        help_text=_("How much a model that thinks shall think: low, medium, high."),
    )
    connect_s = models.PositiveSmallIntegerField(_("seconds to connect"), default=5)
    first_byte_s = models.PositiveSmallIntegerField(_("seconds to the first byte"), default=60)
    idle_s = models.PositiveSmallIntegerField(_("seconds of silence"), default=30)
    total_s = models.PositiveSmallIntegerField(_("seconds in all"), default=300)
    answered_as = models.CharField(_("calls itself"), max_length=200, blank=True, editable=False)
    answered_as_since = models.DateTimeField(_("calls itself so since"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("AI model")
        verbose_name_plural = _("AI models")
        ordering = ["provider__name", "name"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="ai_model_once"),
            models.UniqueConstraint(
                fields=["is_default"], name="ai_model_one_default", condition=models.Q(is_default=True)
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.name

    @property
    def has_price(self) -> bool:
        return bool(self.price_in or self.price_out)


class ModelRoute(models.Model):
    """The order in which models are tried. Steps name it as they name a model; its models are all of one class of data
    and one jurisdiction, so that a fallback never takes a text somewhere else (rule L5).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    name = models.CharField(
        _("name"), max_length=120, unique=True, help_text=_("By this name steps choose it, as they choose a model.")
    )
    enabled = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class RouteStop(models.Model):
    """One model of a route; the lowest position is asked first."""

    id = models.BigAutoField(primary_key=True)
    route = models.ForeignKey(ModelRoute, models.CASCADE, related_name="stops")
    position = models.PositiveSmallIntegerField(_("place"))
    model = models.ForeignKey(AiModel, models.CASCADE, related_name="+", verbose_name=_("AI model"))

    class Meta:
        verbose_name = _("model of a route")
        verbose_name_plural = _("models of routes")
        ordering = ["route", "position"]
        constraints = [
            models.UniqueConstraint(fields=["route", "position"], name="route_place_once"),
            models.UniqueConstraint(fields=["route", "model"], name="route_model_once"),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.model}"


class Allowance(models.Model):
    """A department may use all models of a provider that is not for every department, or one of them."""

    id = models.BigAutoField(primary_key=True)
    department = models.ForeignKey(
        "departments.Department", models.CASCADE, related_name="+", verbose_name=_("department")
    )
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="allowances")
    model = models.ForeignKey(
        AiModel, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("only this model")
    )

    class Meta:
        verbose_name = _("allowance")
        verbose_name_plural = _("allowances")
        ordering = ["provider", "department"]
        constraints = [
            models.UniqueConstraint(
                fields=["department", "provider", "model"], name="allowance_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.department}: {self.model or self.provider}"
