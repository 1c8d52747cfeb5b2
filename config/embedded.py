"""Where the embedded PostgreSQL, Valkey and practice model are found. Pure functions of TANDEM_HOME.

Any process on the machine (web, worker, scheduler, a command typed beside a running `up`) works out the same addresses
without asking; `config.parts` starts the servers behind them.
"""

from __future__ import annotations

import hashlib
import re
import socket
from pathlib import Path
from urllib.parse import quote

PRACTICE_MODEL = "smollm2-135m-instruct"

SHORT = Path("/tmp")

# A Unix socket's path holds 107 bytes; the longest name in the folder is PostgreSQL's ".s.PGSQL.5432.lock".
_LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432.lock")


def database_url(home: Path) -> str:
    """Address of the embedded PostgreSQL that keeps its data under `home`."""
    return f"postgresql://postgres@/tandem?host={quote(str(postgres_sockets(home)), safe='/')}"


def broker_url(home: Path) -> str:
    """Address, for Celery, of the embedded Valkey of `home`."""
    return f"redis+socket://{valkey_socket(home)}"


def practice_url(home: Path) -> str:
    """Base address, OpenAI's way, of the practice model of `home`."""
    return f"http://127.0.0.1:{practice_port(home)}/v1"


def practice_port(home: Path) -> int:
    """The port kept in `practice-port`, else one that follows from the name of `home` alone."""
    try:
        return int(practice_port_file(home).read_text())
    except (FileNotFoundError, ValueError):
        return 20_000 + int(_fingerprint(home), 16) % 10_000


def practice_port_file(home: Path) -> Path:
    return home / "run" / "practice-port"


def postgres_sockets(home: Path) -> Path:
    return _socket_folder(home) / "postgres"


def valkey_socket(home: Path) -> Path:
    return _socket_folder(home) / "valkey" / "valkey.sock"


def answers(path: Path) -> bool:
    """Whether a server listens on the Unix socket."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(1)
        try:
            caller.connect(str(path))
        except OSError:
            return False
        return True


def postgres_answers(home: Path) -> bool:
    return answers(postgres_sockets(home) / ".s.PGSQL.5432")


def _socket_folder(home: Path) -> Path:
    """`home/run`; a short folder named by a hash of it where that is too long or too odd to stand in an address."""
    folder = home / "run"
    fits = len(str(folder / "postgres").encode()) <= _LONGEST_FOLDER
    if fits and re.fullmatch(r"[A-Za-z0-9/._-]+", str(folder)):
        return folder
    return SHORT / f"tandem-{_fingerprint(home)}"


def _fingerprint(home: Path) -> str:
    return hashlib.sha256(str(home).encode()).hexdigest()[:12]
