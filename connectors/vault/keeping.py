"""Secrets as rows: made, replaced, opened, and brought under a newer key of the vault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction

from connectors import scrubbing
from connectors.models import Secret
from connectors.vault import sealing
from connectors.vault.sealing import CannotOpen, Sealed, UnknownKey

Values = Mapping[str, str]


def keep(values: Values, department_id: UUID | None) -> Secret:
    """A new row. `values`: name → what nobody shall see. `department_id`: None for one of the whole server."""
    secret = Secret(department_id=department_id, version=1)
    _seal(secret, values)
    secret.save(force_insert=True)
    return secret


def replace(secret: Secret, values: Values) -> None:
    """Other values in the same place; those before are gone."""
    with transaction.atomic():
        held = Secret.objects.select_for_update().get(pk=secret.pk)
        held.version += 1
        _seal(held, values)
        held.save()
    secret.refresh_from_db()


def opened(secret: Secret) -> dict[str, str]:
    """The values. From now on this process takes them out of all that it writes. Raises CannotOpen."""
    try:
        plain = sealing.unseal(_sealed(secret), _about(secret), settings.VAULT_KEYS.known)
    except UnknownKey:
        # Another process may have rotated since this one began.
        plain = sealing.unseal(_sealed(secret), _about(secret), settings.VAULT_KEYS.read_anew())
    values: dict[str, str] = json.loads(plain)
    scrubbing.learn(values.values())
    return values


# ── rotation ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def under_old_keys() -> int:
    """How many secrets are not under the newest key yet; while there are any, the older keys must stay."""
    return Secret.objects.exclude(key_id=_newest()).count()


@transaction.atomic
def rewrap_some(most: int = 200) -> int:
    """Bring so many under the newest key. Gives how many there were; may be stopped anywhere and begun again.

    Secrets that somebody else works on are left to the next call. Raises CannotOpen, naming the secret.
    """
    rows = Secret.objects.exclude(key_id=_newest()).select_for_update(skip_locked=True).order_by("pk")[:most]
    found = [_rewrapped(secret) for secret in rows]
    Secret.objects.bulk_update(found, ["key_id", "wrapped"])
    return len(found)


def _rewrapped(secret: Secret) -> Secret:
    try:
        sealed = sealing.rewrap(_sealed(secret), _about(secret), settings.VAULT_KEYS.known)
    except CannotOpen as error:
        raise CannotOpen(f"Secret {secret.pk}: {error}") from None
    secret.key_id, secret.wrapped = sealed.key_id, sealed.wrapped
    return secret


def _newest() -> str:
    return next(iter(settings.VAULT_KEYS.known))


def _seal(secret: Secret, values: Values) -> None:
    plain = json.dumps(dict(values), ensure_ascii=False).encode()
    sealed = sealing.seal(plain, _about(secret), settings.VAULT_KEYS.known)
    secret.key_id, secret.wrapped, secret.body = sealed.key_id, sealed.wrapped, sealed.body
    scrubbing.learn(values.values())


def _sealed(secret: Secret) -> Sealed:
    return Sealed(secret.key_id, bytes(secret.wrapped), bytes(secret.body))


def _about(secret: Secret) -> bytes:
    return f"{secret.pk}|{secret.department_id or ''}|{secret.version}".encode()
