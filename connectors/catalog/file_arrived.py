"""Files that somebody puts into a folder, a bucket or onto a server: the trigger beside the steps in files.py."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from connectors.sdk import BadParams, Field, FileRef, Model, Rejected, hint
from connectors.sdk.stores import Item, Store
from connectors.sdk.triggers import Event, Looked, Outlook, Watch, hashed

AT_A_TIME, LONGEST_S = 10, 45.0
STILL_S = 30.0
"""A file that has not changed for so long has come as a whole."""
REMEMBERED = 5_000
MORE = "There are more files in the folder than can be listed at once. Move away what is done with, or use folders."
Marks = dict[str, list[Any]]
"""Hash of a path → size and time."""


class FileArrived(Watch):
    """Starts for every file that is put into a folder outside, or is changed there."""

    kind = "files.arrived"
    title = "When a file arrives"
    about = "For every file that is put into a folder, a bucket or onto a server, or is changed there. It stays there."
    reads_as = "When a file arrives in {connection}"
    icon = "file-plus"
    every = timedelta(minutes=1)

    class Settings(Model):
        connection: str = Field(
            min_length=1,
            max_length=60,
            title="Place",
            description="A folder, bucket or server with files, connected once under Connections.",
            json_schema_extra=hint("choice", source="connections:files"),
        )
        folder: str = Field(
            default="",
            max_length=1_000,
            title="Folder",
            description="Below that of the connection; empty for that one itself. What lies deeper does not count.",
            json_schema_extra=hint("text", example="incoming/contracts"),
        )
        pattern: str = Field(
            default="",
            max_length=200,
            title="Only names like",
            description="With * for anything; empty for all.",
            json_schema_extra=hint("text", example="*.pdf"),
        )

    class Gives(Model):
        file: FileRef = Field(title="File", description="For steps that read documents, send or write files.")
        path: str = Field(title="Path", description="Where it lies, for “Move a file”.")
        name: str = Field(title="Name")
        size: int = Field(title="Bytes")
        changed: str = Field(title="Changed", description="Empty where the place does not tell.")
        problem: str = Field(title="Problem", description="Why there is no file, where it was too large to be fetched.")

    @classmethod
    def place(cls, settings: Settings) -> str:
        return f"{settings.connection}/{settings.folder}"

    def look(self, settings: Settings, outlook: Outlook, state: Mapping[str, Any]) -> Looked:
        store = outlook.account(settings.connection).files
        listing = store.list(settings.folder)
        marks = {_key(item): _mark(item) for item in listing.items}
        known, growing = state.get("known", marks), state.get("growing", {})
        new = [item for item in listing.items if _fits(item, settings) and known.get(_key(item)) != _mark(item)]
        since = {_key(item): _since(item, growing, outlook.now.timestamp()) for item in new}
        still = [item for item in new if outlook.now.timestamp() - since[_key(item)] >= STILL_S]
        come = {_key(item): _come(item, store, outlook) for item in _in_time(still)}

        pending = {key: [*marks[key], at] for key, at in since.items() if key not in come}
        return Looked(
            [event for event in come.values() if event],
            {"known": _known(marks, pending, known if listing.more else {}), "growing": pending},
            more=len(still) > len(come),
            said=MORE if listing.more else listing.left_out,
        )


def _come(item: Item, store: Store, outlook: Outlook) -> Event | None:
    """None for one that was taken away, or has changed, while we looked: then it is listed otherwise the next time."""
    about = {"path": item.path, "name": item.name, "size": item.size, "changed": _mark(item)[1]}
    key = hashed(item.path, *map(str, _mark(item)))
    try:
        content = store.read(item.path)
    except BadParams:
        return None
    except Rejected as error:
        return Event(key, {**about, "file": None, "problem": error.message}, item.name)
    if len(content) != item.size:
        return None
    file = outlook.files.save(item.name, content, "")
    return Event(key, {**about, "file": file.model_dump(), "problem": ""}, item.name)


def _in_time(items: Sequence[Item]) -> Iterator[Item]:
    """What a slow place cannot give in one look is left to the next."""
    began = time.monotonic()
    for item in items[:AT_A_TIME]:
        if time.monotonic() - began < LONGEST_S:
            yield item


def _since(item: Item, growing: Marks, now: float) -> float:
    """When it was first seen as it is."""
    *mark, at = growing.get(_key(item), [now])
    return float(at) if mark == _mark(item) else now


def _known(marks: Marks, pending: Marks, before: Marks) -> Marks:
    """What lies there, without what is waited for; where not all is listed, also what lay there before."""
    rest = {key: mark for key, mark in before.items() if key not in marks}
    known = {key: mark for key, mark in marks.items() if key not in pending}
    return dict([*rest.items(), *known.items()][-REMEMBERED:])


def _fits(item: Item, settings: FileArrived.Settings) -> bool:
    return fnmatchcase(item.name.lower(), settings.pattern.strip().lower() or "*")


def _key(item: Item) -> str:
    return hashed(item.path)


def _mark(item: Item) -> list[Any]:
    return [item.size, item.changed_at.isoformat() if item.changed_at else ""]
