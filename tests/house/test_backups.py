"""What a backup keeps beside the database, and what is put back of it. The database: tests/faults/test_restore.py."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from config import database
from config.backups import making, restoring
from config.backups.programs import Address, CannotBackUp
from tests.faults.postgres import speaking_to


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = folder = tmp_path / "files"
    folder.mkdir()
    return folder


def test_keys_are_kept_each_night_and_never_overwritten(settings: Any, tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "safe" / "keys[1]"
    home.mkdir()
    (home / "vault-keys").write_text("k1:first")
    settings.ENV = replace(settings.ENV, home=home)
    others = ["secret-key", "ledger-keys", "ledger-signing-keys"]
    with pytest.raises(CannotBackUp, match="No such file or directory"):
        making.keep_keys(file)
    file.parent.mkdir()

    assert [making.keep_keys(file) for _night in range(2)] == [(file, others)] * 2
    (home / "vault-keys").write_text("k2:second,k1:first")
    (beside,) = {making.keep_keys(file)[0] for _night in range(2)}

    assert file.read_text() == "# vault-keys\nk1:first\n"
    assert beside.read_text() == "# vault-keys\nk2:second,k1:first\n"
    assert [path.stat().st_mode & 0o777 for path in (file, beside)] == [0o600, 0o600]


def test_a_file_that_is_not_whole_is_put_back_and_one_that_is_stays(media: Path, tmp_path: Path) -> None:
    (media / "a").mkdir()
    for name in ("a/whole", "a/short", "a/turned", "gone"):
        (media / name).write_text("as agreed")
    making._keep_files(tmp_path / "files.tar")
    (media / "a" / "short").write_text("as ag")
    (media / "a" / "turned").write_text("deerga sa")
    (media / "gone").unlink()

    assert [restoring._put_files_back(tmp_path / "files.tar") for _ in range(2)] == [3, 0]
    found = {str(path.relative_to(media)): path.read_text() for path in media.rglob("*") if path.is_file()}
    assert found == dict.fromkeys(("a/whole", "a/short", "a/turned", "gone"), "as agreed")


def test_a_file_that_goes_while_it_is_backed_up_belonged_to_nothing(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (media / name).write_text(name)
    rglob = Path.rglob

    def seen_too_late(folder: Path, pattern: str) -> Iterator[Path]:
        found = sorted(rglob(folder, pattern))
        is_file = Path.is_file
        monkeypatch.setattr(
            Path, "is_file", lambda path: is_file(path) and (path.name == "second" or not path.unlink())
        )
        return iter(found)

    monkeypatch.setattr(Path, "rglob", seen_too_late)
    making._keep_files(tmp_path / "files.tar")

    with tarfile.open(tmp_path / "files.tar") as tar:
        assert tar.getnames() == ["second"]


def test_nothing_is_put_where_no_file_of_tandem_lies(media: Path, tmp_path: Path) -> None:
    away, link = tmp_path / "away", tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, str(away)
    for member in (tarfile.TarInfo("../away"), tarfile.TarInfo(str(away)), tarfile.TarInfo("a/../../away"), link):
        with tarfile.open(tmp_path / "files.tar", "w") as tar:
            tar.addfile(member, io.BytesIO())
        with pytest.raises(CannotBackUp, match="no file of Tandem's"):
            restoring._put_files_back(tmp_path / "files.tar")
    assert (list(media.iterdir()), away.exists()) == ([], False)


def test_autovacuum_is_nobody_who_uses_the_database(db: None) -> None:
    with connection.cursor() as cursor:
        sessions = "(VALUES ('ours', 1, NULL), ('ours', 2, 10), ('ours', pg_backend_pid(), 10), ('other', 3, 10))"
        cursor.execute(f"WITH pg_stat_activity (datname, pid, usesysid) AS {sessions} {restoring._OTHERS}", ["ours"])
        assert cursor.fetchone() == (1,)


def test_a_session_that_is_leaving_is_waited_for_and_one_that_stays_is_not(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Address.of("postgres").info
    with psycopg.connect(at, autocommit=True) as session, psycopg.connect(at):
        leaving = psycopg.connect(at)
        Timer(0.3, leaving.close).start()
        monkeypatch.setattr(restoring, "LEAVE_WITHIN_S", 0.6)
        with pytest.raises(CannotBackUp, match=r"sessions: 1\). Stop web, workers and scheduler"):
            restoring._require_nobody(session, "postgres")
    leaving = psycopg.connect(at)
    with psycopg.connect(at, autocommit=True) as session:
        Timer(0.3, leaving.close).start()
        restoring._require_nobody(session, "postgres")


def test_postgresqls_programs_go_where_django_goes(settings: Any) -> None:
    asked = "host=db-a,db-b&port=5433&target_session_attrs=read-write&sslmode=verify-full&sslcrl=/crl&password=a+word"
    found = database.settings_for(replace(settings.ENV, database_url=f"postgresql://tandem@/desk?{asked}"))
    with speaking_to({name: found[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")}):
        at = Address.of()

    assert conninfo_to_dict(at.info) == {
        "dbname": "desk",
        "user": "tandem",
        "host": "db-a,db-b",
        "port": "5433",
        "sslcrl": "/crl",
        "target_session_attrs": "read-write",
        "sslmode": "verify-full",
    }
    assert at.environment["PGPASSWORD"] == "a word"
