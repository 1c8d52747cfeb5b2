"""Databases: questions that change nothing, rows kept up to date, and single statements. Values are never SQL."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from pydantic import field_validator

from connectors.sdk import (
    Account,
    Action,
    BadParams,
    Connector,
    Done,
    Effect,
    Field,
    Leaving,
    Model,
    StepContext,
    at_most_once,
    hint,
)
from connectors.sdk.prose import counted
from connectors.sdk.sql import MYSQL, POSTGRESQL, USUAL_PORTS, Database, Upsert, names, reads

SYSTEMS = {POSTGRESQL: "PostgreSQL", MYSQL: "MySQL or MariaDB"}
SECURITY = {"tls": "TLS, with a certificate of the server's name", "none": "Not at all"}
MOST_ROWS = 10_000
LOOK_FIRST = "It may have been done all the same: look into the database before you do this step again."
FIXED = "SQL is written by people: no data may stand in it. Write :name, and give the value of that name below."
NAME = re.compile(r"[A-Za-z_][\w$]*")
TABLE = re.compile(rf"{NAME.pattern}(\.{NAME.pattern})?")


class Sql(Connector):
    """A database as one of its users."""

    name = "sql"
    title = "A database (PostgreSQL, MySQL, MariaDB)"
    about = "Ask a database for rows, keep rows in it up to date, or change it with a statement of your own."
    icon = "database"

    class Settings(Model):
        system: Literal["postgresql", "mysql"] = Field(
            title="System", description="Which database it is.", json_schema_extra=hint("choice", labels=SYSTEMS)
        )
        host: str = Field(
            min_length=1,
            max_length=200,
            title="Server",
            description="On the list that an administrator keeps, as postgresql://… or mysql://… with this name.",
            json_schema_extra=hint("text", example="db.example.com"),
        )
        database: str = Field(
            min_length=1,
            max_length=63,
            title="Database",
            description="Its name on that server.",
            json_schema_extra=hint("text", example="press"),
        )
        user: str = Field(
            min_length=1,
            max_length=63,
            title="User name",
            description="Best one made for this, which may do just what the workflows need.",
            json_schema_extra=hint("text", example="tandem"),
        )
        security: Literal["tls", "none"] = Field(
            default="tls",
            title="How it is secured",
            description="Not at all only for a server in your own network.",
            json_schema_extra=hint("choice", labels=SECURITY, advanced=True),
        )
        port: int | None = Field(
            default=None,
            ge=1,
            le=65_535,
            title="Port",
            description="Only where it is not the usual one: 5432 of PostgreSQL, 3306 of MySQL.",
            json_schema_extra=hint("number", example="5433", advanced=True),
        )

    class Secrets(Model):
        password: str = Field(
            default="",
            max_length=1_000,
            title="Password",
            description="Of that user. Kept sealed and never shown again.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        """With how it is secured: the password is asked for again before it goes in clear to the same server."""
        port = settings.port or USUAL_PORTS[settings.system]
        return (f"{settings.system}+{settings.security}://{settings.host}:{port}",)

    @classmethod
    def database(cls, settings: Settings, secrets: Secrets) -> Database:
        return Database(
            system=settings.system,
            host=settings.host,
            port=settings.port or USUAL_PORTS[settings.system],
            name=settings.database,
            user=settings.user,
            security=settings.security,
            password=secrets.password,
        )

    def test(self, account: Account) -> str:
        version = str(account.sql.read("SELECT version() AS version", {}, 1).rows[0]["version"])
        return f"Signed in. The server calls itself {version.partition(' on ')[0][:100]}."


def written(widget: str, example: str) -> dict[str, Any]:
    """What becomes SQL: by people alone, with no data in it and by no AI (rule L11)."""
    return hint(widget, example=example, destination="whole", fixed=widget != "list")


def _connection() -> Any:
    return Field(
        min_length=1,
        max_length=60,
        title="Database",
        description="Databases are connected once, under Connections.",
        json_schema_extra=hint("choice", source="connections:sql"),
    )


def _values() -> Any:
    return Field(
        default_factory=dict,
        title="Values",
        description="For each :name in the SQL its value. Whatever it holds, the database reads it as a value only.",
        json_schema_extra=hint("key_value", example="since: {{ run.date }}", adds="Add a value"),
    )


class ReadRows(Action):
    """Ask a database for rows. It cannot change anything there."""

    kind = "sql.read"
    title = "Read from a database"
    reads_as = "Read rows from {connection}"
    icon = "database-search"
    timeout_s = 120

    class Params(Model):
        connection: str = _connection()
        query: str = Field(
            min_length=1,
            max_length=20_000,
            title="Query",
            description="One SELECT. Write :name where a value belongs, and give it below.",
            json_schema_extra=written("long_text", "SELECT title, url FROM mention WHERE day >= :since"),
        )
        values: dict[str, Any] = _values()
        most: int = Field(
            default=1_000,
            ge=1,
            le=MOST_ROWS,
            title="At most",
            description="How many rows; what lies behind them is left out, and the step says so.",
            json_schema_extra=hint("number", example="100", advanced=True),
        )

    class Output(Model):
        rows: list[dict[str, Any]] = Field(title="Rows", description="Each with its columns by name.")
        count: int = Field(title="How many")
        more: bool = Field(title="There are more", description="Yes where rows were left out.")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return _sql_problems(given, "query")

    def run(self, params: Params, ctx: StepContext) -> Done:
        _demand_written("query", ctx)
        found = ctx.account(params.connection).sql.read(params.query, params.values, params.most)
        if found.more:
            ctx.note(f"There are more than {params.most:,} rows; the rest was left out. Narrow the query, or raise it.")
        output = self.Output(rows=[dict(row) for row in found.rows], count=len(found.rows), more=found.more)
        return Done(output, summary=counted(len(found.rows), "row") + (", and there are more" if found.more else ""))


class UpsertRows(Action):
    """Add rows to a table of a database; those whose key is there already are changed instead."""

    kind = "sql.upsert"
    title = "Keep rows in a database"
    reads_as = "Keep {rows} in {table}"
    icon = "database-import"
    effect = Effect.KEYED
    timeout_s = 120

    class Params(Model):
        connection: str = _connection()
        table: str = Field(
            min_length=1,
            max_length=130,
            title="Table",
            description="With its schema before it where it is not the usual one.",
            json_schema_extra=written("text", "press.mention"),
        )
        columns: list[str] = Field(
            min_length=1,
            max_length=100,
            title="Columns",
            description="Which columns are written, one a line. Other values of a row are left out.",
            json_schema_extra=written("list", "url"),
        )
        keys: list[str] = Field(
            min_length=1,
            max_length=16,
            title="Key",
            description="Those of the columns by which the table tells its rows apart. It must have such a key.",
            json_schema_extra=written("list", "url"),
        )
        rows: list[dict[str, Any]] = Field(
            max_length=MOST_ROWS,
            title="Rows",
            description="From an earlier step: a list of things, each with the columns by name.",
            json_schema_extra=hint("json", example="{{ steps.table.rows }}"),
        )

        @field_validator("rows", mode="before")
        @classmethod
        def _written(cls, value: Any) -> Any:
            """What is written in the form is JSON text; what comes from an earlier step is already a list."""
            with suppress(ValueError, RecursionError):
                return json.loads(value) if isinstance(value, str) else value
            return value

    class Output(Model):
        count: int = Field(title="How many", description="Rows that are in the table now, new or changed.")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        problems = {name: FIXED_NAMES for name in ("table", "columns", "keys") if _holds_data(given.get(name))}
        columns, keys = given.get("columns"), given.get("keys")
        if not problems and isinstance(columns, list) and isinstance(keys, list) and (set(keys) - set(columns)):
            problems["keys"] = f"“{sorted(set(keys) - set(columns))[0]}” is not among the columns."
        return problems

    def run(self, params: Params, ctx: StepContext) -> Done:
        ctx.account(params.connection).sql.upsert(_upsert(params, ctx))
        return Done(
            self.Output(count=len(params.rows)), summary=f"{counted(len(params.rows), 'row')} kept in {params.table}"
        )

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        _upsert(params, ctx)
        said = f"Would keep {counted(len(params.rows), 'row')} in {params.table}: {_shown(params.rows[:3])}"
        return Done(self.Output(count=len(params.rows)), summary=said, rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        account = ctx.account(params.connection)
        wanted = _upsert(params, ctx)
        rows = [{column: row.get(column) for column in wanted.columns} for row in wanted.rows]
        headings = {"Table": params.table, "Key": ", ".join(params.keys)}
        return Leaving(f"Database “{account.title}”", (account.settings.database,), headings, _shown(rows))


class WriteSql(Action):
    """Change a database with a statement of your own. It is done at most once."""

    kind = "sql.write"
    title = "Change a database"
    reads_as = "Change {connection}"
    icon = "database-edit"
    effect = Effect.UNSAFE
    timeout_s = 120

    class Params(Model):
        connection: str = _connection()
        statement: str = Field(
            min_length=1,
            max_length=20_000,
            title="Statement",
            description="One INSERT, UPDATE or DELETE. Write :name where a value belongs, and give it below.",
            json_schema_extra=written("long_text", "UPDATE mention SET tone = :tone WHERE id = :id"),
        )
        values: dict[str, Any] = _values()

    class Output(Model):
        count: int = Field(title="How many", description="Rows that were added, changed or removed.")

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return _sql_problems(given, "statement")

    def run(self, params: Params, ctx: StepContext) -> Done:
        _demand_written("statement", ctx)
        with at_most_once(LOOK_FIRST):
            touched = ctx.account(params.connection).sql.write(params.statement, params.values)
        return Done(self.Output(count=touched), summary=f"{counted(touched, 'row')} touched")

    def rehearse(self, params: Params, ctx: StepContext) -> Done:
        said = f"Would do in {params.connection}: {params.statement} {_shown(params.values)}"
        return Done(self.Output(count=1), summary=said, rehearsed=True)

    def leaving(self, params: Params, ctx: StepContext) -> Leaving:
        account = ctx.account(params.connection)
        body = f"{params.statement}\n\n{_shown(params.values)}"
        return Leaving(f"Database “{account.title}”", (account.settings.database,), {}, body)


FIXED_NAMES = "Names in a database are written by people: no data may stand in them."


def _sql_problems(given: Mapping[str, Any], field: str) -> dict[str, str]:
    """Untrusted text must never become SQL (rule L11); what a value is called is known before any run."""
    statement, values = given.get(field), given.get("values")
    if _holds_data(statement):
        return {field: FIXED}
    if not isinstance(statement, str) or not isinstance(values or {}, Mapping):
        return {}
    if field == "query" and not any(reads(statement, system) for system in SYSTEMS):
        return {field: "This step only reads: begin with SELECT or WITH, or take “Change a database”."}
    lacking = [{*names(statement, system)} - {*(values or {})} for system in SYSTEMS]
    return {} if not all(lacking) else {"values": f"The SQL names :{sorted(lacking[0])[0]}. Give its value here."}


def _demand_written(field: str, ctx: StepContext) -> None:
    """The draft's check again, for versions that were published by another way."""
    if _holds_data(ctx.given.get(field)):
        raise BadParams(FIXED, fields={field: FIXED})


def _upsert(params: UpsertRows.Params, ctx: StepContext) -> Upsert:
    """Raises BadParams."""
    problems = UpsertRows.check(ctx.given)
    if not TABLE.fullmatch(params.table):
        problems["table"] = "A table is called like press.mention: letters, digits and _."
    if bad := [name for name in (*params.columns, *params.keys) if not NAME.fullmatch(name)]:
        problems["columns"] = f"“{bad[0]}” is no name of a column: letters, digits and _."
    for field, problem in problems.items():
        raise BadParams(problem, fields={field: problem})
    return Upsert(params.table, params.columns, params.keys, params.rows)


def _holds_data(written: Any) -> bool:
    """Whether a reference to data stands anywhere in it."""
    if isinstance(written, list):
        return any(map(_holds_data, written))
    return isinstance(written, str) and ("{{" in written or "{%" in written)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
