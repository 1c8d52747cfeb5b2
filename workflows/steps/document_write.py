"""A document made from text or rows, kept as a file of the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from connectors.sdk import Action, BadParams, Done, Effect, Field, FileRef, Model, StepContext, hint

TYPES = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "md": "text/markdown",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
NAME_MAX = 120

# What a path, a shell, or Windows reads as something else, and signs that turn the direction of writing.
UNFIT = re.compile('[\\\\/:*?"<>|\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)


class WriteDocument(Action):
    """Write a Word, Markdown, CSV or Excel file."""

    kind = "document.write"
    title = "Write a document"
    reads_as = "Write {name} as {format}"
    effect = Effect.KEYED
    stays_here = True
    icon = "file-pencil"

    class Params(Model):
        format: Literal["docx", "md", "csv", "xlsx"] = Field(
            title="Form",
            description="Word and Markdown are written from text, CSV and Excel from rows.",
            json_schema_extra=hint(
                "choice", labels={"docx": "Word", "md": "Markdown", "csv": "CSV table", "xlsx": "Excel table"}
            ),
        )
        name: str = Field(
            title="File name",
            description="Without a folder; the ending is added. Signs that file names cannot have become a dash.",
            min_length=1,
            max_length=200,
            json_schema_extra=hint("text", example="Memo on {{ steps.facts.party }}"),
        )
        title: str = Field(
            "",
            title="Title",
            description="Stands at the top of the document, and names the sheet in Excel.",
            max_length=250,
            json_schema_extra=hint("text", example="Deviations from the playbook"),
        )
        content: str | list[dict[str, Any]] = Field(
            title="Content",
            description="A text in Markdown, or the rows of an earlier step.",
            json_schema_extra=hint("long_text", example="{{ steps.memo.text }}"),
        )

    class Output(Model):
        file: FileRef = Field(title="File", description="The written document.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        name = file_name(params.name, params.format)
        content = ctx.documents.write(params.format, params.title, params.content)
        return Done(self.Output(file=ctx.files.save(name, content, TYPES[params.format])), summary=f"Wrote {name}")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        form, content = given.get("format"), given.get("content")
        if form in ("csv", "xlsx") and isinstance(content, str) and not content.strip().startswith("{{"):
            return {"content": f"{str(form).upper()} files are made from rows: choose the rows of an earlier step."}
        return {}


def file_name(wanted: str, form: str) -> str:
    """A name without folders that every system can keep, with the ending of its form. Raises BadParams for no name."""
    name = UNFIT.sub("-", wanted).strip(" .-")
    if name.lower().endswith(f".{form}"):
        name = name[: -len(form) - 1].strip(" .-")
    if not name:
        raise BadParams(
            f'"{wanted[:60]}" leaves no file name. Give it a name with letters.', fields={"name": "No name."}
        )
    shortened = name[: NAME_MAX - len(form) - 1].strip(" .-")
    return f"{'_' if RESERVED.fullmatch(shortened) else ''}{shortened}.{form}"
