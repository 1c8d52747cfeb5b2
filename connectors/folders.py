"""A folder of this server as a step sees it: nothing above it, and nothing that a link points to.

Every name of a path is opened by itself, from the folder before it, and never followed if it is a link (openat with
O_NOFOLLOW): whoever may put links into the folder cannot lead a workflow out of it, not even between two looks.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from django.conf import settings

from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, BadParams, Rejected, Unavailable
from connectors.sdk.stores import (
    MOST_BYTES,
    FolderAt,
    Gathered,
    Listing,
    clean,
    is_there,
    not_there,
    too_large,
)

MOST_LOOKED_AT = 50_000
UNFINISHED = ".tandem-"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK a pipe that nobody writes to would hold us for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """`connectors.sdk.stores.Store`."""

    told: FolderAt
    policy: Egress

    def list(self, folder: str) -> Listing:
        gathered = Gathered(clean(folder))
        with self._opened(gathered.folder) as there, os.scandir(there) as entries:
            for number, entry in enumerate(entries):
                if number >= MOST_LOOKED_AT or gathered.more:
                    gathered.more = True
                    break
                _note(entry, gathered)
        return gathered.listing()

    def read(self, path: str) -> bytes:
        path, folder, name = _cut(path)
        with self._opened(folder) as there, _said(path):
            file = os.open(name, _FILE, dir_fd=there)
            with os.fdopen(file, "rb") as opened:
                about = os.fstat(file)
                if not stat.S_ISREG(about.st_mode):
                    raise BadParams(f"“{path}” is no file.", fields={"path": "No file."})
                # It may grow while we read.
                content = opened.read(MOST_BYTES + 1) if about.st_size <= MOST_BYTES else b""
        if max(len(content), about.st_size) > MOST_BYTES:
            raise Rejected(too_large(path, max(len(content), about.st_size)))
        return content

    def write(self, path: str, content: bytes, *, over: bool) -> None:
        path, folder, name = _cut(path)
        with self._opened(folder, make=True) as there, _said(path), _written(there, content) as unfinished:
            if over:
                os.replace(unfinished, name, src_dir_fd=there, dst_dir_fd=there)
                return
            try:
                os.link(unfinished, name, src_dir_fd=there, dst_dir_fd=there, follow_symlinks=False)
            except FileExistsError:
                if not _holds(there, name, content):
                    raise

    def move(self, path: str, to: str) -> None:
        path, folder, name = _cut(path)
        to, new_folder, new_name = _cut(to)
        with self._opened(folder) as there, self._opened(new_folder, make=True) as new, _said(path):
            if not stat.S_ISREG(os.stat(name, dir_fd=there, follow_symlinks=False).st_mode):
                raise BadParams(f"“{path}” is no file.", fields={"path": "No file."})
            with _said(to):
                # A rename would replace what lies there.
                os.link(name, new_name, src_dir_fd=there, dst_dir_fd=new, follow_symlinks=False)
            os.unlink(name, dir_fd=there)

    def remove(self, path: str) -> None:
        path, folder, name = _cut(path)
        with self._opened(folder) as there, _said(path), suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(name, dir_fd=there, follow_symlinks=False).st_mode):
                raise BadParams(f"“{path}” is a folder.", fields={"path": "A folder."})
            os.unlink(name, dir_fd=there)

    @contextmanager
    def _opened(self, folder: str, *, make: bool = False) -> Iterator[int]:
        """A handle of the folder. Raises BadParams, Unavailable."""
        root = permitted_root(self.told.path, self.policy)
        parts = [*PurePosixPath(self.told.path).relative_to(root).parts, *PurePosixPath(folder).parts]
        with _said(folder or self.told.path):
            handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for part in parts:
                    if make:
                        with suppress(FileExistsError):
                            os.mkdir(part, 0o770, dir_fd=handle)
                    below = os.open(part, _FOLDER, dir_fd=handle)
                    os.close(handle)
                    handle = below
            except BaseException:
                os.close(handle)
                raise
        try:
            yield handle
        finally:
            os.close(handle)


def permitted_root(path: str, policy: Egress) -> Path:
    """The folder of TANDEM_FOLDERS under which it lies, if the department may go there too. Raises BadParams."""
    wanted = PurePosixPath(path)
    root = next((each for each in settings.FOLDERS if wanted.is_relative_to(each)), None)
    if root is None or not any(wanted.is_relative_to(each) for each in policy.folders) or ".." in wanted.parts:
        problem = (
            f"“{path}” is not among the folders that this department may use. An administrator can allow it: in "
            f"TANDEM_FOLDERS on the server, and as folder://{path} under Departments."
        )
        raise BadParams(problem, fields={"path": "Not allowed."})
    return Path(root)


def _cut(path: str) -> tuple[str, str, str]:
    """The path as it counts, its folder, its name. Raises BadParams."""
    path = clean(path)
    if not path:
        raise BadParams("Name the file.", fields={"path": "Name the file."})
    folder, _, name = path.rpartition("/")
    return path, folder, name


def _note(entry: os.DirEntry[str], gathered: Gathered) -> None:
    """Links, pipes and the like are passed over; so is what goes away while we look."""
    if entry.name.startswith(UNFINISHED):
        return
    with suppress(OSError):
        about = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(about.st_mode):
            gathered.file(entry.name, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC))
        elif stat.S_ISDIR(about.st_mode):
            gathered.subfolder(entry.name)


@contextmanager
def _written(there: int, content: bytes) -> Iterator[str]:
    """The content under a name of ours, on the disk; gone at the end unless it was renamed."""
    name = f"{UNFINISHED}{secrets.token_hex(8)}"
    with os.fdopen(os.open(name, _NEW, 0o660, dir_fd=there), "wb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            yield name
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=there)


def _holds(there: int, name: str, content: bytes) -> bool:
    """Whether a file of this name has just this content."""
    try:
        with os.fdopen(os.open(name, _FILE, dir_fd=there), "rb") as file:
            return stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.read(len(content) + 1) == content
    except OSError:
        return False


@contextmanager
def _said(path: str) -> Iterator[None]:
    """The errors of the operating system in our words."""
    try:
        yield
    except FileNotFoundError:
        raise BadParams(not_there(path), fields={"path": not_there(path)}) from None
    except FileExistsError:
        raise Rejected(is_there(path)) from None
    except (NotADirectoryError, IsADirectoryError):
        problem = (
            f"“{path}” is not what it should be: a folder where a file is meant, or the other way round, or a link."
        )
        raise BadParams(problem, fields={"path": problem}) from None
    except PermissionError:
        raise AuthFailed(f"Tandem may not do this at “{path}”. Ask who runs the server for the right to.") from None
    except OSError as error:
        if error.errno == errno.ELOOP:  # what O_NOFOLLOW says to a link
            raise BadParams(f"“{path}” leads over a link, which is not followed.", fields={"path": "A link."}) from None
        raise Unavailable(f"The disk of the server refused “{path}” ({os.strerror(error.errno or 0)}).") from None
