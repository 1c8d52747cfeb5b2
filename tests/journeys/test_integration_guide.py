"""docs/integration.md, word by word: in a shell, with curl, against the real web server and scheduler."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from config.env import ROOT
from tests.factories import make_department
from tests.house.test_up import free_port
from tests.web_server import web_server
from workflows.runtime import queue
from workflows.runtime.scheduler import Scheduler
from workflows.services import delivering

pytestmark = pytest.mark.django_db(transaction=True)

PRINTS = """\
Ten minutes
1
one run
waiting
May we write to Ms Lindqvist?
decided
Dear Ms Lindqvist, welcome. Yours, Ten minutes
"""
ALONE = ["At 08:00 on Monday", "waiting", "started"]


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It does at once what messages would tell a worker to look at."""
    made = Scheduler(delivering.Courier().strike)
    monkeypatch.setattr(queue, "publish", lambda kind, ids, priority: all(made.do(kind, id) for id in ids))
    thread = threading.Thread(target=_run, args=[made], daemon=True)
    thread.start()
    yield
    made.stop.set()
    thread.join(10)


def _run(scheduler: Scheduler) -> None:
    scheduler.run()
    connection.close()


def test_the_guide_leads_from_a_token_to_the_signed_event(scheduler: None, tmp_path: Path, settings: object) -> None:
    make_department("Legal")
    port = free_port()
    settings.EGRESS_HOSTS = (f"private:http://127.0.0.1:{port}",)  # type: ignore[attr-defined]
    guide = (ROOT / "docs" / "integration.md").read_text()
    script = "set -euo pipefail\n" + "\n".join(re.findall(r"```sh\n(.*?)```", guide, re.DOTALL))

    with web_server() as address:
        settings.PUBLIC_URL = address  # type: ignore[attr-defined]
        script = script.replace("http://127.0.0.1:8000", address).replace("9009", str(port))
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=_environment(tmp_path), capture_output=True, text=True, timeout=60
        )

    assert done.returncode == 0, done.stdout + done.stderr
    # Told at once, they may come in either order.
    printed, (*told, title, status, outcome, form) = done.stdout[: len(PRINTS)], done.stdout[len(PRINTS) :].splitlines()
    succeeded, decided = sorted(told)
    assert printed == PRINTS
    assert decided.startswith("task.decided http")
    assert re.fullmatch(r"run\.succeeded http.*/api/v1/runs/[0-9a-f-]{36}", succeeded)
    assert [title, status, outcome] == ALONE
    assert re.fullmatch(re.escape(address) + r"/forms/[\w-]+/", form)


def _environment(folder: Path) -> dict[str, str]:
    """`python3` is this one, and its database that of the test."""
    (folder / "manage.py").symlink_to(ROOT / "manage.py")
    known = connection.settings_dict
    host = quote(known["HOST"], safe="/")
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": f"postgresql://{known['USER']}@/{known['NAME']}?host={host}",
        "TANDEM_NO_BOOTSTRAP": "1",
        "TANDEM_HOME": str(settings.ENV.home),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
