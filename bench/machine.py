"""The machine under the measurements: what it is, and the most it can do without us."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from bench.groups import MIB
from bench.stack import CannotMeasure, Stack
from config import parts
from config.env import ROOT

CLIENTS = 8
INSERT = "INSERT INTO bench_limit (run, seq, note) VALUES (1, 1, 'one small row, as a journal entry is');\n"
TABLE = "CREATE TABLE bench_limit (id bigserial PRIMARY KEY, run int, seq int, note text)"
THAT_MATTER = (
    *("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_level", "shared_buffers"),
    *("max_wal_size", "checkpoint_timeout", "max_connections", "autovacuum", "jit"),
)


def described(stack: Stack, load_average: Iterable[float]) -> dict[str, Any]:
    """Cores, memory, versions, what the database promises; `load_average` is from before we came."""
    with psycopg.connect(stack.database_url) as connection:
        shown = {name: _shown(connection, name) for name in THAT_MATTER}
        postgres = _shown(connection, "server_version")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_mib": round(psutil.virtual_memory().total / MIB),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": postgres,
        "postgres_settings": shown,
        "broker": f"Valkey {redis.Redis(unix_socket_path=str(stack.broker_socket)).info('server')['valkey_version']}",
        "processes": {"web": stack.shape.web, "workers": stack.shape.workers, "schedulers": 1},
        "load_average": [round(each, 2) for each in load_average],
    }


def commits_per_s(stack: Stack, seconds: int, clients: int = CLIENTS) -> float:
    """Small inserts with a commit each, by PostgreSQL's own pgbench."""
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS bench_limit; {TABLE}")
    script = stack.env.home / "run" / "insert.sql"
    script.write_text(INSERT)
    pgbench = Path(parts.postgres(stack.env.home).command[0]).with_name("pgbench")
    options = f"--no-vacuum --protocol prepared --client {clients} --jobs {min(clients, 2)} --time {seconds}"
    done = subprocess.run(
        [str(pgbench), *options.split(), "-f", str(script), "-h", str(stack.sockets), "-U", "postgres", "tandem"],
        capture_output=True,
        text=True,
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if found is None:
        raise CannotMeasure(f"pgbench gave no figure: {done.stderr.strip()}")
    return float(found[1])


def round_trips_per_s(stack: Stack, seconds: float) -> float:
    """One client that pushes a small message and waits for the answer, over and over."""
    push, drop = _command("LPUSH", "bench", "x" * 200), _command("DEL", "bench")
    with socket.socket(socket.AF_UNIX) as broker:
        broker.connect(str(stack.broker_socket))
        trips, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            for command in (*[push] * 199, drop):
                broker.sendall(command)
                broker.recv(64)
            trips += 200
        return trips / (time.monotonic() - began)


def _command(*words: str) -> bytes:
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)


def _shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    return str(row[0]) if row else ""


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor()
