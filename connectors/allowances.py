"""Which department may use which AI models, with which keys, and in which order models are tried."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from audit.services import record
from connectors import vault
from connectors.models import AiModel, Allowance, ModelRoute, Provider, RouteStop
from departments.access import Actor, require_administrator
from departments.models import Department

LEAST_KEY = 8


def models_for(department_id: UUID) -> QuerySet[AiModel]:
    """The models that a step of this department may name, the usual one first."""
    given = Allowance.objects.filter(
        Q(model=None) | Q(model=OuterRef("pk")), department=department_id, provider=OuterRef("provider")
    )
    rows = AiModel.objects.filter(Q(provider__for_all=True) | Q(Exists(given)), enabled=True, provider__enabled=True)
    return rows.select_related("provider").order_by("-is_default", "provider__name", "name")


def routes_for(department_id: UUID) -> QuerySet[ModelRoute]:
    """The routes of which this department may use some model."""
    stops = RouteStop.objects.filter(route=OuterRef("pk"), model__in=models_for(department_id).order_by())
    return ModelRoute.objects.filter(Exists(stops), enabled=True)


def allow(department: Department, provider: Provider, model: AiModel | None = None, *, actor: Actor) -> Allowance:
    """Raises PermissionDenied, and ValidationError for a model of another provider."""
    require_administrator(actor)
    if model is not None and model.provider_id != provider.pk:
        raise ValidationError({"model": _("%(model)s is no model of this provider.") % {"model": model}})
    with transaction.atomic():
        allowance, is_new = Allowance.objects.get_or_create(department=department, provider=provider, model=model)
        if is_new:
            record("allowance.given", actor=actor, department=department.slug, thing=provider, model=_named(model))
    return allowance


def disallow(allowance: Allowance, *, actor: Actor) -> None:
    """Steps that name the model fail from their next question on, and say why."""
    require_administrator(actor)
    with transaction.atomic():
        slug, model = allowance.department.slug, _named(allowance.model)
        record("allowance.taken", actor=actor, department=slug, thing=allowance.provider, model=model)
        allowance.delete()


def seal_key(provider: Provider, key: str, *, actor: Actor) -> None:
    """From now on the provider is asked with this key; it is never shown again. Raises ValidationError."""
    require_administrator(actor)
    key = checked_key(key)
    with transaction.atomic():
        if provider.secret is None:
            provider.secret = vault.keep({"key": key}, None)
            provider.save(update_fields=["secret"])
        else:
            vault.replace(provider.secret, {"key": key})
        record("provider.key_sealed", actor=actor, thing=provider)


def checked_key(key: str) -> str:
    """Raises ValidationError."""
    key = key.strip()
    if len(key) < LEAST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise ValidationError(_("This is no key: at least 8 letters, digits and signs without blanks."))
    return key


def forget_key(provider: Provider, *, actor: Actor) -> None:
    """The key of the environment is asked for again, where one is named."""
    require_administrator(actor)
    if (secret := provider.secret) is None:
        return
    with transaction.atomic():
        provider.secret = None
        provider.save(update_fields=["secret"])
        secret.delete()
        record("provider.key_forgotten", actor=actor, thing=provider)


def set_stops(route: ModelRoute, models: Sequence[AiModel], *, actor: Actor) -> None:
    """These models, in this order. Raises ValidationError when they are not alike before the law."""
    require_administrator(actor)
    require_alike(models)
    with transaction.atomic():
        RouteStop.objects.filter(route=route).delete()
        RouteStop.objects.bulk_create(
            RouteStop(route=route, position=place, model=model) for place, model in enumerate(models, 1)
        )
        record("route.changed", actor=actor, thing=route, models=[str(model) for model in models])


def require_alike(models: Sequence[AiModel]) -> None:
    """A fallback must take no text to where it may not go (rule L5). Raises ValidationError."""
    if not models:
        raise ValidationError(_("Give the route at least one model."))
    if len({model.pk for model in models}) < len(models):
        raise ValidationError(_("Each model stands in a route once."))
    first = models[0]
    for model in models[1:]:
        if (model.data_class, model.jurisdiction) != (first.data_class, first.jurisdiction):
            raise ValidationError(
                _("%(first)s and %(other)s may not stand in one route: they take different classes of data, or are "
                  "processed in different places. A fallback never sends a text to where it may not go.")
                % {"first": first, "other": model}
            )  # fmt: skip


def _named(model: AiModel | None) -> str:
    return str(model) if model is not None else ""
