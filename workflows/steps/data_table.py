"""The rows of a CSV or Excel file, as values that later steps can go through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sdk import Action, BadParams, Done, Effect, Field, FileRef, Model, StepContext, hint

ROWS_MAX = 10_000


class ReadTable(Action):
    """Read the rows of a CSV or Excel file; the first row names the columns."""

    kind = "data.table"
    title = "Read a table"
    reads_as = "Read the rows of {file}"
    effect = Effect.PURE
    icon = "table"

    class Params(Model):
        file: FileRef = Field(
            title="File",
            description="A CSV or XLSX file with the names of the columns in its first row.",
            json_schema_extra=hint("file", example="{{ inputs.contacts }}"),
        )
        sheet: str = Field(
            "",
            title="Sheet",
            description="Name of the sheet in an Excel file; empty for the first one that has rows.",
            max_length=100,
            json_schema_extra=hint("text", example="Prices"),
        )

    class Output(Model):
        rows: list[dict[str, Any]] = Field(title="Rows", description="Each with its values by column.")
        columns: list[str] = Field(title="Columns", description="Their names in order.")
        count: int = Field(title="Number of rows")

    def run(self, params: Params, ctx: StepContext) -> Done:
        found = ctx.documents.read(params.file)
        for problem in found.problems:
            ctx.note(f"{params.file.name}: {problem}")
        rows = [dict(row) for row in _chosen(params, found.tables, found.table_names)]
        if len(rows) > ROWS_MAX:
            raise BadParams(
                f'"{params.file.name}" has more than {ROWS_MAX:,} rows. Split it into smaller files.',
                fields={"file": f"More than {ROWS_MAX:,} rows."},
            )
        columns = list(rows[0]) if rows else []
        return Done(self.Output(rows=rows, columns=columns, count=len(rows)), summary=f"{len(rows):,} rows")


def _chosen(
    params: ReadTable.Params, tables: Sequence[Sequence[Mapping[str, Any]]], names: Sequence[str]
) -> Sequence[Mapping[str, Any]]:
    """The rows of the sheet asked for, or of the first that has any."""
    if not tables:
        raise BadParams(
            f'"{params.file.name}" holds no table. Give it a CSV or XLSX file.', fields={"file": "It holds no table."}
        )
    if not params.sheet:
        return next((table for table in tables if table), tables[0])
    wanted = params.sheet.strip().casefold()
    by_name = {name.casefold(): table for name, table in zip(names, tables, strict=True)}
    if wanted not in by_name:
        there = ", ".join(f'"{name}"' for name in names if name) or "none with a name"
        raise BadParams(
            f'"{params.file.name}" has no sheet "{params.sheet}". Its sheets: {there}.',
            fields={"sheet": "There is no such sheet."},
        )
    return by_name[wanted]
