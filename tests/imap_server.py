"""A real IMAP server on loopback (Dovecot), with a folder for the mails of each test."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.brokers import installed
from tests.faults.sink import free_port

PASSWORD = "correct-horse-battery"
DOVECOT = "/usr/sbin/dovecot"


@dataclass
class ImapServer:
    """Everybody signs in with PASSWORD. `certificate` and `key` (files) make it speak TLS on `tls_port` as well."""

    folder: Path
    certificate: Path | None = None
    key: Path | None = None
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)

    def start(self) -> ImapServer:
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir(parents=True)
        _open_up(self.folder)
        owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        os.chown(self.folder / "mail", owner.pw_uid, owner.pw_gid)
        config = self.folder / "dovecot.conf"
        config.write_text(self._config(owner))
        self._process = subprocess.Popen([installed(DOVECOT, "dovecot-imapd"), "-F", "-c", str(config)])
        self._wait()
        return self

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def deliver(self, user: str, content: bytes, folder: str = "INBOX") -> None:
        """Puts a mail into the folder as another program would: whole, under a name of its own."""
        maildir = self.folder / "mail" / user / ("" if folder == "INBOX" else f".{folder}")
        made = [self.folder / "mail" / user, *(maildir / name for name in ("tmp", "new", "cur"))]
        for each in made:
            each.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns()}.1.test"
        (maildir / "tmp" / name).write_bytes(content)
        (maildir / "tmp" / name).rename(maildir / "new" / name)
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for each in (self.folder / "mail").rglob("*"):
                os.chown(each, nobody.pw_uid, nobody.pw_gid)

    def _wait(self) -> None:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as line:
                if line.recv(4) == b"* OK":
                    return
            time.sleep(0.05)
        raise RuntimeError(f"Dovecot did not start: {(self.folder / 'log').read_text()[-2_000:]}")

    def _config(self, owner: pwd.struct_passwd) -> str:
        certificate, key = self.certificate, self.key
        tls = f"ssl = yes\nssl_cert = <{certificate}\nssl_key = <{key}" if certificate and key else "ssl = no"
        secured = f"inet_listener imaps {{\n port = {self.tls_port if self.certificate else 0}\n ssl = yes\n }}"
        login = "dovenull" if os.getuid() == 0 else owner.pw_name
        internal = "dovecot" if os.getuid() == 0 else owner.pw_name
        return f"""
protocols = imap
listen = 127.0.0.1
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
default_internal_user = {internal}
default_login_user = {login}
first_valid_uid = 1
disable_plaintext_auth = no
{tls}
mail_location = maildir:{self.folder}/mail/%u
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={self.folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {self.port}
  }}
  {secured}
}}
"""


def _open_up(folder: Path) -> None:
    """Its processes run as others, who must be able to pass through."""
    for each in (folder, *folder.parents):
        if each == Path("/") or not str(each).startswith("/tmp"):
            break
        with suppress(PermissionError):
            each.chmod(each.stat().st_mode | 0o011)
