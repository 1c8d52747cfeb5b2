"""Where the secrets of second factors lie: in the vault, like every other secret. What allauth keeps is only where."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils.translation import gettext as _

from connectors import vault
from connectors.models import Secret


class SealedSecrets(DefaultMFAAdapter):
    """Keys of authenticator apps and seeds of recovery codes: sealed, and rewrapped when the vault gets a new key."""

    def encrypt(self, text: str) -> str:
        return str(vault.keep({"second factor": text}, None).pk)

    def decrypt(self, encrypted_text: str) -> str:
        return vault.opened(Secret.objects.get(pk=UUID(encrypted_text)))["second factor"]

    def generate_authenticator_name(self, user: Any, type: str) -> str:
        """Of a passkey whose person gives it none."""
        return _("Passkey %(number)d") % {"number": Authenticator.objects.filter(user=user, type=type).count() + 1}


@receiver(post_delete, sender=Authenticator)
def forget_secret(instance: Authenticator, **__: Any) -> None:
    for name in ("secret", "seed"):
        if place := instance.data.get(name):
            Secret.objects.filter(pk=UUID(place)).delete()
