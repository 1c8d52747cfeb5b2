"""Real SFTP servers on loopback: OpenSSH's for who runs the tests, by key; and one of asyncssh, by password."""

from __future__ import annotations

import asyncio
import getpass
import os
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from connectors.sdk.stores import SftpAt
from tests.faults.brokers import installed
from tests.faults.sink import free_port

SSHD = "/usr/sbin/sshd"
USER, PASSWORD = "press", "correct-horse-battery"


@dataclass
class SshServer:
    """`files` is the folder for tests; `private_key` opens it."""

    folder: Path
    port: int = field(default_factory=free_port)

    def start(self) -> SshServer:
        host_key, own_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        self.private_key = own_key.export_private_key().decode()
        self.fingerprint = host_key.get_fingerprint()
        self.files = self.folder / "files"
        self.files.mkdir(parents=True)
        (self.folder / "host").write_bytes(host_key.export_private_key())
        (self.folder / "host").chmod(0o600)
        (self.folder / "authorized").write_bytes(own_key.export_public_key())
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(self._config())
        command = [installed(SSHD, "openssh-server"), "-D", "-e", "-f", str(config)]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stderr=log)
        self._wait()
        return self

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def at(self, folder: Path) -> SftpAt:
        who = getpass.getuser()
        return SftpAt("127.0.0.1", self.port, who, str(folder), (self.fingerprint,), private_key=self.private_key)

    @property
    def entry(self) -> str:
        return f"private:sftp://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if "listening" in (self.folder / "log").read_text():
                return
            time.sleep(0.02)
        raise RuntimeError(f"sshd did not start: {(self.folder / 'log').read_text()}")

    def _config(self) -> str:
        return f"""
Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder}/host
AuthorizedKeysFile {self.folder}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
PidFile none
Subsystem sftp internal-sftp
"""


class _Doorman(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


class PasswordServer:
    """Speaks on a loop of its own; `key` is what it shows, another one after `change_key`."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder, self.port = folder, port
        self.passwords: list[str] = []
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._listen()

    def change_key(self) -> None:
        self._call(self._close())
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self._listen()

    def close(self) -> None:
        with suppress(asyncssh.Error, OSError):
            self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)

    @property
    def entry(self) -> str:
        return f"private:sftp://127.0.0.1:{self.port}"

    def _listen(self) -> None:
        self._server = self._call(self._start())
        self.port = self._server.get_port()

    async def _start(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            lambda: _Watching(self),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self._folder).encode()),
        )

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _call(self, what: object) -> asyncssh.SSHAcceptor:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)  # type: ignore[arg-type]


class _Watching(_Doorman):
    """Keeps every password that somebody has tried."""

    def __init__(self, server: PasswordServer) -> None:
        self._of = server

    def validate_password(self, username: str, password: str) -> bool:
        self._of.passwords.append(password)
        return super().validate_password(username, password)
