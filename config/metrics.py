"""Metrics in Prometheus' words.

What the database knows is the same whichever web process is asked: take the greatest, never the sum. What a process
counts itself it tells at its own address, so that nothing has to be shared between processes.
"""

from __future__ import annotations

import hmac
import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from prometheus_client import PROCESS_COLLECTOR, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from audit import sql, wall
from audit.standing import standing
from workflows.models import RunStatus
from workflows.runtime.meters import OTHERS, REGISTRY
from workflows.services.progress import progress

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)
MOST_DEPARTMENTS = 100
KEPT_S = 5.0
"""However often it is asked, the database is asked no more often."""


class FromTheDatabase:
    """A collector of prometheus_client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[Metric] = []
        self._kept_until = 0.0

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if time.monotonic() >= self._kept_until:
                with wall.beyond():
                    self._kept = list(_collected())
                self._kept_until = time.monotonic() + KEPT_S
            return self._kept


def _collected() -> Iterator[Metric]:
    up = GaugeMetricFamily("tandem_database_up", "Whether the database answered")
    try:
        found = [*_engine(), *_others()]
    except DatabaseError:
        found = []
    up.add_metric([], float(bool(found)))
    yield up
    yield from found


def _engine() -> Iterator[Metric]:
    now = progress()
    yield _gauge("tandem_overdue_seconds", "By how much the oldest row is late", now.overdue_s)
    yield _gauge(
        "tandem_scheduler_round_age_seconds",
        "Since a scheduler last ended a round; infinite where none ever has",
        float("inf") if now.round_s is None else now.round_s,
    )
    yield _by("tandem_queue_depth", "Steps that are ready, by priority", "priority", sql.rows(_DEPTH, []))
    yield _gauge("tandem_steps_running", "Steps under way", _one(_RUNNING))
    yield _by("tandem_runs", "Runs that are not over, by status", "status", sql.rows(_LIVE, []))
    recent = dict.fromkeys(RunStatus.values, 0) | dict(sql.rows(_RECENT, []))
    yield _by("tandem_runs_begun_10m", "Runs of the last ten minutes, by status", "status", recent.items())


def _others() -> Iterator[Metric]:
    yield _gauge("tandem_tasks_open", "Tasks that wait for a person", _one(_TASKS))
    yield _gauge("tandem_deliveries_waiting", "Events that other systems are still to be told", _one(_DELIVERIES))
    yield _gauge("tandem_delivery_overdue_seconds", "By how much the oldest of them is late", _one(_DELIVERY_LATE))
    yield _gauge("tandem_notices_waiting", "Mails that have not gone yet", _one(_NOTICES))
    ledger = standing()
    waits = (ledger.now - ledger.waits_since).total_seconds() if ledger.waits_since else 0.0
    yield _gauge("tandem_ledger_seal_lag_seconds", "How long the oldest entry has waited for its seal", waits)
    yield _gauge("tandem_ledger_entries_sealed", "Entries under a seal", ledger.entries)
    failing = sum(anchor.failing_since is not None for anchor in ledger.anchors)
    yield _gauge("tandem_ledger_anchors_failing", "Places that take no anchors", failing)
    yield _by(
        "tandem_spent_usd", "Spent on models this month, by department", "department", bounded(sql.rows(_SPENT, []))
    )


def bounded(rows: Iterable[tuple[str, Any]]) -> list[tuple[str, float]]:
    """The first ones by name, and the sum of all others."""
    known = [(name, float(value)) for name, value in rows]
    rest = sum(value for _, value in known[MOST_DEPARTMENTS:])
    return known[:MOST_DEPARTMENTS] + ([(OTHERS, rest)] if len(known) > MOST_DEPARTMENTS else [])


def _one(statement: str) -> float:
    found = sql.row(statement, [])
    return float(found[0]) if found and found[0] is not None else 0.0


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def _by(name: str, says: str, label: str, rows: Iterable[tuple[Any, Any]]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=[label])
    for value, count in rows:
        family.add_metric([str(value)], float(count))
    return family


# ── who may read them ────────────────────────────────────────────────────────────────────────────────────────────────

OWN = CollectorRegistry(auto_describe=False)
OWN.register(PROCESS_COLLECTOR)
DATABASE = CollectorRegistry(auto_describe=False)
DATABASE.register(FromTheDatabase())


def page(request: HttpRequest) -> HttpResponse:
    """`/metrics` of the web process. Without a token in the settings nobody gets them."""
    if not is_known(request.headers.get("Authorization", "")):
        answer = HttpResponse("Give the token of TANDEM_METRICS_TOKEN.\n", status=401, content_type="text/plain")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    return HttpResponse(_written(OWN, DATABASE), content_type=CONTENT_TYPE_LATEST)


def is_known(authorization: str) -> bool:
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(authorization.encode(), wanted.encode())


def serve(listen: str) -> None:
    """The own address of a worker or scheduler, HOST:PORT or none, in a thread that ends with the process.

    Where it cannot be had, work goes on without it.
    """
    host, _, port = listen.rpartition(":")
    if not port:
        return
    server_class = _ServerOf6 if host.startswith("[") else _Server
    try:
        server = make_server(host.strip("[]"), int(port), _application, server_class, _Silent)
    except OSError as error:
        log.warning("metrics.none: TANDEM_METRICS_LISTEN, %s, cannot be had (%s)", listen, error)
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


def _application(asked: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    if settings.METRICS_TOKEN and not is_known(asked.get("HTTP_AUTHORIZATION", "")):
        start_response("401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Bearer")])
        return [b"Give the token of TANDEM_METRICS_TOKEN.\n"]
    start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
    return [_written(OWN, REGISTRY)]


class _Server(ThreadingMixIn, WSGIServer):
    """Whoever connects and says nothing keeps nobody else waiting."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """One that broke off, or took too long."""


class _ServerOf6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    timeout = 5

    def log_message(self, format: str, *args: object) -> None:
        """Being scraped is no news."""


def _written(*registries: CollectorRegistry) -> bytes:
    return b"".join(map(generate_latest, registries))


_DEPTH = """
SELECT CASE run.priority WHEN 1 THEN 'interactive' WHEN 2 THEN 'normal' ELSE 'bulk' END, count(*)
FROM workflows_steprun AS step JOIN workflows_run AS run ON run.id = step.run_id
WHERE step.status = 'ready' GROUP BY 1
"""
_RUNNING = "SELECT count(*) FROM workflows_steprun WHERE status = 'running'"
_LIVE = """
SELECT status, count(*) FROM workflows_run WHERE status NOT IN ('succeeded', 'failed', 'cancelled') GROUP BY 1
"""
# Ids begin with their time: the primary key finds the last minutes, once the id is known (hence the second SELECT).
_RECENT = """
SELECT status, count(*) FROM workflows_run
WHERE id >= (SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 600000), 12, '0')
    || '00000000000000000000')::uuid)
GROUP BY 1
"""
_TASKS = "SELECT count(*) FROM workflows_task WHERE status = 'open'"
_DELIVERIES = "SELECT count(*) FROM workflows_delivery WHERE status = 'waiting'"
_DELIVERY_LATE = """
SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(next_at)))
FROM workflows_delivery WHERE status = 'waiting'
"""
_NOTICES = "SELECT count(*) FROM departments_notice WHERE status = 'waiting'"
_SPENT = """
SELECT department.slug, spending.spent_usd FROM connectors_spending AS spending
JOIN departments_department AS department ON department.id = spending.department_id
WHERE spending.month = date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date
    AND spending.subject = spending.department_id
ORDER BY 1
"""
