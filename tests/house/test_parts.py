"""The embedded parts, each real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
import pytest
import redis

from config import embedded, parts
from config.processes import Process, Program


@contextmanager
def running(program: Program) -> Iterator[Process]:
    process = Process(program)
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.stop()


def connect(home: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(embedded.database_url(home), autocommit=True)


def test_postgres_comes_with_its_extensions_and_keeps_its_data_over_a_stop(home: Path) -> None:
    with running(parts.postgres(home)), connect(home) as connection:
        found = connection.execute("SELECT extname FROM pg_extension ORDER BY 1").fetchall()
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")

    with running(parts.postgres(home)), connect(home) as connection:
        kept = connection.execute("SELECT value FROM kept").fetchone()

    assert [name for (name,) in found] == ["pg_trgm", "plpgsql", "unaccent", "vector"]
    assert kept == (1,)


def test_postgres_keeps_what_was_committed_when_it_is_killed(settled_home: Path) -> None:
    with running(parts.postgres(settled_home)) as process, connect(settled_home) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        os.kill(process.pid, signal.SIGKILL)

    with running(parts.postgres(settled_home)), connect(settled_home) as connection:
        kept = connection.execute("SELECT value FROM kept").fetchone()

    assert kept == (1,)


def test_postgres_listens_on_no_network_port(settled_home: Path) -> None:
    with running(parts.postgres(settled_home)), connect(settled_home) as connection:
        shown = connection.execute("SHOW listen_addresses").fetchone()

    assert shown == ("",)


def test_a_first_start_killed_in_the_middle_is_begun_anew(home: Path) -> None:
    shutil.copytree(Path(__file__).parent, home / "postgres" / "making")

    with running(parts.postgres(home)), connect(home) as connection:
        answer = connection.execute("SELECT 1").fetchone()

    assert answer == (1,)
    assert not (home / "postgres" / "making").exists()


def test_a_pid_file_whose_number_is_another_programs_by_now_does_not_block(settled_home: Path) -> None:
    pid_file = settled_home / "postgres" / "postmaster.pid"
    program = parts.postgres(settled_home)
    with running(program):
        left_behind = pid_file.read_text().splitlines()
    # PostgreSQL fears only processes of its own user.
    with running(
        Program(name="other", command=["sleep", "60"], log=settled_home / "other.log", user=program.user)
    ) as other:
        pid_file.write_text("\n".join([str(other.pid), *left_behind[1:]]) + "\n")

        with running(parts.postgres(settled_home)), connect(settled_home) as connection:
            answer = connection.execute("SELECT 1").fetchone()

    assert answer == (1,)


def test_a_home_too_long_for_a_socket_works_all_the_same(home: Path, settled_home: Path) -> None:
    deep = home / ("deep" * 25)
    deep.mkdir()
    settled_home.joinpath("postgres").rename(deep / "postgres")

    with running(parts.postgres(deep)), connect(deep) as connection:
        answer = connection.execute("SELECT 1").fetchone()

    assert answer == (1,)
    shutil.rmtree(embedded.postgres_sockets(deep).parent)


def test_a_folder_of_another_user_is_refused(home: Path) -> None:
    foreign = home / "run" / "valkey"
    foreign.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(foreign, 12345, 12345)
    else:
        foreign.rmdir()
        foreign.symlink_to("/etc")

    with pytest.raises(parts.CannotEmbed, match="belongs to another user"):
        Process(parts.valkey(home))


def test_valkey_takes_and_gives_messages(home: Path) -> None:
    with running(parts.valkey(home)):
        client = redis.Redis(unix_socket_path=str(embedded.valkey_socket(home)))
        client.lpush("queue", "look now")

        assert client.rpop("queue") == b"look now"
        assert client.config_get("port") == {"port": "0"}


def test_the_practice_model_answers_in_the_shape_it_is_asked_for(practice_model: str) -> None:
    schema = {"type": "object", "properties": {"tone": {"enum": ["good", "bad"]}}, "required": ["tone"]}
    body = {
        "model": embedded.PRACTICE_MODEL,
        "messages": [{"role": "user", "content": "Is this good or bad: the bank closes 40 branches?"}],
        "max_tokens": 30,
        "response_format": {"type": "json_schema", "json_schema": {"name": "tone", "schema": schema}},
    }

    asked = Request(
        f"{practice_model}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(asked, timeout=60) as response:
        answer = json.load(response)["choices"][0]

    assert answer["finish_reason"] == "stop"
    assert json.loads(answer["message"]["content"])["tone"] in ("good", "bad")


def test_the_practice_models_port_stays_unless_another_program_has_it(home: Path) -> None:
    first = parts.choose_practice_port(home)
    second = parts.choose_practice_port(home)
    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        third = parts.choose_practice_port(home)

    assert second == first
    assert third != first
    assert embedded.practice_url(home) == f"http://127.0.0.1:{third}/v1"
