"""A workflow lent to people who could not start it otherwise."""

from __future__ import annotations

import uuid_utils.compat as uuid
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from departments.models import Role
from workflows.models.ids import made_here


class Share(models.Model):
    """With one person, or with a department: all its people, or those of one role there."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    workflow = models.ForeignKey(
        "workflows.Workflow", models.CASCADE, related_name="shares", verbose_name=_("workflow")
    )
    person = models.ForeignKey(
        "departments.User", models.CASCADE, null=True, related_name="+", verbose_name=_("with person")
    )
    to_department = models.ForeignKey(
        "departments.Department", models.CASCADE, null=True, related_name="+", verbose_name=_("with department")
    )
    role = models.CharField(_("with role"), max_length=20, choices=Role.choices, blank=True)
    shared_by = models.CharField(_("shared by"), max_length=254)
    shared_at = models.DateTimeField(_("shared"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("sharing of a workflow")
        verbose_name_plural = _("sharings of workflows")
        ordering = ["-id"]
        constraints = [
            made_here("share_id_made_here"),
            models.CheckConstraint(
                condition=Q(person__isnull=False, to_department=None, role="")
                | Q(person=None, to_department__isnull=False),
                name="share_with_one",
            ),
            models.UniqueConstraint(fields=["workflow", "person"], name="share_person_once"),
            models.UniqueConstraint(fields=["workflow", "to_department", "role"], name="share_department_once"),
        ]

    def __str__(self) -> str:
        if self.to_department is None:
            return str(self.person)
        return f"{self.to_department} ({self.get_role_display()})" if self.role else str(self.to_department)
