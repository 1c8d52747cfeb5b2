"""A folder of the server on which Tandem runs, or one that is mounted there."""

from __future__ import annotations

from pathlib import PurePosixPath

from connectors.sdk import Account, Connector, Field, Model, Shelf, hint
from connectors.sdk.stores import FolderAt


class Folder(Connector):
    """A folder that an administrator has opened to the department."""

    name = "folder"
    title = "A folder of this server"
    about = "Read and write files in a folder that an administrator has opened to your department."
    icon = "folder"
    shelf = Shelf.FILES
    group = "files"

    class Settings(Model):
        path: str = Field(
            min_length=2,
            max_length=500,
            title="Folder",
            description="Its whole path on the server, at or below one that an administrator has listed.",
            json_schema_extra=hint("text", example="/srv/exchange/press"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Connector.Secrets) -> dict[str, str]:
        path = PurePosixPath(settings.path)
        is_whole = path.is_absolute() and ".." not in path.parts and str(path) == settings.path.rstrip("/")
        return {} if is_whole else {"path": "Write the whole path, beginning with /, without . and .. in it."}

    @classmethod
    def files_at(cls, settings: Settings, secrets: Connector.Secrets) -> FolderAt:
        return FolderAt(settings.path.rstrip("/"))

    def test(self, account: Account) -> str:
        found = account.files.list("")
        return f"It can be read. In it: {found.counted}."
