"""The environment is made once, made anew when it is half-made, and says what is in its way."""

from __future__ import annotations

import ast
import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from config import bootstrap
from config.env import ROOT

MANAGE = """\
import sys
from config import bootstrap
bootstrap.enter(sys.argv)
print("inside", sys.prefix, *sys.argv[1:])
"""


OFFLINE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": "/dev/null"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the real bootstrap and nothing to install."""
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def started_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("project"))
    start(project, "up")
    return project


@pytest.fixture
def ready_project(started_project: Path, tmp_path: Path) -> Path:
    """A project that was started before, moved to another folder."""
    subprocess.run(["cp", "-a", f"{started_project}/.", str(tmp_path)], check=True)
    return tmp_path


def make_project(folder: Path) -> Path:
    (folder / "config").mkdir()
    (folder / "config" / "__init__.py").touch()
    shutil.copy(ROOT / "config" / "bootstrap.py", folder / "config")
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-practice.txt"):
        (folder / name).write_text("# nothing\n")
    (folder / "manage.py").write_text(MANAGE)
    return folder


def start(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return started(project, *arguments, **environ).finish()


class Started:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def finish(self) -> subprocess.CompletedProcess[str]:
        out, _ = self.process.communicate(timeout=100)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out)


def started(project: Path, *arguments: str, **environ: str) -> Started:
    inherited = {name: value for name, value in os.environ.items() if name != "TANDEM_NO_BOOTSTRAP"}
    return Started(
        subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=project,
            env={**inherited, "OPENAI_BASE_URL": "http://set", **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    )


def test_two_first_starts_at_once_make_one_environment_and_go_on_in_it(project: Path) -> None:
    both = [started(project, "up", "--check"), started(project, "up", "--check")]

    first, second = sorted((one.finish().stdout for one in both), key=lambda text: "First start" not in text)

    assert "First start" in first
    assert "First start" not in second
    assert "Another start is preparing the environment; waiting for it." in second
    assert first.splitlines()[-1] == second.splitlines()[-1] == f"inside {project}/.venv up --check"


def test_a_half_made_environment_is_made_anew(project: Path) -> None:
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    (project / ".venv" / "left-behind").touch()

    result = start(project, "up")

    assert "unfinished; making it anew" in result.stdout
    assert result.stdout.splitlines()[-1] == f"inside {project}/.venv up"
    assert not (project / ".venv" / "left-behind").exists()


def test_the_next_start_says_nothing_and_goes_on_at_once(ready_project: Path) -> None:
    assert start(ready_project, "up").stdout == f"inside {ready_project}/.venv up\n"


def test_without_a_network_it_says_so_and_what_was_finished_stays(ready_project: Path) -> None:
    (ready_project / "requirements-dev.txt").write_text("no-such-package==1\n")

    failed = start(ready_project, "test", **OFFLINE)
    again = start(ready_project, "up")

    assert "Tandem cannot start: the package registry could not be reached. Check the network" in failed.stdout
    assert "no-such-package" in failed.stdout
    assert again.stdout == f"inside {ready_project}/.venv up\n"


def test_an_old_python_can_read_it_and_is_told_which_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (ROOT / "manage.py", ROOT / "config" / "__init__.py", ROOT / "config" / "bootstrap.py"):
        ast.parse(path.read_text(), feature_version=(3, 6))
    version = namedtuple("version", "major minor micro")
    monkeypatch.setattr(sys, "version_info", version(3, 8, 18))

    with pytest.raises(bootstrap.CannotStart, match=r"needs Python 3\.11 or newer and this is 3\.8"):
        bootstrap._require_python()


def test_a_python_without_venv_names_the_package_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(bootstrap.CannotStart, match=r"apt-get install python3\.\d+-venv"):
        bootstrap._make(bootstrap._Clock())


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "MB are free, 1500 MB are needed"),
        (PermissionError(errno.EACCES, "Permission denied", "/opt/tandem/.venv"), "may not write to /opt/tandem/.venv"),
        (OSError(errno.EROFS, "Read-only file system", "/opt/tandem/.venv"), "may not write to /opt/tandem/.venv"),
    ],
)
def test_a_full_disk_and_a_folder_not_to_be_written_have_their_sentence(error: OSError, sentence: str) -> None:
    assert sentence in bootstrap._explain_error(error)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "nearly full"),
        ("ERROR: No matching distribution found for xllamacpp==1", "has no build for this machine"),
        ("WARNING: Temporary failure in name resolution\nERROR: No matching distribution", "could not be reached"),
        ("something odd", "remove the folder .venv first"),
    ],
)
def test_what_pip_says_becomes_a_sentence(said: str, sentence: str) -> None:
    assert sentence in bootstrap._explain_output(said)


@pytest.mark.parametrize(
    ("command", "has_provider", "files"),
    [
        ("up", False, ["requirements.txt", "requirements-practice.txt"]),
        ("up", True, ["requirements.txt"]),
        ("test", True, ["requirements.txt", "requirements-dev.txt", "requirements-practice.txt"]),
        ("check", False, ["requirements.txt", "requirements-dev.txt"]),
        ("migrate", False, ["requirements.txt"]),
        ("", False, ["requirements.txt"]),
    ],
)
def test_each_command_installs_what_it_needs(
    command: str, has_provider: bool, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "key" if has_provider else "")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    assert bootstrap._wanted(command) == files


def test_every_requirement_is_fixed_to_one_version() -> None:
    lines = [line for path in ROOT.glob("requirements*.txt") for line in path.read_text().splitlines()]

    assert [line for line in lines if line and not line.startswith("#") and "==" not in line] == []


def test_the_stamp_is_not_believed_when_it_cannot_be_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamp = project / "stamp.json"
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    stamp.write_text(json.dumps({"requirements.txt": "digest"})[:-3])

    assert bootstrap._installed() == {}
