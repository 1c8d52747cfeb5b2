"""The ledger: who did or decided what, and the seals upon it. Entries and batches are only added; the database refuses
everything else (migrations 0002 and 0003). Nothing here is believed by the verifier without being reckoned anew.
"""

from __future__ import annotations

from typing import Any

import uuid_utils.compat as uuid
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.people import Entries
from audit.verify.encoding import FORM


class Entry(models.Model):
    """One deed. Department and object are also kept as text, so that the row outlives what it speaks of. People are
    kept by id alone, and what they wrote by a commitment (rule A10); entries from before that hold their names.

    `seq` is dense within its run, or within its department where it has no run. `mac` is a code over everything else in
    the row, made with the key `mac_key`, which is not in the database.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid7, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    department = models.CharField(
        max_length=60, blank=True, help_text=_("slug of the department, empty for the server")
    )
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=254, blank=True)
    verb = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=60, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=254, blank=True)
    run_id = models.UUIDField(null=True, blank=True)
    detail: models.JSONField[dict[str, Any]] = models.JSONField(default=dict, blank=True)
    seq = models.PositiveIntegerField()
    form = models.PositiveSmallIntegerField(default=FORM, help_text="of its bytes; 0 is from before the first seal")
    mac_key = models.CharField(max_length=60, blank=True)
    mac = models.BinaryField(default=bytes)

    objects = Entries.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["department", "-id"], name="ledger_department"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["run_id", "seq"], name="ledger_run_seq", condition=models.Q(run_id__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["department", "seq"], name="ledger_department_seq", condition=models.Q(run_id__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.verb} {self.object_label}".strip()


class Counter(models.Model):
    """The last `seq` of a run (by its id) or of a department (by its slug). A run with one entry needs none."""

    scope = models.CharField(primary_key=True, max_length=80)
    last = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("counter of the ledger")
        verbose_name_plural = _("counters of the ledger")
        ordering = ["scope"]

    def __str__(self) -> str:
        return f"{self.scope}: {self.last}"


class DataKey(models.Model):
    """Of one person (or program), under a key of the ledger that is not in the database. Without it their words stay
    closed, wherever a copy of them lies.
    """

    subject = models.CharField(primary_key=True, max_length=64)
    wrapped = models.BinaryField()
    key_id = models.CharField(max_length=60)

    class Meta:
        verbose_name = _("key of a person's words")
        verbose_name_plural = _("keys of people's words")
        ordering = ["subject"]

    def __str__(self) -> str:
        return self.subject


class Payload(models.Model):
    """What somebody wrote, sealed with their key. An entry has its commitment, sha256(salt, words); the database lets
    nobody change a row, and whoever deletes one must have erased the person, or the verifier says so.
    """

    commitment = models.CharField(primary_key=True, max_length=64)
    subject = models.CharField(max_length=64, db_index=True)
    salt = models.BinaryField()
    sealed = models.BinaryField()

    class Meta:
        verbose_name = _("words of a person")
        verbose_name_plural = _("words of people")
        ordering = ["commitment"]

    def __str__(self) -> str:
        return self.commitment[:12]


class Unsealed(models.Model):
    """An entry that no batch holds yet: written with it, removed when it is sealed (rule A4)."""

    entry_id = models.UUIDField(primary_key=True)

    class Meta:
        verbose_name = _("unsealed entry")
        verbose_name_plural = _("unsealed entries")
        ordering = ["entry_id"]

    def __str__(self) -> str:
        return str(self.entry_id)


class Batch(models.Model):
    """Entries under one seal: the root over them, the hash of the batch before, the sealer's signature.

    `entries` are their ids in the order of the leaves. `before` marks those that were there before the first seal.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    form = models.PositiveSmallIntegerField(default=FORM)
    before = models.BooleanField(default=False)
    previous = models.BinaryField()
    first = models.UUIDField()
    last = models.UUIDField()
    count = models.PositiveIntegerField()
    total = models.PositiveBigIntegerField(help_text="entries in all batches up to this one")
    root = models.BinaryField()
    departments: models.JSONField[dict[str, int]] = models.JSONField()
    sealed_at = models.DateTimeField(_("sealed"))
    key_id = models.CharField(max_length=60)
    hash = models.BinaryField()
    signature = models.BinaryField()
    entries = ArrayField(models.UUIDField())

    class Meta:
        verbose_name = _("sealed batch")
        verbose_name_plural = _("sealed batches")
        ordering = ["-number"]
        indexes = [models.Index(fields=["last"], name="ledger_batch_last")]  # by which an entry finds its batch

    def __str__(self) -> str:
        return str(self.number)


class Anchored(models.Model):
    """What a place outside the database was told last; for the page, not for proof: the place itself is the proof."""

    place = models.CharField(primary_key=True, max_length=200)
    batch = models.PositiveBigIntegerField(default=0)
    at = models.DateTimeField(_("anchored"), null=True)
    error = models.CharField(max_length=300, blank=True)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("anchor")
        verbose_name_plural = _("anchors")
        ordering = ["place"]

    def __str__(self) -> str:
        return self.place


class Verification(models.Model):
    """What the verifier said, for the page.

    `exit_code`: 0 nothing found, 1 something, 2 it could not look, None while it looks.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(_("verified"), db_default=Now())
    exit_code = models.PositiveSmallIntegerField(null=True)
    entries = models.PositiveBigIntegerField(default=0)
    findings: models.JSONField[list[str]] = models.JSONField(default=list)
    took_s = models.FloatField(default=0)

    class Meta:
        verbose_name = _("verification of the ledger")
        verbose_name_plural = _("verifications of the ledger")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} ({self.exit_code})"
