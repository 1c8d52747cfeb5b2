"""Real databases on loopback, beside the one that Tandem keeps its own rows in: PostgreSQL and MariaDB."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from config import parts
from config.processes import Process, Program
from connectors.sdk.sql import MYSQL, POSTGRESQL, Database
from tests.faults.brokers import installed
from tests.faults.sink import free_port

USER, PASSWORD = "press", "correct-horse-battery"
MARIADB, SYSTEM_TABLES = "/usr/sbin/mariadbd", Path("/usr/share/mysql")
PG_HBA = """
local all all trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
"""


@dataclass
class SqlServer:
    """One with a user `press`, who owns the database `press`. `as_owner` speaks to it past all our doors."""

    system: str
    port: int
    process: Process
    folder: Path
    connect: Callable[[], Any]

    def database(self, **other: Any) -> Database:
        told = {"system": self.system, "host": "127.0.0.1", "port": self.port, "name": "press", "user": USER}
        return Database(**{**told, "security": "none", "password": PASSWORD, **other})

    def stop(self) -> None:
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def entry(self) -> str:
        return f"private:{self.system}://127.0.0.1:{self.port}"

    def as_owner(self, statement: str) -> list[Any]:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            found = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
            return found


def start_postgresql() -> SqlServer:
    """The embedded build knows no TLS: `TlsFront` offers it in its place."""
    folder = own_folder()
    port, program = free_port(), parts.postgres(folder, durable=False)
    data = folder / "postgres"

    def prepare() -> None:
        program.prepare()
        (data / "pg_hba.conf").write_text(PG_HBA)

    def connect() -> psycopg.Connection:
        return psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres", autocommit=True)

    given = {"listen_addresses": "127.0.0.1", "port": port}
    command = [*program.command, *(f"--{name}={value}" for name, value in given.items())]
    ours = replace(program, command=command, prepare=prepare, is_ready=lambda: _answers(connect))
    process = Process(ours)
    process.wait_until_ready()
    server = SqlServer(
        POSTGRESQL,
        port,
        process,
        folder,
        lambda: psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="press"),
    )
    with connect() as connection:
        connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(f"CREATE DATABASE press OWNER {USER}")
    return server


def own_folder() -> Path:
    """Not one of pytest's: every session that starts shuts those for the users under whom the servers run."""
    return Path(tempfile.mkdtemp(prefix="tandem-sql-"))


class TlsFront:
    """Answers PostgreSQL's question for TLS, and passes on what is said behind it."""

    def __init__(self, behind: int, tls: ssl.SSLContext) -> None:
        self._behind, self._tls = behind, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as far:
            near.recv(8)
            near.sendall(b"S")
            secured = self._tls.wrap_socket(near, server_side=True)
            threading.Thread(target=_pump, args=(far, secured), daemon=True).start()
            _pump(secured, far)


def _pump(source: socket.socket, drain: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            drain.sendall(piece)
        drain.shutdown(socket.SHUT_WR)


def start_mariadb(pem: Path) -> SqlServer:
    """`pem`: key and certificate with which it offers TLS."""
    folder = own_folder()
    port, data, line = free_port(), folder / "data", folder / "run.sock"
    owner = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder.chmod(0o777)
    shutil.copy(pem, folder / "server.pem")
    (folder / "server.pem").chmod(0o644)
    whose = [f"--user={owner}"] if os.geteuid() == 0 else []
    common = ["--no-defaults", f"--datadir={data}", *whose]
    # What mariadb-install-db does, without the client's programs that it wants.
    data.mkdir()
    data.chmod(0o777)
    tables = b"".join(
        (SYSTEM_TABLES / f"mysql_{name}.sql").read_bytes() for name in ("system_tables", "system_tables_data")
    )
    subprocess.run(
        [installed(MARIADB, "mariadb-server-core"), *common, "--bootstrap", "--skip-networking"],
        input=b"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n" + tables,
        check=True,
        capture_output=True,
    )
    options = {"port": port, "socket": line, "bind-address": "127.0.0.1", "pid-file": folder / "pid"}
    options |= {"ssl-cert": folder / "server.pem", "ssl-key": folder / "server.pem"}
    options |= {"innodb-flush-log-at-trx-commit": 0, "innodb-buffer-pool-size": "16M", "secure-file-priv": folder}
    program = Program(
        name="MariaDB",
        command=[MARIADB, *common, *(f"--{name}={value}" for name, value in options.items())],
        log=folder / "log" / "mariadb.log",
        is_ready=lambda: _answers(connect),
        stop_signal=signal.SIGTERM,
        stop_within_s=15,
    )

    def connect(**more: Any) -> pymysql.Connection:
        return pymysql.connect(unix_socket=str(line), user="root", **more)

    process = Process(program)
    process.wait_until_ready()
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE press CHARACTER SET utf8mb4")
        cursor.execute(f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
        cursor.execute(f"GRANT ALL ON press.* TO {USER}@'%'")
        cursor.execute(f"GRANT FILE ON *.* TO {USER}@'%'")
        cursor.execute("DELETE FROM mysql.global_priv WHERE User = ''")
        cursor.execute("FLUSH PRIVILEGES")
    return SqlServer(MYSQL, port, process, folder, lambda: connect(database="press"))


def _answers(connect: Callable[[], Any]) -> bool:
    with suppress(psycopg.Error, pymysql.err.Error), connect():
        return True
    return False
