"""A restore that fails leaves the empty database as empty as it was: what it has made there is taken away again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from config.backups.programs import Address


@contextmanager
def empty_again(name: str) -> Iterator[None]:
    """What an administrator had made there before stays: extensions, and rights of roles."""
    with _session(name) as session:
        before = set(undoing(session))
    try:
        yield
    except BaseException:
        with _session(name) as session:
            for statement in undoing(session):
                if statement not in before:
                    session.execute(statement)
        raise


def undoing(session: psycopg.Connection[Any]) -> list[str]:
    """The statement that takes away each thing that is there, in an order in which they can be said."""
    return [statement for (statement,) in session.execute(_UNDOING).fetchall()]


@contextmanager
def _session(name: str) -> Iterator[psycopg.Connection[Any]]:
    """One transaction: all of it goes, or nothing."""
    at = Address.of(name)
    with psycopg.connect(at.info, password=at.password or None) as session:
        yield session


# What an extension has made goes with it, and what a table has made with the table.
_UNDOING = """
WITH ours AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'),
made AS (SELECT objid FROM pg_depend WHERE deptype = 'e')
SELECT said FROM (
    SELECT 1 AS turn, format('DROP %s IF EXISTS %I.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW'
        WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, ours.nspname, c.relname) AS said
    FROM pg_class AS c JOIN ours ON ours.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND c.oid NOT IN (SELECT objid FROM pg_depend WHERE deptype IN ('e', 'a', 'i'))
UNION ALL
    SELECT 2, format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
    FROM pg_proc AS p JOIN ours ON ours.oid = p.pronamespace WHERE p.oid NOT IN (SELECT objid FROM made)
UNION ALL
    SELECT 3, format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype)
    FROM pg_type AS t JOIN ours ON ours.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd') AND t.oid NOT IN (SELECT objid FROM made)
UNION ALL
    SELECT 4, format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM pg_extension
UNION ALL
    SELECT 5, format('REVOKE %s ON SCHEMA %I FROM %s', a.privilege_type, nspname,
        coalesce(quote_ident(rolname), 'PUBLIC'))
    FROM ours CROSS JOIN aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS a
    LEFT JOIN pg_roles ON pg_roles.oid = a.grantee
UNION ALL
    SELECT 6, format('ALTER DEFAULT PRIVILEGES FOR ROLE %s %s REVOKE %s ON %s FROM %s', d.defaclrole::regrole,
        CASE WHEN d.defaclnamespace <> 0 THEN format('IN SCHEMA %s', d.defaclnamespace::regnamespace) ELSE '' END,
        a.privilege_type, CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES'
        WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END, coalesce(quote_ident(rolname), 'PUBLIC'))
    FROM pg_default_acl AS d CROSS JOIN aclexplode(d.defaclacl) AS a LEFT JOIN pg_roles ON pg_roles.oid = a.grantee
    WHERE a.grantee <> d.defaclrole
) AS all_of_it ORDER BY turn, said
"""
