"""Restoring: beside what is there, never over it; and the ledger says at once that its history was replaced (A14)."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any, cast

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from audit import history
from audit.history import Head
from audit.wall import ROLE
from config.backups import making, people
from config.backups.emptying import empty_again
from config.backups.manifest import DUMP, FILES, Manifest, digest, digest_of, read
from config.backups.people import Known
from config.backups.programs import Address, CannotBackUp, in_words, run
from connectors.anchor_places import places

LEAVE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    old: Head
    kept_as: str
    """The name of the database that was there before; empty where there was none."""
    files: int
    erased_again: int


def restore(folder: Path, *, replace: bool, take_keys_for_granted: bool = False) -> Restored:
    """Raises CannotBackUp; then the database that was there is as it was, and an empty one is as empty as it was."""
    with in_words():
        manifest = read(folder)
        if not take_keys_for_granted:
            _require_keys(manifest)
        name = str(connection.settings_dict["NAME"])
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        with _session(name) as session:
            _require_nobody(session, name)
            is_empty = not session.execute(making._TABLES).fetchall()
            there = Head() if is_empty else making.head(session)
            known = Known([], ()) if is_empty else people.known(session)
        if is_empty:
            with empty_again(name):
                old, files, erased = _brought_back(name, folder, manifest, there, known)
            return Restored(manifest, old, "", files, erased)
        if not replace:
            raise CannotBackUp(
                f"The database {name!r} is not empty, and nothing is ever restored over what is there. Name an empty "
                "one, or say --replace: then this one is kept under another name."
            )
        with _new_database(name) as target:
            old, files, erased = _brought_back(target, folder, manifest, there, known)
            return Restored(manifest, old, _swap(name, target), files, erased)


def _brought_back(target: str, folder: Path, manifest: Manifest, there: Head, known: Known) -> tuple[Head, int, int]:
    """The end that the ledger had come to, how many files were put back, and how many people erased again."""
    _fill(target, folder, manifest)
    with _speaking_to(target):
        call_command("migrate", verbosity=0, interactive=False)
        old = _write_into_ledger(there, manifest)
        files = _put_files_back(folder / FILES)
        erased = people.bring_back(folder.parent, known)  # takes files of erased runs away again
    return old, files, erased


def _require_keys(manifest: Manifest) -> None:
    for variable, names in manifest.keys.items():
        known = making._ring(making.KEYS_OF[variable]).known
        if missing := [name for name in names if name not in known]:
            raise CannotBackUp(
                f"{variable} here has not the keys {', '.join(missing)}, which the backup needs. Give them as they "
                "were then; they are kept apart from backups. Nothing has been changed."
            )


def _require_nobody(session: psycopg.Connection[Any], name: str) -> None:
    """PostgreSQL takes a moment to forget a session that has just been closed, one of this process among them."""
    until = time.monotonic() + LEAVE_WITHIN_S
    while others := _others(session, name):
        if time.monotonic() > until:
            raise CannotBackUp(
                f"Others use the database {name!r} (sessions: {others}). Stop web, workers and scheduler."
            )
        time.sleep(0.1)


def _others(session: psycopg.Connection[Any], name: str) -> int:
    found = session.execute(_OTHERS, [name]).fetchone()
    return int(found[0]) if found else 0


@contextmanager
def _new_database(name: str) -> Iterator[str]:
    """An empty one beside; gone again when it cannot take the other's place."""
    target = f"{name}_restored_{datetime.now(UTC):%Y%m%d%H%M%S}"
    with _session("postgres") as session:
        try:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target)))
        except psycopg.errors.InsufficientPrivilege:
            raise CannotBackUp(
                "This role may not make a database. Have an empty one made, and name it in DATABASE_URL."
            ) from None
    try:
        yield target
    except BaseException:
        with _session("postgres") as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target)))
        raise


