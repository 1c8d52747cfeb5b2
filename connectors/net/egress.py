"""Where a workflow may go: the hosts an administrator has listed, and nothing else (rule S2). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from pathlib import PurePosixPath

from connectors.net import urls
from connectors.net.addresses import Standing, standing
from connectors.net.urls import BadUrl, Url

NOWHERE: frozenset[Standing] = frozenset()
_FOLDER = "folder://"
_PROGRAM = re.compile(r"program://([a-z0-9][a-z0-9_-]{0,39})")
_ON_THE_INTERNET = frozenset({Standing.PUBLIC})
_IN_OUR_NETWORK = frozenset({Standing.PUBLIC, Standing.OWN})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a host list, read. `below` means every name under `host`, but not `host` itself."""

    scheme: str
    host: str
    port: int
    below: bool = False
    private: bool = False

    def covers(self, url: Url) -> bool:
        if (url.scheme, url.port) != (self.scheme, self.port):
            return False
        return url.host.endswith(f".{self.host}") if self.below else url.host == self.host

    @property
    def standings(self) -> frozenset[Standing]:
        return _IN_OUR_NETWORK if self.private else _ON_THE_INTERNET

    @property
    def is_closed(self) -> bool:
        try:
            return not self.private and standing(ip_address(self.host.strip("[]"))) is Standing.OWN
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Egress:
    """The list as an administrator writes it; empty means nowhere.

    `api.example.com` https on port 443; `*.example.com` every name below it; `api.example.com:8443` https on that port;
    `http://intranet.example:8080` plain HTTP; `smtp://mail.example.com` a mail server on its usual port (587, imap
    993, postgresql 5432, mysql 3306, sftp 22). With `private:` in front, one host may lead into our own network:
    `private:http://127.0.0.1:9000`. `folder:///srv/exchange/legal` is a folder of this server, with all below it;
    `program://clock` is one of its programs.
    """

    hosts: tuple[str, ...] = ()

    def standings(self, url: Url) -> frozenset[Standing]:
        """What the addresses behind this URL may be; empty when the list does not cover it."""
        entries = [entry for entry in map(read_entry, self.hosts) if entry and entry.covers(url)]
        return frozenset().union(*(entry.standings for entry in entries))

    @property
    def folders(self) -> tuple[PurePosixPath, ...]:
        return tuple(folder for folder in map(read_folder, self.hosts) if folder)

    @property
    def programs(self) -> frozenset[str]:
        return frozenset(name for name in map(read_program, self.hosts) if name)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Entries that allow nothing because they are not written as above."""
        return tuple(text for text in self.hosts if not any(read(text) for read in _READERS))

    @property
    def closed(self) -> tuple[str, ...]:
        """Entries that allow nothing because they name an address in our own network without saying so."""
        return tuple(text for text in self.hosts if (entry := read_entry(text)) and entry.is_closed)


@lru_cache(maxsize=4096)
def read_entry(text: str) -> Entry | None:
    """One line of a host list; None when it cannot be read."""
    written = text.strip()
    private = written.lower().startswith("private:")
    written = written[len("private:") :] if private else written
    scheme, separator, authority = written.rpartition("://")
    below = authority.startswith("*.")
    try:
        url = _place(scheme.lower() if separator else "https", authority.removeprefix("*."))
    except BadUrl:
        return None
    too_wide = below and (private or url.address is not None or "." not in url.host)
    return None if too_wide or url.target != "/" else Entry(url.scheme, url.host, url.port, below, private)


def read_folder(text: str) -> PurePosixPath | None:
    """`folder:///srv/exchange` in the list; None when it is another entry, or leads nowhere certain."""
    path = text.strip().removeprefix(_FOLDER)
    if path == text.strip() or not path.startswith("/") or {"..", "."} & set(path.split("/")) or not path.strip("/"):
        return None
    return PurePosixPath(path)


def read_program(text: str) -> str:
    """`program://clock` in the list → clock; nothing when it is another entry."""
    found = _PROGRAM.fullmatch(text.strip())
    return found[1] if found else ""


_READERS: tuple[Callable[[str], object], ...] = (read_entry, read_folder, read_program)


def _place(scheme: str, authority: str) -> Url:
    """Raises BadUrl."""
    if scheme not in urls.LINES:
        return urls.parse(f"{scheme}://{authority}")
    url = urls.parse(f"http://{authority}")
    usual = url.port == urls.DEFAULT_PORTS["http"]
    return replace(url, scheme=scheme, port=urls.LINES[scheme] if usual else url.port)
