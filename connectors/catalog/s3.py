"""Buckets of Amazon S3 and of the many servers that speak its protocol. Source: its API reference (2006-03-01)."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree.ElementTree import Element

from connectors.sdk import (
    Account,
    AuthFailed,
    BadParams,
    Connector,
    Credentials,
    Field,
    Model,
    RateLimited,
    Rejected,
    Response,
    Shelf,
    StepError,
    Unavailable,
    hint,
)
from connectors.sdk.addresses import origin
from connectors.sdk.context import Http
from connectors.sdk.ranges import read_whole
from connectors.sdk.sigv4 import Keys
from connectors.sdk.stores import Gathered, Listing, Store, clean, is_there, join, not_there
from connectors.sdk.xml import read_xml

BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
NOT_ACCEPTED = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired"}
)
ELSEWHERE = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect", "IllegalLocationConstraintException"}
)


class S3(Connector):
    """A bucket, with the keys of somebody who may use it."""

    name = "s3"
    title = "A bucket (S3 and compatible)"
    about = "Read and write files in a bucket of Amazon S3, MinIO, Ceph, Garage or another server with this protocol."
    icon = "bucket"
    shelf = Shelf.FILES
    group = "files"

    class Settings(Model):
        address: str = Field(
            min_length=1,
            max_length=300,
            title="Address of the server",
            description="Its host must be on the list that an administrator keeps.",
            json_schema_extra=hint("text", example="https://s3.eu-central-1.amazonaws.com"),
        )
        bucket: str = Field(
            min_length=3,
            max_length=63,
            title="Bucket",
            description="Its name.",
            json_schema_extra=hint("text", example="press-exchange"),
        )
        access_key: str = Field(
            min_length=1,
            max_length=200,
            title="Access key",
            description="The part of the keys that is no secret.",
            json_schema_extra=hint("text", example="AKIAIOSFODNN7EXAMPLE"),
        )
        region: str = Field(
            default="us-east-1",
            min_length=1,
            max_length=60,
            pattern=r"^[a-z0-9-]+$",
            title="Region",
            description="Where the bucket lies; servers of your own often call it us-east-1.",
            json_schema_extra=hint("text", example="eu-central-1"),
        )
        folder: str = Field(
            default="",
            max_length=500,
            title="Folder",
            description="Where paths begin; nothing outside of it is touched. Empty for the whole bucket.",
            json_schema_extra=hint("text", example="exchange/press", advanced=True),
        )

    class Secrets(Model):
        secret_key: str = Field(
            min_length=8,
            max_length=200,
            title="Secret key",
            description="Kept sealed and never shown again. It signs each request and never travels.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = {}
        if not origin(settings.address) or urlsplit(settings.address).path.strip("/"):
            problems["address"] = "Write the address of the server alone, beginning with https://, without the bucket."
        if not BUCKET.fullmatch(settings.bucket):
            problems["bucket"] = "A bucket is called by small letters, digits, dots and hyphens."
        try:
            clean(settings.folder)
        except BadParams as error:
            problems["folder"] = error.message
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        return (origin(settings.address),)

    @classmethod
    def credentials(cls, settings: Settings, secrets: Secrets) -> Credentials:
        def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
            keys = Keys(settings.access_key, secrets.secret_key, settings.region, "s3")
            return keys.signed(method, url, headers, body, datetime.now(UTC))

        return Credentials(sign=sign)

    @classmethod
    def files_over(cls, http: Http, settings: Settings) -> Store:
        return Bucket(http, origin(settings.address), settings.bucket, clean(settings.folder))

    def test(self, account: Account) -> str:
        found = account.files.list("")
        return f"The bucket can be read. In it: {found.counted}."


@dataclass(frozen=True, slots=True)
class Bucket:
    """`connectors.sdk.stores.Store`."""

    http: Http
    address: str
    bucket: str
    folder: str

    def list(self, folder: str) -> Listing:
        gathered = Gathered(clean(folder))
        prefix = self._key(gathered.folder)
        prefix = f"{prefix}/" if prefix else ""
        asked = {"delimiter": "/", "encoding-type": "url", "list-type": "2", "max-keys": "1000", "prefix": prefix}
        found = _xml(self._send("GET", "", query=asked))
        for each in found.iterfind("{*}Contents"):
            name = _text(each, "Key").removeprefix(prefix)
            if name:  # the folder itself, as some programs mark it
                gathered.file(name, _size(_text(each, "Size")), _time(_text(each, "LastModified")))
        for each in found.iterfind("{*}CommonPrefixes"):
            gathered.subfolder(_text(each, "Prefix").removeprefix(prefix).removesuffix("/"))
        gathered.more |= _text(found, "IsTruncated") == "true"
        return gathered.listing()

    def read(self, path: str) -> bytes:
        key = self._file(path)
        return read_whole(clean(path), lambda headers: self._send("GET", key, headers=headers, also=(412, 416)))

    def write(self, path: str, content: bytes, *, over: bool) -> None:
        key = self._file(path)
        if not over and self._is_there(key):
            return self._demand_same(path, content)
        typed = {"Content-Type": mimetypes.guess_type(key)[0] or "application/octet-stream"}
        unless = {} if over else {"If-None-Match": "*"}
        answer = self._send("PUT", key, headers={**typed, **unless}, body=content, also=(409, 412, 501))
        if answer.status == 501 and unless:  # a server that does not know the condition
            answer = self._send("PUT", key, headers=typed, body=content)
        if answer.status in (409, 412):
            return self._demand_same(path, content)
        return _demand(answer)

    def move(self, path: str, to: str) -> None:
        key, target = self._file(path), self._file(to)
        if not self._is_there(key):
            raise BadParams(not_there(clean(path)), fields={"path": not_there(clean(path))})
        if self._is_there(target):
            raise Rejected(is_there(clean(to)))
        source = {"x-amz-copy-source": f"/{self.bucket}/{_quoted(key)}"}
        # It may say only in its body that it did not work.
        if not _xml(self._send("PUT", target, headers=source)).tag.endswith("CopyObjectResult"):
            raise Unavailable("The server did not finish the copy. Nothing was removed; try again.", maybe_done=True)
        self._send("DELETE", key)

    def remove(self, path: str) -> None:
        self._send("DELETE", self._file(path), also=(404,))

    def _is_there(self, key: str) -> bool:
        return self._send("HEAD", key, also=(404,)).status == 200

    def _demand_same(self, path: str, content: bytes) -> None:
        if self.read(path) != content:
            raise Rejected(is_there(clean(path)))

    def _file(self, path: str) -> str:
        if not clean(path):
            raise BadParams("Name the file.", fields={"path": "Name the file."})
        return self._key(clean(path))

    def _key(self, path: str) -> str:
        return join(self.folder, path) if path else self.folder

    def _send(
        self,
        method: str,
        key: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        also: tuple[int, ...] = (),
    ) -> Response:
        """Raises the error that a status means, but for those in `also`."""
        asked = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted((query or {}).items()))
        url = f"{self.address}/{self.bucket}/{_quoted(key)}".removesuffix("" if key else "/")
        answer = self.http.send(method, f"{url}?{asked}" if asked else url, headers=headers, body=body)
        if answer.status not in also:
            _demand(answer)
        return answer


def _quoted(key: str) -> str:
    return quote(key, safe="/-_.~")


def _demand(answer: Response) -> None:
    if not 200 <= answer.status < 300:
        raise _refusal(answer)


def _refusal(answer: Response) -> StepError:
    """What the status and the code in the body mean; what else the server says is not repeated."""
    status, code = answer.status, _code(answer)
    if code in NOT_ACCEPTED or status == 401:
        return AuthFailed("The bucket's server does not accept the keys. Renew the connection.")
    if code in ELSEWHERE or status in (301, 307):
        region = re.sub(r"[^a-z0-9-]", "", answer.headers.get("x-amz-bucket-region", ""))[:40]
        where = f": {region}" if region else ""
        return AuthFailed(f"The bucket lies in another region{where}. Correct region and address of the connection.")
    if code == "NoSuchBucket":
        return AuthFailed("There is no such bucket. Correct the connection.")
    if status == 404:
        return BadParams("There is no such file in the bucket.", fields={"path": "There is no such file."})
    if code == "RequestTimeTooSkewed":
        return Unavailable("The clocks of Tandem's server and of the bucket's differ too much. Tell an administrator.")
    if status == 403:
        return Rejected("The keys of the connection may not do this. Ask the bucket's owner for the right to.")
    if status in (429, 503) or code == "SlowDown":
        return RateLimited("The bucket's server asks to come back later.")
    if status >= 500:
        return Unavailable(f"The bucket's server answered with {status}: it has a problem of its own.", maybe_done=True)
    return Rejected(f"The bucket's server answered with {status}{f' ({code})' if code else ''}.")


def _code(answer: Response) -> str:
    told = read_xml(answer.body)
    return "" if told is None else re.sub(r"[^A-Za-z0-9]", "", _text(told, "Code"))[:60]


def _xml(answer: Response) -> Element:
    told = read_xml(answer.body)
    if told is None:
        raise Unavailable("The bucket's server gave an answer that cannot be read.")
    return told


def _text(element: Element, name: str) -> str:
    found: Any = element.find(f"{{*}}{name}")
    text = (found.text or "") if found is not None else ""
    return unquote_plus(text) if name in ("Key", "Prefix") else text


def _size(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
