"""Envelope encryption (rule S9): each secret under a key of its own, that key under a key of the vault. Pure.

AES-256-GCM. What a secret is about (its id, department and version) goes in as associated data, so that a sealed secret
that is moved to another row cannot be opened there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
OWN_KEY_BITS = 256


class CannotOpen(Exception):
    """The key that is named is not there, or what is sealed was altered, or it belongs elsewhere."""


class UnknownKey(CannotOpen):
    """No key of that name is in the vault (any more, or yet)."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """`wrapped`: the secret's own key under the vault's key `key_id`. Both byte strings begin with their nonce."""

    key_id: str
    wrapped: bytes
    body: bytes


def seal(plain: bytes, about: bytes, keys: Mapping[str, bytes]) -> Sealed:
    """Under the newest key, which is the first."""
    own = AESGCM.generate_key(OWN_KEY_BITS)
    key_id = next(iter(keys))
    return Sealed(key_id, _under(keys[key_id], own, about), _under(own, plain, about))


def unseal(sealed: Sealed, about: bytes, keys: Mapping[str, bytes]) -> bytes:
    """Raises CannotOpen."""
    return _from(_own_key(sealed, about, keys), sealed.body, about)


def rewrap(sealed: Sealed, about: bytes, keys: Mapping[str, bytes]) -> Sealed:
    """The same secret under the newest key; the secret itself is not opened. Raises CannotOpen."""
    key_id = next(iter(keys))
    return replace(sealed, key_id=key_id, wrapped=_under(keys[key_id], _own_key(sealed, about, keys), about))


def _own_key(sealed: Sealed, about: bytes, keys: Mapping[str, bytes]) -> bytes:
    if sealed.key_id not in keys:
        raise UnknownKey(f"The vault has no key “{sealed.key_id}”.")
    return _from(keys[sealed.key_id], sealed.wrapped, about)


def _under(key: bytes, plain: bytes, about: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, about)


def _from(key: bytes, sealed: bytes, about: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
    except (InvalidTag, ValueError):
        raise CannotOpen("What is sealed was altered, or belongs to something else.") from None
