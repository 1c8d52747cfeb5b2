"""Addresses that every process works out alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import embedded, env
from config.parts import embedded_parts

ORDINARY = Path("/srv/tandem/var")


def test_the_addresses_follow_from_the_home_alone() -> None:
    assert embedded.database_url(ORDINARY) == "postgresql://postgres@/tandem?host=/srv/tandem/var/run/postgres"
    assert embedded.broker_url(ORDINARY) == "redis+socket:///srv/tandem/var/run/valkey/valkey.sock"
    assert embedded.practice_url(ORDINARY) == embedded.practice_url(Path(str(ORDINARY)))


@pytest.mark.parametrize(
    "home",
    [Path("/srv") / ("long" * 30), Path("/home/jörg/tandem"), Path("/home/me/my data"), Path("/srv/50%/var")],
    ids=["too long for a socket", "not ASCII", "a space", "a percent sign"],
)
def test_a_home_that_cannot_stand_in_an_address_gets_a_short_folder_of_its_own(home: Path) -> None:
    folder = embedded.postgres_sockets(home)

    assert folder.parent.parent == Path("/tmp")
    assert len(str(folder / ".s.PGSQL.5432.lock")) <= 107
    assert folder != embedded.postgres_sockets(home / "other")


SERVERS = {
    "DATABASE_URL": "postgresql://me@db/tandem",
    "CELERY_BROKER_URL": "redis://broker/0",
    "OPENAI_BASE_URL": "http://models/v1",
}


@pytest.mark.parametrize(
    ("given", "started"),
    [
        ((), ["PostgreSQL", "Valkey", "Practice model"]),
        (("DATABASE_URL",), ["Valkey", "Practice model"]),
        (("CELERY_BROKER_URL",), ["PostgreSQL", "Practice model"]),
        (("OPENAI_BASE_URL",), ["PostgreSQL", "Valkey"]),
        (("DATABASE_URL", "CELERY_BROKER_URL", "OPENAI_BASE_URL"), []),
    ],
)
def test_only_parts_without_an_address_start(
    given: tuple[str, ...], started: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, address in SERVERS.items():
        monkeypatch.setenv(name, address if name in given else "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("TANDEM_HOME", str(home))

    parts = embedded_parts(env.read())

    assert [part.name for part in parts] == started
