"""H10 and what those see who watch over a server: probes, metrics, and lines of the log with what they are about."""

from __future__ import annotations

import json
import logging
import logging.config
import re
import socket
import urllib.request
from datetime import timedelta
from io import StringIO
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from config import env, health, metrics
from config.env import ROOT
from connectors import scrubbing
from connectors.log_context import about
from tests.factories import make_department, make_run, make_step, make_version, make_workflow
from tests.faults.sink import free_port
from workflows.models import Run, StepRun
from workflows.runtime import meters
from workflows.services import progress

TOKEN = "a-token-for-prometheus-71c2"


def late(seconds: float) -> Any:
    return timezone.now() - timedelta(seconds=seconds)


def probe(path: str = "/progressz", **headers: str) -> tuple[int, str]:
    answer = Client().get(path, headers=headers)
    return answer.status_code, answer.content.decode()


def test_h10_somebody_hears_within_two_minutes_that_no_scheduler_works(db: None) -> None:
    cache.delete(progress.ROUND)
    assert probe()[1] == "No scheduler has gone its round yet. Start one.\n"

    assert progress.Rounds().strike() == 0
    assert probe() == (200, "moving\n")
    assert progress.NOTED_EVERY_S + progress.NO_ROUND_S + 30 < 120  # asked twice a minute

    cache.set(progress.ROUND, cache.get(progress.ROUND) - progress.NO_ROUND_S - 5, timeout=None)
    status, said = probe()
    assert status == 503
    assert re.search(r"The last round of a scheduler ended 6\d s ago", said)


def test_h10_the_oldest_overdue_row_of_each_kind_is_told(db: None) -> None:
    progress.Rounds().strike()
    run = make_run(make_version(make_workflow(make_department())), status="running")
    step = make_step(run, status="ready")
    rows = StepRun.objects.filter(pk=step.pk)
    nothing = {"lease_until": None, "wake_at": None}
    lease, nap = "The oldest wait or lease is overdue", "Work waits for"
    cases = [
        ({"status": "ready", "run_after": late(30)}, ""),
        ({"status": "ready", "run_after": late(-300)}, ""),
        ({"status": "ready", "run_after": late(150)}, nap),
        ({"status": "running", "lease_until": late(30)}, ""),
        ({"status": "running", "lease_until": late(-30)}, ""),
        ({"status": "running", "lease_until": late(90)}, lease),
        ({"status": "waiting", "wake_at": late(90)}, lease),
        ({"status": "waiting", "wake_at": late(-90)}, ""),
        ({"status": "succeeded", "run_after": late(900)}, ""),
    ]
    for row, sentence in cases:
        rows.update(**nothing | {"run_after": late(0)} | row)
        status, said = probe()
        assert (status, sentence in said) == (503 if sentence else 200, True), (row, said)

    rows.update(status="ready", run_after=late(150))
    make_step(run, path="other", status="running", lease_until=late(-30))
    assert probe()[0] == 200, "a long queue is no standstill while workers are at it"
    Run.objects.filter(pk=run.pk).update(status="queued", created_at=late(500))
    assert progress.progress().overdue_s > 499


