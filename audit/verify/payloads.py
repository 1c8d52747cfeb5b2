"""What people wrote in their own words: beside the ledger, sealed with a key of whose words they are (rule A10). Pure.

An entry holds a salted commitment alone. Without the salt nobody can guess the words from it; with salt and words it
proves that these were the ones. To erase somebody is to delete their key, the salts and the sealed words.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_COMMITMENT = b"\x05"  # 0 to 4 begin what encoding.py and tree.py digest
_NONCE = 12
_NAMES = {"words_of", "commitment"}


class Payload(NamedTuple):
    """A row of its table."""

    commitment: str
    subject: str
    salt: bytes
    sealed: bytes


def commitment_of(salt: bytes, words: str) -> str:
    return hashlib.sha256(_COMMITMENT + salt + words.encode()).hexdigest()


def committed(payload: Payload) -> dict[str, str]:
    """What stands in the detail of an entry."""
    return {"words_of": payload.subject, "commitment": payload.commitment}


def commitments(detail: Any) -> Iterator[tuple[str, str]]:
    """Whose words an entry speaks of, and which."""
    for value in detail.values() if isinstance(detail, Mapping) else ():
        if is_commitment(value):
            yield str(value["words_of"]), str(value["commitment"])


def is_commitment(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == _NAMES


def sealed(words: str, subject: str, key: bytes) -> Payload:
    salt, nonce = os.urandom(32), os.urandom(_NONCE)
    commitment = commitment_of(salt, words)
    box = AESGCM(key).encrypt(nonce, words.encode(), _bound(commitment, subject))
    return Payload(commitment, subject, salt, nonce + box)


def opened(payload: Payload, key: bytes) -> str | None:
    """None for what was changed, or is not of this key."""
    try:
        nonce, box = payload.sealed[:_NONCE], payload.sealed[_NONCE:]
        words = AESGCM(key).decrypt(nonce, box, _bound(payload.commitment, payload.subject)).decode()
    except (InvalidTag, ValueError):
        return None
    return words if commitment_of(payload.salt, words) == payload.commitment else None


def new_key() -> bytes:
    return AESGCM.generate_key(256)


def wrapped(key: bytes, subject: str, code_key: bytes) -> bytes:
    """A person's key as it may lie in the database: under a key that is derived from one of the ledger's."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_wrapping(code_key)).encrypt(nonce, key, subject.encode())


def unwrapped(box: bytes, subject: str, code_key: bytes) -> bytes | None:
    try:
        return AESGCM(_wrapping(code_key)).decrypt(box[:_NONCE], box[_NONCE:], subject.encode())
    except (InvalidTag, ValueError):
        return None


def _wrapping(code_key: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"tandem.data-key").derive(code_key)


def _bound(commitment: str, subject: str) -> bytes:
    return f"{subject} {commitment}".encode()
