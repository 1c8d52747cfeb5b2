"""Secrets, connections and imported services; the rows of AI models stand in connectors/ai.py."""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.db import models
from django.utils.translation import gettext_lazy as _

from connectors.ai import AiModel, Allowance, DataClass, ModelRoute, Provider, RouteStop, SchemaSupport
from connectors.identity import GivenRole, GroupRole, IdentityProvider, Protocol
from connectors.spending import Breaker, CallStatus, Cost, ModelCall, Spending, Went

__all__ = [
    "AiModel",
    "Allowance",
    "Breaker",
    "CallStatus",
    "Connection",
    "Cost",
    "DataClass",
    "GivenRole",
    "GroupRole",
    "Health",
    "IdentityProvider",
    "Manifest",
    "ManifestOperation",
    "ManifestVersion",
    "ModelCall",
    "ModelRoute",
    "OperationLevel",
    "Protocol",
    "Provider",
    "RouteStop",
    "SchemaSupport",
    "Secret",
    "Spending",
    "Went",
]


class Secret(models.Model):
    """What nobody is shown again, sealed (rule S9); read and written by connectors.vault alone.

    `version` counts the replacements. It is sealed in with id and department, so that no row opens as another.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.CASCADE, null=True, blank=True, related_name="+")
    version = models.PositiveIntegerField(default=1)
    key_id = models.CharField(_("key of the vault"), max_length=60, db_index=True)
    wrapped = models.BinaryField()
    body = models.BinaryField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("secret")
        verbose_name_plural = _("secrets")

    def __str__(self) -> str:
        return str(self.pk)


class Health(models.TextChoices):
    """How a connection was found when it was tried last."""

    UNKNOWN = "unknown", _("not tried yet")
    WORKS = "works", _("works")
    FAILS = "fails", _("does not work")


class Connection(models.Model):
    """One authorised account of an outside system. It belongs to the department, whoever made it.

    Workflows name it by its `slug`, which never changes. `settings` is what everybody in the department may see.
    `tokens` is what a sign-in by OAuth 2 has given; only who holds `renewing_until` may renew it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.CASCADE, related_name="connections")
    connector = models.CharField(_("connector"), max_length=60)
    slug = models.SlugField(max_length=60)
    title = models.CharField(_("title"), max_length=120)
    settings = models.JSONField(default=dict)
    secret = models.OneToOneField(Secret, models.PROTECT, related_name="connection")
    tokens = models.OneToOneField(Secret, models.PROTECT, null=True, blank=True, related_name="signed_in")
    tokens_due_at = models.DateTimeField(_("to be renewed"), null=True, blank=True)
    renewing_until = models.DateTimeField(_("being renewed until"), null=True, blank=True)
    health = models.CharField(_("health"), max_length=10, choices=Health.choices, default=Health.UNKNOWN)
    health_said = models.TextField(blank=True)
    checked_at = models.DateTimeField(_("tried"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    made_by = models.CharField(_("connected by"), max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ["title"]
        constraints = [models.UniqueConstraint(fields=["department", "slug"], name="connection_once")]

    def __str__(self) -> str:
        return self.title

    @property
    def ledger_label(self) -> str:
        return self.connector


class Manifest(models.Model):
    """An outside system as data, imported from its description. Without a department it is the whole server's.

    `name` is what connections and step kinds refer to; it never changes. `latest` is the version that is offered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey(
        "departments.Department", models.CASCADE, null=True, blank=True, related_name="manifests"
    )
    name = models.CharField(_("name"), max_length=24, unique=True)
    title = models.CharField(_("title"), max_length=80)
    latest = models.PositiveIntegerField(_("latest version"), default=1)
    made_by = models.CharField(_("imported by"), max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("imported service")
        verbose_name_plural = _("imported services")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title

    @property
    def ledger_label(self) -> str:
        return self.name


class ManifestVersion(models.Model):
    """What a manifest said at one time. Never changed: published workflows go on with the version they were made of.

    `service` is `connectors.manifests.manifest.Service`; `sha256` that of the document, `address` where it was found.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    manifest = models.ForeignKey(Manifest, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    service = models.JSONField()
    notes = models.JSONField(default=list, blank=True)
    address = models.CharField(_("found at"), max_length=2_000, blank=True)
    sha256 = models.CharField(_("SHA-256 of the document"), max_length=64)
    made_by = models.CharField(_("made by"), max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version of an imported service")
        verbose_name_plural = _("versions of imported services")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["manifest", "number"], name="manifest_version_once")]

    def __str__(self) -> str:
        return f"{self.manifest} {self.number}"

    @property
    def ledger_label(self) -> str:
        return f"{self.manifest.name} {self.number}"


class OperationLevel(models.TextChoices):
    """How far an operation goes; connectors.manifests has its own, pure copy of these three words."""

    READ = "read", _("reads")
    WRITE = "write", _("writes")
    DANGER = "danger", _("dangerous")


class ManifestOperation(models.Model):
    """One thing that can be done there. Only `chosen` changes: whether it is offered as a step.

    `content` is `connectors.manifests.manifest.Operation`; what is searched and shown stands in columns beside it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    version = models.ForeignKey(ManifestVersion, models.CASCADE, related_name="operations")
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=29)
    method = models.CharField(_("method"), max_length=7)
    path = models.CharField(_("path"), max_length=2_000)
    title = models.CharField(_("title"), max_length=80)
    tag = models.CharField(_("group"), max_length=60, blank=True)
    level = models.CharField(_("level"), max_length=10, choices=OperationLevel.choices)
    chosen = models.BooleanField(_("offered as a step"), default=False)
    problem = models.CharField(_("why it cannot be a step"), max_length=300, blank=True)
    content = models.JSONField()

    class Meta:
        verbose_name = _("operation of an imported service")
        verbose_name_plural = _("operations of imported services")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["version", "name"], name="manifest_operation_once")]

    def __str__(self) -> str:
        return self.title
