"""Places outside that keep files, as connectors and steps see them: a folder, a bucket, another server. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connectors.sdk.errors import BadParams
from connectors.sdk.prose import counted

MOST_BYTES = 25_000_000
MOST_ITEMS = 1_000
LONGEST_PATH, LONGEST_NAME = 900, 240  # bytes


@dataclass(frozen=True, slots=True)
class FolderAt:
    """A folder of the server on which Tandem runs."""

    path: str


@dataclass(frozen=True, slots=True)
class SftpAt:
    """A folder of another server over SFTP, and as whom. `keys`: fingerprints of the keys that it may show.

    Signs in with `private_key` (as OpenSSH writes it, without a passphrase), else with the password.
    """

    host: str
    port: int
    user: str
    folder: str
    keys: tuple[str, ...]
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A file that lies there. `path` begins at the folder of the connection; `size` in bytes."""

    path: str
    size: int
    changed_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies directly in a folder, by name. `odd` counts the names that nobody should use; `more`: not all."""

    items: Sequence[Item] = ()
    folders: Sequence[str] = ()
    more: bool = False
    odd: int = 0

    @property
    def counted(self) -> str:
        """For people: “1 file and 3 folders”."""
        return f"{counted(len(self.items), 'file')} and {counted(len(self.folders), 'folder')}"

    @property
    def left_out(self) -> str:
        """Why not all of it is there, for people; nothing where it is."""
        names = counted(self.odd, "name")
        return f"{names} left out: with invisible characters, / or \\ in it, or too long." if self.odd else ""


class Store(Protocol):
    """One place. Every path begins at the connection's own folder and cannot leave it (`clean`).

    All raise BadParams (no such file or folder, a path that cannot be meant), AuthFailed, Rejected, Unavailable.
    """

    def list(self, folder: str) -> Listing:
        """At most MOST_ITEMS files and as many folders."""
        ...

    def read(self, path: str) -> bytes:
        """At most MOST_BYTES, else Rejected."""
        ...

    def write(self, path: str, content: bytes, *, over: bool) -> None:
        """Wholly or not at all. What lies there is replaced with `over`, else Rejected unless it is the same."""
        ...

    def move(self, path: str, to: str) -> None:
        """Rejected where something lies at `to`."""
        ...

    def remove(self, path: str) -> None:
        """One that is not there any more is no mistake."""
        ...


@dataclass(slots=True)
class Gathered:
    """A listing as it grows: odd names are left out and counted, and it ends where it is full."""

    folder: str
    items: list[Item] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    more: bool = False
    odd: int = 0

    @property
    def counted(self) -> str:
        """For people: “1 file and 3 folders”."""
        return f"{counted(len(self.items), 'file')} and {counted(len(self.folders), 'folder')}"

    def file(self, name: str, size: int, changed_at: datetime | None) -> None:
        if self._fits(name, len(self.items)):
            self.items.append(Item(join(self.folder, name), size, changed_at))

    def subfolder(self, name: str) -> None:
        if self._fits(name, len(self.folders)):
            self.folders.append(join(self.folder, name))

    def _fits(self, name: str, there: int) -> bool:
        if why_odd(name):
            self.odd += 1
        elif there >= MOST_ITEMS:
            self.more = True
        else:
            return True
        return False

    def listing(self) -> Listing:
        items = sorted(self.items, key=lambda item: item.path)
        return Listing(items, sorted(self.folders), self.more, self.odd)


def clean(path: str) -> str:
    """`reports/2026/June.pdf`, below the folder of the connection; nothing is that folder itself. Raises BadParams."""
    parts = [part for part in path.strip().split("/") if part]
    problem = next(filter(None, map(why_odd, parts)), "")
    if len("/".join(parts).encode("utf-8", "replace")) > LONGEST_PATH:
        problem = f"it is longer than {LONGEST_PATH} bytes"
    if problem:
        raise BadParams(f"The path cannot be used: {problem}.", fields={"path": problem})
    return "/".join(parts)


def join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def file_at(folder: str, name: str) -> str:
    """The path of a file in a folder; its name is one name and no path. Raises BadParams."""
    if problem := why_odd(name.strip()):
        raise BadParams(f"The name cannot be used: {problem}.", fields={"name": problem})
    return clean(join(clean(folder), name.strip()))


def why_odd(name: str) -> str:
    """What is wrong with one name of a path, as the end of a sentence; nothing where it is a good one."""
    if name in ("", ".", ".."):
        return "it holds a name that leads elsewhere or nowhere"
    if "/" in name or "\\" in name:
        return "a name in it holds / or \\"
    if not name.isprintable():
        return "a name in it holds an invisible character"
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        return f"a name in it is longer than {LONGEST_NAME} bytes"
    return ""


def too_large(path: str, size: int) -> str:
    return f"“{path}” has {size:,} bytes; at most {MOST_BYTES:,} are taken."


def is_there(path: str) -> str:
    return f"At “{path}” lies something else already. Choose another name, or let the step replace it."


def not_there(path: str) -> str:
    return f"There is nothing at “{path}”."
