"""How much files may take: of a department, of whoever brings them, and of the disk. Each file counts with its size."""

from __future__ import annotations

import shutil
from uuid import UUID

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage

from audit import sql
from connectors.sdk import BadParams

MB = 1_000_000


class NoRoom(BadParams):
    """It would be more than may be kept; nothing was."""


def demand(department_id: UUID, size: int, bringer: str = "") -> None:
    """Before any byte is kept. `bringer`: as the row will name them; none for what workflows write. Raises NoRoom."""
    _bound(department_id, bringer, size)
    if _free() < size + settings.FILES_LEAVE_FREE:
        raise NoRoom("There is no room for it on the server's disk. Tell who runs the server.")


def hold(department_id: UUID, bringer: str = "") -> None:
    """With the row written and not yet committed: whoever comes at once waits for it, so that no bound is passed."""
    _bound(department_id, bringer, 0)


def _bound(department_id: UUID, bringer: str, more: int) -> None:
    taken: dict[str, int] = dict(sql.rows(_TAKEN, [department_id, ["", bringer]]))
    if bringer and taken.get(bringer, 0) + more > settings.FILES_OF_A_PERSON:
        raise NoRoom(
            f"There is no room for it: the files that {bringer} has brought may take "
            f"{settings.FILES_OF_A_PERSON // MB:,} MB in all."
        )
    if taken.get("", 0) + more > settings.FILES_OF_A_DEPARTMENT:
        raise NoRoom(
            f"There is no room for it: the files of the department may take {settings.FILES_OF_A_DEPARTMENT // MB:,} "
            "MB in all. Ask who runs the server for more."
        )


def _free() -> float:
    """Bytes that the disk of the files has left; without end where they lie elsewhere."""
    if not isinstance(default_storage, FileSystemStorage):
        return float("inf")
    place = default_storage.path("")
    try:
        return shutil.disk_usage(place).free
    except FileNotFoundError:
        return float("inf")  # nothing was ever kept


_TAKEN = "SELECT bringer, bytes FROM workflows_fileuse WHERE department_id = %s AND bringer = ANY(%s)"
