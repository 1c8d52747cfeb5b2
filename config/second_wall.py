"""The policies behind audit/wall.py, made from the models after each migration: no new table is forgotten."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core.checks import Warning as Complaint
from django.db import connection, transaction
from django.db.models import ForeignKey, Model

from audit.wall import ROLE, TO_CHANGE
from departments.models import Department

log = logging.getLogger(__name__)

OWNING = ("connectors", "workflows")
"""Apps whose tables belong to departments. Those of people and of sign-in are asked before anybody is known."""

_ROLE = f"""
DO $$ BEGIN
    CREATE ROLE {ROLE} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
_GRANTS = f"""
GRANT USAGE ON SCHEMA public TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {ROLE};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {ROLE};
REVOKE UPDATE, DELETE ON audit_entry, audit_batch FROM {ROLE};
REVOKE DELETE ON audit_counter, audit_anchored, audit_verification FROM {ROLE};
REVOKE UPDATE ON audit_unsealed FROM {ROLE};
"""
_THERE = """
SELECT relation.relname, obj_description(policy.oid, 'pg_policy') FROM pg_policy AS policy
JOIN pg_class AS relation ON relation.oid = policy.polrelid WHERE policy.polname = 'wall' AND relation.relrowsecurity
"""
_GRANTED = """
SELECT FROM pg_roles AS walled WHERE rolname = %s AND has_schema_privilege(oid, 'public', 'USAGE')
    AND has_table_privilege(oid, 'workflows_workflow', 'SELECT, UPDATE')
    AND EXISTS (SELECT FROM pg_default_acl AS given, aclexplode(given.defaclacl) AS one
        WHERE pg_get_userbyid(given.defaclrole) = current_user AND one.grantee = walled.oid)
"""
_MAY = f"""
SELECT mine.rolsuper OR mine.rolcreaterole, walled.oid IS NOT NULL,
    walled.oid IS NOT NULL AND pg_has_role(mine.oid, walled.oid, {TO_CHANGE}),
    walled.oid IS NOT NULL AND pg_has_role(mine.oid, walled.oid, 'MEMBER WITH ADMIN OPTION')
        OR mine.rolcreaterole AND current_setting('server_version_num')::int < 160000
FROM pg_roles AS mine LEFT JOIN pg_roles AS walled ON walled.rolname = %s WHERE mine.rolname = current_user
"""

# An InitPlan: the setting is read once for a statement, not once for a row.
_TOLD = "department_id = ANY ((SELECT NULLIF(current_setting('app.departments', true), '')::uuid[])::uuid[])"


def owned() -> dict[type[Model], ForeignKey[Any, Any] | None]:
    """Tables behind the wall → the column by which they hang on another one; none where they name their department."""
    found: dict[type[Model], ForeignKey[Any, Any] | None] = {}
    waiting = [model for label in OWNING for model in apps.get_app_config(label).get_models()]
    while new := {model: column for model in waiting if (column := _way(model, found)) is not False}:
        found |= {model: column if isinstance(column, ForeignKey) else None for model, column in new.items()}
        waiting = [model for model in waiting if model not in found]
    return found


def policy(model: type[Model], column: ForeignKey[Any, Any] | None) -> tuple[str, str]:
    """What may be seen and changed, and what may be written.

    A row that hangs on another is written with it in one statement, where its policy could not yet see the other.
    """
    if column is None:
        nullable = model._meta.get_field("department").null
        seen = f"(current_user <> '{ROLE}' OR {_TOLD}{' OR department_id IS NULL' if nullable else ''})"
        return seen, seen
    parent = column.related_model._meta.db_table
    # A subquery of one value, which PostgreSQL never turns into a list of all rows that may be seen.
    hangs = f"(SELECT true FROM {parent} AS parent WHERE parent.id = {model._meta.db_table}.{column.column})"
    return f"(current_user <> '{ROLE}' OR {hangs})", "(true)"


def build(**_signal: Any) -> None:
    """Make what is missing or otherwise. Without the right to make a role there is no wall, and `check` says so."""
    wanted = {model._meta.db_table: policy(model, column) for model, column in owned().items()}
    with connection.cursor() as cursor:
        cursor.execute(_THERE)
        stands = dict(cursor.fetchall()) == {table: _mark(each) for table, each in wanted.items()}
        if not _has_role(cursor):
            log.warning("wall.missing: the role %s is not there and cannot be made (docs/operating.md)", ROLE)
            return
        cursor.execute(_GRANTED, [ROLE])  # a restored database brings policies, and no default rights
        if stands and cursor.fetchone() is not None:
            return
        with transaction.atomic():
            for statement in _statements(wanted):
                cursor.execute(statement)


def missing(*, databases: Sequence[str] | None = None, **_asked: Any) -> list[Complaint]:
    """Django's check, at each migration and with `--database default`: whether the role is there or can be made."""
    if not databases:
        return []
    with connection.cursor() as cursor:
        may_make, is_there, may_be, may_give = _rights(cursor)
    if may_be or (may_give if is_there else may_make):
        return []
    hint = f"Make the role {ROLE} as docs/operating.md says, then run `manage.py migrate`."
    return [Complaint("The database has no second wall between departments.", hint=hint, id="tandem.W001")]


def _way(model: type[Model], found: Mapping[type[Model], Any]) -> ForeignKey[Any, Any] | bool | None:
    """Its own department, else the first column that leads to one; False where there is none."""
    columns = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
    if any(column.name == "department" and column.related_model is Department for column in columns):
        return None
    return next((column for column in columns if column.related_model in found and not column.null), False)


def _has_role(cursor: Any) -> bool:
    """Makes the role where that is allowed, and lets whoever made it change to it."""
    may_make, is_there, may_be, may_give = _rights(cursor)
    if may_make and not is_there:
        cursor.execute(_ROLE)
        _, is_there, may_be, may_give = _rights(cursor)
    if is_there and may_give and not may_be:
        cursor.execute(f"GRANT {ROLE} TO CURRENT_USER")
    return is_there


def _rights(cursor: Any) -> tuple[bool, bool, bool, bool]:
    """May make roles, the role of the wall is there, may change to it, may let others."""
    cursor.execute(_MAY, [ROLE])
    found: tuple[bool, bool, bool, bool] = cursor.fetchone()
    return found


def _statements(wanted: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield _GRANTS
    for table, (seen, written) in wanted.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"DROP POLICY IF EXISTS wall ON {table}"
        yield f"CREATE POLICY wall ON {table} USING {seen} WITH CHECK {written}"
        yield "COMMENT ON POLICY wall ON {} IS '{}'".format(table, _mark((seen, written)).replace("'", "''"))


def _mark(each: tuple[str, str]) -> str:
    """By which an older policy is known."""
    return " / ".join(each)