def test_probes_answer_under_any_name_and_without_a_database(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["tandem.example.org"], True

    def away(*_: object) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", away)
        patched.setattr(health, "progress", away)
        for path, status in {"/livez": 200, "/healthz": 200, "/readyz": 503, "/progressz": 503}.items():
            found, said = probe(path, host="10.1.2.3")
            assert (found, "closed the connection" in said) == (status, False), path


def test_metrics_are_for_those_with_the_token_and_have_few_labels(db: None, settings: Any) -> None:
    assert probe("/metrics")[0] == 401, "nobody has a token that is not set"
    settings.METRICS_TOKEN = TOKEN
    assert [probe("/metrics", Authorization=f"Bearer {word}")[0] for word in ("", "wrong", f"{TOKEN} ")] == [401] * 3
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["tandem.example.org"], True
    pod = {"host": "10.1.2.3:8000", "Authorization": f"Bearer {TOKEN}"}  # as Prometheus finds it in a cluster

    run = make_run(make_version(make_workflow(make_department())), status="running")
    make_step(run, status="ready")
    metrics.DATABASE = metrics.CollectorRegistry()
    metrics.DATABASE.register(metrics.FromTheDatabase())
    status, said = probe("/metrics", **pod)

    assert status == 200
    for line in (
        'tandem_queue_depth{priority="normal"} 1.0',
        'tandem_runs{status="running"} 1.0',
        "tandem_database_up 1.0",
    ):
        assert line in said, line
    assert 'tandem_runs_begun_10m{status="running"} 1.0' in said
    wanted = {
        "overdue_seconds",
        "ledger_seal_lag_seconds",
        "deliveries_waiting",
        "spent_usd",
        "scheduler_round_age_seconds",
    }
    assert wanted <= set(re.findall(r"^# TYPE tandem_(\w+)", said, re.MULTILINE))
    assert metrics.bounded([(f"d{n:03}", 1) for n in range(150)])[-1] == (meters.OTHERS, 50.0)


def test_a_worker_counts_its_steps_at_an_address_of_its_own(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "_kinds", {f"kind.{number}" for number in range(meters.MOST_KINDS - 1)})
    for kind in ("text.compose", "made.of.a.manifest"):
        with meters.timed(kind) as came:
            came.append("rejected")
    settings.METRICS_TOKEN = TOKEN
    port = free_port()
    metrics.serve(f"127.0.0.1:{port}")
    metrics.serve(f"127.0.0.1:{port}")  # one that cannot be had stops nobody
    metrics.serve(f"[::1]:{port}")

    asked = urllib.request.Request(f"http://127.0.0.1:{port}/metrics")
    with socket.create_connection(("127.0.0.1", port)), pytest.raises(HTTPError, match="401"):
        urllib.request.urlopen(asked, timeout=2)  # past one who says nothing
    if socket.has_dualstack_ipv6():
        socket.create_connection(("::1", port), timeout=2).close()
    asked.add_header("Authorization", f"Bearer {TOKEN}")
    with urllib.request.urlopen(asked, timeout=5) as answer:
        said = answer.read().decode()
    assert 'tandem_step_seconds_count{kind="text.compose",result="rejected"} 1.0' in said
    assert f'tandem_step_seconds_count{{kind="{meters.OTHERS}",result="rejected"}} 1.0' in said
    assert "process_resident_memory_bytes" in said


def test_where_metrics_are_told_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for told in ("", "127.0.0.1:9100", "0.0.0.0:1", "worker:65535", "[::1]:9100"):
        monkeypatch.setenv("TANDEM_METRICS_LISTEN", told)
        assert env.read().metrics_listen == told
    for told in ("9100", ":9100", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "::1:9100", "[::1]"):
        monkeypatch.setenv("TANDEM_METRICS_LISTEN", told)
        with pytest.raises(env.BadSetting, match="must be HOST:PORT"):
            env.read()


def test_a_line_of_the_log_says_what_it_is_about_and_no_secret(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    scrubbing.learn(["canary-of-the-log-4711"])
    told = django_settings.LOGGING["formatters"]["json"], django_settings.LOGGING["filters"]
    stream = StringIO()
    handler = {"class": "logging.StreamHandler", "formatter": "json", "filters": list(told[1]), "stream": stream}
    logger = {"handlers": ["here"], "level": "INFO", "propagate": False}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": told[0]},
            "filters": told[1],
            "handlers": {"here": handler},
            "loggers": {"tests.told": logger},
        }
    )
    with about(request_id="r-1"), about(run_id="r", step_id="s"):
        try:
            raise ValueError("it was canary-of-the-log-4711")
        except ValueError:
            logging.getLogger("tests.told").exception(
                "sent %s", "canary-of-the-log-4711", extra={"request": "GET /forms/x"}
            )
    logging.getLogger("tests.told").info("after")

    first, second = map(json.loads, stream.getvalue().splitlines())
    assert {name: first[name] for name in ("level", "logger", "message", "request_id", "run_id", "step_id")} == {
        "level": "ERROR",
        "logger": "tests.told",
        "message": "sent [secret]",
        "request_id": "r-1",
        "run_id": "r",
        "step_id": "s",
    }
    assert "ValueError: it was [secret]" in first["trace"]
    assert "canary" not in stream.getvalue()
    assert "/forms/" not in stream.getvalue()
    assert not {"run_id", "request_id"} & set(second)
    answered = [
        Client().get("/accounts/login/", headers={"X-Request-ID": given}) for given in ("proxy-12345", "no\tgood")
    ]
    assert answered[0]["X-Request-ID"] == "proxy-12345"
    assert re.fullmatch("[0-9a-f]{32}", answered[1]["X-Request-ID"])


def test_the_rules_for_alarms_speak_of_what_is_measured() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "alerts.yaml").read_text())["groups"][0]["rules"]
    measured = set(re.findall(r'"(tandem_\w+)"', (ROOT / "config" / "metrics.py").read_text()))

    asked = {name for rule in rules for name in re.findall(r"tandem_\w+", rule["expr"])}

    assert asked <= measured, asked - measured
    assert all({"summary", "action"} == set(rule["annotations"]) for rule in rules)
