"""Folders of other servers over SFTP."""

from __future__ import annotations

import re

from connectors.sdk import Account, BadParams, Connector, Field, Model, Shelf, hint
from connectors.sdk.stores import SftpAt, clean

FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
KEY = re.compile(r"\s*(-----BEGIN [A-Z ]*PRIVATE KEY-----)([\sA-Za-z0-9+/=]+)(-----END [A-Z ]*PRIVATE KEY-----)\s*")


class Sftp(Connector):
    """A folder on another server, as a user of it."""

    name = "sftp"
    title = "A folder of another server (SFTP)"
    about = "Read and write files on a server over SFTP, with a password or a key."
    icon = "server-2"
    shelf = Shelf.FILES
    group = "files"

    class Settings(Model):
        host: str = Field(
            min_length=1,
            max_length=200,
            title="Server",
            description="On the list that an administrator keeps, as sftp://… with this name.",
            json_schema_extra=hint("text", example="files.example.com"),
        )
        user: str = Field(
            min_length=1,
            max_length=200,
            title="User name",
            description="With which you sign in there.",
            json_schema_extra=hint("text", example="press"),
        )
        server_key: str = Field(
            default="",
            max_length=300,
            title="Key of the server",
            description="Leave it empty, and the first test shows it; compare it, write it here, and test again.",
            json_schema_extra=hint("text", example="SHA256:uNiVztksCsDhcc0u9e8BrD5VMjI3hyH2vdZ1E1bh5Kk"),
        )
        folder: str = Field(
            default="",
            max_length=500,
            title="Folder",
            description="Where paths begin; nothing outside of it is touched. Empty for where the user arrives.",
            json_schema_extra=hint("text", example="/exchange/press"),
        )
        port: int = Field(
            default=22,
            ge=1,
            le=65_535,
            title="Port",
            description="Only where it is not the usual one.",
            json_schema_extra=hint("number", example="2222", advanced=True),
        )

    class Secrets(Model):
        password: str = Field(
            default="",
            max_length=1_000,
            title="Password",
            description="Or give a private key. Kept sealed and never shown again.",
            json_schema_extra=hint("secret"),
        )
        private_key: str = Field(
            default="",
            max_length=10_000,
            title="Private key",
            description="The whole file as ssh-keygen wrote it, without a passphrase; made for this alone.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = {}
        if not secrets.password and not secrets.private_key:
            problems["password"] = "Give a password or a private key."
        if secrets.private_key and not KEY.fullmatch(secrets.private_key):
            problems["private_key"] = "Copy the whole file, from -----BEGIN to the end of the last line."
        if settings.server_key and not all(map(FINGERPRINT.fullmatch, settings.server_key.split())):
            problems["server_key"] = "It is SHA256: and then 43 letters, digits, + and /. The test shows it."
        try:
            clean(settings.folder)
        except BadParams as error:
            problems["folder"] = error.message
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        return (f"sftp://{settings.host}:{settings.port}",)

    @classmethod
    def files_at(cls, settings: Settings, secrets: Secrets) -> SftpAt:
        return SftpAt(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            folder=settings.folder.rstrip("/") or settings.folder,
            keys=tuple(settings.server_key.split()),
            password=secrets.password,
            private_key=_in_lines(secrets.private_key),
        )

    def test(self, account: Account) -> str:
        found = account.files.list("")
        return f"Signed in. In the folder: {found.counted}."


def _in_lines(key: str) -> str:
    """A box of one line has taken the ends of lines out of it."""
    found = KEY.fullmatch(key)
    if found is None:
        return key
    content = "".join(found[2].split())
    lines = [content[start : start + 70] for start in range(0, len(content), 70)]
    return "\n".join([found[1], *lines, found[3], ""])
