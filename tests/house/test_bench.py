"""The benchmark works, its figures have their names, and its small parts reckon right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from bench import load, measuring, statements
from bench.figures import UNITS, figures, percentile
from bench.groups import Phase
from bench.report import _medians
from bench.stack import Stack, own_home
from bench.workflows import DEFINITIONS
from config.env import ROOT
from tests import clusters
from tests.nursery import NURSERY
from workflows.engine.definition import load as load_definition

NAMES = [
    "db_commits_per_s",
    "broker_round_trips_per_s",
    "local_runs_per_s",
    "start_50_p95_ms",
    "start_to_visible_p50_ms",
    "start_to_visible_p99_ms",
    "effect_steps_per_s",
    "items_1000_s",
    "items_10000_s",
    "items_growth",
    "model_500_s",
    "model_500_peak_rss_mib",
    "idle_rss_mib",
    "start_up_s",
    "commits_per_run",
    "statements_per_run",
    "messages_per_run",
    "page_run_p95_ms",
    "page_build_p95_ms",
    "edit_50_p95_ms",
    "edit_300_p95_ms",
    "decide_1000_p95_ms",
    "waiting_100000_cpu_percent",
    "timers_100000_s",
    "timers_new_run_p95_s",
    "hooks_taken_per_s",
    "hooks_p99_ms",
    "guard_ms",
    "scrub_500_ms",
    "scrub_10000_ms",
    "rotate_10000_s",
    "ledger_cost_percent",
    "ledger_verify_s",
    "admin_lists_p95_ms",
]


def bench(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "manage.py", "bench", *arguments],
        cwd=ROOT,
        env={**environment, "TANDEM_HOME": str(home), "TMPDIR": str(home), "TANDEM_NO_BOOTSTRAP": "1"},
        capture_output=True,
        text=True,
    )


COSTLY = ("ledger_cost_percent", "rotate_10000_s", "start_up_s", "ledger_verify_s", "admin_lists_p95_ms")
"""They make the whole server again and again, and many processes: longer than all others together."""


@pytest.fixture
def quickly(home: Path, built_front_end: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """The command in this process, over a copy of the migrated cluster; its programs are born of one that is loaded."""
    home.mkdir(exist_ok=True)
    for folder in (built_front_end, built_front_end.with_name("npm")):
        (home / folder.name).symlink_to(folder)
    settings.ENV = replace(settings.ENV, home=home)
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    monkeypatch.setattr(measuring, "own_home", moved_in)
    ours = Stack._ours
    monkeypatch.setattr(Stack, "_ours", lambda stack, program: NURSERY.bears(ours(stack, program)))
    monkeypatch.setattr(Stack, "run", lambda _stack, command, environment: NURSERY.run(command, environment))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def moved_in(front_end: Path) -> Iterator[Path]:
    with own_home(front_end) as home:
        yield clusters.copied(clusters.cluster(), home)


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("quickly")
def test_a_quick_benchmark_gives_its_figures_and_leaves_nothing_behind(home: Path) -> None:
    wanted, said = [name for name in NAMES if name not in COSTLY], StringIO()

    call_command("bench", "--quick", "--json", home / "figures.json", "--only", *wanted, stdout=said, stderr=said)

    told = json.loads((home / "figures.json").read_text())
    assert set(told) == {"machine", "figures"}
    assert [each["name"] for each in told["figures"]] == wanted
    for each in told["figures"]:
        assert set(each) == {"name", "value", "unit", "spread", "of_limit"}
        # A run of local steps alone may need no message at all.
        assert each["value"] > 0 or each["name"] in ("messages_per_run", "waiting_100000_cpu_percent", "guard_ms"), each
        assert each["spread"][0] <= each["value"] <= each["spread"][1], each
        assert each["name"] in said.getvalue()
    value = {each["name"]: each["value"] for each in told["figures"]}
    assert value["commits_per_run"] >= 1
    assert value["statements_per_run"] > 5
    assert value["start_to_visible_p50_ms"] <= value["start_to_visible_p99_ms"]
    assert value["model_500_s"] > 1
    assert told["machine"]["cpu"]
    assert told["machine"]["cores"] >= 1
    settings = told["machine"]["postgres_settings"]
    assert (settings["fsync"], settings["synchronous_commit"], settings["full_page_writes"]) == ("on", "on", "on")
    assert "each exactly once" in told["machine"]["notes"]["effect_steps_per_s"]
    used = {phase["name"]: phase["cpu_s"] for phase in told["machine"]["cpu_by_process"]}
    assert used["ten local steps"]["web"] > 0
    assert used["20 effects"]["worker"] > 0
    assert list(home.glob("tandem-bench-*")) == []


def test_an_unknown_figure_is_refused_by_name(home: Path) -> None:
    done = bench("--only", "speed", home=home)

    assert done.returncode != 0
    assert "'speed'" in done.stderr


def test_every_workflow_of_the_benchmark_is_one() -> None:
    assert [load_definition(definition).name for definition in DEFINITIONS.values()]


def test_the_figures_are_those_of_the_contract() -> None:
    assert list(UNITS) == NAMES


def test_a_figure_is_the_median_with_its_spread_and_its_part_of_the_limit() -> None:
    taken = {
        "effect_steps_per_s": [90.0, 110.0, 100.0],
        "db_commits_per_s": [1000.0, 400.0, 500.0],
        "not_a_figure": [1.0],
    }

    found = {each.name: each for each in figures(taken)}

    assert list(found) == ["db_commits_per_s", "effect_steps_per_s"]
    assert found["effect_steps_per_s"].value == 100
    assert found["effect_steps_per_s"].spread == (90, 110)
    assert found["effect_steps_per_s"].of_limit == 0.2
    assert found["db_commits_per_s"].of_limit is None


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([5.0], 99, 5), (list(range(1, 101)), 50, 50), (list(range(1, 101)), 99, 99), ([3, 1, 2], 50, 2), ([1, 2], 95, 2)],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_the_middle_of_a_phase_is_taken_number_by_number() -> None:
    phases = [Phase("a", 10, wall, {"web": cpu}) for wall, cpu in ((1.0, 0.3), (3.0, 0.1), (2.0, 0.2))]

    (middle,) = _medians([*phases])

    assert (middle.wall_s, middle.cpu_s) == (2.0, {"web": 0.2})


def test_transactions_and_statements_are_read_from_the_log_of_the_database() -> None:
    log = "\n".join(
        [
            "web|7|LOG:  statement: BEGIN",
            "web|7|LOG:  execute <unnamed>: INSERT INTO run (a, b) VALUES ('it''s', 12)",
            "\t, (3)",
            "web|7|LOG:  execute s2: ",
            "\tWITH a AS (SELECT 1)",
            "\tUPDATE b",
            "scheduler|9|LOG:  execute <unnamed>: UPDATE swept",
            "worker|8|LOG:  execute s1: SELECT 1",
            "worker|8|LOG:  statement: ",
            "web|7|LOG:  statement: COMMIT",
            "web|7|DETAIL:  Parameters: $1 = 'BEGIN'",
            "|5|LOG:  checkpoint starting",
        ]
    )
    told = statements.read(log, ("web", "worker"))

    assert told.statements == {
        "BEGIN": 1,
        "INSERT INTO run (a, b) VALUES (…)": 1,
        "WITH a AS (SELECT ?) UPDATE b": 1,
        "SELECT ?": 1,
        "(empty: the pool asks whether the connection lives)": 1,
        "COMMIT": 1,
    }
    assert told.about_transactions == 2
    assert told.by_process == {"web": 4, "worker": 2}
    assert told.transactions == 3


class Slowly(BaseHTTPRequestHandler):
    """Answers in pieces, and hangs up where it is asked to."""

    protocol_version = "HTTP/1.1"
    last: str = ""

    def do_GET(self) -> None:
        body = self.path.encode() * 3
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(0, len(body), 4):
            self.wfile.write(body[at : at + 4])
            self.wfile.flush()
        self.close_connection = self.path == "/last"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_the_load_generator_reads_answers_in_pieces_and_connects_anew_when_the_server_hung_up() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slowly)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    connection = load.Connection(server.server_address[1])

    answers = [connection.ask(load.getting(path, "X-A: b")) for path in ("/first", "/last")]
    while not load.select.select([connection], [], [], 5)[0]:
        pass
    answers.append(connection.ask(load.getting("/again", "X-A: b")))

    assert [each.body for each in answers] == [b"/first" * 3, b"/last" * 3, b"/again" * 3]
    server.shutdown()
    server.server_close()
