"""The keys of the vault, which wrap the keys of secrets: given, or kept beside the data, never in the database.

One key a line (in TANDEM_VAULT_KEYS: a comma between them), the newest first: its name, a colon, 32 bytes in base64.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from config.env import BadSetting, Env

KEY_BYTES = 32


class VaultKeys:
    """What the settings hold. `known`: name → key, newest first. Raises BadSetting, which never repeats a key."""

    def __init__(self, env: Env) -> None:
        self._env = env
        self.known = _keys(env)

    @property
    def are_given(self) -> bool:
        """From outside, so that nobody here can add one."""
        return bool(self._env.vault_keys)

    def read_anew(self) -> dict[str, bytes]:
        """Another process may have added one."""
        self.known = _keys(self._env)
        return self.known

    def add(self) -> str:
        """A new key before the others. Gives its name."""
        name = _add(self._env)
        self.read_anew()
        return name


def a_new_entry() -> str:
    """A name and a random key, as they stand in TANDEM_VAULT_KEYS."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    return f"{name}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def _keys(env: Env) -> dict[str, bytes]:
    """Without TANDEM_VAULT_KEYS those in TANDEM_HOME/vault-keys, the first made on first use."""
    if env.vault_keys:
        return _read("TANDEM_VAULT_KEYS", env.vault_keys)
    path = _file(env)
    if not path.exists():
        env.home.mkdir(parents=True, exist_ok=True)
        draft = _draft(path, a_new_entry())
        # A link, not a rename: of two processes starting at once the first wins and the second reads a whole file.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return _read(path.name, ",".join(path.read_text().split()))


def _add(env: Env) -> str:
    path, entry = _file(env), a_new_entry()
    _draft(path, f"{entry}\n{path.read_text()}").replace(path)
    return entry.partition(":")[0]


def _file(env: Env) -> Path:
    return env.home / "vault-keys"


def _draft(path: Path, text: str) -> Path:
    draft = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    return draft


def _read(where: str, text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        name, colon, encoded = entry.partition(":")
        key = _decoded(encoded)
        if not colon or not name or len(name) > 60 or len(key) != KEY_BYTES or name in found:
            raise BadSetting(
                f"{where}: entry {number} is no key. Each is a name of its own, a colon, and {KEY_BYTES} random bytes "
                "in base64."
            )
        found[name] = key
    if not found:
        raise BadSetting(f"{where} holds no key.")
    return found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
