"""Systems that know the staff: where people sign in once for all, and what their groups there mean here."""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from departments.models import Role, list_of_hosts


class Protocol(models.TextChoices):
    OIDC = "openid_connect", _("OpenID Connect")
    SAML = "saml", _("SAML 2.0")


class IdentityProvider(models.Model):
    """One system in which staff have their accounts. Its slug stands in addresses that are registered there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    name = models.CharField(_("name"), max_length=60, unique=True, help_text=_("As the button on the sign-in page."))
    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    protocol = models.CharField(_("protocol"), max_length=20, choices=Protocol.choices, default=Protocol.OIDC)
    enabled = models.BooleanField(_("enabled"), default=True)
    issuer = models.CharField(
        _("issuer"),
        max_length=300,
        blank=True,
        help_text=_("OpenID Connect: the address under which /.well-known/openid-configuration stands."),
    )
    client_id = models.CharField(_("client ID"), max_length=200, blank=True)
    secret = models.ForeignKey("connectors.Secret", models.SET_NULL, null=True, blank=True, related_name="+")
    hosts = models.JSONField(
        _("further hosts"),
        default=list,
        blank=True,
        validators=[list_of_hosts],
        help_text=_(
            'From which it answers besides the issuer, like ["oauth2.example.com"]. An issuer in your own network '
            'stands here too: ["private:https://login.intranet.example"].'
        ),
    )
    metadata = models.TextField(_("metadata"), blank=True, help_text=_("SAML: its metadata, as XML."))
    groups_in = models.CharField(
        _("groups stand in"),
        max_length=200,
        default="groups",
        help_text=_("Name of the claim or attribute that lists a person's groups."),
    )
    makes_accounts = models.BooleanField(
        _("makes accounts"),
        default=False,
        help_text=_("Whoever it lets in gets an account here; else only who has one already comes in."),
    )
    vouches_for_addresses = models.BooleanField(
        _("vouches for e-mail addresses"),
        default=False,
        help_text=_(
            "Its people cannot choose their address, so whoever comes with the address of an account is that person. "
            "Needed with SAML, and where OpenID Connect does not say email_verified."
        ),
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(protocol__in=Protocol.values), name="identity_provider_protocol")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.slug in Protocol.values:  # who looks for a protocol would find this one
            raise ValidationError({"slug": _("Another short name: this is the name of a protocol.")})
        needed = "metadata" if self.protocol == Protocol.SAML else "issuer"
        if not getattr(self, needed):
            raise ValidationError({needed: _("Needed with this protocol.")})

    @classmethod
    def ready(cls) -> models.QuerySet[IdentityProvider]:
        """Those by which people come in. Our address is registered there before there is a client ID."""
        return cls.objects.filter(enabled=True).exclude(protocol=Protocol.OIDC, client_id="")


class GroupRole(models.Model):
    """What a group there means here: a role in a department."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="group_roles")
    group = models.CharField(_("group there"), max_length=200)
    department = models.ForeignKey(
        "departments.Department", models.CASCADE, related_name="+", verbose_name=_("department")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)

    class Meta:
        verbose_name = _("role for a group")
        verbose_name_plural = _("roles for groups")
        ordering = ["group", "department__name"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "group", "department", "role"], name="group_role_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="group_role_role"),
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.get_role_display()}, {self.department}"


class GivenRole(models.Model):
    """A role that somebody holds because of their groups there, and loses with them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="given_roles")
    membership = models.OneToOneField("departments.Membership", models.CASCADE, related_name="given_by")
    given_at = models.DateTimeField(_("given"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("role given by a group")
        verbose_name_plural = _("roles given by groups")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.provider}: {self.membership}"
