"""Text, passages and tables of an office document."""

from __future__ import annotations

from typing import Any

from connectors.sdk import Action, Done, Effect, Field, FileRef, Model, Passage, StepContext, hint


class ReadDocument(Action):
    """Read a PDF, DOCX, XLSX, CSV, HTML, EML, TXT or Markdown file."""

    kind = "document.read"
    title = "Read a document"
    reads_as = "Read {file}"
    effect = Effect.PURE
    icon = "file-text"

    class Params(Model):
        file: FileRef = Field(
            title="File",
            description="PDF, DOCX, XLSX, CSV, HTML, EML, TXT or Markdown, at most 25 MB.",
            json_schema_extra=hint("file", example="{{ inputs.contract }}"),
        )

    class Output(Model):
        text: str = Field(title="Text", description="Everything in order.")
        title: str = Field(title="Title", description="The document's own title; empty when it has none.")
        passages: list[Passage] = Field(title="Passages", description="Piece by piece, each with its place.")
        tables: list[list[dict[str, Any]]] = Field(title="Tables", description="Each table's rows, column by column.")
        pages: int | None = Field(title="Pages", description="Number of pages of a PDF.")
        problems: list[str] = Field(title="Problems", description="What was left out, and what looked wrong.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        found = ctx.documents.read(params.file)
        for problem in found.problems:
            ctx.note(f"{params.file.name}: {problem}")
        output = self.Output(
            text=found.text,
            title=found.title,
            passages=list(found.passages),
            tables=[[dict(row) for row in table] for table in found.tables],
            pages=found.pages,
            problems=list(found.problems),
        )
        return Done(output, summary=f"{params.file.name}: {_size(output)}")


def _size(output: ReadDocument.Output) -> str:
    pages = f"{output.pages} pages, " if output.pages else ""
    return f"{pages}{len(output.text):,} characters in {len(output.passages):,} passages"