def _fill(target: str, folder: Path, manifest: Manifest) -> None:
    """All of it or nothing. Extensions and roles are of the server, and are made first."""
    at = Address.of(target)
    with _session(target) as session:
        _require_of_the_server(session, manifest)
        version = session.info.server_version
    listed = run("pg_restore", version, "--list", str(folder / DUMP), at=at)
    wanted = [line for line in listed.splitlines() if not _NOT_OURS.match(line)]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as list_file:
        list_file.write("\n".join(wanted))
        list_file.flush()
        options = ["--no-owner", "--single-transaction", "--exit-on-error", f"--use-list={list_file.name}"]
        run("pg_restore", version, *options, f"--dbname={at.info}", str(folder / DUMP), at=at)
    with _session(target) as session:
        if (found := making.rows(session)) != manifest.rows:
            odd = [table for table in manifest.rows if found.get(table) != manifest.rows[table]]
            raise CannotBackUp(f"After the restore the tables {', '.join(odd)} do not hold what was backed up.")


def _require_of_the_server(session: psycopg.Connection[Any], manifest: Manifest) -> None:
    """Makes the extensions and roles that are not there. Raises CannotBackUp with what an administrator is to say."""
    refused = [statement for statement in _missing(session, manifest) if not _may(session, statement)]
    if refused:
        user = session.info.user
        if sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(ROLE)) in refused:
            refused.append(sql.SQL("GRANT {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(user)))
        said = "\n".join(f"  {statement.as_string(session)};" for statement in refused)
        raise CannotBackUp(
            f"The role {user!r} may not make what the backup needs. Let an administrator of PostgreSQL say this in an "
            f"empty database that {user!r} owns, name that one in DATABASE_URL, and restore again:\n\n{said}"
        )


def _missing(session: psycopg.Connection[Any], manifest: Manifest) -> Iterator[sql.Composed]:
    there = {name for (name,) in session.execute("SELECT extname FROM pg_extension").fetchall()}
    for extension in manifest.extensions:
        if extension not in there:
            yield sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension))
    there = {name for (name,) in session.execute("SELECT rolname FROM pg_roles").fetchall()}
    for role in manifest.roles:
        if role not in there:
            yield sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))


def _may(session: psycopg.Connection[Any], statement: sql.Composed) -> bool:
    try:
        session.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def _write_into_ledger(there: Head, manifest: Manifest) -> Head:
    """The end that is known to be the furthest: of the database that is replaced, or of the anchors here."""
    told = history.furthest(places(settings.ENV.ledger_anchors, settings.LEDGER_ANCHORS))
    old = max((there, told or Head()), key=lambda head: head.batch)
    history.write(old, restored_from=manifest.at)
    return old


def _swap(name: str, target: str) -> str:
    kept = f"{name}_before_{datetime.now(UTC):%Y%m%d%H%M%S}"
    renamed = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    with _session("postgres") as session, session.transaction():
        session.execute(renamed.format(sql.Identifier(name), sql.Identifier(kept)))
        session.execute(renamed.format(sql.Identifier(target), sql.Identifier(name)))
    return kept


def _put_files_back(archive: Path) -> int:
    """Those that are not there, or not whole: names follow from the content."""
    root, put = Path(settings.MEDIA_ROOT), 0
    if not archive.exists():
        return 0
    with tarfile.open(archive) as tar:
        for member in tar:
            put += _put_back(tar, member, root)
    return put


def _put_back(tar: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> bool:
    name = PurePosixPath(member.name)
    if not member.isfile() or name.is_absolute() or ".." in name.parts:
        raise CannotBackUp(f"The files of the backup hold {member.name!r}, which is no file of Tandem's.")
    path, source = root / name, cast("BufferedReader", tar.extractfile(member))
    if path.is_file() and path.stat().st_size == member.size and digest(path) == digest_of(source):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.half")
    source.seek(0)
    with half.open("wb") as file:
        shutil.copyfileobj(source, file)
    half.replace(path)
    return True


@contextmanager
def _session(name: str) -> Iterator[psycopg.Connection[Any]]:
    at = Address.of(name)
    with psycopg.connect(at.info, password=at.password or None, autocommit=True) as session:
        yield session


@contextmanager
def _speaking_to(name: str) -> Iterator[None]:
    """Django, in this process, speaks to another database of the same server."""
    kept = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = name
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]
        connection.settings_dict["NAME"] = kept


# Those of a user: PostgreSQL's own, like autovacuum, give way by themselves.
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
"""
# Only their owner may say anything of these. Default rights are of whoever gave them; `migrate` gives its own.
_NOT_OURS = re.compile(r"\d+; \d+ \d+ (EXTENSION|SCHEMA|(ACL|COMMENT) - (EXTENSION|SCHEMA)|DEFAULT ACL) ")
