"""Rings of keys: given, or kept beside the data, never in the database.

One key a line (in a variable: a comma between them), the newest first: its name, a colon, 32 bytes in base64.
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


class Keys:
    """Name → key, newest first. Read when first asked for. Raises BadSetting, which never repeats a key."""

    def __init__(self, variable: str, given: str, file: Path) -> None:
        self._variable, self._given, self.file = variable, given, file
        self._known: dict[str, bytes] | None = None

    @property
    def known(self) -> dict[str, bytes]:
        return self.read_anew() if self._known is None else self._known

    @property
    def are_given(self) -> bool:
        """From outside, so that nobody here can add one."""
        return bool(self._given)

    def read_anew(self) -> dict[str, bytes]:
        """Another process may have added one."""
        self._known = _read(self._variable, self._given) if self._given else _kept(self.file)
        return self._known

    def add(self) -> str:
        """A new key before the others. Gives its name."""
        self.read_anew()  # which makes the first one, where nobody has needed it yet
        name = _add(self.file)
        self.read_anew()
        return name


class VaultKeys(Keys):
    """They wrap the keys of secrets."""

    def __init__(self, env: Env) -> None:
        super().__init__("TANDEM_VAULT_KEYS", env.vault_keys, env.home / "vault-keys")
        self.read_anew()


class LedgerKeys(Keys):
    """Every process that writes to the ledger makes the codes of its entries with the newest."""

    def __init__(self, env: Env) -> None:
        super().__init__("TANDEM_LEDGER_KEYS", env.ledger_keys, env.home / "ledger-keys")
        self.read_anew()


class SigningKeys(Keys):
    """The private ones that seal the ledger: read by the sealer alone, when it first seals."""

    def __init__(self, env: Env) -> None:
        super().__init__("TANDEM_LEDGER_SIGNING_KEYS", env.ledger_signing_keys, env.home / "ledger-signing-keys")


def a_new_entry() -> str:
    """A name and a random key, as they stand in a variable."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    return f"{name}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def new_keys() -> str:
    """Everything that production wants to be given, as variables. It needs no settings: they may not be safe yet."""
    rings = ("TANDEM_VAULT_KEYS", "TANDEM_LEDGER_KEYS", "TANDEM_LEDGER_SIGNING_KEYS")
    return "\n".join([f"SECRET_KEY={secrets.token_urlsafe(50)}", *(f"{name}={a_new_entry()}" for name in rings)])


def _kept(path: Path) -> dict[str, bytes]:
    """Those in the file, the first made on first use."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft(path, a_new_entry())
        # A link, not a rename: of two processes starting at once the first wins and the second reads a whole file.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return _read(path.name, ",".join(path.read_text().split()))


def _add(path: Path) -> str:
    entry = a_new_entry()
    _draft(path, f"{entry}\n{path.read_text()}").replace(path)
    return entry.partition(":")[0]


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
