"""The reader's process as the kernel sees it, and the walls inside it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.documents.found import Limits
from connectors.documents.reading import read_document
from connectors.sdk import Rejected
from tests.connectors.documents.samples import slow_pdf

ROOT = Path(__file__).resolve().parents[3]
MB = 1024 * 1024


def read_slowly() -> None:
    with pytest.raises(Rejected):
        read_document(slow_pdf(), "slow.pdf", Limits(wall_s=2))


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The `/proc` folder of a reader that is at work, while our own process holds secrets."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:password@nowhere/db")
    before = set(children())
    thread = threading.Thread(target=read_slowly)
    thread.start()
    process = next(iter(wait_for(lambda: set(children()) - before)))
    wait_for(lambda: bounded(process))
    yield process
    thread.join()
    assert not process.exists()


def children() -> list[Path]:
    pids = [line.split() for line in (path.read_text() for path in Path("/proc/self/task").glob("*/children"))]
    return [Path("/proc") / pid for group in pids for pid in group]


def bounded(process: Path) -> bool:
    limits = (process / "limits").read_text()
    return any(line.startswith("Max cpu time") and " 20 " in line for line in limits.splitlines())


def wait_for(condition, seconds: float = 5):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


def test_a_reader_holds_no_secret_no_network_no_open_file_and_little_memory(reader: Path) -> None:
    environment = (reader / "environ").read_bytes()
    folder = (reader / "cwd").resolve()
    network = (reader / "net" / "dev").read_text().splitlines()[2:]
    open_files = [str(link.readlink()) for link in (reader / "fd").iterdir()]
    limits = {line[:25].strip(): line[26:].split()[:2] for line in (reader / "limits").read_text().splitlines()[1:]}

    assert environment == b"OPENPYXL_LXML=False\0"
    assert folder.name.startswith("tandem-reader-")
    assert list(folder.iterdir()) == []
    assert [line.split(":")[0].strip() for line in network] == ["lo"]
    # It may be loading a module of ours or of Python's just now.
    assert len([name for name in open_files if not name.startswith((sys.prefix, sys.base_prefix, str(ROOT)))]) == 3
    assert limits["Max address space"] == [str(512 * MB)] * 2
    assert limits["Max file size"] == ["0", "0"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max processes"] == ["0", "0"]
    assert limits["Max open files"] == ["64", "64"]


ATTEMPTS = {
    "a socket": "import socket; socket.socket()",
    "a name looked up": "import socket; socket.getaddrinfo('localhost', 80)",
    "a process": "import subprocess; subprocess.run(['/bin/true'])",
    "a fork": "import os; os.fork()",
    "a shell": "import os; os.system('true')",
    "a file of the system": "open('/etc/passwd').read()",
    "a file written": "open('/usr/lib/python3/evil', 'w')",
    "a file written low": "import os; os.open('/tmp/evil', os.O_CREAT | os.O_WRONLY)",
    "a way around the walls": "import ctypes; ctypes.CDLL(None)",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_nothing_inside_a_reader_gets_out(attempt: str) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from connectors.documents.child import _library_places\n"
        "from connectors.documents.walls import raise_walls\n"
        "raise_walls(512 * 1024 * 1024, 20, 30, _library_places())\n"
        f"try:\n    {attempt}\nexcept PermissionError as refusal:\n    print(refusal)\n"
    )

    done = subprocess.run([sys.executable, "-I", "-B", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("a document reader may not ")


def test_a_reader_knows_neither_django_nor_our_settings() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import connectors.documents.child, importlib\n"
        "for kind in ('pdf', 'docx', 'xlsx', 'html', 'eml', 'csv', 'text'):\n"
        "    importlib.import_module(f'connectors.documents.parsers.{kind}')\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'django', 'config', 'departments', 'pydantic', 'celery', 'httpx', 'psycopg'}))\n"
    )

    done = subprocess.run([sys.executable, "-I", "-B", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_an_empty_environment_makes_openpyxl_parse_with_defusedxml() -> None:
    program = "from openpyxl.xml.functions import fromstring as f, iterparse as i; print(f.__module__, i.__module__)"

    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program],
        env={"OPENPYXL_LXML": "False"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "defusedxml.common defusedxml.common\n"
