"""Web addresses in one canonical form, or not at all (rule S5). Pure.

Resolvers and HTTP libraries are generous: `0x7f000001`, `017700000001`, `①②⑦.⓪.⓪.①` and `127.1` all mean 127.0.0.1 to
some of them. What we do not read as everybody reads it, we refuse.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from unicodedata import normalize
from urllib.parse import quote, urlencode, urljoin

import idna

from connectors.net.addresses import Address

LINES = {"smtp": 587, "imap": 993, "postgresql": 5432, "mysql": 3306, "sftp": 22}
"""Protocols that are no HTTP, spoken over one long connection, with their usual ports."""
DEFAULT_PORTS = {"http": 80, "https": 443, **LINES}
LONGEST = 8_000

_URL = re.compile(r"(https?)://([^/?#]+)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@%\\]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class BadUrl(ValueError):
    """Not a web address that we read; the text says why, as the end of a sentence, and never repeats the address."""


@dataclass(frozen=True, slots=True)
class Url:
    """`host` is canonical: lower-case ASCII, or an address in its shortest form. `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str = "/"
    address: Address | None = None

    @property
    def authority(self) -> str:
        """What stands in a Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.target


def parse(text: str, query: Mapping[str, str] | None = None) -> Url:
    """Read an absolute address and add `query` to it. Raises BadUrl."""
    _refuse_unprintable(text)
    if len(text) > LONGEST:
        raise BadUrl(f"it is longer than {LONGEST} characters")
    parts = _URL.fullmatch(text)
    if parts is None:
        raise BadUrl("it does not begin with https:// (or http://) and a host")
    scheme = parts[1].lower()
    host, address, port = _read_authority(parts[2])
    return Url(scheme, host, port or DEFAULT_PORTS[scheme], _target(parts[3], parts[4], query or {}), address)


def line(scheme: str, host: str, port: int) -> Url:
    """The place of a server that speaks one of LINES. Raises BadUrl."""
    _refuse_unprintable(host)
    name, address, named_port = _read_authority(f"[{host}]" if ":" in host else host)
    if named_port is not None or not 1 <= port <= 65_535:
        raise BadUrl("its port is not between 1 and 65535")
    return Url(scheme, name, port, address=address)


def parse_redirect(base: Url, location: str) -> Url:
    """Where a `Location` header leads from `base`. Raises BadUrl."""
    _refuse_unprintable(location)  # first: urljoin drops tabs and line breaks silently
    return parse(location if _SCHEME.match(location) else urljoin(str(base), location))


def _refuse_unprintable(text: str) -> None:
    if not text.isprintable() or " " in text:
        raise BadUrl("it holds a space or an invisible character; write %20 for a space")
    if "\\" in text:
        raise BadUrl("it holds a backslash; write / or %5C")


def _read_authority(text: str) -> tuple[str, Address | None, int | None]:
    if "@" in text:
        raise BadUrl("it holds a user name before @; send credentials in a header instead")
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        raise BadUrl("its host is not a plain name or address with at most a port")
    if parts[2] is not None and not 1 <= int(parts[2]) <= 65_535:
        raise BadUrl("its port is not between 1 and 65535")
    host, address = _canonical_host(parts[1])
    return host, address, int(parts[2]) if parts[2] else None


def _canonical_host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        return _numeric(IPv6Address, text[1:-1])
    labels = [_canonical_label(label) for label in text.split(".")]
    host = ".".join(labels)
    if _NUMBER.fullmatch(labels[-1]):
        return _numeric(IPv4Address, host)
    if len(host) > 253:
        raise BadUrl("its host is longer than 253 characters")
    return host, None


def _numeric(family: type[IPv4Address] | type[IPv6Address], text: str) -> tuple[str, Address]:
    try:
        address = family(text)
    except ValueError:
        raise BadUrl("its host is a number; write a name, or an address like 192.0.2.1 or [2001:db8::1]") from None
    return str(address), address


def _canonical_label(text: str) -> str:
    label = normalize("NFC", text.lower())
    encoded = label if label.isascii() and not label.startswith("xn--") else _idna(label)
    # The Kelvin sign becomes a k: nobody writes a host like that honestly.
    if label.isascii() != text.isascii() or not _LABEL.fullmatch(encoded):
        raise BadUrl("its host is not written as host names are")
    return encoded


def _idna(label: str) -> str:
    # IDNA 2008 without the generous mapping of UTS 46: full-width and circled digits are errors, not digits.
    try:
        return idna.alabel(label).decode("ascii")
    except UnicodeError:
        raise BadUrl("its host holds characters that host names cannot hold") from None


def _target(path: str, query: str | None, more: Mapping[str, str]) -> str:
    try:
        questions = [part for part in (query, urlencode(more)) if part]
        target = "?".join([path or "/", *(["&".join(questions)] if questions else [])])
        return quote(target, safe=string.punctuation)
    except UnicodeEncodeError:
        raise BadUrl("it holds characters that cannot be written in UTF-8") from None
