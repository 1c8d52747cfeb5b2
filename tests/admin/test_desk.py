"""The administrator's desk: what needs somebody, runs put right without being read, tables taken along."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import Entry
from departments.models import Department
from tests import factories
from tests.departments.written import told
from workflows.desk import _FAILING, _RUNS, _STEPS, desk
from workflows.models import Run, Trigger
from workflows.services.progress import ROUND

pytestmark = pytest.mark.django_db

RUNS = "/admin/workflows/run/"


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def robin(client: Client) -> Client:
    """An administrator who is no member of any department."""
    client.force_login(factories.make_user("Robin", is_superuser=True, is_staff=True))
    return client


def said() -> dict[str, str]:
    return {line.title: line.shown for line in desk().lines if line.needs_somebody}


def test_the_desk_says_what_needs_somebody_and_leads_there(robin: Client, legal: Department) -> None:
    cache.delete(ROUND)
    assert said() == {}
    version = factories.make_version(factories.make_workflow(legal))
    failed = factories.make_run(version, status="failed")
    factories.make_step(failed, status="parked")
    Trigger.objects.create(
        department=legal, workflow=version.workflow, kind="feeds.entry", title="News", health="fails"
    )

    page = robin.get("/admin/").content.decode()

    assert said() == {"Steps that need a person": "1", "Failed in the last day": "1", "Triggers that fail": "1"}
    assert page.count("needs somebody") == 3
    assert "No scheduler has gone its round yet" in page
    for line in desk().lines:
        if line.address:
            assert robin.get(line.address).status_code == 200, line.title


def test_the_desk_finds_its_figures_by_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in (_STEPS, _RUNS, _FAILING):
            cursor.execute(f"EXPLAIN {statement}")
            assert "Seq Scan" not in str(cursor.fetchall()), statement


def test_an_administrator_cancels_and_lets_go_on_what_is_not_theirs_to_read(robin: Client, legal: Department) -> None:
    version = factories.make_version(factories.make_workflow(legal))
    waiting, over = factories.make_run(version, status="waiting"), factories.make_run(version, status="succeeded")
    failed = factories.make_run(version, status="failed")
    factories.make_step(failed, status="failed")

    answer = act(robin, "cancel", waiting, over)
    assert "1 cancelled." in answer
    assert "at its end already" in answer
    assert "1 go on where they failed." in act(robin, "try_again", failed)

    assert Run.objects.get(pk=waiting.pk).status == "cancelled"
    assert Run.objects.get(pk=failed.pk).status in ("running", "queued")
    assert told("verb", "actor_label", verb__startswith="run.") == [
        ("run.cancelled", "Robin"),
        ("run.retried", "Robin"),
    ]
    assert "members only" in robin.get(RUNS).content.decode()


def test_who_only_looks_into_the_administration_puts_nothing_right(client: Client, legal: Department) -> None:
    waiting = factories.make_run(factories.make_version(factories.make_workflow(legal)), status="waiting")
    client.force_login(factories.make_user("Rita", is_staff=True))

    for action in ("cancel", "try_again"):
        client.post(RUNS, {"action": action, "_selected_action": [waiting.pk]})

    assert Run.objects.get(pk=waiting.pk).status == "waiting"
    assert client.get(f"{RUNS}?rows=csv").status_code == 403


def test_every_table_can_be_taken_along_as_it_is_filtered(robin: Client, legal: Department) -> None:
    version = factories.make_version(factories.make_workflow(legal, name="=1+1"))
    factories.make_run(version, status="failed", title="Never taken along")
    factories.make_run(version, status="waiting")

    [heads, row] = table(robin.get(f"{RUNS}?status__exact=failed&rows=csv"))

    assert heads == ["run", "workflow", "version", "department", "status", "started by", "created at"]
    assert row[1] == "'=1+1"
    assert "Never taken along" not in str(row)
    for odd in ("created_at__year=abc", "created_at__gte=abc"):
        assert robin.get(f"{RUNS}?{odd}&rows=csv")["Location"] == f"{RUNS}?e=1"
    entry = Entry.objects.shown().get(verb="administration.table_taken")
    assert (entry.detail, entry.actor_label) == ({"of": "run", "rows": 1}, "Robin")


def test_a_table_costs_as_many_questions_for_many_rows_as_for_one(robin: Client, legal: Department) -> None:
    version = factories.make_version(factories.make_workflow(legal))
    asked = []
    for count in (1, 30):
        for _ in range(count):
            factories.make_run(version)
        for address in (RUNS, f"{RUNS}?rows=csv", "/admin/"):
            with CaptureQueriesContext(connection) as questions:
                assert robin.get(address).status_code == 200
            asked.append((address, len(questions)))

    assert asked[:3] == asked[3:]


def act(robin: Client, action: str, *runs: Run) -> str:
    chosen = {"action": action, "_selected_action": [run.pk for run in runs]}
    return robin.post(RUNS, chosen, follow=True).content.decode()


def table(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.content.decode())))
