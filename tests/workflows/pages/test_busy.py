"""A row that somebody holds for too long: the page says that it is busy, and has done nothing."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from django.db import connection, connections

from departments.models import Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import Task

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_decision_that_cannot_be_written_in_time_is_told_and_not_half_done(client: Any) -> None:
    legal = factories.make_department("Legal")
    ada = factories.make_user("Ada", legal, Role.APPROVER)
    run = carried(run_of(published([{"id": "ok", "kind": "people.approve", "with": {"question": "Go?"}}], legal)))
    task = Task.objects.get()
    client.force_login(ada)
    elsewhere = connections.create_connection("default")
    elsewhere.set_autocommit(False)
    with closing(elsewhere), elsewhere.cursor() as other, connection.cursor() as ours:
        other.execute("SELECT 1 FROM workflows_run WHERE id = %s FOR UPDATE", [run.pk])
        ours.execute("SET lock_timeout = '100ms'")
        answer = client.post(f"/tasks/{task.pk}/decide/", {"decision": "approve"})
        ours.execute("RESET lock_timeout")

    task.refresh_from_db()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "What you typed is still there when you go back." in answer.text
    assert task.status == "open"
