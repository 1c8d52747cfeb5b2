"""The errors of databases in words of our own: theirs quote rows, values and addresses. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.sdk import AuthFailed, BadParams, RateLimited, Rejected, StepError, Unavailable

_SENTENCES: Mapping[str, tuple[type[StepError], str]] = {
    "auth": (AuthFailed, "The database does not accept the user name and password. Renew the connection."),
    "no database": (AuthFailed, "There is no such database on that server. Complete the connection."),
    "rights": (Rejected, "The user of the connection may not do this. Ask who runs the database for the right to."),
    "syntax": (BadParams, "The database cannot read the SQL."),
    "no table": (BadParams, "The database knows no such table. Check the name, and the schema before it."),
    "no column": (BadParams, "The database knows no such column."),
    "no function": (BadParams, "The database knows no such function, or not for values of these types."),
    "type": (
        BadParams,
        "The database cannot tell of which type a value is. Say it: :name::text, or CAST(:name AS CHAR).",
    ),
    "changes": (BadParams, "The query would change something; this step only reads. Use “Change a database”."),
    "value": (Rejected, "A value does not fit where it is to go: wrong type, too long or out of range."),
    "twice": (Rejected, "A row with the same key is there already."),
    "refers": (Rejected, "A row refers to one that is not there, or is referred to by others."),
    "empty": (Rejected, "A value is missing where the table demands one."),
    "rule": (Rejected, "A rule of the table refuses a value."),
    "time": (Rejected, "The database took too long. Ask for less, or have an index made."),
    "locked": (Unavailable, "Others were working on the same rows. Nothing was changed; try again."),
    "busy": (RateLimited, "The database has no room for us now. Try again later."),
    "away": (Unavailable, "The database is starting or shutting down. Try again later."),
}
_POSTGRESQL = {
    "28": "auth", "3D000": "no database", "42501": "rights", "42601": "syntax", "42P01": "no table",
    "3F000": "no table", "42703": "no column", "42883": "no function", "42P18": "type", "42804": "type",
    "25006": "changes", "0A000": "changes", "22": "value", "23505": "twice", "23P01": "twice", "23503": "refers",
    "23502": "empty", "23514": "rule", "57014": "time", "40": "locked", "55P03": "locked", "53": "busy",
    "57P": "away", "42": "syntax",
}  # fmt: skip
_MYSQL = {
    1045: "auth", 1044: "no database", 1049: "no database", 1698: "auth", 1142: "rights", 1143: "rights",
    1227: "rights", 1370: "rights", 1290: "rights", 1064: "syntax", 1065: "syntax", 1146: "no table", 1054: "no column",
    1305: "no function", 1792: "changes", 1062: "twice", 1451: "refers", 1452: "refers", 1048: "empty", 1364: "empty",
    4025: "rule", 3819: "rule", 1264: "value", 1265: "value", 1292: "value", 1366: "value", 1406: "value",
    1411: "value", 1969: "time", 3024: "time", 1317: "time", 1205: "locked", 1213: "locked", 1040: "busy",
    1203: "busy", 1226: "busy", 1053: "away",
}  # fmt: skip


def of_postgresql(state: str, *, column: str = "", about: str = "") -> StepError:
    """By its SQLSTATE, the whole code before its class. Source: the manual's appendix A."""
    known = next((_POSTGRESQL[state[:length]] for length in (5, 3, 2) if state[:length] in _POSTGRESQL), "")
    return _error(known, state, column, about)


def of_mysql(number: int) -> StepError:
    """Source: the server error references of MySQL and MariaDB."""
    return _error(_MYSQL.get(number, ""), str(number))


def _error(known: str, code: str, column: str = "", about: str = "") -> StepError:
    kind, sentence = _SENTENCES.get(known, (Rejected, "The database refused."))
    place = f" Column “{column}”." if column else f" It says: {' '.join(about.split())[:200]}." if about else ""
    return kind(f"{sentence}{place} ({code})")
