"""Small real servers on loopback, honest and hostile, and an eye on every connection this process opens."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Speak = Callable[[socket.socket], None]


class Server:
    """Listens on 127.0.0.1; reads one request per connection, keeps it, and lets `speak` answer on the bare socket."""

    def __init__(self, speak: Speak, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._speak = speak
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def entry(self) -> str:
        """The line of a host list that allows this server."""
        return f"private:{self.url}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connected,), daemon=True).start()

    def _serve(self, connected: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(connected.close)
            if self._tls:
                connected = stack.enter_context(self._tls.wrap_socket(connected, server_side=True))
            self.requests.append(_read_request(connected))
            self._speak(connected)


def answer(status: str = "200 OK", body: bytes = b"", **headers: str) -> Speak:
    """One complete answer; `X_Name="v"` becomes the header `X-Name: v`."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    message = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
    return lambda connected: connected.sendall(message)


def says(message: bytes) -> Speak:
    return lambda connected: connected.sendall(message)


def drips(start: bytes, drop: bytes, pause_s: float = 0.05) -> Speak:
    """`start` at once, then `drop` again and again, for as long as somebody listens."""

    def speak(connected: socket.socket) -> None:
        connected.sendall(start)
        while True:
            if pause_s:
                threading.Event().wait(pause_s)
            connected.sendall(drop)

    return speak


def is_silent(connected: socket.socket) -> None:
    threading.Event().wait(20)


def naming(*addresses: str) -> Callable[[str, int], list[str]]:
    """A name server that says this about every name."""
    return lambda _host, _port: list(addresses)


to_ourselves = naming("127.0.0.1")


class Eye:
    """Sees every connection that this process tries to open, through Python's own audit events."""

    def __init__(self) -> None:
        self.attempts: list[Any] = []
        self._is_open = False
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_open and event == "socket.connect":
            self.attempts.append(arguments[1])

    @contextlib.contextmanager
    def opened(self) -> Iterator[Eye]:
        self.attempts.clear()
        self._is_open = True
        yield self
        self._is_open = False


class Authority:
    """A certificate authority made for one test session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        self._certificate = self._signed(self._name, self._key, days=30, is_authority=True)

    def trusted(self) -> ssl.SSLContext:
        """What a client uses that trusts this authority and nobody else."""
        return ssl.create_default_context(cadata=self.pem())

    def pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def server(self, host: str, *, days: int = 30, names: list[str] | None = None) -> ssl.SSLContext:
        """What a server of this name uses; `days` until it expires, `names` collects what clients ask for (SNI)."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        certificate = self._signed(name, key, days=days, host=host)
        path = self.path(host, days)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        if names is not None:
            context.sni_callback = lambda _socket, asked, _context: names.append(asked)
        return context

    def path(self, host: str, days: int = 30) -> Path:
        """Where key and certificate lie that `server` has made."""
        return self._folder / f"{host}-{days}.pem"

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int, host: str = "", is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _read_request(connected: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connected.recv(65_536)
        if not chunk:
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connected.recv(65_536)
    return head + b"\r\n\r\n" + body
