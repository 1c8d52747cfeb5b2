"""Making a backup while everything goes on: the database as of one moment, then the files, which only become more."""

from __future__ import annotations

import glob
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from audit.history import Head
from config.backups import people
from config.backups.manifest import DUMP, FILES, Manifest, digest
from config.backups.programs import Address, in_words, run
from config.key_rings import Keys

KEYS_OF = {"TANDEM_VAULT_KEYS": "VAULT_KEYS", "TANDEM_LEDGER_KEYS": "LEDGER_KEYS"}
ALL_KEYS = ("secret-key", "vault-keys", "ledger-keys", "ledger-signing-keys")


def back_up(into: Path, *, with_files: bool = True) -> Path:
    """The folder that was made in `into`. Half a backup never has a manifest. Raises CannotBackUp."""
    folder = into / f"tandem-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    with in_words():
        folder.mkdir(mode=0o700, parents=True)
        manifest = _dumped(folder / DUMP)
        if with_files:
            _keep_files(folder / FILES)
        manifest.sha256.update({path.name: digest(path) for path in sorted(folder.iterdir())})
        manifest.write(folder)
        people.keep_keys(into)
    return folder


def keep_keys(file: Path) -> tuple[Path, list[str]]:
    """Where the keys of TANDEM_HOME are, in a file of their own; names of those that came by variables instead.

    They are never overwritten: keys that have changed go beside, with the time in the name. Raises CannotBackUp.
    """
    found = {name: settings.ENV.home / name for name in ALL_KEYS}
    text = "".join(f"# {name}\n{path.read_text().strip()}\n" for name, path in found.items() if path.exists())
    with in_words():
        there = [path for path in (file, *file.parent.glob(f"{glob.escape(file.name)}-*Z")) if path.exists()]
        kept = next((path for path in there if path.read_text() == text), None)
        if kept is None:
            kept = file.with_name(f"{file.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}") if there else file
            kept.touch(mode=0o600, exist_ok=False)
            kept.write_text(text)
    return kept, [name for name, path in found.items() if not path.exists()]


def _dumped(file: Path) -> Manifest:
    at = Address.of()
    with _one_moment(at) as (session, snapshot):
        manifest = _described(session)
        options = ["--format=custom", "--enable-row-security", f"--snapshot={snapshot}"]
        options.append(f"--exclude-table-data=public.{people.TABLE}")
        run("pg_dump", manifest.server_version, *options, f"--file={file}", f"--dbname={at.info}", at=at)
    return manifest


@contextmanager
def _one_moment(at: Address) -> Iterator[tuple[psycopg.Connection[Any], str]]:
    """A session that goes on seeing the database as it is now, and the name by which pg_dump sees the same."""
    with psycopg.connect(at.info, password=at.password or None) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = session.execute("SELECT pg_export_snapshot()").fetchone()
        assert found is not None
        yield session, found[0]


def _described(session: psycopg.Connection[Any]) -> Manifest:
    return Manifest(
        at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        server_version=session.info.server_version,
        head=head(session),
        rows=rows(session) | {people.TABLE: 0},
        extensions=[name for (name,) in session.execute(_EXTENSIONS).fetchall()],
        roles=[name for (name,) in session.execute(_ROLES).fetchall()],
        keys={variable: list(_ring(name).known) for variable, name in KEYS_OF.items()},
    )


def _ring(name: str) -> Keys:
    ring: Keys = getattr(settings, name)
    return ring


def head(session: psycopg.Connection[Any]) -> Head:
    found = session.execute("SELECT number, hash FROM audit_batch ORDER BY number DESC LIMIT 1").fetchone()
    return Head(found[0], bytes(found[1]).hex()) if found else Head()


def rows(session: psycopg.Connection[Any]) -> dict[str, int]:
    """Table → number of rows, to see after a restore that all are there."""
    counted = {}
    for (table,) in session.execute(_TABLES).fetchall():
        found = session.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        counted[table] = found[0] if found else 0
    return counted


def _keep_files(archive: Path) -> None:
    """Not compressed: most are already. A file that goes meanwhile belonged to nothing in the dump."""
    root = Path(settings.MEDIA_ROOT)
    with tarfile.open(archive, "w", dereference=True) as tar:
        for path in sorted(root.rglob("*")) if root.exists() else []:
            with suppress(FileNotFoundError):
                if path.is_file():
                    tar.add(path, arcname=str(path.relative_to(root)), recursive=False)


_TABLES = """
SELECT c.relname FROM pg_class AS c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e') ORDER BY 1
"""
_EXTENSIONS = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
# An owner with all rights of one is not named in the dump: whoever restores becomes the owner.
_ROLES = """
SELECT DISTINCT r.rolname FROM pg_class AS c, aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
WHERE c.relnamespace = 'public'::regnamespace AND r.rolname NOT LIKE 'pg\\_%'
    AND (r.oid <> c.relowner
        OR NOT c.relacl @> (acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", r.oid))[1])
ORDER BY 1
"""
