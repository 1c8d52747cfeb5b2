"""Files outside: what lies in a folder, a bucket or on another server, and what is put there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from connectors.sdk import (
    Action,
    Attachment,
    BadParams,
    Done,
    Effect,
    Field,
    FileRef,
    Leaving,
    Model,
    StepContext,
    at_most_once,
    hint,
)
from connectors.sdk.prose import counted
from connectors.sdk.stores import Item, clean, file_at

LOOK_FIRST = "It may have been moved all the same: look there before you do this step again."
FIXED = "Where files go is written by people: only facts like {{ run.date }} may stand in it, no data of steps."
_FILTER = r"""\s*\|\s*\w+(?:\s*:\s*(?:"[^"]*"|'[^']*'|\d+))?"""
FACT = re.compile(rf"\{{\{{-?\s*(?:run|department|workflow)\.\w+(?:{_FILTER})*\s*-?\}}\}}")


def _connection() -> Any:
    return Field(
        min_length=1,
        max_length=60,
        title="Place",
        description="A folder, bucket or server with files, connected once under Connections.",
        json_schema_extra=hint("choice", source="connections:files"),
    )


def _path(title: str, destination: str = "whole") -> Any:
    return Field(
        min_length=1,
        max_length=1_000,
        title=title,
        description="From “List files”, or written: it begins at the folder of the connection and stays below it.",
        json_schema_extra=hint("text", example="{{ item.path }}", destination=destination),
    )


def _folder(description: str) -> Any:
    return Field(
        default="",
        max_length=1_000,
        title="Folder",
        description=description,
        json_schema_extra=hint("text", example="reports/{{ run.date }}", destination="whole"),
    )


class ListFiles(Action):
    """See which files lie in a folder outside."""

    kind = "files.list"
    title = "List files"
    reads_as = "List the files of {connection}"
    icon = "folder-search"

    class Params(Model):
        connection: str = _connection()
        folder: str = _folder("Below that of the connection; empty for that one itself.")
        pattern: str = Field(
            default="",
            max_length=200,
            title="Only names like",
            description="With * for anything; empty for all.",
            json_schema_extra=hint("text", example="*.pdf"),
        )

    class Output(Model):
        files: list[dict[str, Any]] = Field(
            title="Files", description="Each with path, name, size in bytes and changed."
        )
        count: int = Field(title="How many")
        folders: list[str] = Field(title="Folders", description="Those that lie in it.")
        more: bool = Field(title="There are more", description="Yes where files were left out.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        found = ctx.account(params.connection).files.list(params.folder)
        pattern = params.pattern.strip().lower() or "*"
        files = [_told(item) for item in found.items if fnmatchcase(item.name.lower(), pattern)]
        if found.more:
            ctx.note("There is more in the folder than is listed at once. Move away what is done with, or use folders.")
        if found.left_out:
            ctx.note(found.left_out)
        output = self.Output(files=files, count=len(files), folders=list(found.folders), more=found.more)
        return Done(output, summary=counted(len(files), "file"))


class ReadFile(Action):
    """Fetch a file from outside; from then on it is a file of the run."""

    kind = "files.read"
    title = "Read a file"
    reads_as = "Read {path} from {connection}"
    icon = "file-download"

    class Params(Model):
        connection: str = _connection()
        path: str = _path("File", destination="")

    class Output(Model):
        file: FileRef = Field(title="File", description="For steps that read documents, send or write files.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        content = ctx.account(params.connection).files.read(params.path)
        file = ctx.files.save(clean(params.path).rpartition("/")[2], content, "")
        return Done(self.Output(file=file), summary=f"{file.name}, {file.size:,} bytes")


class WriteFile(Action):
    """Put a file of the run into a folder outside. Doing it twice is the same as once."""

    kind = "files.write"
    title = "Write a file"
    reads_as = "Write {file} to {connection}"
    icon = "file-upload"
    effect = Effect.KEYED

    class Params(Model):
        connection: str = _connection()
        file: FileRef = Field(
            title="File",
            description="One that an earlier step read or wrote.",
            json_schema_extra=hint("file", example="{{ steps.document.file }}"),
        )
        folder: str = _folder("Where it goes; made if it is not there.")
        name: str = Field(
            default="",
            max_length=300,
            title="Name",
            description="Empty for the name that it has.",
            json_schema_extra=hint("text", example="{{ inputs.title }}.docx"),
        )
        over: bool = Field(
            default=False,
            title="Replace what lies there",
            description="Else the step fails where another file has that name.",
            json_schema_extra=hint("switch"),
        )

    class Output(Model):
        path: str = Field(title="Path")
        size: int = Field(title="Bytes")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return _fixed(given)

    def run(self, params: Params, ctx: StepContext) -> Done:
        path = _target(params.folder, params.name or params.file.name, ctx)
        content = ctx.files.read(params.file)
        ctx.account(params.connection).files.write(path, content, over=params.over)
        return Done(self.Output(path=path, size=len(content)), summary=f"{path}, {len(content):,} bytes")

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        path = _target(params.folder, params.name or params.file.name, ctx)
        said = f"Would write {params.file.name} to {params.connection}, as {path}"
        return Done(self.Output(path=path, size=params.file.size), summary=said, rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        file = params.file
        path = _target(params.folder, params.name or file.name, ctx)
        headings = {"Replaces what lies there": "yes" if params.over else "no"}
        attached = (Attachment(file.name, file.type, file.size, file.sha256),)
        return Leaving(f"“{ctx.account(params.connection).title}”", (path,), headings, "", attached)


class MoveFile(Action):
    """Move a file outside into another folder there, for example when it is done with. It is done at most once."""

    kind = "files.move"
    title = "Move a file"
    reads_as = "Move {path} to {folder} in {connection}"
    icon = "file-export"
    effect = Effect.UNSAFE

    class Params(Model):
        connection: str = _connection()
        path: str = _path("File")
        folder: str = _folder("Where it goes, at the same place; made if it is not there.")
        name: str = Field(
            default="",
            max_length=300,
            title="New name",
            description="Empty for the name that it has.",
            json_schema_extra=hint("text", example="done-{{ run.date }}.pdf", advanced=True),
        )

    class Output(Model):
        path: str = Field(title="Path", description="Where it is now.")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return _fixed(given)

    def run(self, params: Params, ctx: StepContext) -> Done:
        to = _moved(params, ctx)
        with at_most_once(LOOK_FIRST):
            ctx.account(params.connection).files.move(params.path, to)
        return Done(self.Output(path=to), summary=f"{clean(params.path)} is now {to}")

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        to = _moved(params, ctx)
        return Done(self.Output(path=to), summary=f"Would move {clean(params.path)} to {to}", rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        place = f"“{ctx.account(params.connection).title}”"
        return Leaving(place, (_moved(params, ctx),), {"Moved from": clean(params.path)}, "")


class RemoveFile(Action):
    """Remove a file outside for good."""

    kind = "files.remove"
    title = "Remove a file"
    reads_as = "Remove {path} from {connection}"
    icon = "file-x"
    effect = Effect.KEYED

    class Params(Model):
        connection: str = _connection()
        path: str = _path("File")

    class Output(Model):
        path: str = Field(title="Path", description="Where nothing lies any more.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        ctx.account(params.connection).files.remove(params.path)
        return Done(self.Output(path=clean(params.path)), summary=f"{clean(params.path)} is gone")

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        path = clean(params.path)
        return Done(self.Output(path=path), summary=f"Would remove {path}", rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        return Leaving(f"“{ctx.account(params.connection).title}”", (clean(params.path),), {"What": "removed"}, "")


def _fixed(given: Mapping[str, Any]) -> dict[str, str]:
    """Untrusted text never says where something goes (rule L11); it may be a name there."""
    rest = FACT.sub("", str(given.get("folder") or ""))
    return {"folder": FIXED} if "{{" in rest or "{%" in rest else {}


def _target(folder: str, name: str, ctx: StepContext) -> str:
    """Raises BadParams."""
    if problems := _fixed(ctx.given):
        raise BadParams(FIXED, fields=problems)
    return file_at(folder, name)


def _moved(params: MoveFile.Params, ctx: StepContext) -> str:
    return _target(params.folder, params.name or clean(params.path).rpartition("/")[2], ctx)


def _told(item: Item) -> dict[str, Any]:
    changed = item.changed_at.isoformat() if item.changed_at else ""
    return {"path": item.path, "name": item.name, "size": item.size, "changed": changed}
