"""Folders of other servers over WebDAV (RFC 4918): Nextcloud, ownCloud, SharePoint servers, Apache and others."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit
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
from connectors.sdk.stores import Gathered, Listing, Store, clean, is_there, not_there
from connectors.sdk.xml import read_xml

WANTED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>"
)


class WebDav(Connector):
    """A folder on another server, as somebody who may use it."""

    name = "webdav"
    title = "A folder of another server (WebDAV)"
    about = "Read and write files on Nextcloud, ownCloud and other servers that speak WebDAV."
    icon = "world-share"
    shelf = Shelf.FILES
    group = "files"

    class Settings(Model):
        address: str = Field(
            min_length=1,
            max_length=1_000,
            title="Address of the folder",
            description="Nothing above it is touched. Its host must be on the list that an administrator keeps.",
            json_schema_extra=hint("text", example="https://cloud.example.com/remote.php/dav/files/press/exchange"),
        )
        user: str = Field(
            min_length=1,
            max_length=200,
            title="User name",
            description="With which you sign in there.",
            json_schema_extra=hint("text", example="press"),
        )

    class Secrets(Model):
        password: str = Field(
            min_length=1,
            max_length=1_000,
            title="Password",
            description="Best one made for this program. Kept sealed and never shown again.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = {}
        parts = urlsplit(settings.address)
        if not origin(settings.address) or parts.query or parts.fragment or ".." in unquote(parts.path).split("/"):
            problems["address"] = "Write the whole address of a folder, beginning with https://, without ? and #."
        if ":" in settings.user:
            problems["user"] = "No colon can stand in a user name."
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        return (origin(settings.address),)

    @classmethod
    def credentials(cls, settings: Settings, secrets: Secrets) -> Credentials:
        pair = base64.b64encode(f"{settings.user}:{secrets.password}".encode()).decode()
        return Credentials(headers={"Authorization": f"Basic {pair}"})

    @classmethod
    def files_over(cls, http: Http, settings: Settings) -> Store:
        path = quote(unquote(urlsplit(settings.address).path).strip("/"), safe="/-_.~")
        return DavFolder(http, origin(settings.address), f"/{path}" if path else "")

    def test(self, account: Account) -> str:
        found = account.files.list("")
        return f"The folder can be read. In it: {found.counted}."


@dataclass(frozen=True, slots=True)
class DavFolder:
    """`connectors.sdk.stores.Store`. `root` is the encoded path of the connection's folder."""

    http: Http
    server: str
    root: str

    def list(self, folder: str) -> Listing:
        gathered = Gathered(clean(folder))
        for href, about in self._found(gathered.folder, depth="1"):
            name = _below(href, unquote(self._path(gathered.folder)))
            if name is None:
                gathered.odd += 1
            elif name and _is_folder(about):
                gathered.subfolder(name)
            elif name:
                gathered.file(name, _size(about), _time(about))
        return gathered.listing()

    def read(self, path: str) -> bytes:
        self._demand_file(path)
        return read_whole(
            clean(path), lambda headers: self._send("GET", self._path(path), also=(412, 416), headers=headers)
        )

    def write(self, path: str, content: bytes, *, over: bool) -> None:
        place = self._file(path)
        if not over and self._what(path):
            return self._demand_same(path, content)
        headers = {"Content-Type": mimetypes.guess_type(path)[0] or "application/octet-stream"}
        headers |= {} if over else {"If-None-Match": "*"}
        answer = self._send("PUT", place, also=(404, 409, 412), headers=headers, body=content)
        if answer.status in (404, 409):
            self._make_folders(path)
            answer = self._send("PUT", place, also=(412,), headers=headers, body=content)
        return self._demand_same(path, content) if answer.status == 412 else None

    def move(self, path: str, to: str) -> None:
        self._demand_file(path)
        self._file(to)
        self._make_folders(to)
        headers = {"Destination": f"{self.server}{self._path(to)}", "Overwrite": "F"}
        if self._what(to) or self._send("MOVE", self._path(path), also=(412,), headers=headers).status == 412:
            raise Rejected(is_there(clean(to)))

    def remove(self, path: str) -> None:
        # A server removes a folder with all that is in it.
        if self._what(path) == "folder":
            raise BadParams(f"“{clean(path)}” is a folder.", fields={"path": "A folder."})
        self._send("DELETE", self._file(path), also=(404,))

    def _make_folders(self, path: str) -> None:
        """Those in which it lies; 405 is said of one that is there."""
        parts = clean(path).split("/")[:-1]
        for count in range(1, len(parts) + 1):
            self._send("MKCOL", self._path("/".join(parts[:count])), also=(405,))

    def _what(self, path: str) -> str:
        """file, folder, or nothing."""
        found = next(self._found(path, depth="0", also=(404,)), None)
        return "" if found is None else "folder" if _is_folder(found[1]) else "file"

    def _demand_file(self, path: str) -> None:
        self._file(path)
        what = self._what(path)
        if what != "file":
            problem = f"“{clean(path)}” is a folder." if what else not_there(clean(path))
            raise BadParams(problem, fields={"path": problem})

    def _demand_same(self, path: str, content: bytes) -> None:
        if self._what(path) != "file" or self.read(path) != content:
            raise Rejected(is_there(clean(path)))

    def _file(self, path: str) -> str:
        if not clean(path):
            raise BadParams("Name the file.", fields={"path": "Name the file."})
        return self._path(path)

    def _path(self, path: str) -> str:
        below = quote(clean(path), safe="/-_.~")
        return f"{self.root}/{below}" if below else f"{self.root}/"

    def _found(self, path: str, *, depth: str, also: tuple[int, ...] = ()) -> Iterator[tuple[str, Element]]:
        """What the server tells: encoded path, and its properties."""
        headers = {"Depth": depth, "Content-Type": "application/xml"}
        answer = self._send("PROPFIND", self._path(path), also=also, headers=headers, body=WANTED)
        if answer.status == 404:
            return
        told = read_xml(answer.body)
        if answer.status != 207 or told is None:
            raise Unavailable("The server's answer is none of a folder that speaks WebDAV. Check the address.")
        for each in told.iterfind("{DAV:}response"):
            yield each.findtext("{DAV:}href") or "", each

    def _send(self, method: str, path: str, *, also: tuple[int, ...] = (), **request: Any) -> Response:
        """Raises the error that a status means, but for those in `also`."""
        answer = self.http.send(method, f"{self.server}{path}", **request)
        if not 200 <= answer.status < 300 and answer.status not in also:
            raise _refusal(answer.status)
        return answer


