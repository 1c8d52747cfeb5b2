"""In at another server over SSH, if it shows a key that is known; and what is said where it does not let us."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from connectors.net import lines, reach
from connectors.sdk import AuthFailed, BadParams, Rejected, StepError, Unavailable
from connectors.sdk.stores import SftpAt

HOST_KEYS = [
    *("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    *("rsa-sha2-512", "rsa-sha2-256"),
]

# It would note every connection, and as whom.
asyncssh.set_log_level("WARNING")


@dataclass(eq=False)
class Guest(asyncssh.SSHClient):
    """Goes in only where the key of the server is one that is known."""

    keys: tuple[str, ...]
    seen: str = field(default="", init=False)
    is_in: bool = field(default=False, init=False)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self.seen = key.get_fingerprint()
        return self.seen in self.keys


def told(place: SftpAt) -> dict[str, Any]:
    """Nothing is taken from the files and the agent of who runs Tandem. Raises AuthFailed."""
    who: dict[str, Any] = {
        "password": place.password,
        "client_keys": None,
        "preferred_auth": "password,keyboard-interactive",
    }
    if place.private_key:
        who = {"password": None, "client_keys": [_key(place.private_key)], "preferred_auth": "publickey"}
    return {
        **who,
        "port": place.port,
        "username": place.user,
        "config": None,
        "known_hosts": ([], [], []),
        "server_host_key_algs": HOST_KEYS,
        "agent_path": None,
        "gss_host": None,
        "compression_algs": ["none"],
    }


def _key(text: str) -> asyncssh.SSHKey:
    """Raises AuthFailed."""
    try:
        return asyncssh.import_private_key(text)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        if "passphrase" in str(error).lower():
            raise AuthFailed("The private key is locked with a passphrase. Give one without, for this alone.") from None
        raise AuthFailed("The private key cannot be read. Copy the whole file, as ssh-keygen has written it.") from None


@contextmanager
def said(place: SftpAt, guest: Guest, *, maybe_done: bool) -> Iterator[None]:
    """The library's errors as ours; what a server says is not repeated."""
    try:
        yield
    except StepError:
        raise
    except asyncssh.HostKeyNotVerifiable:
        raise _unknown(place, guest.seen) from None
    except asyncssh.PermissionDenied:
        raise AuthFailed(f'"{place.host}" does not let us in with this user name and key or password.') from None
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        problem = "There is no such file or folder there."
        raise BadParams(problem, fields={"path": problem}) from None
    except asyncssh.SFTPPermissionDenied:
        raise Rejected(
            "The user of the connection may not do this there. Ask who runs the server for the right to."
        ) from None
    except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded):
        raise Rejected("There is no room left on the server. Make some, or ask for more.") from None
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.SFTPBadMessage) as error:
        raise _no_answer(place, error, maybe_done and guest.is_in) from None
    except asyncssh.SFTPError as error:
        raise Rejected(f"The server refused it (SFTP error {error.code}).") from None
    except (asyncssh.Error, OSError, ValueError, OverflowError, asyncio.IncompleteReadError) as error:
        raise _no_answer(place, error, maybe_done and guest.is_in) from None


def _unknown(place: SftpAt, seen: str) -> AuthFailed:
    if not place.keys:
        return AuthFailed(
            f"The server shows the key {seen}. Compare it with what its administrator tells you, write it into “Key of "
            "the server”, and test again. Nothing was sent yet."
        )
    return AuthFailed(
        f"The server shows the key {seen}, which is not the one of the connection: it was changed, or somebody else "
        "answers. Nothing was sent. Ask its administrator."
    )


def _no_answer(place: SftpAt, error: Exception, maybe_done: bool) -> Unavailable:
    url = lines.place("sftp", place.host, place.port)
    return reach.no_answer(url, OSError(type(error).__name__), maybe_done=maybe_done)
