"""Asking a second person whether a draft may go live."""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from workflows.models.ids import made_here
from workflows.models.states import held


class RequestStatus(models.TextChoices):
    OPEN = "open", _("Open")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class PublishRequests(models.QuerySet["PublishRequest"]):
    def waiting(self) -> PublishRequests:
        """Open ones whose draft is still the one that was asked about: an edit takes the question back."""
        return self.filter(status=RequestStatus.OPEN, revision=F("workflow__draft_revision"))


class PublishRequest(models.Model):
    """“May the draft with this revision go live?” Decided once; an edit of the draft takes it back."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    department = models.ForeignKey("departments.Department", models.PROTECT, related_name="publish_requests")
    workflow = models.ForeignKey("workflows.Workflow", models.PROTECT, related_name="publish_requests")
    revision = models.PositiveIntegerField(_("revision of the draft"))
    note = models.TextField(_("why"), blank=True)
    status = models.CharField(_("status"), max_length=20, choices=RequestStatus.choices, default=RequestStatus.OPEN)
    person = models.ForeignKey(
        "departments.User",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("who asked, or who made the API token that asked"),
    )
    asked_by = models.CharField(_("asked by"), max_length=254)
    asker_kind = models.CharField(max_length=20)
    asker_id = models.CharField(max_length=40, blank=True)
    asked_at = models.DateTimeField(_("asked"), db_default=Now(), editable=False)

    decided_by = models.CharField(_("decided by"), max_length=254, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    version = models.OneToOneField(
        "workflows.Version", models.PROTECT, null=True, blank=True, related_name="publish_request"
    )

    objects = PublishRequests.as_manager()

    class Meta:
        verbose_name = _("request to publish")
        verbose_name_plural = _("requests to publish")
        ordering = ["-id"]
        constraints = [
            held("status", RequestStatus, "publish_request_status"),
            made_here("publish_request_id_made_here"),
            models.UniqueConstraint(fields=["workflow"], name="publish_request_open_once", condition=Q(status="open")),
        ]

    def __str__(self) -> str:
        return f"{self.workflow.name}, draft {self.revision}"

    @property
    def is_waiting(self) -> bool:
        return self.status == RequestStatus.OPEN and self.revision == self.workflow.draft_revision

    @property
    def is_overtaken(self) -> bool:
        """Nobody has decided, and the draft has been changed since."""
        return self.status == RequestStatus.OPEN and self.revision != self.workflow.draft_revision