def _refusal(status: int) -> StepError:
    if status == 401:
        return AuthFailed("The server does not accept the user name and password. Renew the connection.")
    if status == 403:
        return Rejected("The user of the connection may not do this there. Ask the folder's owner for the right to.")
    if status in (404, 410):
        return BadParams("There is no such file or folder there.", fields={"path": "There is none."})
    if status == 423:
        return Unavailable("Somebody has the file open, and the server keeps it locked. Try again later.")
    if status == 507:
        return Rejected("There is no room left in the folder. Make some, or ask for more.")
    if status in (429, 503):
        return RateLimited("The server asks to come back later.")
    if status >= 500:
        return Unavailable(f"The server answered with {status}: it has a problem of its own.", maybe_done=True)
    return Rejected(f"The server answered with {status}, so it did not do it. Check the address of the connection.")


def _below(href: str, folder: str) -> str | None:
    """The name in the folder; nothing for the folder itself, None for what lies elsewhere."""
    path = unquote(urlsplit(href).path)
    if path.rstrip("/") == folder.rstrip("/"):
        return ""
    inside = f"{folder.rstrip('/')}/"
    return path.removeprefix(inside).rstrip("/") if path.startswith(inside) else None


def _is_folder(about: Element) -> bool:
    return about.find(".//{DAV:}resourcetype/{DAV:}collection") is not None


def _size(about: Element) -> int:
    text = about.findtext(".//{DAV:}getcontentlength") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _time(about: Element) -> datetime | None:
    try:
        return parsedate_to_datetime(about.findtext(".//{DAV:}getlastmodified") or "")
    except ValueError:
        return None
