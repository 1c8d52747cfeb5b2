"""MCP servers that are programs of this server: only those on the administrator's list, and nothing of them remains."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from config import env
from connectors import imports, made, net
from connectors.connections import Told, connect, try_out
from connectors.manifests.mcp_session import session_with
from connectors.net import programs
from connectors.net.programs import OpenProgram
from connectors.sdk import Rejected, StepError, Unavailable
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import done
from workflows.models import Attempt

pytestmark = pytest.mark.django_db(transaction=True)

OURS = {"DATABASE_URL", "SECRET_KEY", "OPENAI_API_KEY", "TANDEM_HOME", "DJANGO_SETTINGS_MODULE"}
SERVER = '''
import os
from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("Clock", version="1")

@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def surroundings() -> dict[str, list[str]]:
    """What the program sees around it."""
    return {"names": sorted(os.environ), "files": os.listdir(".")}

server.run("stdio")
'''


@pytest.fixture
def legal(tmp_path: Path, settings: Settings) -> Department:
    """With one program that it may use."""
    script = tmp_path / "clock.py"
    script.write_text(SERVER)
    settings.PROGRAMS = {"clock": (sys.executable, str(script))}
    return factories.make_department("Legal", egress_hosts=["program://clock"])


def test_a_program_is_imported_tried_and_used_as_a_step(legal: Department) -> None:
    made.forget()
    source = imports.asked_for_tools("program://clock", "", legal, actor=SYSTEM)
    manifest = imports.import_new(source, legal, actor=SYSTEM, choose=True)
    account = connect(legal, manifest.name, Told("Clock", {}, {}), actor=SYSTEM)

    assert try_out(account, actor=SYSTEM), account.health_said
    run = done([{"id": "it", "kind": "legal-clock.surroundings@1", "with": {"connection": "clock"}}], department=legal)

    assert run.status == "succeeded", run.steps.get().error
    seen = run.steps.get().output["data"]
    assert not OURS & {*seen["names"]}
    assert seen["files"] == []
    attempt = Attempt.objects.get(step__run=run)
    assert [call["method"] for call in attempt.calls] == ["initialize", "notifications/initialized", "tools/call"]


def test_a_program_off_either_list_is_not_started(legal: Department, settings: Settings, tmp_path: Path) -> None:
    trace = tmp_path / "started"
    settings.PROGRAMS["touch"] = ("touch", str(trace))
    press = factories.make_department("Press", egress_hosts=["program://unheard-of"])

    for department, name in ((legal, "touch"), (press, "clock"), (press, "unheard-of"), (None, "../bin/sh")):
        with pytest.raises(ValidationError, match="not among those"):
            imports.asked_for_tools(f"program://{name}", "", department, actor=SYSTEM)
    assert not trace.exists()


def test_a_made_up_document_starts_nothing(legal: Department, settings: Settings, tmp_path: Path) -> None:
    trace = tmp_path / "started"
    settings.PROGRAMS["touch"] = ("touch", str(trace))
    document = b'{"tandem-mcp": 1, "address": "program://touch", "server": {"name": "T"}, "tools": [{"name": "a"}]}'
    for department in (legal, None):
        manifest = factories.make_manifest(document, department)
        account = connect(legal, manifest.name, Told("T", {}, {}), actor=SYSTEM)
        assert not try_out(account, actor=SYSTEM)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import time; time.sleep(60)", Unavailable),
        ("pass", Unavailable),
        ("print('nonsense\\n[[[\\n{}', flush=True); import time; time.sleep(60)", Unavailable),
        ("while True: print('x' * 100_000)", Rejected),
    ],
)
def test_a_program_that_misbehaves_is_a_named_error_and_gone(
    script: str, error: type[StepError], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "LONGEST_S", 1.5)
    mark = f"mark-{time.monotonic_ns()}"
    child = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'])\n"
    )
    settings.PROGRAMS = {"odd": (sys.executable, "-c", child + script, mark)}
    program = OpenProgram("odd", net.Egress(("program://odd",)))

    began = time.monotonic()
    with pytest.raises(error), session_with(_nothing(), program, "program://odd"):
        pass

    assert time.monotonic() - began < 10
    assert mark not in _commands()


def test_one_that_no_longer_listens_does_not_hold_us(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "LONGEST_S", 1.0)
    settings.PROGRAMS = {"deaf": (sys.executable, "-c", "import time; time.sleep(60)")}

    with OpenProgram("deaf", net.Egress(("program://deaf",))).started() as talk, pytest.raises(Unavailable):
        talk.say({"id": 1, "params": "x" * 5_000_000}, 1)


def test_the_list_is_read_without_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_PROGRAMS", "clock = /opt/clock --zone 'Europe/Stockholm; $HOME' ; b=x")
    with pytest.raises(env.BadSetting):
        env.read()
    monkeypatch.setenv("TANDEM_PROGRAMS", "clock=/opt/clock --zone 'Europe/Stockholm $HOME' | cat;b=x")

    assert env.read().programs == {"clock": ("/opt/clock", "--zone", "Europe/Stockholm $HOME", "|", "cat"), "b": ("x",)}


def _nothing() -> Any:
    """No HTTP is needed."""
    return net.Door(net.Egress())


def _commands() -> str:
    """Of all processes that there are."""
    return " ".join(" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"]))
