"""Rows out of and into real databases (PostgreSQL, MariaDB): values are never SQL, and what they refuse is said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.databases import OpenDatabase
from connectors.net import mysql, postgresql, sockets
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, BadParams, Rejected, StepError, Unavailable
from connectors.sdk.sql import POSTGRESQL, Upsert
from tests.connectors.net.servers import Authority
from tests.sql_servers import PASSWORD, SqlServer, TlsFront, start_mariadb, start_postgresql

NASTY = ["O'Neil", 'a "quote"', "back\\slash\\'", "'; DROP TABLE mention; --", "ümlaut 🙂", "%s %(x)s :x", "", "$$ /*"]
SECRET = "Widerruf-7731"


@pytest.fixture(scope="module")
def servers(authority: Authority) -> Iterator[dict[str, SqlServer]]:
    authority.server("localhost")
    started = {
        "postgresql": start_postgresql(),
        "mysql": start_mariadb(authority.path("localhost")),
    }
    yield started
    for server in started.values():
        server.stop()


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest, servers: dict[str, SqlServer]) -> SqlServer:
    server = servers[request.param]
    server.as_owner("DROP TABLE IF EXISTS mention")
    opened(server).write(
        "CREATE TABLE mention (id int PRIMARY KEY, title varchar(60) NOT NULL, amount decimal(12,2), "
        "seen timestamp NULL)",
        {},
    )
    return server


def opened(server: SqlServer, hosts: tuple[str, ...] | None = None, **other: object) -> OpenDatabase:
    return OpenDatabase(server.database(**other), Egress(hosts if hosts is not None else (server.entry,)))


def test_whatever_a_value_holds_it_comes_back_as_it_was(server: SqlServer) -> None:
    database = opened(server)

    for number, title in enumerate(NASTY):
        assert database.write("INSERT INTO mention (id, title) VALUES (:id, :title)", {"id": number, "title": title})
    found = database.read(
        "SELECT title, ':no' AS n FROM mention WHERE title = :t OR :t = '' ORDER BY id", {"t": ""}, 50
    )

    assert [row["title"] for row in found.rows] == NASTY
    assert {row["n"] for row in found.rows} == {":no"}
    for title in NASTY:
        assert len(database.read("SELECT id FROM mention WHERE title = :t", {"t": title}, 50).rows) == 1


def test_values_keep_their_types_and_money_its_cents(server: SqlServer) -> None:
    values = {"id": 7, "a": "1234567890.10", "s": "2026-11-29 10:00:00"}
    opened(server).write("INSERT INTO mention VALUES (:id, 'x', :a, :s)", values)

    found = opened(server).read("SELECT id, amount, seen, NULL AS nothing, id AS id FROM mention", {}, 10)

    assert found.rows == [{"id": 7, "amount": 1234567890.1, "seen": "2026-11-29T10:00:00", "nothing": None, "id_2": 7}]


def test_only_as_many_rows_as_are_wanted_are_taken(server: SqlServer) -> None:
    rows = [{"id": number, "title": "x"} for number in range(1_100)]
    opened(server).upsert(Upsert("mention", ["id", "title"], ["id"], rows))

    found = opened(server).read("SELECT id FROM mention ORDER BY id", {}, 1_000)

    assert (len(found.rows), found.more) == (1_000, True)
    assert opened(server).read("SELECT id FROM mention", {}, 1_100).more is False


def test_the_same_rows_twice_are_the_same_rows_once(server: SqlServer) -> None:
    rows = [{"id": 1, "title": "one"}, {"id": 2, "title": "two"}]
    for titles in (("one", "two"), ("one", "two"), ("one", "changed")):
        opened(server).upsert(
            Upsert("mention", ["id", "title"], ["id"], [{**r, "title": t} for r, t in zip(rows, titles, strict=True)])
        )

    assert server.as_owner("SELECT id, title FROM mention ORDER BY id") in (
        [(1, "one"), (2, "changed")],
        ((1, "one"), (2, "changed")),
    )


def test_where_one_row_is_refused_none_is_there(server: SqlServer) -> None:
    with pytest.raises(Rejected, match="A value is missing") as refused:
        opened(server).upsert(
            Upsert("mention", ["id", "title"], ["id"], [{"id": 1, "title": SECRET}, {"id": 2, "title": None}])
        )

    assert SECRET not in str(refused.value)
    assert len(server.as_owner("SELECT id FROM mention")) == 0


def test_a_table_without_such_a_key_would_get_every_row_again(server: SqlServer) -> None:
    with pytest.raises(BadParams, match="has no key over title"):
        opened(server).upsert(Upsert("mention", ["id", "title"], ["title"], [{"id": 1, "title": "x"}]))

    assert len(server.as_owner("SELECT id FROM mention")) == 0


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM mention",
        "WITH gone AS (DELETE FROM mention RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM mention",
        "SELECT 1 FROM mention; COMMIT; DELETE FROM mention",
        "/* SELECT */ DELETE FROM mention",
        "/*!50000 DELETE FROM mention */",
        "SELECT * FROM mention INTO OUTFILE '/tmp/tandem-never'",
        "SELECT * INTO gone FROM mention",
        "SET SESSION TRANSACTION READ WRITE",
        "COPY mention TO PROGRAM 'cat'",
        "CREATE TABLE gone (id int)",
    ],
)
def test_a_question_changes_nothing(query: str, server: SqlServer) -> None:
    opened(server).write("INSERT INTO mention (id, title) VALUES (1, 'x')", {})

    with pytest.raises((BadParams, Rejected)):
        opened(server).read(query, {}, 10)

    assert len(server.as_owner("SELECT id FROM mention")) == 1
    assert not Path("/tmp/tandem-never").exists()


def test_a_function_that_writes_is_refused_in_a_question(servers: dict[str, SqlServer]) -> None:
    server = servers["postgresql"]
    opened(server).write("CREATE TABLE IF NOT EXISTS kept (id int)", {})
    opened(server).write(
        "CREATE OR REPLACE FUNCTION sneak() RETURNS int LANGUAGE sql AS 'INSERT INTO kept VALUES (1) RETURNING id'", {}
    )

    for query in ("SELECT sneak()", "SELECT set_config('transaction_read_only', 'off', false), sneak()"):
        with pytest.raises((BadParams, Rejected)):
            opened(server).read(query, {}, 1)

    assert server.as_owner("SELECT count(*) FROM kept") == [(0,)]


@pytest.mark.parametrize(
    ("statement", "values", "error", "says"),
    [
        ("SELCT 1 FROM mention WHERE title = :t", {"t": SECRET}, BadParams, "cannot read the SQL"),
        ("UPDATE mention SET nope = :t", {"t": SECRET}, BadParams, "no such column"),
        ("UPDATE nope SET id = :t", {"t": SECRET}, BadParams, "no such table"),
        ("INSERT INTO mention (id, title) VALUES (:t, 'x')", {"t": SECRET}, Rejected, "does not fit"),
        ("INSERT INTO mention (id, title) VALUES (1, :t)", {"t": SECRET * 9}, Rejected, "does not fit"),
        ("INSERT INTO mention (id, title) VALUES (0, :t)", {"t": SECRET}, Rejected, "same key"),
        ("INSERT INTO mention (id, title) VALUES (3, NULL)", {}, Rejected, "A value is missing"),
        ("UPDATE mention SET id = 1; DELETE FROM mention", {}, BadParams, "cannot read the SQL"),
        ("UPDATE mention SET title = :gone", {}, BadParams, "names :gone"),
    ],
)
def test_what_it_refuses_is_said_without_values(
    statement: str, values: dict[str, str], error: type[StepError], says: str, server: SqlServer
) -> None:
    opened(server).write("INSERT INTO mention (id, title) VALUES (0, 'x')", {})

    with pytest.raises(error, match=says) as refused:
        opened(server).write(statement, values)

    assert SECRET not in str(refused.value)
    assert SECRET.encode().hex() not in str(refused.value)


def test_a_value_that_cannot_be_held_is_said_and_every_other_is_plain(servers: dict[str, SqlServer]) -> None:
    database = opened(servers["postgresql"])
    with pytest.raises(Rejected, match="Ask for it as text"):
        database.read("SELECT 'infinity'::timestamp AS t", {}, 1)

    odd = "SELECT 'NaN'::float8 AS f, 12345678901234567890.5 AS n, '\\xff00'::bytea AS b, ARRAY[1, NULL] AS a, "
    odd += "'{\"k\": [1]}'::jsonb AS j, int4range(1, 3) AS r, interval '1 day' AS i, gen_random_uuid() IS NULL AS u"
    assert database.read(odd, {}, 1).rows == [
        {"f": "nan", "n": "12345678901234567890.5", "b": "/wA=", "a": [1, None], "j": {"k": [1]}, "r": "[1, 3)"}
        | {"i": "1 day, 0:00:00", "u": False}
    ]


def test_a_wrong_password_and_a_wrong_name_are_said(server: SqlServer) -> None:
    for other in ({"password": "not-the-password"}, {"user": "nobody"}, {"name": "nope"}):
        with pytest.raises(AuthFailed) as refused:
            opened(server, **other).read("SELECT 1", {}, 1)
        assert PASSWORD not in str(refused.value)
        assert "not-the-password" not in str(refused.value)


def test_it_is_read_secured_and_only_from_who_it_is(
    server: SqlServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = TlsFront(server.port, authority.server("localhost")) if server.system == POSTGRESQL else None
    port = front.port if front else server.port
    hosts = tuple(f"private:{server.system}://{host}:{port}" for host in ("localhost", "127.0.0.1"))
    secured = {"security": "tls", "port": port, "hosts": hosts}
    with pytest.raises(Unavailable, match="not who it says it is"):
        opened(server, host="localhost", **secured).read("SELECT 1 AS one", {}, 1)

    monkeypatch.setattr(sockets, "default_tls", authority.trusted)

    assert opened(server, host="localhost", **secured).read("SELECT 1 AS one", {}, 1).rows == [{"one": 1}]
    with pytest.raises(Unavailable, match="not who it says it is"):
        opened(server, host="127.0.0.1", **secured).read("SELECT 1 AS one", {}, 1)
    if front:
        front.close()


def test_without_tls_nothing_is_said_to_who_was_to_offer_it(servers: dict[str, SqlServer]) -> None:
    with pytest.raises(Unavailable, match="does not offer TLS"):
        opened(servers["postgresql"], security="tls").read("SELECT 1", {}, 1)


def test_more_than_is_good_for_us_is_not_taken(server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (mysql, postgresql):
        monkeypatch.setattr(module, "MOST_BYTES", 1_000_000)

    with pytest.raises(Rejected, match="more than 1 MB"):
        opened(server).read("SELECT repeat('x', 2000000) AS x", {}, 1)


def test_what_takes_too_long_ends(server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeps = "SELECT pg_sleep(9)" if server.system == POSTGRESQL else "SELECT sleep(9)"
    for module in (mysql, postgresql):
        monkeypatch.setattr(module, "STATEMENT_S", 1)
    began = time.monotonic()

    with pytest.raises(Rejected, match="took too long"):
        opened(server).read(sleeps, {}, 1)

    for module in (mysql, postgresql):
        monkeypatch.setattr(module, "LONGEST_S", 0.5)
        monkeypatch.setattr(module, "STATEMENT_S", 9)
    with pytest.raises(Unavailable) as broken:
        opened(server).write(sleeps if server.system == POSTGRESQL else "DO sleep(9)", {})
    assert broken.value.maybe_done
    assert time.monotonic() - began < 4


def test_what_stands_in_the_environment_is_ignored(
    server: SqlServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = tmp_path / "services"
    services.write_text("[evil]\nhost=evil.example\nhostaddr=192.0.2.1\nuser=x\nsslmode=require\noptions=-c x=y\n")
    told = {"PGHOST": "evil.example", "PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGUSER": "x", "PGSSLMODE": "require"}
    told |= {
        "PGOPTIONS": "-c search_path=nowhere",
        "PGSERVICE": "evil",
        "PGSERVICEFILE": str(services),
        "PGPASSWORD": "x",
        "PGDATABASE": "x",
    }
    for name, value in {**told, "MYSQL_HOST": "evil.example", "MYSQL_PWD": "x"}.items():
        monkeypatch.setenv(name, value)

    assert opened(server).read("SELECT count(*) AS c FROM mention", {}, 1).rows == [{"c": 0}]
