"""Where the ledger's anchors go, as the operator has written it in TANDEM_LEDGER_ANCHORS."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from audit.anchoring import CannotAnchor, InFile, Place
from audit.verify.encoding import Anchor
from connectors import net
from connectors.net import syslog
from connectors.sdk import StepError
from connectors.sdk.sigv4 import Keys

RETAINED_DAYS = 365


class BadPlace(Exception):
    """What was written is no place, in a sentence that does not repeat it: it may hold a key."""


@dataclass(frozen=True, slots=True)
class InSyslog:
    """A syslog server."""

    way: str
    host: str
    port: int

    @property
    def name(self) -> str:
        return f"syslog+{self.way}://{self.host}:{self.port}"

    def put(self, anchor: Anchor, line: str) -> None:
        try:
            syslog.send(self.way, self.host, self.port, syslog.message(line, "anchor", anchor.at))
        except OSError as error:
            raise CannotAnchor(f"The syslog server does not take it: {error}.") from None


@dataclass(frozen=True, slots=True)
class InBucket:
    """An object for each anchor, which the store keeps from everybody until it is so many days old (object lock)."""

    address: str
    bucket: str
    folder: str
    days: int
    keys: Keys = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.address}/{self.bucket}/{self.folder}".rstrip("/")

    def put(self, anchor: Anchor, line: str) -> None:
        try:
            answer = net.fetch(self._request(anchor, line.encode()), policy=net.Egress((f"private:{self.address}",)))
        except StepError as error:
            raise CannotAnchor(f"The bucket does not take it: {error.message}") from None
        if answer.status not in (200, 201, 204):
            raise CannotAnchor(f"The bucket does not take it: it answered {answer.status}.")

    def _request(self, anchor: Anchor, body: bytes) -> net.Request:
        name = f"{self.folder}/{anchor.batch:012d}-{anchor.at:%Y%m%dT%H%M%SZ}.json".lstrip("/")
        url = f"{self.address}/{self.bucket}/{quote(name)}"
        until = anchor.at.astimezone(UTC) + timedelta(days=self.days)
        headers = {
            "Content-Type": "application/json",
            # A store that locks objects wants to know that it got the right bytes.
            "Content-MD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": f"{until:%Y-%m-%dT%H:%M:%SZ}",
        }
        signed = self.keys.signed("PUT", url, headers, body, datetime.now(UTC))
        return net.Request("PUT", url, {**headers, **signed}, body=body)


def places(text: str, usual: Path) -> Sequence[Place]:
    """Those named, with commas between; the usual file where none is. Raises BadPlace."""
    named = [each.strip() for each in text.split(",") if each.strip()]
    return [_place(number, each) for number, each in enumerate(named, start=1)] or [InFile(usual)]


def _place(number: int, text: str) -> Place:
    try:
        parts = urlsplit(text)
        scheme, port = parts.scheme, parts.port
    except ValueError:
        scheme, parts, port = "", urlsplit(""), None
    way = scheme.removeprefix("syslog+")
    if scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return InFile(Path(unquote(parts.path)))
    if way in syslog.PORTS and way != scheme and parts.hostname:
        return InSyslog(way, parts.hostname, port or syslog.PORTS[way])
    if scheme in ("s3", "s3+http") and parts.hostname and parts.username and parts.path.strip("/"):
        return _bucket(parts)
    raise BadPlace(
        f"TANDEM_LEDGER_ANCHORS: entry {number} is no place. Write file:///path, syslog+udp://host, syslog+tcp://host, "
        "syslog+tls://host or s3://KEY:SECRET@host/bucket/folder?region=eu-central-1&days=365."
    )


def _bucket(parts: SplitResult) -> InBucket:
    bucket, _, folder = parts.path.strip("/").partition("/")
    asked = parse_qs(parts.query)
    scheme = "http" if parts.scheme == "s3+http" else "https"
    keys = Keys(
        unquote(parts.username or ""), unquote(parts.password or ""), asked.get("region", ["us-east-1"])[0], "s3"
    )
    days = asked.get("days", [str(RETAINED_DAYS)])[0]
    address = f"{scheme}://{parts.netloc.rpartition('@')[2]}"
    return InBucket(address, bucket, folder, int(days) if days.isdigit() else RETAINED_DAYS, keys)
